//! What the page sends when a live pool is to be taken: the admin API's own answers as they came, and what the page has
//! seen of the pool's rates.
//!
//! `{"do":"live","pool":NAME,"snapshot":…,"config":…,"requests":N,"endpoints":[[ID,N,N],…]}`: `requests` and the second of
//! an endpoint per 1,000 s, the third in millionths. Serde's derived readers of the answers would be a fifth of this module.

use super::{Rate, Rates, Setup};
use plimsoll_snapshot::read::{circuit, latency, list, text, transition};
use plimsoll_snapshot::{Endpoint, Pool};
use serde_json::Value;

/// The setup of the pool that a message tells of.
///
/// # Errors
/// What is missing, in words.
pub fn live(message: &Value) -> Result<Setup, String> {
    let name = text(message, "pool");
    let named = |pool: &&Value| text(pool, "name") == name;
    let pools = message["snapshot"]["pools"].as_array();
    let seen =
        pools.and_then(|pools| pools.iter().find(named)).ok_or_else(|| format!("{name}: there is no such pool"))?;
    let settings = settings(&message["config"], &name);
    let settings = settings.ok_or_else(|| format!("{name}: the configuration in force does not have it"))?;
    let pool = pool(seen);
    let rates = rates(message, &pool);
    Setup::from_live(&pool, settings, &rates)
}

/// One pool's settings. With several pickers the answer is a list of configurations.
fn settings<'a>(config: &'a Value, name: &str) -> Option<&'a Value> {
    if let Value::Array(all) = config {
        return all.iter().find_map(|one| settings(one, name));
    }
    config["pools"].as_array()?.iter().find(|pool| text(pool, "name") == name)
}

fn rates(message: &Value, pool: &Pool) -> Rates {
    let rate = |id: &str| {
        let seen = message["endpoints"].as_array()?.iter().find(|one| one[0].as_str() == Some(id))?;
        Some(Rate { attempts_per_s: seen[1].as_f64()? / 1e3, failed: seen[2].as_f64()? / 1e6 })
    };
    Rates {
        requests_per_s: message["requests"].as_f64().unwrap_or_default() / 1e3,
        endpoints: pool.endpoints.iter().map(|endpoint| rate(&endpoint.id).unwrap_or_default()).collect(),
    }
}

/// What of a pool matters here.
fn pool(seen: &Value) -> Pool {
    Pool {
        name: text(seen, "name"),
        latency_ms: latency(&seen["latency_ms"]),
        endpoints: list(seen, "endpoints", endpoint),
        ..Pool::default()
    }
}

fn endpoint(seen: &Value) -> Endpoint {
    Endpoint {
        id: text(seen, "id"),
        weight: seen["weight"].as_u64().map_or(1, |weight| weight as u32),
        zone: seen["zone"].as_str().map(str::to_owned),
        latency_ms: latency(&seen["latency_ms"]),
        circuit: circuit(&seen["circuit"]),
        last_transition: transition(&seen["last_transition"]),
        ..Endpoint::default()
    }
}
