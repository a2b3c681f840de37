//! The configuration in force, defaults included, for people to read: the answer to `GET config`. It reads back as
//! the configuration it shows.

use super::units::print;
use super::{Accepted, Observe, PoolSettings, Role};
use serde_json::{Value, json};

pub(super) fn of(accepted: &Accepted) -> Value {
    json!({
        "role": match accepted.role {
            Role::Picker => "picker",
            Role::Observer => "observer",
            Role::Admin => "admin",
        },
        "tick": print(accepted.tick),
        "pools": accepted.pools.iter().map(pool).collect::<Vec<_>>(),
    })
}

fn pool(settings: &PoolSettings) -> Value {
    let pool = &settings.engine;
    let endpoint = |endpoint: &plimsoll_engine::EndpointConfig| {
        let mut value = json!({ "address": endpoint.address, "id": endpoint.id, "weight": endpoint.weight });
        if let (Some(zone), Some(object)) = (&endpoint.zone, value.as_object_mut()) {
            object.insert("zone".into(), json!(zone));
        }
        value
    };
    json!({
        "name": pool.name,
        "cluster": pool.cluster,
        "strategy": pool.strategy.name(),
        "observe": match settings.observe {
            Observe::Attempt => "attempt",
            Observe::Request => "request",
        },
        "candidates": pool.candidates,
        "detect_truncated": pool.detect_truncated,
        "circuit": {
            "consecutive_failures": pool.circuit.consecutive_failures,
            "open_for": print(pool.circuit.open_for),
            "open_for_max": print(pool.circuit.open_for_max),
            "backoff": pool.circuit.backoff,
            "half_open_permits": pool.circuit.half_open_permits,
            "half_open_max": print(pool.circuit.half_open_max),
        },
        "max_ejected_percent": pool.max_ejected_percent,
        "panic_threshold_percent": pool.panic_threshold_percent,
        "minimum_samples": pool.minimum_samples,
        "endpoints": pool.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
    })
}
