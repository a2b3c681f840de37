//! `GET history`: what was asked for, which chunks to read for it, and the answer.

use super::json::{PoolColumns, digits};
use super::record::Store;
use super::{POINTS, Resolution, chunk_of};
use crate::keys::history_key;
use crate::view::VERSION;
use alloc::{format, string::String, vec, vec::Vec};
use serde_json::Value;

/// What one answer may read of all pools together, in bytes: the oldest points are left out until it fits, so that no
/// answer takes longer than milliseconds. 8 busy endpoints with all that is kept fit, 50 with a third of it, and without
/// their endpoints 9 pools with all, 200 with half a minute.
const MAX_READ: u64 = 60_000;
/// As how many bytes a point of a pool alone counts: it takes twice that, but not much longer than an endpoint's.
const BYTES_PER_POINT: u64 = 10;

/// What was asked for.
#[derive(Debug)]
pub struct Query<'a> {
    pools: Vec<&'a str>,
    resolution: Resolution,
    /// Points that begin later, Unix milliseconds.
    since_ms: Option<u64>,
    /// Points that begin earlier, Unix milliseconds.
    until_ms: Option<u64>,
    endpoints: bool,
}

/// The value of a parameter.
#[must_use]
pub fn parameter<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The value of a parameter that is a whole number, of which `what` says what it is.
///
/// # Errors
/// Says which key has which value, and what is allowed.
pub fn number(query: &str, key: &str, what: &str) -> Result<Option<u64>, String> {
    let Some(value) = parameter(query, key) else { return Ok(None) };
    let refused = |_| format!("{key}: {} is not {what}, allowed are whole numbers from 0", Value::from(value));
    value.parse().map(Some).map_err(refused)
}

/// The one of the names that a parameter's value is.
///
/// # Errors
/// Says which key has which value, and what is allowed.
pub fn one_of<'a>(key: &str, value: &str, names: &'a [String]) -> Result<&'a str, String> {
    names.iter().map(String::as_str).find(|name| *name == value).ok_or_else(|| {
        let mut allowed = String::from("allowed are");
        for (place, name) in names.iter().enumerate() {
            allowed.push_str(if place == 0 { " " } else { ", " });
            allowed.push_str(name);
        }
        refused(key, value, &allowed)
    })
}

/// The pool that a query names; where there is only one, it need not.
///
/// # Errors
/// Says which key has which value, and what is allowed.
pub fn named_pool<'a>(query: &str, pools: &'a [String]) -> Result<&'a str, String> {
    match (parameter(query, "pool"), pools) {
        (None, [only]) => Ok(only),
        (named, _) => one_of("pool", named.unwrap_or_default(), pools),
    }
}

impl<'a> Query<'a> {
    /// Reads a query about these pools.
    ///
    /// # Errors
    /// Says which key has which value, and what is allowed.
    pub fn read(query: &str, names: &'a [String]) -> Result<Self, String> {
        let mut pools: Vec<&str> = names.iter().map(String::as_str).collect();
        let resolution = match parameter(query, "resolution") {
            None | Some("1s") => Resolution::Second,
            Some("30s") => Resolution::HalfMinute,
            Some(other) => return Err(refused("resolution", other, "allowed are 1s and 30s")),
        };
        let endpoints = match parameter(query, "endpoints") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(refused("endpoints", other, "allowed are true and false")),
        };
        let time = "a time in Unix milliseconds";
        let (since_ms, until_ms) = (number(query, "since", time)?, number(query, "until", time)?);
        if let Some(name) = parameter(query, "pool") {
            pools = vec![one_of("pool", name, names)?];
        }
        if endpoints && pools.len() > 1 {
            return Err(refused("endpoints", "true", "allowed for one pool only: name it by pool="));
        }
        Ok(Self { pools, resolution, since_ms, until_ms, endpoints })
    }

    /// How many chunks of each pool, up to this one, an answer has room for.
    fn room(&self, store: &dyn Store, newest: u64) -> u64 {
        let most = self.resolution.chunks();
        let Some(pool) = self.pools.first().filter(|_| self.endpoints) else {
            let each = POINTS.saturating_mul(BYTES_PER_POINT).saturating_mul(self.pools.len() as u64);
            return MAX_READ.checked_div(each).unwrap_or(most).clamp(1, most);
        };
        let mut left = MAX_READ;
        let mut fits = |back: &u64| {
            let chunk = store.read(&history_key(pool, self.resolution, newest.saturating_sub(*back)));
            left = left.saturating_sub(chunk.map_or(0, |bytes| bytes.len() as u64));
            left > 0
        };
        (0..most).take_while(|back| fits(back)).count().max(1) as u64
    }

    /// The answer, as JSON.
    #[must_use]
    pub fn answer(&self, store: &dyn Store, now_ms: u64) -> Vec<u8> {
        let period_ms = self.resolution.period_ms();
        let of = |ms: u64| ms.checked_div(period_ms).unwrap_or(0);
        let end = of(now_ms)
            .min(self.until_ms.map_or(u64::MAX, |until| of(until.saturating_add(period_ms).saturating_sub(1))));
        // Of the chunks that are kept, those before the end, as many as one answer has room for.
        let newest = chunk_of(end.saturating_sub(1));
        let kept = chunk_of(of(now_ms)).saturating_add(1).saturating_sub(self.resolution.chunks());
        let oldest = kept.max(newest.saturating_add(1).saturating_sub(self.room(store, newest)));
        let from = oldest.saturating_mul(POINTS).max(self.since_ms.map_or(0, |since| of(since).saturating_add(1)));
        let mut json = Vec::new();
        for (name, value) in [
            ("{\"version\":", u64::from(VERSION)),
            (",\"at_ms\":", now_ms),
            (",\"resolution_ms\":", period_ms),
            (",\"from_ms\":", from.saturating_mul(period_ms)),
        ] {
            json.extend_from_slice(name.as_bytes());
            digits(&mut json, value);
        }
        let mut before = ",\"pools\":[";
        for name in &self.pools {
            let mut pool = PoolColumns::new(from..end);
            for chunk in chunk_of(from)..=newest {
                if let Some(bytes) = store.read(&history_key(name, self.resolution, chunk)) {
                    pool.read(chunk, &bytes, self.endpoints);
                }
            }
            json.extend_from_slice(before.as_bytes());
            before = ",";
            pool.finish(&mut json, name, self.endpoints);
        }
        json.extend_from_slice(if self.pools.is_empty() { b",\"pools\":[]}" } else { b"]}" });
        json
    }
}

fn refused(key: &str, value: &str, allowed: &str) -> String {
    format!("{key}: {} is not allowed, {allowed}", Value::from(value))
}
