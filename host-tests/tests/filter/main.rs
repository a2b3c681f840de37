//! What the end-to-end tests ask of the filter in the real Envoy, asked of it in the modelled proxy: file for file the
//! siblings of `e2e/`, in virtual time and the same in every run. What needs Envoy itself (the dashboard's files,
//! Prometheus, its own circuit breaker) stays there.

#[path = "../filter_bed/mod.rs"]
mod filter_bed;
#[path = "../pool_metrics/mod.rs"]
mod pool_metrics;

mod admin;
mod circuits;
mod classify;
mod history;
mod metrics;
mod outcomes;
mod pools;
mod reasons;
mod routing;
mod snapshot;
mod strategies;
mod ticks;
mod traps;
mod updates;
mod workers;

use filter_bed::{TICK, admin, load, setup};
use plimsoll_host_tests::host::proxy::Proxy;
use plimsoll_snapshot::view::Snapshot;
use serde_json::{Value, json};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
/// The header that steers.
const HEADER: &str = "x-plimsoll-endpoint";

/// One failure opens a circuit, any number may be open, and none closes again: one event for each endpoint that fails.
fn hair_trigger() -> Value {
    json!({
        "strategy": "round_robin", "max_ejected_percent": 100, "panic_threshold_percent": 0,
        "circuit": {"consecutive_failures": 1, "open_for": "300s", "outliers": false, "relative": false},
    })
}

/// The snapshot once every worker has published what has ended.
fn settled(proxy: &mut Proxy) -> Snapshot {
    proxy.run_until_idle();
    proxy.run_for(TICK * 3);
    filter_bed::snapshot(proxy)
}

/// How many attempts each endpoint got, in the order of `address`.
fn arrived(proxy: &Proxy, endpoints: usize) -> Vec<u64> {
    let mut arrived = vec![0; endpoints];
    for attempt in proxy.outcomes().flat_map(|outcome| outcome.attempts) {
        let at = (0..endpoints).find(|n| filter_bed::address(*n) == attempt.endpoint).expect("an endpoint");
        arrived[at] += 1;
    }
    arrived
}
