//! Reads the admin API's documents in a browser, for the dashboard's page and its lab.
//!
//! Serde's derived readers would do the same, and be a sixth of everything that travels to the browser: one for every type,
//! each with its own loop over the text. Here one reader makes a tree of the text, and short functions pick from it. A test
//! holds them against the derived ones, so that no field is forgotten.

use crate::view::{Evidence, Level, Window};
use crate::{
    Circuit, CircuitState, Endpoint, Event, Events, FailureKind, FailuresBy, LatencyMs, Pool, Reason, Signal, Snapshot,
    Status, Transition, Worker,
};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::Value;

/// A document as a tree, and its version.
///
/// # Errors
/// What is wrong with the text, in words.
pub fn document(text: &str) -> Result<(Value, u32), String> {
    let tree: Value = serde_json::from_str(text).map_err(|_| "the answer was not understood (no JSON)".to_owned())?;
    let version = tree.get("version").and_then(Value::as_u64).ok_or_else(|| missing("version"))?;
    Ok((tree, version as u32))
}

/// `GET snapshot`.
///
/// # Errors
/// Names what is missing.
pub fn snapshot(tree: &Value) -> Result<Snapshot, String> {
    Ok(Snapshot {
        version: number(tree, "version") as u32,
        at_ms: tree["at_ms"].as_u64().ok_or_else(|| missing("at_ms"))?,
        tick_ms: number(tree, "tick_ms"),
        last_seq: tree["last_seq"].as_u64(),
        workers: list(tree, "workers", worker),
        pools: tree["pools"].as_array().ok_or_else(|| missing("pools"))?.iter().map(pool).collect(),
    })
}

/// `GET events`.
///
/// # Errors
/// Names what is missing.
pub fn events(tree: &Value) -> Result<Events, String> {
    Ok(Events {
        version: number(tree, "version") as u32,
        at_ms: number(tree, "at_ms"),
        last_seq: tree["last_seq"].as_u64().ok_or_else(|| missing("last_seq"))?,
        dropped_through: number(tree, "dropped_through"),
        events: list(tree, "events", event),
    })
}

fn missing(field: &str) -> String {
    format!("the answer was not understood (no `{field}`)")
}

fn worker(tree: &Value) -> Worker {
    Worker { id: text(tree, "id"), age_ms: number(tree, "age_ms"), stale: holds(tree, "stale") }
}

fn pool(tree: &Value) -> Pool {
    Pool {
        name: text(tree, "name"),
        cluster: text(tree, "cluster"),
        strategy: text(tree, "strategy"),
        score: tree["score"].as_f64(),
        circuit: tree["circuit"].is_object().then(|| circuit(&tree["circuit"])),
        panic: holds(tree, "panic"),
        picks: number(tree, "picks"),
        refused: number(tree, "refused"),
        requests: number(tree, "requests"),
        failures: number(tree, "failures"),
        failures_by: FailuresBy(FailureKind::ALL.map(|kind| number(&tree["failures_by"], kind.name()))),
        in_flight: number(tree, "in_flight"),
        ejected: number(tree, "ejected") as u32,
        max_ejected: number(tree, "max_ejected") as u32,
        eligible: number(tree, "eligible") as u32,
        panic_below: number(tree, "panic_below") as u32,
        strip: text(tree, "strip"),
        latency_ms: latency(&tree["latency_ms"]),
        endpoints: list(tree, "endpoints", endpoint),
    }
}

fn endpoint(tree: &Value) -> Endpoint {
    Endpoint {
        id: text(tree, "id"),
        address: text(tree, "address"),
        zone: tree["zone"].as_str().map(str::to_owned),
        status: status(tree["status"].as_str()),
        score: tree["score"].as_f64(),
        circuit: circuit(&tree["circuit"]),
        weight: number(tree, "weight") as u32,
        effective_weight: tree["effective_weight"].as_f64().unwrap_or(0.0),
        in_flight: number(tree, "in_flight"),
        requests: number(tree, "requests"),
        failures: number(tree, "failures"),
        slow: number(tree, "slow"),
        overloads: number(tree, "overloads"),
        ignored: number(tree, "ignored"),
        consecutive_failures: number(tree, "consecutive_failures") as u32,
        latency_ms: latency(&tree["latency_ms"]),
        evidence: tree["evidence"].is_object().then(|| evidence(&tree["evidence"])),
        last_transition: transition(&tree["last_transition"]),
    }
}

