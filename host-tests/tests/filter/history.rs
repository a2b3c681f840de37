//! `GET history`: what a dashboard sees that is opened after the incident began.

use super::{MS, TICK, admin, load, setup};
use crate::filter_bed::{PICKER, address, assert_sound, configuration, events, setup_of, snapshot, variant};
use plimsoll_host_tests::host::proxy::{Behaviour, FailurePolicy, Proxy, Request};
use plimsoll_host_tests::host::{Headers, Plugin};
use plimsoll_snapshot::history::view::{EndpointHistory, History, PoolHistory, Values};
use plimsoll_snapshot::{CircuitState, FailureKind, Status};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn history(proxy: &mut Proxy, query: &str) -> History {
    history_of(proxy, 0, query)
}

/// As one worker tells it.
fn history_of(proxy: &mut Proxy, worker: usize, query: &str) -> History {
    let path = format!("/plimsoll/v1/history{query}");
    let (status, _, body) = proxy.admin(worker, Headers::get_request(&path)).expect("the filter answers");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("as documented")
}

/// Pool `demo` with its endpoints, at a resolution.
fn demo(proxy: &mut Proxy, resolution: &str) -> (History, PoolHistory) {
    let history = history(proxy, &format!("?pool=demo&endpoints=true&resolution={resolution}"));
    let pool = history.pools[0].clone();
    (history, pool)
}

/// When each point begins, Unix milliseconds.
fn times(history: &History) -> Vec<u64> {
    history.pools[0].at.iter().map(|at| history.from_ms + at * history.resolution_ms).collect()
}

fn sum(values: &Values<u64>) -> u64 {
    values.iter().flatten().sum()
}

fn now_ms(proxy: &Proxy) -> u64 {
    proxy.world().now_ns() / 1_000_000
}

/// Lets time pass until the tick before the end of a second.
fn to_the_end_of_a_second(proxy: &mut Proxy) {
    let within = proxy.world().now_ns() % 1_000_000_000;
    proxy.run_for(Duration::from_nanos(1_000_000_000 - within));
}

/// The value that a column of changes has at a point.
fn at_point<T: Copy>(changes: &[(usize, Option<T>)], point: usize) -> Option<T> {
    changes.iter().rev().find(|(at, _)| *at <= point).and_then(|(_, value)| *value)
}

#[test]
fn the_beginning_of_a_fault_is_in_it_with_the_right_second_and_numbers() {
    let pool = json!({"strategy": "round_robin", "circuit": {"open_for": "300s"}});
    let mut proxy = setup(4, &pool).workers(2).start().expect("starts");
    load(&mut proxy, 2, 1_000, 10 * MS);
    to_the_end_of_a_second(&mut proxy);
    // Within a second, so that it is told apart from the next.
    proxy.run_for(300 * MS);
    let fault = now_ms(&proxy) / 1_000 * 1_000;
    proxy.set_behaviour(&address(2), Behaviour::status(503, 1));
    load(&mut proxy, 2, 2_000, 10 * MS);
    proxy.run_until_idle();
    proxy.run_for(SECOND * 2);

    let (whole, pool) = demo(&mut proxy, "1s");
    let times = times(&whole);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "no second is missing: {times:?}");
    let begun = times.iter().position(|time| *time == fault).expect("the fault's second has a point");
    let shown: Vec<&EndpointHistory> = pool.endpoints.iter().collect();
    assert_eq!(shown.iter().map(|endpoint| endpoint.id.as_str()).collect::<Vec<_>>(), ["e0", "e1", "e2", "e3"]);
    let failing = shown[2];
    let (before, after) = failing.failures.split_at(begun);
    assert_eq!(sum(&before.to_vec()), 0);
    // Five in a row open the circuit, other workers' attempts under way meanwhile.
    assert!(after[0].is_some_and(|failures| (5..=20).contains(&failures)), "{:?}", failing.failures);
    assert_eq!(sum(&failing.failures), sum(&pool.failures));
    assert_eq!(at_point(&failing.circuit, begun - 1), Some(CircuitState::Closed));
    assert_eq!(at_point(&failing.status, begun - 1), Some(Status::Healthy));
    assert_eq!(at_point(&failing.circuit, begun), Some(CircuitState::Open));
    assert_eq!(at_point(&failing.status, begun), Some(Status::Unhealthy));
    let opened = events(&mut proxy)[0].transition.at_ms;
    assert!((fault..fault + 1_000).contains(&opened), "the log and the history agree");
    assert_eq!((pool.ejected[begun - 1], pool.ejected[begun]), (Some(0), Some(1)));
    assert_eq!((pool.eligible[begun - 1], pool.eligible[begun]), (Some(4), Some(3)));

    // One hundred requests a second, less what came before the first point.
    let total = snapshot(&mut proxy).pools[0].clone();
    let unknown = pool.requests.iter().position(Option::is_some).expect("counts");
    assert!(unknown <= 1 && pool.span_ms[unknown].is_some_and(|span| span >= 900), "{:?}", pool.span_ms);
    assert!(total.requests - sum(&pool.requests) <= 100, "{} of {}", sum(&pool.requests), total.requests);
    assert_eq!(pool.picks[begun - 2], Some(100));
    assert!(shown[0].p99_ms[begun].is_some_and(|p99| (0.5..50.0).contains(&p99)), "{:?}", shown[0].p99_ms);
    assert_sound(&mut proxy, 2);
}

