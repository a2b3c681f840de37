//! What a pool wants to know of a request before it picks: its key, the subset that it wants, the endpoint that its
//! session sticks to. One host call for each source that is tried; a pool that wants nothing costs none.
//!
//! All values are bytes as they came: percent-encoding stays, nothing has to be UTF-8, an empty value is none.

use crate::host::{self, Headers};
use crate::sessions::Sessions;
use plimsoll_config::{KeySource, PoolSettings};
use plimsoll_engine::subset_key;

/// What a pool wants to know.
#[derive(Debug)]
pub struct Reading {
    sources: Vec<KeySource>,
    subset_headers: Vec<String>,
    sessions: Option<Sessions>,
}

/// What a request said.
#[derive(Debug, Default)]
pub struct Wishes {
    /// The key; empty: none.
    pub key: Vec<u8>,
    /// [`subset_key`] of the wanted values; `None` if one is missing.
    pub subset: Option<u64>,
    /// Key of the endpoint that its cookie names.
    pub named: Option<u64>,
}

impl Reading {
    /// What this pool wants to know; `None`: nothing.
    #[must_use]
    pub fn of(settings: &PoolSettings) -> Option<Self> {
        let PoolSettings { engine, hash_key, subset_headers, sticky, .. } = settings;
        if hash_key.is_empty() && subset_headers.is_empty() && sticky.is_none() {
            return None;
        }
        let sessions = sticky.as_ref().map(|sticky| Sessions::new(sticky, &engine.endpoints));
        Some(Self { sources: hash_key.clone(), subset_headers: subset_headers.clone(), sessions })
    }

    /// The pool's sessions, if it has any.
    #[must_use]
    pub fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    /// Asks the host, into a buffer that is used again.
    pub(crate) fn read(&self, wishes: &mut Wishes) {
        wishes.key.clear();
        for source in &self.sources {
            if read_key(source, &mut wishes.key) {
                break;
            }
        }
        wishes.subset = self.subset();
        wishes.named = self.sessions.as_ref().and_then(|sessions| {
            let named = |header: &[u8]| cookie(header, sessions.cookie()).and_then(|value| sessions.endpoint(value));
            host::header(Headers::Request, "cookie", named).ok().flatten()
        });
    }

    fn subset(&self) -> Option<u64> {
        if self.subset_headers.is_empty() {
            return None;
        }
        let mut values = Vec::with_capacity(self.subset_headers.len());
        for name in &self.subset_headers {
            let value = host::header(Headers::Request, name, <[u8]>::to_vec).ok()?;
            if value.is_empty() {
                return None;
            }
            values.push(value);
        }
        Some(subset_key(values.iter().map(Vec::as_slice)))
    }
}

/// Whether there was a key.
fn read_key(source: &KeySource, key: &mut Vec<u8>) -> bool {
    let mut take = |value: &[u8]| key.extend_from_slice(part(source, value));
    let _ = match source {
        KeySource::SourceAddress => host::property("source\0address", &mut take),
        KeySource::Header(name) => host::header(Headers::Request, name, &mut take),
        KeySource::Cookie(_) => host::header(Headers::Request, "cookie", &mut take),
        KeySource::Query(_) | KeySource::Path => host::header(Headers::Request, ":path", &mut take),
    };
    !key.is_empty()
}

/// What of a host's value is the key; empty: it has none.
fn part<'a>(source: &KeySource, value: &'a [u8]) -> &'a [u8] {
    match source {
        KeySource::Header(_) => value,
        KeySource::Cookie(name) => cookie(value, name).unwrap_or_default(),
        KeySource::Query(name) => parameter(value, name).unwrap_or_default(),
        KeySource::Path => before(value, b"?#"),
        KeySource::SourceAddress => without_port(value),
    }
}

/// The value of a cookie in a `cookie` header.
fn cookie<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| value_of(pair.trim_ascii(), name))
}

/// The value of a parameter of a path's query.
fn parameter<'a>(path: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let path = before(path, b"#");
    let query = path.get(before(path, b"?").len()..)?.strip_prefix(b"?")?;
    query.split(|byte| *byte == b'&').find_map(|pair| value_of(pair, name))
}

/// The value in `name=value`.
fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// What stands before the first of these bytes.
fn before<'a>(text: &'a [u8], ends: &[u8]) -> &'a [u8] {
    text.split(|byte| ends.contains(byte)).next().unwrap_or_default()
}

/// `ip` of `ip:port`, `[ip]` of `[ip]:port`; other addresses as they are.
fn without_port(address: &[u8]) -> &[u8] {
    let port = address.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match address.split_at_checked(address.len().saturating_sub(port)) {
        Some((ip, _)) if port > 0 => ip.strip_suffix(b":").unwrap_or(address),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_part_that_the_source_names() {
        let cookie = || KeySource::Cookie("user".into());
        let query = || KeySource::Query("user".into());
        let cases: [(KeySource, &[u8], &[u8]); 21] = [
            (KeySource::Header("x".into()), b"\xff any", b"\xff any"),
            (cookie(), b"user=a", b"a"),
            (cookie(), b"a=1; user=b; user=c", b"b"),
            (cookie(), b"a=1;user=b=c ", b"b=c"),
            (cookie(), b"xuser=a; users=b", b""),
            (cookie(), b"user", b""),
            (cookie(), b"\xff\xfe; user=\xff", b"\xff"),
            (query(), b"/shop?user=a", b"a"),
            (query(), b"/shop?a=1&user=b%20c&user=d#user=e", b"b%20c"),
            (query(), b"/shop?xuser=a&user", b""),
            (query(), b"/user=a", b""),
            (query(), b"/#?user=a", b""),
            (KeySource::Path, b"/shop?user=a", b"/shop"),
            (KeySource::Path, b"/shop#x", b"/shop"),
            (KeySource::Path, b"/", b"/"),
            (KeySource::SourceAddress, b"10.0.0.1:5000", b"10.0.0.1"),
            (KeySource::SourceAddress, b"[fd00::1]:5000", b"[fd00::1]"),
            (KeySource::SourceAddress, b"10.0.0.1", b"10.0.0.1"),
            (KeySource::SourceAddress, b"/tmp/socket", b"/tmp/socket"),
            (KeySource::SourceAddress, b"", b""),
            (KeySource::SourceAddress, b"80", b"80"),
        ];
        for (source, value, want) in cases {
            assert_eq!(part(&source, value), want, "{source:?} of {:?}", String::from_utf8_lossy(value));
        }
    }
}
