use plimsoll_snapshot::{FailureKind, LatencyMs, Reason, Signal, Snapshot};

use super::*;
use crate::history::History;

fn endpoint(id: &str, requests: u64, failures: u64) -> Endpoint {
    Endpoint {
        id: id.into(),
        address: "10.0.0.1:80".into(),
        weight: 1,
        effective_weight: 1.0,
        requests,
        failures,
        ..Endpoint::default()
    }
}

/// Two snapshots one second apart; the second is what is shown.
fn shown(before: Vec<Endpoint>, after: Vec<Endpoint>) -> (History, Pool) {
    let pool = |endpoints: Vec<Endpoint>| Pool {
        name: "orders".into(),
        cluster: "orders".into(),
        strategy: "peak_ewma".into(),
        picks: endpoints.iter().map(|e| e.requests).sum(),
        requests: endpoints.iter().map(|e| e.requests).sum(),
        failures: endpoints.iter().map(|e| e.failures).sum(),
        endpoints,
        ..Pool::default()
    };
    let (before, after) = (pool(before), pool(after));
    let mut history = History::default();
    for (at_ms, pool) in [(1000, &before), (2000, &after)] {
        history.observe(&Snapshot { at_ms, pools: vec![pool.clone()], ..Snapshot::default() });
    }
    (history, after)
}

fn row(history: &History, pool: &Pool, index: usize) -> EndpointRow {
    let past = history.pool(&pool.name);
    let whole = past.map_or(0.0, |past| past.recent_rate());
    let weight = pool.endpoints.iter().map(|endpoint| endpoint.effective_weight).sum();
    EndpointRow::of(&pool.endpoints[index], past, whole, weight, 60_000)
}

#[test]
fn a_row_shows_what_happened_since_the_last_polls() {
    let mut after = endpoint("a", 130, 3);
    after.latency_ms = Some(LatencyMs { p50: 4.12, p90: 9.0, p99: 21.7 });
    after.in_flight = 2;
    let (history, pool) = shown(vec![endpoint("a", 100, 0), endpoint("b", 0, 0)], vec![after, endpoint("b", 10, 0)]);
    let row = row(&history, &pool, 0);
    let cells = [&row.share, &row.rate, &row.failure, &row.p50, &row.p99].map(ToString::to_string);
    assert_eq!(cells, ["75.0 %", "30 /s", "10.0 %", "4.1 ms", "22 ms"]);
    assert_eq!((row.in_flight.as_str(), row.failing, row.due_part), ("2", true, 0.5));
}

#[test]
fn an_endpoint_without_traffic_shows_dashes_not_zeros() {
    let (history, pool) = shown(vec![endpoint("a", 7, 0)], vec![endpoint("a", 7, 0)]);
    let row = row(&history, &pool, 0);
    let cells = [&row.share, &row.failure, &row.p50, &row.p90, &row.p99].map(ToString::to_string);
    assert_eq!(cells, ["–"; 5]);
    assert_eq!((row.score.as_str(), row.rate.to_string().as_str()), ("–", "0.0 /s"));
}

#[test]
fn a_circuit_that_is_not_closed_says_what_comes_next() {
    let next = |state, until_ms, permits_left| {
        circuit_next(&Circuit { state, until_ms, permits_left, ..Circuit::default() }, 60_000)
    };
    assert_eq!(next(CircuitState::Open, Some(66_001), None), "probes in 7 s");
    assert_eq!(next(CircuitState::Open, Some(59_000), None), "probes due");
    assert_eq!(next(CircuitState::HalfOpen, None, Some(2)), "2 probes left");
    assert_eq!(next(CircuitState::Closed, None, None), "");
}

#[test]
fn the_last_transition_says_when_and_why() {
    let mut opened = endpoint("a", 5, 5);
    opened.last_transition = Some(Transition {
        at_ms: 48_000,
        from: CircuitState::Closed,
        to: CircuitState::Open,
        reason: Reason {
            signal: Signal::ConsecutiveFailures,
            observed: 5.0,
            threshold: 5.0,
            samples: 5,
            share: None,
            pool: None,
            failure: Some(FailureKind::Connect),
            trace_ids: vec!["abc".into(), "def".into()],
        },
    });
    let (history, pool) = shown(vec![endpoint("a", 0, 0)], vec![opened]);
    let change = row(&history, &pool, 0).change.expect("a transition");
    assert_eq!(change.ago, "12 s ago");
    assert_eq!(change.why, "5 failures in a row (limit 5), last: no connection");
    assert_eq!(change.traces, "abc def");
}

#[test]
fn a_pool_that_is_all_ejected_has_no_due_shares() {
    let mut ejected = endpoint("a", 5, 5);
    ejected.effective_weight = 0.0;
    let (history, pool) = shown(vec![ejected.clone()], vec![ejected]);
    assert_eq!(row(&history, &pool, 0).due_part, 0.0);
}

#[test]
fn a_pools_head_tells_requests_from_attempts_and_refusals_only_when_there_are_any() {
    let (mut history, mut pool) = shown(vec![endpoint("a", 0, 0)], vec![endpoint("a", 40, 4)]);
    let head = PoolHead::of(&pool, history.pool("orders"));
    assert_eq!((head.rate.to_string().as_str(), head.failure.to_string().as_str()), ("40 /s", "10.0 %"));
    assert_eq!((head.refused, head.steering.as_str()), (None, "peak_ewma"));
    pool.refused = 6;
    pool.cluster = "orders-v2".into();
    history.observe(&Snapshot { at_ms: 3000, pools: vec![pool.clone()], ..Snapshot::default() });
    let head = PoolHead::of(&pool, history.pool("orders"));
    assert_eq!(head.refused.map(|rate| rate.to_string()), Some("3.0 /s".into()));
    assert_eq!(head.steering, "peak_ewma on cluster orders-v2");
}

#[test]
fn a_row_fills_its_form() {
    let (history, pool) = shown(vec![endpoint("a", 100, 0)], vec![endpoint("a", 130, 3)]);
    let line = row(&history, &pool, 0).line("a", 0, true, Theme { dark: false }, String::new());
    assert_eq!(line.values.len(), crate::sheet::places(FORM));
    let class = line.values.iter().position(|value| value == "num notable").expect("some attempts failed");
    assert_eq!(line.values[class + 1], "10.0 %");
}
