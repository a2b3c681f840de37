//! What the filter costs per request once it runs: host calls, memory, and that fuel is the same in every run.

mod filter_bed;

use std::time::Duration;

use filter_bed::{ADMIN, OBSERVER, PICKER, assert_sound, load, proxy, setup};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{CallCounts, HostCall};
use serde_json::{Value, json};

/// Calls that no request may make in steady state.
const FORBIDDEN: [HostCall; 9] = [
    HostCall::GetSharedData,
    HostCall::SetSharedData,
    HostCall::Enqueue,
    HostCall::Dequeue,
    HostCall::DefineMetric,
    HostCall::IncrementMetric,
    HostCall::RecordMetric,
    HostCall::GetMetric,
    HostCall::Log,
];

/// A proxy that has served long enough to know its endpoints, with costs counted from here.
fn warm(extra: &Value) -> Proxy {
    let mut proxy = proxy(8, extra);
    load(&mut proxy, 1, 400, Duration::from_millis(2));
    proxy.run_for(Duration::from_secs(1));
    proxy.take_outcomes();
    proxy.reset_costs();
    proxy
}

fn assert_none_forbidden(of: &str, counts: &CallCounts) {
    for call in FORBIDDEN {
        assert_eq!(counts.get(call), 0, "{of} made {} per request: {counts:?}", call.name());
    }
}

fn assert_at_most(extra: &Value, picker: u64, observer: u64) {
    let mut proxy = warm(extra);
    load(&mut proxy, 1, 500, Duration::from_millis(2));
    proxy.run_until_idle();
    let costs = proxy.costs();
    for (root_id, most) in [(PICKER, picker), (OBSERVER, observer)] {
        let streams = costs.streams(root_id);
        if most > 0 {
            assert_eq!(streams.streams, 500, "{root_id}");
        }
        assert!(
            streams.max_host_calls <= most,
            "{root_id}: {} host calls, {:?}",
            streams.max_host_calls,
            streams.host_calls
        );
        assert_none_forbidden(root_id, &streams.host_calls);
    }
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok()));
    assert_sound(&mut proxy, 1);
}

#[test]
fn a_request_costs_two_host_calls_in_the_picker_and_four_in_the_observer() {
    for strategy in ["round_robin", "random", "least_request", "peak_ewma", "least_response_time", "hcl"] {
        assert_at_most(&json!({"strategy": strategy}), 2, 4);
    }
    // What is known to the filter costs nothing.
    assert_at_most(&json!({"prefer_zone": "a"}), 2, 4);
}

/// One for each source that is tried; a session costs one more with the answer.
#[test]
fn what_a_request_says_costs_one_host_call_each() {
    let keyed = |sources: Value| json!({"strategy": "maglev", "hash_key": sources});
    let subset = json!([{"metadata": "a", "header": "x-a"}]);
    let mut endpoints = filter_bed::configuration(8, &json!({}))["pools"][0]["endpoints"].clone();
    endpoints[0]["metadata"] = json!({"a": "b"});
    let sticky = json!({"cookie": "lb", "secret": "0123456789abcdef"});
    assert_at_most(&keyed(json!([{"path": true}, {"header": "x-user"}])), 3, 4);
    assert_at_most(&keyed(json!([{"cookie": "user"}, {"query": "user"}, {"source_address": true}])), 5, 4);
    assert_at_most(&json!({"subset": subset, "endpoints": endpoints}), 3, 4);
    // Clock, cookie, list; address, status and the cookie for clients that have none, as here.
    assert_at_most(&json!({ "sticky": sticky }), 6, 4);
}

#[test]
fn telling_truncated_bodies_apart_costs_one_host_call_more() {
    assert_at_most(&json!({"detect_truncated": true}), 2, 5);
}

#[test]
fn observing_requests_costs_no_shared_data_metric_or_log_either() {
    let mut proxy = warm(&json!({"observe": "request"}));
    load(&mut proxy, 1, 500, Duration::from_millis(2));
    proxy.run_until_idle();
    let streams = proxy.costs().streams(PICKER);
    assert_eq!(streams.streams, 500);
    assert_none_forbidden(PICKER, &streams.host_calls);
}

#[test]
fn failures_cost_no_shared_data_metric_or_log_per_request() {
    let mut proxy = warm(&json!({}));
    let failing = filter_bed::address(3);
    proxy.set_script(&failing, |_, rng| if rng.percent(50) { Behaviour::status(503, 2) } else { Behaviour::Refuse });
    load(&mut proxy, 1, 500, Duration::from_millis(2));
    proxy.run_until_idle();
    for root_id in [PICKER, OBSERVER] {
        assert_none_forbidden(root_id, &proxy.costs().streams(root_id).host_calls);
    }
}

#[test]
fn memory_does_not_grow_with_traffic() {
    let mut proxy = warm(&json!({}));
    load(&mut proxy, 1, 2_000, Duration::from_millis(1));
    let before = proxy.worker(0).memory_bytes();
    load(&mut proxy, 1, 10_000, Duration::from_millis(1));
    proxy.run_until_idle();
    assert_eq!(proxy.worker(0).memory_bytes(), before);
}

#[test]
fn the_same_seed_gives_the_same_trace_fuel_and_costs() {
    let run = || {
        let mut proxy = setup(4, &json!({})).workers(2).seed(11).trace().start().expect("starts");
        proxy.set_script(&filter_bed::address(1), |_, rng| {
            if rng.percent(20) {
                Behaviour::Reset { after: Duration::from_millis(3) }
            } else {
                Behaviour::ok(rng.below(20))
            }
        });
        for n in 0..300 {
            proxy.submit_after(Duration::from_millis(n * 4), Request::get("/"));
        }
        proxy.run_for(Duration::from_secs(3));
        filter_bed::snapshot(&mut proxy);
        (proxy.world().trace().text(), proxy.costs())
    };
    let ((trace, costs), (again, costs_again)) = (run(), run());
    assert!(trace == again, "two runs of one script and seed differ");
    assert_eq!(costs, costs_again);
    assert_eq!(costs.streams(ADMIN).streams, 1);
    println!("{costs}");
}
