//! The configuration in force, defaults included, for people to read: the answer to `GET config`. It reads back as
//! the configuration it shows, but for secrets, which it does not.

use super::circuits::{FORCED, MODES, WHEN_OPEN};
use super::units::print;
use super::{Accepted, KeySource, Observe, PoolSettings, Role, Sticky};
use core::time::Duration;
use plimsoll_engine::detect::WindowKind;
use plimsoll_engine::{CircuitConfig, EndpointConfig, KeyBound, KeyRange, NoMatch, PoolCircuitConfig, Strategy};
use serde_json::{Map, Value};

/// In place of a secret. Long enough to be one, so that the rest reads back.
const HIDDEN: &str = "(secret, not shown)";

pub(super) fn of(accepted: &Accepted) -> Value {
    let mut fields = Fields(Map::new());
    fields.set(
        "role",
        match accepted.role {
            Role::Picker => "picker",
            Role::Observer => "observer",
            Role::Admin => "admin",
        },
    );
    fields.set("tick", accepted.tick.map_or_else(|| "auto".to_owned(), print));
    fields.set("pools", accepted.pools.iter().map(pool).collect::<Vec<_>>());
    Value::Object(fields.0)
}

/// An object under construction. The macro `json!` would turn every value to JSON by serde, in 6 KiB more.
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets what was given.
    fn some<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    /// Sets a list that is not empty.
    fn list<T>(&mut self, key: &str, list: &[T], one: impl Fn(&T) -> Value) {
        if !list.is_empty() {
            self.set(key, list.iter().map(one).collect::<Vec<_>>());
        }
    }
}

fn pool(settings: &PoolSettings) -> Value {
    let pool = &settings.engine;
    let mut fields = Fields(Map::new());
    fields.set("name", pool.name.as_str());
    fields.set("cluster", pool.cluster.as_str());
    fields.set("strategy", pool.strategy.name());
    fields.set(
        "observe",
        match settings.observe {
            Observe::Attempt => "attempt",
            Observe::Request => "request",
        },
    );
    fields.set("classify", settings.classify.effective());
    fields.set("candidates", pool.candidates);
    fields.set("detect_truncated", pool.detect_truncated);
    fields.set("circuit", endpoint_circuit(&pool.circuit));
    fields.some("pool_circuit", pool.pool_circuit.as_ref().map(pool_circuit));
    fields.set("max_ejected_percent", pool.max_ejected_percent);
    fields.set("panic_threshold_percent", pool.panic_threshold_percent);
    fields.set("minimum_samples", pool.minimum_samples);
    fields.some("prefer_zone", pool.prefer_zone.as_deref());
    fields.set("overprovisioning", pool.overprovisioning);
    fields.set("ramp", print(pool.ramp));
    fields.list("hash_key", &settings.hash_key, source);
    fields.some("table_size", pool.hashing.table_size);
    if pool.strategy == Strategy::RingHash {
        fields.set("points", pool.hashing.points);
    }
    fields.some("bound", pool.hashing.bound);
    fields.list("ranges", &pool.ranges, |range| self::range(range, &pool.endpoints));
    let subset: Vec<_> = pool.subset_keys.iter().zip(&settings.subset_headers).collect();
    fields.list("subset", &subset, |(metadata, header)| {
        let mut fields = Fields(Map::new());
        fields.set("metadata", metadata.as_str());
        fields.set("header", header.as_str());
        Value::Object(fields.0)
    });
    if !pool.ranges.is_empty() || !pool.subset_keys.is_empty() {
        fields.set("no_match", if pool.no_match == NoMatch::Any { "any" } else { "refuse" });
    }
    fields.some("sticky", settings.sticky.as_ref().map(sticky));
    fields.set("endpoints", pool.endpoints.iter().map(endpoint).collect::<Vec<_>>());
    Value::Object(fields.0)
}

fn circuit(config: &CircuitConfig) -> Fields {
    let mut fields = Fields(Map::new());
    if let Some(rates) = &config.rates {
        fields.set("failure_rate_percent", rates.limits.failure_percent);
        fields.set("slow_rate_percent", rates.limits.slow_percent);
        fields.some("slow_call_duration", rates.slow_above.map(print));
        fields.set("minimum_calls", rates.minimum_calls);
        match rates.window {
            WindowKind::Calls(calls) => fields.set("window", calls),
            WindowKind::Seconds(seconds) => fields.set("window", print(Duration::from_secs(u64::from(seconds)))),
        }
    }
    fields.set("mode", name_of(&MODES, config.mode));
    fields.set("open_for", print(config.open_for));
    fields.set("open_for_max", print(config.open_for_max));
    fields.set("backoff", config.backoff);
    fields.set("half_open_permits", config.half_open_permits);
    fields.set("half_open_max", print(config.half_open_max));
    fields
}

fn endpoint_circuit(config: &CircuitConfig) -> Value {
    let mut fields = circuit(config);
    fields.set("consecutive_failures", config.consecutive_failures);
    fields.set("outliers", config.outliers);
    fields.set("relative", config.relative);
    Value::Object(fields.0)
}

fn pool_circuit(config: &PoolCircuitConfig) -> Value {
    let mut fields = circuit(&config.circuit);
    fields.set("when_open", name_of(&WHEN_OPEN, config.when_open));
    Value::Object(fields.0)
}

/// The name by which a value is written.
fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

fn endpoint(endpoint: &EndpointConfig) -> Value {
    let mut fields = Fields(Map::new());
    fields.set("address", endpoint.address.as_str());
    fields.set("id", endpoint.id.as_str());
    fields.set("weight", endpoint.weight);
    fields.some("zone", endpoint.zone.as_deref());
    fields.set("tier", endpoint.tier);
    fields.set("draining", endpoint.draining);
    fields.set("circuit", name_of(&FORCED, endpoint.circuit));
    if !endpoint.metadata.is_empty() {
        let mut metadata = Fields(Map::new());
        endpoint.metadata.iter().for_each(|(key, value)| metadata.set(key, value.as_str()));
        fields.set("metadata", metadata.0);
    }
    Value::Object(fields.0)
}

fn source(source: &KeySource) -> Value {
    let mut fields = Fields(Map::new());
    match source {
        KeySource::Header(name) => fields.set("header", name.as_str()),
        KeySource::Cookie(name) => fields.set("cookie", name.as_str()),
        KeySource::Query(name) => fields.set("query", name.as_str()),
        KeySource::Path => fields.set("path", true),
        KeySource::SourceAddress => fields.set("source_address", true),
    }
    Value::Object(fields.0)
}

fn range(range: &KeyRange, endpoints: &[EndpointConfig]) -> Value {
    let bound = |bound: &KeyBound| match bound {
        KeyBound::Number(number) => Value::from(*number),
        KeyBound::Text(text) => Value::from(core::str::from_utf8(text).unwrap_or_default()),
    };
    let id = |position: &u32| endpoints.get(*position as usize).map(|endpoint| endpoint.id.as_str());
    let mut fields = Fields(Map::new());
    fields.some("from", range.from.as_ref().map(bound));
    fields.some("to", range.to.as_ref().map(bound));
    fields.set("endpoints", range.endpoints.iter().filter_map(id).collect::<Vec<_>>());
    Value::Object(fields.0)
}

fn sticky(sticky: &Sticky) -> Value {
    let mut fields = Fields(Map::new());
    fields.set("cookie", sticky.cookie.as_str());
    fields.set("secret", HIDDEN);
    fields.some("ttl", sticky.ttl.map(print));
    fields.set("path", sticky.path.as_str());
    Value::Object(fields.0)
}
