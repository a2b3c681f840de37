//! Sticky sessions: a cookie names the endpoint that serves a session, by a keyed hash of its address. So a client
//! cannot tell which endpoints there are, nor steer to one that it was not given; and proxies with the same secret know
//! each other's cookies, also after a restart, because nothing is stored.
//!
//! A session moves when another endpoint has answered: its own one was ejected, or failed and a retry went elsewhere.

use crate::host::{self, Headers};
use crate::observer::parse_number;
use crate::vm::{self, PoolId};
use core::fmt::Write;
use plimsoll_config::Sticky;
use plimsoll_engine::{EndpointConfig, Positions, Time, address_key};
use plimsoll_snapshot::view::hexadecimal;
use siphasher::sip::SipHasher24;

/// Hexadecimal digits in a cookie.
const DIGITS: usize = 16;

/// What a pool needs for its sessions.
#[derive(Debug)]
pub struct Sessions {
    settings: Sticky,
    hasher: SipHasher24,
    /// By what cookies say, the place of the endpoint among `keys`.
    places: Positions,
    keys: Vec<u64>,
}

impl Sessions {
    /// The sessions of a pool with these endpoints.
    #[must_use]
    pub fn new(settings: &Sticky, endpoints: &[EndpointConfig]) -> Self {
        // Secrets are longer than a key: two hashes of it make one.
        let half = |half| SipHasher24::new_with_keys(half, 0).hash(settings.secret.as_bytes());
        let hasher = SipHasher24::new_with_keys(half(0), half(1));
        let addresses = || endpoints.iter().map(|endpoint| endpoint.address.as_bytes());
        let places = Positions::of(addresses().map(|address| hasher.hash(address)));
        Self { settings: settings.clone(), hasher, places, keys: addresses().map(address_key).collect() }
    }

    /// Name of the cookie.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.settings.cookie
    }

    /// Key of the endpoint that a cookie's value names, if it is one of the pool's.
    #[must_use]
    pub fn endpoint(&self, value: &[u8]) -> Option<u64> {
        if value.len() != DIGITS {
            return None;
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16).map(u64::from);
        let token = value.iter().try_fold(0_u64, |token, byte| Some(token << 4 | digit(byte)?))?;
        self.keys.get(self.places.get(token)? as usize).copied()
    }

    /// The header that gives a client the cookie for an endpoint.
    #[must_use]
    pub fn set_cookie(&self, address: &str) -> String {
        let Sticky { cookie, path, ttl, .. } = &self.settings;
        let token = hexadecimal(self.hasher.hash(address.as_bytes()));
        let mut text = format!("{cookie}={token}; Path={path}; HttpOnly; SameSite=Lax");
        if let Some(ttl) = ttl {
            let _ = write!(text, "; Max-Age={}", ttl.as_secs());
        }
        text
    }
}

/// A request of a pool with sessions.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Its pool.
    pub pool: PoolId,
    /// Key of the endpoint that its cookie named.
    pub named: Option<u64>,
    /// When it came.
    pub at: Time,
}

/// The answer's headers: gives the client a cookie if another endpoint served it than the one that its cookie named. An
/// error leaves the session where it was.
pub(crate) fn answered(session: &Session) {
    let Ok(served) = host::property("upstream\0address", address_key) else { return };
    if session.named == Some(served) {
        return;
    }
    if host::header(Headers::Response, ":status", parse_number).is_ok_and(|status| (100..500).contains(&status)) {
        let text = vm::with(|vm| {
            let state = vm.pool_mut(session.pool)?;
            let endpoint = state.pool.endpoint(state.pool.position(served)?)?;
            Some(state.reading.as_ref()?.sessions()?.set_cookie(&endpoint.address))
        });
        if let Some(text) = text.flatten() {
            let _ = host::add_response_header("set-cookie", &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn sessions(secret: &str, endpoints: &[&str]) -> Sessions {
        let settings = Sticky { cookie: "lb".into(), secret: secret.into(), ttl: None, path: "/".into() };
        let endpoint = |address: &&str| EndpointConfig { address: (*address).into(), ..EndpointConfig::default() };
        Sessions::new(&settings, &endpoints.iter().map(endpoint).collect::<Vec<_>>())
    }

    fn value(set_cookie: &str) -> &[u8] {
        set_cookie.split(';').next().and_then(|pair| pair.split_once('=')).map_or(b"", |(_, value)| value.as_bytes())
    }

    #[test]
    fn a_cookie_names_its_endpoint_to_every_proxy_with_the_secret() {
        let (a, b) = ("10.0.0.1:80", "10.0.0.2:80");
        let (one, other) = (sessions("0123456789abcdef", &[a, b]), sessions("0123456789abcdef", &[b, a]));
        for address in [a, b] {
            let cookie = one.set_cookie(address);
            assert_eq!(cookie, other.set_cookie(address));
            assert_eq!(other.endpoint(value(&cookie)), Some(address_key(address.as_bytes())));
            assert!(!cookie.contains("10.0"), "{cookie}");
        }
        let stranger = sessions("another secret of 16", &[a, b]);
        assert_eq!(stranger.endpoint(value(&one.set_cookie(a))), None);
        assert_eq!(sessions("0123456789abcdef", &[b]).endpoint(value(&one.set_cookie(a))), None, "a has left the pool");
    }

    #[test]
    fn a_cookie_that_is_none_names_nobody() {
        let sessions = sessions("0123456789abcdef", &["10.0.0.1:80"]);
        for value in
            [&b""[..], b"0", b"zzzzzzzzzzzzzzzz", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(sessions.endpoint(value), None, "{value:?}");
        }
    }

    #[test]
    fn the_cookie_says_how_long_and_where_it_is_valid() {
        let mut sessions = sessions("0123456789abcdef", &["10.0.0.1:80"]);
        assert!(sessions.set_cookie("10.0.0.1:80").ends_with("; Path=/; HttpOnly; SameSite=Lax"));
        sessions.settings.ttl = Some(Duration::from_secs(3600));
        sessions.settings.path = "/shop".into();
        assert!(sessions.set_cookie("10.0.0.1:80").ends_with("; Path=/shop; HttpOnly; SameSite=Lax; Max-Age=3600"));
    }
}
