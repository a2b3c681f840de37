//! What of a request selects endpoints besides its key: sessions and subsets.

use super::Sticky;
use super::keys::cookie_name;
use super::node::{Node, Object};
use super::validate::{header_name, non_empty};
use core::time::Duration;
use plimsoll_engine::{EndpointConfig, NoMatch};

const MAX_SUBSET_KEYS: usize = 8;
/// Fewer could be found by trying, and whoever knows the secret knows which endpoint a cookie means.
const SECRET_LENGTH: core::ops::RangeInclusive<usize> = 16..=256;

pub(super) fn sticky(node: &Node) -> Result<Sticky, String> {
    let sticky = node.object(&["cookie", "secret", "ttl", "path"])?;
    let ttl = Duration::from_secs(1)..=Duration::from_secs(365 * 86_400);
    Ok(Sticky {
        cookie: cookie_name(&sticky.required("cookie")?)?,
        secret: secret(&sticky)?,
        ttl: sticky.or("ttl", None, |node| node.duration(ttl).map(Some))?,
        path: sticky.or("path", "/".to_owned(), path)?,
    })
}

/// Its error does not repeat it.
fn secret(sticky: &Object) -> Result<String, String> {
    let text = sticky.required("secret")?.text().map_err(|_| format!("{}: not a text", sticky.at("secret")))?;
    let length = text.chars().count();
    if !SECRET_LENGTH.contains(&length) {
        let (least, most) = (SECRET_LENGTH.start(), SECRET_LENGTH.end());
        return Err(format!("{}: {length} characters given, allowed are {least} to {most}", sticky.at("secret")));
    }
    Ok(text.to_owned())
}

fn path(node: &Node) -> Result<String, String> {
    let path = node.text()?;
    let plain = |c: char| c.is_ascii_graphic() && c != ';';
    if !path.starts_with('/') || path.len() > 128 || !path.chars().all(plain) {
        return Err(node.error("is not a path of 1 to 128 ASCII characters that begins with / and has no ;"));
    }
    Ok(path.to_owned())
}

/// Names of metadata, and of the request headers with the values that are wanted.
pub(super) fn subset(node: &Node, endpoints: &[EndpointConfig]) -> Result<(Vec<String>, Vec<String>), String> {
    let list = node.list()?;
    if list.is_empty() || list.len() > MAX_SUBSET_KEYS {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_SUBSET_KEYS}", node.path(), list.len()));
    }
    let (mut keys, mut headers) = (Vec::new(), Vec::new());
    for node in &list {
        let object = node.object(&["metadata", "header"])?;
        let named = object.required("metadata")?;
        let key = non_empty(&named)?;
        if keys.iter().any(|known| known == key) {
            return Err(named.error("is there twice"));
        }
        if !endpoints.iter().any(|endpoint| endpoint.metadata.iter().any(|(name, _)| name == key)) {
            return Err(named.error("is in the metadata of no endpoint of this pool"));
        }
        keys.push(key.to_owned());
        headers.push(header_name(&object.required("header")?)?);
    }
    Ok((keys, headers))
}

/// What becomes of requests that no range or subset fits.
pub(super) fn no_match(pool: &Object) -> Result<NoMatch, String> {
    let Some(node) = pool.get("no_match") else { return Ok(NoMatch::default()) };
    if pool.get("subset").is_none() && pool.get("ranges").is_none() {
        return Err(node.error("needs subset or ranges, this pool has neither"));
    }
    node.choice(&[("any", NoMatch::Any), ("refuse", NoMatch::Refuse)])
}
