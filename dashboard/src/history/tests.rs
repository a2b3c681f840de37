use plimsoll_snapshot::{Endpoint, Pool};

use super::*;

/// A snapshot of one pool "p" with endpoints as (id, requests, failures).
fn snapshot(at_ms: u64, endpoints: &[(&str, u64, u64)]) -> Snapshot {
    let endpoint = |&(id, requests, failures): &(&str, u64, u64)| Endpoint {
        id: id.into(),
        requests,
        failures,
        latency_ms: Some(LatencyMs { p50: 4.0, p90: 9.0, p99: requests as f64 }),
        ..Endpoint::default()
    };
    let pool = Pool {
        name: "p".into(),
        picks: endpoints.iter().map(|e| e.1).sum(),
        requests: endpoints.iter().map(|e| e.1).sum(),
        failures: endpoints.iter().map(|e| e.2).sum(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        ..Pool::default()
    };
    Snapshot { version: 1, at_ms, pools: vec![pool], ..Snapshot::default() }
}

fn history(snapshots: &[Snapshot]) -> History {
    let mut history = History::default();
    snapshots.iter().for_each(|snapshot| history.observe(snapshot));
    history
}

fn recent(history: &History, endpoint: &str) -> Option<Delta> {
    history.pool("p")?.endpoints.get(endpoint)?.recent()
}

#[test]
fn rate_and_failures_are_differences_over_the_proxys_time() {
    let history = history(&[snapshot(1000, &[("a", 100, 3)]), snapshot(3000, &[("a", 300, 13)])]);
    let delta = recent(&history, "a").expect("two samples");
    assert_eq!((delta.rate(), delta.failed()), (100.0, Some(0.05)));
}

#[test]
fn one_sample_says_nothing_about_rates() {
    assert_eq!(recent(&history(&[snapshot(1000, &[("a", 100, 3)])]), "a"), None);
}

#[test]
fn without_attempts_there_is_no_failure_share() {
    let history = history(&[snapshot(1000, &[("a", 5, 5)]), snapshot(2000, &[("a", 5, 5)])]);
    let delta = recent(&history, "a").expect("two samples");
    assert_eq!((delta.rate(), delta.failed()), (0.0, None));
}

#[test]
fn a_restart_makes_no_spike_and_counting_goes_on_behind_it() {
    let mut steps = vec![snapshot(1000, &[("a", 9000, 0)]), snapshot(2000, &[("a", 9100, 0)])];
    steps.push(snapshot(3000, &[("a", 40, 0)]));
    assert_eq!(recent(&history(&steps), "a").map(|d| (d.ms, d.requests)), Some((1000, 100)));
    steps.push(snapshot(4000, &[("a", 140, 0)]));
    assert_eq!(recent(&history(&steps), "a").map(|d| (d.ms, d.requests)), Some((2000, 200)));
}

#[test]
fn only_the_recent_past_counts() {
    let steps: Vec<_> =
        (0..60).map(|s| snapshot(s * 1000, &[("a", if s < 30 { s * 500 } else { 15_000 }, 0)])).collect();
    assert_eq!(recent(&history(&steps), "a").map(|d| d.rate()), Some(0.0));
}

#[test]
fn after_a_long_gap_the_last_step_still_counts() {
    let history = history(&[snapshot(0, &[("a", 0, 0)]), snapshot(60_000, &[("a", 600, 0)])]);
    assert_eq!(recent(&history, "a").map(|d| d.rate()), Some(10.0));
}

#[test]
fn shares_add_up_to_one_and_are_absent_without_traffic() {
    let history = history(&[
        snapshot(0, &[("a", 0, 0), ("b", 0, 0), ("c", 0, 0)]),
        snapshot(1000, &[("a", 30, 0), ("b", 10, 0), ("c", 0, 0)]),
    ]);
    let pool = history.pool("p").expect("the pool");
    let whole = pool.recent_rate();
    let shares: Vec<_> = ["a", "b", "c"].map(|id| pool.share(id, whole)).into();
    assert_eq!(shares, [Some(0.75), Some(0.25), Some(0.0)]);
    assert_eq!(pool.share("a", 0.0), None);
}

#[test]
fn the_same_snapshot_twice_counts_once() {
    let one = snapshot(1000, &[("a", 1, 0)]);
    let history = history(&[one.clone(), one]);
    assert_eq!(history.pool("p").map(|pool| pool.attempts.samples().count()), Some(1));
}

#[test]
fn an_older_clock_means_another_proxy_and_the_past_is_dropped() {
    let history = history(&[
        snapshot(5000, &[("a", 100, 0)]),
        snapshot(6000, &[("a", 200, 0)]),
        snapshot(1000, &[("a", 250, 0)]),
    ]);
    assert_eq!(recent(&history, "a"), None);
    assert_eq!(history.span_ms("p"), 0);
}

#[test]
fn memory_is_bounded_in_time_and_number() {
    let slow: Vec<_> = (0..1000).map(|s| snapshot(s * 1000, &[("a", s, 0)])).collect();
    assert_eq!(history(&slow).span_ms("p"), KEEP_MS);
    let fast: Vec<_> = (0..1000).map(|s| snapshot(s * 10, &[("a", s, 0)])).collect();
    let history = history(&fast);
    assert_eq!(history.pool("p").map(|pool| pool.attempts.samples().count()), Some(KEEP_SAMPLES));
}

#[test]
fn endpoints_and_pools_that_left_are_forgotten() {
    let mut history = history(&[snapshot(1000, &[("a", 1, 0), ("b", 1, 0)]), snapshot(2000, &[("b", 2, 0)])]);
    assert!(
        history.pool("p").is_some_and(|pool| pool.endpoints.get("a").is_none() && pool.endpoints.get("b").is_some())
    );
    history.observe(&Snapshot { at_ms: 3000, ..Snapshot::default() });
    assert!(history.pool("p").is_none());
}

#[test]
fn chart_lines_show_latency_and_traffic_and_break_where_nobody_looked() {
    let history = history(&[
        snapshot(1000, &[("a", 100, 0)]),
        snapshot(2000, &[("a", 150, 0)]),
        snapshot(60_000, &[("a", 208, 0)]),
    ]);
    let track = history.pool("p").and_then(|pool| pool.endpoints.get("a")).expect("its endpoint");
    let p99: Vec<_> = track.line(Metric::LatencyP99);
    assert_eq!(p99, [(1000, Some(100.0)), (2000, Some(150.0)), (60_000, None), (60_000, Some(208.0))]);
    assert_eq!(track.line(Metric::LatencyP50)[0].1, Some(4.0));
    let traffic: Vec<_> = track.line(Metric::Traffic).into_iter().map(|(_, rate)| rate).collect();
    assert_eq!(traffic, [None, Some(50.0), None, Some(1.0)]);
}
