//! What the page sends when a live pool is to be taken: the admin API's own answers as they came, and what the page has
//! seen of the pool's rates.
//!
//! `{"do":"live","pool":NAME,"snapshot":…,"config":…,"requests":N,"endpoints":[[ID,N,N],…]}`: `requests` and the second of
//! an endpoint per 1,000 s, the third in millionths. Serde's derived readers of the answers would be a fifth of this module.

use super::{Rate, Rates, Setup};
use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, FailureKind, LatencyMs, Pool, Reason, Signal, Transition};
use serde_json::Value;

/// Those that matter here; any other counts as closed.
const STATES: [CircuitState; 4] =
    [CircuitState::Open, CircuitState::HalfOpen, CircuitState::ForcedOpen, CircuitState::Disabled];

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
    let endpoints = seen["endpoints"].as_array().map(|list| list.iter().map(endpoint).collect()).unwrap_or_default();
    Pool { name: text(seen, "name"), latency_ms: latency(&seen["latency_ms"]), endpoints, ..Pool::default() }
}

fn endpoint(seen: &Value) -> Endpoint {
    let last = &seen["last_transition"];
    let signal = Signal::ALL.into_iter().find(|signal| last["reason"]["signal"].as_str() == Some(signal.name()));
    let last_transition = signal.map(|signal| Transition {
        at_ms: 0,
        from: CircuitState::Closed,
        to: CircuitState::Open,
        reason: Reason {
            signal,
            observed: last["reason"]["observed"].as_f64().unwrap_or_default(),
            threshold: 0.0,
            samples: 0,
            share: last["reason"]["share"].as_f64(),
            pool: None,
            failure: last["reason"]["failure"].as_str().and_then(FailureKind::named),
            trace_ids: Vec::new(),
        },
    });
    let state = STATES.into_iter().find(|state| seen["circuit"]["state"].as_str() == Some(state.name()));
    Endpoint {
        id: text(seen, "id"),
        weight: seen["weight"].as_u64().map_or(1, |weight| weight as u32),
        zone: seen["zone"].as_str().map(str::to_owned),
        latency_ms: latency(&seen["latency_ms"]),
        circuit: Circuit { state: state.unwrap_or_default(), ..Circuit::default() },
        last_transition,
        ..Endpoint::default()
    }
}

fn latency(seen: &Value) -> Option<LatencyMs> {
    Some(LatencyMs { p50: seen["p50"].as_f64()?, p90: seen["p90"].as_f64()?, p99: seen["p99"].as_f64()? })
}

pub(super) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
