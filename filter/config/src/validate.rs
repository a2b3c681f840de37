//! From what was written to what is accepted: keys, ranges, uniqueness, canonical addresses. Defaults come from the
//! engine's own `Default`s, where each stands with its reason.

use super::node::{Node, Object};
use super::{Accepted, Observe, PoolSettings, Role, circuits, classify, endpoints, keys, sessions};
use core::time::Duration;
use plimsoll_engine::{CircuitConfig, EndpointConfig, MAX_CANDIDATES, PoolConfig, Strategy, sort_by};
use serde_json::Value;

/// How often workers exchange what they know while nothing better is known: the upper end of what stale in-flight counts
/// tolerate, at 0.1 % of a core.
pub const DEFAULT_TICK: Duration = Duration::from_millis(100);
const MAX_POOLS: usize = 256;
/// Longest name, bytes.
pub(super) const LIMIT: usize = 128;

fn tick(node: &Node) -> Result<Option<Duration>, String> {
    if node.text().is_ok_and(|text| text == "auto") {
        return Ok(None);
    }
    let fixed = node.duration(Duration::from_millis(10)..=Duration::from_secs(1));
    fixed.map(Some).map_err(|error| format!("{error}, nor \"auto\""))
}

/// Keys of a whole configuration.
pub(super) const ROOT_KEYS: [&str; 3] = ["role", "tick", "pools"];

pub(super) fn accept(value: &Value) -> Result<Accepted, String> {
    let root = Node::root(value).object(&ROOT_KEYS)?;
    let roles = [("picker", Role::Picker), ("observer", Role::Observer), ("admin", Role::Admin)];
    let role = root.or("role", Role::default(), |node| node.choice(&roles))?;
    if role != Role::Picker
        && let Some(node) = root.get("tick").or_else(|| root.get("pools"))
    {
        return Err(format!("{}: only role picker has it; observer and admin use the picker's", node.path()));
    }
    let tick = root.or("tick", None, tick)?;
    let pools = root.or("pools", Vec::new(), Node::list)?;
    if (role == Role::Picker && pools.is_empty()) || pools.len() > MAX_POOLS {
        return Err(format!("pools: {} given, a picker needs 1 to {MAX_POOLS}", pools.len()));
    }
    let pools = pools.iter().map(pool).collect::<Result<Vec<_>, _>>()?;
    unique(pools.iter().map(|pool| pool.engine.name.as_str()), "pools", "name")?;
    unique(pools.iter().map(|pool| pool.engine.cluster.as_str()), "pools", "cluster")?;
    Ok(Accepted { role, tick, pools, generation: 0 })
}

const POOL_KEYS: [&str; 24] = [
    "name",
    "cluster",
    "strategy",
    "observe",
    "classify",
    "candidates",
    "detect_truncated",
    "endpoints",
    "circuit",
    "pool_circuit",
    "max_ejected_percent",
    "panic_threshold_percent",
    "minimum_samples",
    "hash_key",
    "table_size",
    "points",
    "bound",
    "ranges",
    "subset",
    "no_match",
    "sticky",
    "prefer_zone",
    "overprovisioning",
    "ramp",
];

pub(super) fn pool(node: &Node) -> Result<PoolSettings, String> {
    let pool = node.object(&POOL_KEYS)?;
    let name = name(&pool.required("name")?)?;
    let modes = [("attempt", Observe::Attempt), ("request", Observe::Request)];
    let observe = pool.or("observe", Observe::default(), |node| node.choice(&modes))?;
    let endpoints = endpoints::read(&pool.required("endpoints")?)?;
    let (subset_keys, subset_headers) = match pool.get("subset") {
        Some(node) => sessions::subset(&node, &endpoints)?,
        None => Default::default(),
    };
    let cluster = pool.or("cluster", name.clone(), |node| non_empty(node).map(str::to_owned))?;
    let engine = PoolConfig { name, cluster, subset_keys, ..engine(&pool, endpoints)? };
    if engine.detect_truncated && observe == Observe::Request {
        let at = pool.at("detect_truncated");
        return Err(format!("{at}: true needs observe: \"attempt\", this pool has \"request\""));
    }
    Ok(PoolSettings {
        engine,
        observe,
        classify: classify::read(&pool)?,
        hash_key: pool.or("hash_key", Vec::new(), keys::sources)?,
        subset_headers,
        sticky: pool.or("sticky", None, |node| sessions::sticky(node).map(Some))?,
    })
}