/// Which worker leads depends on who came first: each is trapped once.
#[test]
fn when_the_leader_dies_nothing_is_lost_or_doubled() {
    for policy in [FailurePolicy::Reload, FailurePolicy::OpenInFlight] {
        (0..2).for_each(|dies| a_worker_dies(dies, policy));
    }
}

fn a_worker_dies(dies: usize, policy: FailurePolicy) {
    let guest = variant("trap");
    let pool = json!({"strategy": "round_robin"});
    let mut proxy = setup_of(&guest, 4, &pool).workers(2).failure_policy(policy).start().expect("starts");
    load(&mut proxy, 2, 300, 10 * MS);
    to_the_end_of_a_second(&mut proxy);
    proxy.run_for(TICK * 3);
    let query = "?pool=demo&endpoints=true";
    let before = history(&mut proxy, query);
    proxy.fetch(Request::get("/").on_worker(dies).header("x-plimsoll-test-trap", "now"));
    assert_eq!(proxy.traps().len(), 1);
    // The one that lives goes on; the other one comes back with its next request, or never.
    let lives = 1 - dies;
    for n in 0..1_000 {
        let worker = if policy == FailurePolicy::Reload && n >= 300 { n as usize % 2 } else { lives };
        proxy.submit_after(10 * MS * n, Request::get("/").on_worker(worker));
    }
    proxy.run_until_idle();
    proxy.run_for(SECOND * 2);

    let after = history_of(&mut proxy, lives, query);
    let (known, pool) = (&before.pools[0], &after.pools[0]);
    let case = format!("{dies} {policy:?}: {:?}, {:?}", pool.requests, pool.span_ms);
    assert_eq!(sum(&pool.requests) - sum(&known.requests), 1_000, "{case}");
    assert!((200..=300).contains(&sum(&known.requests)), "all but the first second: {case}");
    // Where nobody led, points are missing; the next one says how long it had to wait.
    let spans: u64 = sum(&pool.span_ms);
    let begins = times(&after);
    let elapsed = begins[begins.len() - 1] - begins[0];
    assert!(spans.abs_diff(elapsed) <= 100, "{elapsed} ms: {case}");
    let rates = pool.requests.iter().zip(&pool.span_ms).filter_map(|(requests, span)| requests.zip(*span));
    assert!(rates.clone().all(|(requests, span)| requests * 10 <= span + 100), "never more than 100 a second: {case}");
    for endpoint in &pool.endpoints {
        assert!(sum(&endpoint.requests).abs_diff(sum(&pool.requests) / 4) <= 10, "{case}");
    }
}

