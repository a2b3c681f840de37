//! Configuration: what the operator wrote, JSON, becomes what we accepted, [`Accepted`], or an error that names key,
//! value and allowed range. Nothing else parses configuration, and nothing is accepted in part.
//!
//! Apart from the filter, so that a simulator or a page can read what the filter reads: [`parse_pool`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod address;
mod circuits;
mod classify;
mod effective;
mod endpoints;
mod keys;
pub mod node;
mod protobuf;
mod sessions;
#[cfg(test)]
mod tests;
pub mod units;
mod validate;

pub use classify::{Class, Classify, Head};
pub use node::{Node, Object};
pub use validate::DEFAULT_TICK;

use core::time::Duration;
use plimsoll_engine::{PoolConfig, address_key};

/// What an instance of the filter does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Chooses endpoints; brings the pools.
    #[default]
    Picker,
    /// Watches attempts.
    Observer,
    /// Answers the admin API.
    Admin,
}

/// Where attempts are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observe {
    /// By an observer in the cluster: every attempt, retries included. The default.
    #[default]
    Attempt,
    /// By the picker: the final response only. Cheaper, and for hosts without upstream filters.
    Request,
}

/// One accepted pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSettings {
    /// For the engine.
    pub engine: PoolConfig,
    /// Where its attempts are watched.
    pub observe: Observe,
    /// What its answers are taken for.
    pub classify: Classify,
    /// Where a request's key comes from: the first of these that it has. None for strategies that need no key.
    pub hash_key: Vec<KeySource>,
    /// The request header that holds the wanted value, for each of the engine's `subset_keys`.
    pub subset_headers: Vec<String>,
    /// Sessions that stay at one endpoint.
    pub sticky: Option<Sticky>,
}

/// Where a request's key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A request header, lower-case.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A parameter of the query, as written: percent-encoding stays.
    Query(String),
    /// The path, without the query.
    Path,
    /// The client's address as the proxy sees it, without the port.
    SourceAddress,
}

/// Sessions that stay at one endpoint, by a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// The cookie's name.
    pub cookie: String,
    /// Key of the hash that names an endpoint in it. Proxies with the same one know each other's cookies.
    pub secret: String,
    /// How long the client keeps it; `None`: until the client closes the session.
    pub ttl: Option<Duration>,
    /// Path that it is for.
    pub path: String,
}

/// An accepted configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What the instance does.
    pub role: Role,
    /// How often workers exchange what they know. Default `None`, written `auto`: as often as it is worth, by how long
    /// requests take, and the pools' size allows; 100 ms until that is known.
    pub tick: Option<Duration>,
    /// The pools; only a picker has any.
    pub pools: Vec<PoolSettings>,
    /// Hash of the text: workers with the same one work under the same configuration.
    pub generation: u64,
}

impl Accepted {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// One line that names the key, the value and what is allowed.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let value = document(text)?;
        let mut accepted = validate::accept(&value)?;
        accepted.generation = address_key(text);
        Ok(accepted)
    }

    /// The configuration with every default filled in, as JSON. Secrets are not in it.
    #[must_use]
    pub fn effective(&self) -> serde_json::Value {
        effective::of(self)
    }
}

/// Reads one pool from a file that holds either just its settings or a whole configuration of a picker with one pool.
///
/// # Errors
/// As [`Accepted::parse`]; also if there are several pools.
pub fn parse_pool(value: &serde_json::Value) -> Result<PoolSettings, String> {
    let whole = value.as_object().is_some_and(|map| map.keys().any(|key| validate::ROOT_KEYS.contains(&key.as_str())));
    if !whole {
        return validate::pool(&Node::root(value));
    }
    let mut pools = validate::accept(value)?.pools;
    let given = pools.len();
    pools.pop().filter(|_| given == 1).ok_or_else(|| format!("pools: {given} given, one is wanted here"))
}

/// Reads how a pool of so many endpoints chooses and when it ejects, without the endpoints: what decides in a simulation,
/// in a part of the code that [`parse_pool`] takes. Keys that say something of requests (`classify`, `hash_key`, `ranges`,
/// `subset`, `sticky`) or name things may be there and are not looked into; unknown ones are errors.
///
/// # Errors
/// As [`Accepted::parse`].
pub fn parse_rules(value: &serde_json::Value, endpoints: usize) -> Result<PoolConfig, String> {
    validate::rules_alone(&Node::root(value), endpoints)
}

/// The document that the host handed over: JSON, or a serialised `google.protobuf.Struct`.
fn document(text: &[u8]) -> Result<serde_json::Value, String> {
    // Both forms of an empty configuration: say what is missing, not where the text ends.
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(serde_json::json!({}));
    }
    // JSON first: a Struct may begin with a line feed and a brace, but never goes on as JSON.
    serde_json::from_slice(text).or_else(|error| {
        let written = text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[\"".contains(byte));
        match protobuf::read(text) {
            Some(value) => Ok(value),
            None if written => Err(format!("not JSON: {error}")),
            None => Err("neither JSON nor a google.protobuf.Struct".into()),
        }
    })
}