/// All of a pool but its names.
fn engine(pool: &Object, endpoints: Vec<EndpointConfig>) -> Result<PoolConfig, String> {
    let rules = rules(pool, endpoints.len())?;
    Ok(PoolConfig {
        ranges: pool.or("ranges", Vec::new(), |node| keys::ranges(node, &endpoints))?,
        no_match: sessions::no_match(pool)?,
        endpoints,
        ..rules
    })
}

/// The rules of a pool of so many endpoints.
pub(super) fn rules_alone(node: &Node, endpoints: usize) -> Result<PoolConfig, String> {
    rules(&node.object(&POOL_KEYS)?, endpoints)
}

/// How a pool chooses, and when it ejects.
fn rules(pool: &Object, endpoints: usize) -> Result<PoolConfig, String> {
    let defaults = PoolConfig::default();
    let strategies = Strategy::ALL.map(|strategy| (strategy.name(), strategy));
    let strategy = pool.or("strategy", defaults.strategy, |node| node.choice(&strategies))?;
    keys::fit(pool, strategy)?;
    keys::few_enough(pool, strategy, endpoints)?;
    let percent = |key, default| pool.whole_or(key, default, 0..=100);
    let ramps = Duration::ZERO..=Duration::from_secs(3600);
    let circuit = pool.or("circuit", CircuitConfig::default(), circuits::of_endpoints)?;
    circuits::fits(pool, &circuit, endpoints)?;
    Ok(PoolConfig {
        strategy,
        candidates: pool.whole_or("candidates", defaults.candidates as u32, 1..=MAX_CANDIDATES as u32)? as usize,
        detect_truncated: pool.flag_or("detect_truncated", defaults.detect_truncated)?,
        pool_circuit: pool.or("pool_circuit", None, |node| circuits::of_pool(node, &circuit))?,
        circuit,
        max_ejected_percent: percent("max_ejected_percent", defaults.max_ejected_percent)?,
        panic_threshold_percent: percent("panic_threshold_percent", defaults.panic_threshold_percent)?,
        minimum_samples: pool.whole_or("minimum_samples", defaults.minimum_samples, 1..=1_000_000)?,
        hashing: keys::hashing(pool, endpoints)?,
        prefer_zone: pool.or("prefer_zone", None, |node| non_empty(node).map(|zone| Some(zone.to_owned())))?,
        overprovisioning: pool.or("overprovisioning", defaults.overprovisioning, |node| node.number(1.0..=10.0))?,
        ramp: pool.duration_or("ramp", defaults.ramp, ramps)?,
        ..defaults
    })
}

fn name(node: &Node) -> Result<String, String> {
    let name = node.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(node.error("is not 1 to 64 letters, digits, `-` or `_`"));
    }
    Ok(name.to_owned())
}

pub(super) fn non_empty<'a>(node: &Node<'a>) -> Result<&'a str, String> {
    let text = node.text()?;
    if text.is_empty() || text.len() > LIMIT || text.chars().any(char::is_control) {
        return Err(node.error("is not 1 to 128 printable characters"));
    }
    Ok(text)
}

/// A token of RFC 9110.
pub(super) fn is_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(of_token)
}

/// The name of a header, lower-case as hosts have it.
pub(super) fn header_name(node: &Node) -> Result<String, String> {
    let name = node.text()?;
    let bare = name.strip_prefix(':').unwrap_or(name);
    if name.len() > LIMIT || !is_token(bare) {
        return Err(node.error("is not the name of a header: 1 to 128 letters, digits or !#$%&'*+-.^_`|~"));
    }
    Ok(name.to_ascii_lowercase())
}

pub(super) fn unique<'a>(values: impl Iterator<Item = &'a str>, at: &str, key: &str) -> Result<(), String> {
    let mut sorted: Vec<(&str, usize)> = values.zip(0..).collect();
    sort_by(&mut sorted, |a, b| a < b);
    let again = |pair: &[(&'a str, usize)]| match pair {
        [(one, _), (other, index)] if one == other => Some((*index, *other)),
        _ => None,
    };
    match sorted.windows(2).filter_map(again).min() {
        // Quoted as JSON, as in all other errors: Rust's own way to quote brings tables of Unicode, 6 KiB.
        Some((index, value)) => Err(format!("{at}[{index}].{key}: {} is there twice", Value::from(value))),
        None => Ok(()),
    }
}