#[test]
fn half_a_minute_sums_its_seconds_and_shows_the_worst_of_them() {
    let pool = json!({"strategy": "round_robin", "circuit": {"open_for": "2s", "backoff": 1}});
    let mut proxy = setup(2, &pool).start().expect("starts");
    load(&mut proxy, 1, 4_000, 10 * MS);
    proxy.set_behaviour(&address(1), Behaviour::status(503, 1));
    load(&mut proxy, 1, 100, 10 * MS);
    proxy.set_behaviour(&address(1), Behaviour::ok(1));
    load(&mut proxy, 1, 6_000, 10 * MS);
    let (seconds, fine) = demo(&mut proxy, "1s");
    let (halves, coarse) = demo(&mut proxy, "30s");
    assert_eq!((seconds.resolution_ms, halves.resolution_ms), (1_000, 30_000));
    let fine_times = times(&seconds);
    assert!(coarse.at.len() >= 3, "{coarse:?}");
    for (point, begin) in times(&halves).into_iter().enumerate() {
        assert_eq!(begin % 30_000, 0);
        let within: Vec<usize> =
            (0..fine_times.len()).filter(|n| (begin..begin + 30_000).contains(&fine_times[*n])).collect();
        let of = |values: &Values<u64>| within.iter().filter_map(|n| values[*n]).sum::<u64>();
        // The first second has no counts.
        assert_eq!(coarse.requests[point].unwrap_or(0), of(&fine.requests));
        assert_eq!(coarse.span_ms[point].unwrap_or(0), of(&fine.span_ms));
        assert_eq!(coarse.endpoints[1].failures[point].unwrap_or(0), of(&fine.endpoints[1].failures));
        assert_eq!(coarse.ejected[point], within.iter().filter_map(|n| fine.ejected[*n]).max());
        assert_eq!(coarse.eligible[point], within.iter().filter_map(|n| fine.eligible[*n]).min());
    }
    let worst = coarse.endpoints[1].circuit.iter().any(|(_, state)| *state == Some(CircuitState::Open));
    assert!(worst, "a circuit that was open for two seconds is seen: {:?}", coarse.endpoints[1].circuit);
}

#[test]
fn the_rings_are_bounded_in_time_and_keys() {
    let mut config = configuration(2, &json!({}));
    config["tick"] = json!("1s");
    let mut proxy = setup(2, &json!({})).start().expect("starts");
    proxy.update(&Plugin::new(PICKER, config.to_string())).expect("accepted");
    load(&mut proxy, 1, 100, 10 * MS);
    proxy.run_for(Duration::from_secs(6 * 3600 + 1200));
    let (now, fine) = (now_ms(&proxy), demo(&mut proxy, "1s"));
    assert!((600..=630).contains(&fine.1.at.len()), "{}", fine.1.at.len());
    assert!(times(&fine.0).iter().all(|time| now - time <= 631_000));
    assert_eq!(fine.1.requests.last(), Some(&Some(0)), "nothing came, and that is known");
    let coarse = demo(&mut proxy, "30s");
    assert!((720..=750).contains(&coarse.1.at.len()), "{}", coarse.1.at.len());
    let store = proxy.world().store();
    let is_there = |key: &str| store.get("plimsoll", format!("plimsoll/1/history/demo/{key}").as_bytes()).is_some();
    for (resolution, chunks) in [("1s", 21), ("30s", 25)] {
        let slots: Vec<u64> = (0..40).filter(|slot| is_there(&format!("{resolution}/{slot}"))).collect();
        assert_eq!(slots, (0..chunks).collect::<Vec<_>>());
    }
}

/// Endpoints that have left stay readable; who changes places keeps its own numbers; and nothing is counted twice.
#[test]
fn an_update_takes_nothing_from_the_past() {
    let pool = |listed: &[usize]| {
        let endpoints: Value = listed.iter().map(|n| json!({"address": address(*n), "id": format!("e{n}")})).collect();
        json!({"strategy": "round_robin", "ramp": "0s", "endpoints": endpoints})
    };
    let mut proxy = setup(4, &pool(&[0, 1, 2])).workers(2).start().expect("starts");
    load(&mut proxy, 2, 600, 10 * MS);
    proxy.run_until_idle();
    let update = configuration(4, &pool(&[3, 2, 0]));
    proxy.update(&Plugin::new(PICKER, update.to_string())).expect("accepted");
    load(&mut proxy, 2, 600, 10 * MS);
    proxy.run_until_idle();
    proxy.run_for(SECOND * 2);
    let (_, shown) = demo(&mut proxy, "1s");
    let arrived = super::arrived(&proxy, 4);
    let unknown = 1_200 - sum(&shown.requests);
    assert!(unknown <= 100, "{:?}", shown.requests);
    for endpoint in &shown.endpoints {
        let n: usize = endpoint.id[1..].parse().expect("a number");
        let counted = sum(&endpoint.requests);
        // The first second is unknown, and the last one of who left.
        assert!(counted <= arrived[n] && counted + 70 >= arrived[n], "{}: {counted} of {arrived:?}", endpoint.id);
        assert_eq!(endpoint.requests.len(), shown.at.len());
    }
    let left = shown.endpoints.iter().find(|endpoint| endpoint.id == "e1").expect("e1 is still told of");
    assert_eq!((left.requests.last(), left.circuit.last().map(|(_, state)| *state)), (Some(&None), Some(None)));
    let came = shown.endpoints.iter().find(|endpoint| endpoint.id == "e3").expect("e3 is there");
    assert_eq!((came.requests[0], came.circuit[0].1), (None, None));
    assert!(shown.requests.iter().flatten().all(|requests| *requests <= 110), "{:?}", shown.requests);
}