fn evidence(tree: &Value) -> Evidence {
    let level = |name: &str| {
        let level = &tree[name];
        let [observed, threshold] = ["observed", "threshold"].map(|field| level[field].as_f64());
        Some(Level { observed: observed?, threshold: threshold? })
    };
    let window = &tree["window"];
    let of_window = |field: &str| number(window, field) as u32;
    Evidence {
        consecutive: level("consecutive"),
        failures: level("failures"),
        slowness: level("slowness"),
        window: window.is_object().then(|| Window {
            calls: of_window("calls"),
            size: window["size"].as_u64().map(|size| size as u32),
            seconds: window["seconds"].as_u64().map(|seconds| seconds as u32),
            minimum: of_window("minimum"),
            failure_percent: window["failure_percent"].as_f64(),
            failure_threshold: of_window("failure_threshold"),
            slow_percent: window["slow_percent"].as_f64(),
            slow_threshold: of_window("slow_threshold"),
        }),
    }
}

/// A circuit; what is not there is as of one that is closed.
pub fn circuit(tree: &Value) -> Circuit {
    Circuit {
        state: circuit_state(&tree["state"]),
        generation: number(tree, "generation"),
        openings: number(tree, "openings") as u32,
        until_ms: tree["until_ms"].as_u64(),
        permits_left: tree["permits_left"].as_u64().map(|left| left as u32),
    }
}

/// One that is not known yet neither passes nor refuses for sure: it is shown as closed, with the name of its status.
fn circuit_state(tree: &Value) -> CircuitState {
    let all = [CircuitState::Open, CircuitState::HalfOpen, CircuitState::ForcedOpen, CircuitState::Disabled];
    named(tree, &all, CircuitState::name).unwrap_or_default()
}

fn status(name: Option<&str>) -> Status {
    match name {
        Some("healthy") => Status::Healthy,
        Some("degraded") => Status::Degraded,
        Some("unhealthy") => Status::Unhealthy,
        Some("draining") => Status::Draining,
        Some("warming") => Status::Warming,
        _ => Status::Unknown,
    }
}

/// Percentiles; none unless all are there.
pub fn latency(tree: &Value) -> Option<LatencyMs> {
    let [p50, p90, p99] = ["p50", "p90", "p99"].map(|name| tree[name].as_f64());
    Some(LatencyMs { p50: p50?, p90: p90?, p99: p99? })
}

/// Absent where there is none, or one of a kind that is not known yet.
pub fn transition(tree: &Value) -> Option<Transition> {
    let why = &tree["reason"];
    let reason = Reason {
        signal: named(&why["signal"], &Signal::ALL, Signal::name)?,
        observed: why["observed"].as_f64().unwrap_or(f64::NAN),
        threshold: why["threshold"].as_f64().unwrap_or(f64::NAN),
        samples: number(why, "samples"),
        share: why["share"].as_f64(),
        pool: why["pool"].as_f64(),
        failure: named(&why["failure"], &FailureKind::ALL, FailureKind::name),
        trace_ids: list(why, "trace_ids", |trace| trace.as_str().unwrap_or("").to_owned()),
    };
    Some(Transition {
        at_ms: number(tree, "at_ms"),
        from: circuit_state(&tree["from"]),
        to: circuit_state(&tree["to"]),
        reason,
    })
}

fn event(tree: &Value) -> Option<Event> {
    Some(Event {
        seq: number(tree, "seq"),
        pool: text(tree, "pool"),
        endpoint: text(tree, "endpoint"),
        address: text(tree, "address"),
        transition: transition(tree)?,
    })
}

/// A count; 0 where there is none.
pub fn number(tree: &Value, field: &str) -> u64 {
    tree[field].as_u64().unwrap_or(0)
}

/// A text; empty where there is none.
pub fn text(tree: &Value, field: &str) -> String {
    tree[field].as_str().unwrap_or("").to_owned()
}

fn holds(tree: &Value, field: &str) -> bool {
    tree[field].as_bool().unwrap_or(false)
}

/// What can be read of a list; empty where there is none.
pub fn list<T, R: Into<Option<T>>>(tree: &Value, field: &str, read: fn(&Value) -> R) -> Vec<T> {
    tree[field].as_array().map(|all| all.iter().filter_map(|one| read(one).into()).collect()).unwrap_or_default()
}

fn named<T: Copy>(tree: &Value, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
    let wanted = tree.as_str()?;
    all.iter().copied().find(|one| name(*one) == wanted)
}

#[cfg(test)]
mod tests;
