//! How requests get their keys, and what the keyed strategies do with them.

use super::KeySource;
use super::node::{Node, Object, listed};
use super::validate::{LIMIT, header_name, is_token, non_empty};
use plimsoll_engine::hashing::{MAGLEV_MAX_MEMBERS, MAGLEV_MAX_SIZE, is_prime};
use plimsoll_engine::{EndpointConfig, HashingConfig, KeyBound, KeyRange, Strategy, sort_by};

const MAX_SOURCES: usize = 8;
const MAX_RANGES: usize = 10_000;

/// Settings that belong to some strategies only.
const OF_STRATEGIES: [(&str, &[Strategy]); 5] = [
    ("hash_key", &[Strategy::Maglev, Strategy::RingHash, Strategy::Range]),
    ("table_size", &[Strategy::Maglev]),
    ("points", &[Strategy::RingHash]),
    ("bound", &[Strategy::Maglev, Strategy::RingHash]),
    ("ranges", &[Strategy::Range]),
];

/// Fails if a setting makes no sense with the strategy, or one that the strategy needs is missing.
pub(super) fn fit(pool: &Object, strategy: Strategy) -> Result<(), String> {
    for (key, strategies) in OF_STRATEGIES {
        let fits = strategies.contains(&strategy);
        match pool.get(key) {
            Some(node) if !fits => {
                let names: Vec<&str> = strategies.iter().map(|strategy| strategy.name()).collect();
                let (wanted, given) = (listed(&names, " or "), strategy.name());
                return Err(node.error(format_args!("needs strategy {wanted}, this pool has {given}")));
            }
            None if fits && matches!(key, "hash_key" | "ranges") => {
                return Err(format!("{}: missing, strategy {} needs it", pool.at(key), strategy.name()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The sources of a request's key, in order.
pub(super) fn sources(node: &Node) -> Result<Vec<KeySource>, String> {
    let list = node.list()?;
    if list.is_empty() || list.len() > MAX_SOURCES {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_SOURCES}", node.path(), list.len()));
    }
    list.iter().map(source).collect()
}

fn source(node: &Node) -> Result<KeySource, String> {
    const KINDS: [&str; 5] = ["header", "cookie", "query", "path", "source_address"];
    let source = node.object(&KINDS)?;
    let given: Vec<Node> = KINDS.iter().filter_map(|kind| source.get(kind)).collect();
    let [value] = given.as_slice() else {
        return Err(node.error(format_args!("has {} keys, allowed is one of {}", given.len(), listed(&KINDS, ", "))));
    };
    let present = |source: KeySource| match value.flag()? {
        true => Ok(source),
        false => Err(value.error("is not true: leave it out instead")),
    };
    match KINDS.iter().find(|kind| source.get(kind).is_some()) {
        Some(&"header") => header_name(value).map(KeySource::Header),
        Some(&"cookie") => cookie_name(value).map(KeySource::Cookie),
        Some(&"query") => non_empty(value).map(|name| KeySource::Query(name.to_owned())),
        Some(&"path") => present(KeySource::Path),
        _ => present(KeySource::SourceAddress),
    }
}

/// A cookie's name: a token of RFC 9110, as RFC 6265 has it.
pub(super) fn cookie_name(node: &Node) -> Result<String, String> {
    let name = node.text()?;
    if name.len() > LIMIT || !is_token(name) {
        return Err(node.error("is not 1 to 128 letters, digits or !#$%&'*+-.^_`|~"));
    }
    Ok(name.to_owned())
}

/// Tables and rings over so many endpoints.
pub(super) fn hashing(pool: &Object, endpoints: usize) -> Result<HashingConfig, String> {
    let defaults = HashingConfig::default();
    let hashing = HashingConfig {
        table_size: pool.or("table_size", defaults.table_size, |node| {
            let size = node.whole(3..=MAGLEV_MAX_SIZE)?;
            if !is_prime(size) || size as usize <= endpoints {
                return Err(node.error(format_args!("is not a prime above the number of endpoints, {endpoints}")));
            }
            Ok(Some(size))
        })?,
        points: pool.whole_or("points", defaults.points, 1..=1000)?,
        bound: pool.or("bound", defaults.bound, |node| match node.number(1.0..=10.0) {
            Ok(bound) if bound > 1.0 => Ok(Some(bound)),
            _ => Err(node.error("is not a number above 1 and up to 10")),
        })?,
    };
    Ok(hashing)
}

/// The number of endpoints that a strategy can have.
pub(super) fn few_enough(pool: &Object, strategy: Strategy, endpoints: usize) -> Result<(), String> {
    if strategy == Strategy::Maglev && endpoints > MAGLEV_MAX_MEMBERS {
        let at = pool.at("endpoints");
        return Err(format!("{at}: {endpoints} given, strategy maglev takes 1 to {MAGLEV_MAX_MEMBERS}"));
    }
    Ok(())
}

/// Ranges of keys and who serves them.
pub(super) fn ranges(node: &Node, endpoints: &[EndpointConfig]) -> Result<Vec<KeyRange>, String> {
    let list = node.list()?;
    if list.is_empty() || list.len() > MAX_RANGES {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_RANGES}", node.path(), list.len()));
    }
    let mut ids: Vec<(&str, u32)> = endpoints.iter().map(|endpoint| endpoint.id.as_str()).zip(0..).collect();
    sort_by(&mut ids, |a, b| a < b);
    let mut accepted: Vec<KeyRange> = Vec::with_capacity(list.len());
    let mut texts = None;
    for (number, node) in list.iter().enumerate() {
        let object = node.object(&["from", "to", "endpoints"])?;
        let range = KeyRange {
            from: object.or("from", None, |node| key_bound(node, &mut texts).map(Some))?,
            to: object.or("to", None, |node| key_bound(node, &mut texts).map(Some))?,
            endpoints: members(&object.required("endpoints")?, &ids)?,
        };
        // Only the first may begin at the lowest key.
        if number > 0 && range.from.is_none() {
            return Err(format!("{}: missing, only the first range may leave it out", object.at("from")));
        }
        if range.to.as_ref().is_some_and(|to| range.from.as_ref().is_some_and(|from| from >= to)) {
            return Err(node.error("is empty: `from` is the first key in it, `to` the first after it"));
        }
        if let Some(before) = accepted.last()
            && (before.to.is_none() || before.to > range.from)
        {
            return Err(node.error("begins before the range in front of it ends: they are sorted and do not overlap"));
        }
        accepted.push(range);
    }
    Ok(accepted)
}

/// An end of a range; all of a pool are of one kind.
fn key_bound(node: &Node, texts: &mut Option<bool>) -> Result<KeyBound, String> {
    if *texts.get_or_insert(node.is_text()) != node.is_text() {
        return Err(node.error("is of another kind than the end before it, allowed are either numbers or texts"));
    }
    if !node.is_text() {
        return node.integer().map(KeyBound::Number);
    }
    let text = node.text()?;
    if text.is_empty() || text.len() > LIMIT {
        return Err(node.error("is not 1 to 128 bytes long"));
    }
    Ok(KeyBound::Text(text.as_bytes().to_vec()))
}

/// `ids` ascend.
fn members(node: &Node, ids: &[(&str, u32)]) -> Result<Vec<u32>, String> {
    let mut members = Vec::new();
    for node in node.list()? {
        let id = node.text()?;
        let place = ids.partition_point(|(other, _)| *other < id);
        let Some((_, position)) = ids.get(place).filter(|(other, _)| *other == id) else {
            return Err(node.error("is no id of an endpoint of this pool"));
        };
        if members.contains(position) {
            return Err(node.error("is there twice"));
        }
        members.push(*position);
    }
    if members.is_empty() {
        return Err(node.error("names no endpoint, at least one is needed"));
    }
    Ok(members)
}