#[test]
fn readers_ask_for_what_they_need() {
    let other = configuration(1, &json!({"name": "other", "cluster": "other"}));
    let second = Plugin::new("second-picker", other.to_string());
    let mut proxy = setup(2, &json!({})).downstream(second).start().expect("starts");
    load(&mut proxy, 1, 1_000, 10 * MS);
    let all = history(&mut proxy, "");
    let names: Vec<&str> = all.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!((names, all.resolution_ms, all.version), (vec!["demo", "other"], 1_000, 1));
    assert!(all.pools.iter().all(|pool| pool.endpoints.is_empty() && pool.at.len() >= 8), "{all:?}");
    assert_eq!(history(&mut proxy, "?pool=other&resolution=1s&endpoints=true").pools[0].endpoints.len(), 1);
    // Polling: what comes after the last point that the reader has.
    let times = times(&all);
    let last = times[times.len() - 4];
    let rest = history(&mut proxy, &format!("?pool=demo&since={last}"));
    assert_eq!(self::times(&rest), times[times.len() - 3..]);
    assert_eq!(rest.pools[0].picks, all.pools[0].picks[times.len() - 3..]);
    let future = history(&mut proxy, "?since=99999999999999");
    assert!(future.pools.iter().all(|pool| pool.at.is_empty()), "{future:?}");
}

#[test]
fn wrong_values_are_refused_by_name() {
    let other = configuration(1, &json!({"name": "other", "cluster": "other"}));
    let second = Plugin::new("second-picker", other.to_string());
    let mut proxy = setup(1, &json!({})).downstream(second).start().expect("starts");
    let cases = [
        ("resolution=5s", ["resolution", "\"5s\"", "1s and 30s"]),
        ("endpoints=yes", ["endpoints", "\"yes\"", "true and false"]),
        ("endpoints=true", ["endpoints", "\"true\"", "one pool"]),
        ("since=today", ["since", "\"today\"", "whole numbers from 0"]),
        ("pool=nobody", ["pool", "\"nobody\"", "demo, other"]),
    ];
    for (query, parts) in cases {
        let (status, body) = admin(&mut proxy, "GET", &format!("/plimsoll/v1/history?{query}"));
        let error = body["error"].as_str().expect("a text");
        assert_eq!(status, 400, "{query}");
        assert!(parts.iter().all(|part| error.contains(part)), "{query}: {error}");
    }
}

#[test]
fn failures_are_told_by_kind() {
    let pool = json!({"strategy": "round_robin", "circuit": {"consecutive_failures": 0, "outliers": false}});
    let mut proxy = setup(3, &pool).workers(2).start().expect("starts");
    load(&mut proxy, 2, 200, 10 * MS);
    assert_eq!(history(&mut proxy, "").pools[0].failures_by.0, [], "none occurred");
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    proxy.set_behaviour(&address(1), Behaviour::Refuse);
    load(&mut proxy, 2, 7_000, 10 * MS);
    proxy.run_until_idle();
    proxy.run_for(SECOND * 2);
    for resolution in ["1s", "30s"] {
        let (_, pool) = demo(&mut proxy, resolution);
        let [(first, status), (second, connect)] = &pool.failures_by.0[..] else { panic!("{:?}", pool.failures_by) };
        assert_eq!((*first, *second), (FailureKind::Status, FailureKind::Connect));
        assert!(sum(status) > 100 && sum(connect) > 100, "{status:?} {connect:?}");
        for ((all, status), connect) in pool.failures.iter().zip(status).zip(connect) {
            assert_eq!(*all, status.zip(*connect).map(|(status, connect)| status + connect), "{resolution}");
        }
    }
}
