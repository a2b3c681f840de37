use plimsoll_snapshot::{Circuit, LatencyMs, Snapshot};

use super::*;
use crate::history::History;

fn pool() -> Pool {
    Pool {
        name: "orders-eu".into(),
        cluster: "orders".into(),
        strip: "hhhhhhhhhh".into(),
        eligible: 10,
        panic_below: 5,
        max_ejected: 5,
        latency_ms: Some(LatencyMs { p50: 4.0, p90: 9.0, p99: 21.0 }),
        ..Pool::default()
    }
}

/// What fires after a second with these attempts, failures, requests steered and refused.
fn after(pool: &Pool, requests: u64, failures: u64, picks: u64, refused: u64) -> Vec<(&'static str, bool, String)> {
    let mut history = History::default();
    let later = Pool { requests, failures, picks, refused, ..pool.clone() };
    for (at_ms, pool) in [(1000, pool), (2000, &later)] {
        history.observe(&Snapshot { at_ms, pools: vec![pool.clone()], ..Snapshot::default() });
    }
    let alerts = firing(&later, history.pool(&later.name));
    alerts.into_iter().map(|alert| (alert.key, alert.critical, alert.value)).collect()
}

#[test]
fn a_pool_that_serves_has_no_alert() {
    assert_eq!(after(&pool(), 100, 5, 100, 0), []);
    assert_eq!(after(&pool(), 0, 0, 0, 0), [], "a pool without traffic");
}

#[test]
fn failures_and_refusals_make_it_unavailable() {
    let failing = after(&pool(), 100, 6, 100, 0);
    assert_eq!(
        failing,
        [
            ("availability", true, "94.0 %, should be at least 95 %".into()),
            ("failures", false, "6.00 %, should be at most 5 %".into())
        ]
    );
    let refusing = after(&pool(), 100, 0, 100, 20);
    assert_eq!(refusing, [("availability", true, "83.3 %, should be at least 95 %".into())]);
}

#[test]
fn a_slow_pool_is_told_of() {
    let slow = Pool { latency_ms: Some(LatencyMs { p50: 4.0, p90: 9.0, p99: 1200.0 }), ..pool() };
    assert_eq!(after(&slow, 9, 0, 9, 0), [("latency", false, "1\u{202f}200 ms, should be at most 1 s".into())]);
}

#[test]
fn a_pool_that_runs_out_of_endpoints_is_critical_and_comes_first() {
    let few = Pool { eligible: 4, panic: true, ejected: 5, ..pool() };
    let keys: Vec<_> = after(&few, 9, 0, 9, 0).into_iter().map(|(key, critical, _)| (key, critical)).collect();
    assert_eq!(keys, [("panic", true), ("eligible", true), ("ejected", false)]);
}

#[test]
fn an_open_circuit_of_the_pool_is_critical() {
    let circuit = Circuit { state: CircuitState::Open, ..Circuit::default() };
    let open = Pool { circuit: Some(circuit), ..pool() };
    assert_eq!(after(&open, 9, 0, 9, 0), [("circuit", true, "open".into())]);
}

#[test]
fn queries_name_the_metrics_as_prometheus_does() {
    let few = Pool { eligible: 4, panic: true, ejected: 5, ..pool() };
    let queries: Vec<_> = firing(&few, None).into_iter().map(|alert| alert.query).collect();
    assert_eq!(
        queries,
        [
            "plimsoll_pool_orders_eu_eligible < 5",
            "plimsoll_pool_orders_eu_eligible / plimsoll_pool_orders_eu_endpoints < 0.5",
            "sum({__name__=~\"plimsoll_pool_orders_eu_endpoint_.+_ejected\"}) >= 5",
        ]
    );
}

#[test]
fn an_alert_fills_its_form() {
    let alert = Alert { key: "failed", name: "Failed", critical: true, value: "9 %".into(), query: "up".into() };
    let line = alert.line("orders");
    assert_eq!(line.values.len(), crate::sheet::places(FORM));
    assert_eq!((line.key.as_str(), line.values[1].as_str()), ("failed orders", "critical"));
}
