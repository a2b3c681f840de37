//! The golden trace: everything that crosses the boundary between host and filter for one script of requests, as text.
//! The same twice, in debug and release, and the same as the file in `snapshots/`, so that a change of what the filter
//! asks of its host is seen in a diff. What writes it anew:
//! `INSTA_UPDATE=always cargo test --workspace --exclude xtask --test filter_golden`.
//!
//! Fuel is not in it: it changes with the compiler that built the filter. Here it has to be the same twice and within
//! bounds; host calls are exact.

mod filter_bed;

use std::time::Duration;

use filter_bed::{OBSERVER, PICKER, TICK, address, setup};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{CallbackKind, Costs, HostCall};
use serde_json::json;

const MS: Duration = Duration::from_millis(1);

/// One worker, three endpoints, one request of each kind, then the tick that publishes them.
fn script() -> Proxy {
    let pool = json!({"strategy": "round_robin", "circuit": {"consecutive_failures": 1, "outliers": false, "relative": false}});
    let mut proxy = setup(3, &pool).seed(7).trace().start().expect("starts");
    let plain = || Request::get("/");
    proxy.fetch(plain());
    proxy.set_behaviour(&address(0), Behaviour::status(503, 2));
    proxy.set_behaviour(&address(1), Behaviour::Refuse);
    proxy.fetch(plain().header("x-plimsoll-endpoint", "10.0.0.1:1"));
    proxy.set_behaviour(&address(2), Behaviour::Hang);
    proxy.fetch(plain().aborting_after(3 * MS));
    proxy.set_behaviour(&address(2), Behaviour::Stream { status: 200, latency: MS, body_time: MS });
    proxy.run_for(TICK);
    for _ in 0..2 {
        proxy.fetch(plain());
    }
    proxy.run_for(TICK);
    let (status, _) = filter_bed::admin(&mut proxy, "GET", "/plimsoll/v1/healthz");
    assert_eq!(status, 200);
    filter_bed::assert_sound(&mut proxy, 1);
    proxy
}

#[test]
fn the_trace_is_the_same_in_every_run_and_build() {
    let (first, second) = (script(), script());
    let trace = first.world().trace().text();
    assert!(trace == second.world().trace().text(), "two runs of one script differ");
    assert_eq!(first.costs(), second.costs(), "two runs of one script cost the same, fuel included");
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("filter_trace", trace);
    });
}

/// Host calls by name.
fn calls(costs: &Costs, plugin: &str) -> Vec<(HostCall, u64)> {
    costs.streams(plugin).host_calls.iter().collect()
}

#[test]
fn costs_are_exact_in_host_calls_and_bounded_in_fuel() {
    let mut proxy = setup(8, &json!({})).seed(7).start().expect("starts");
    filter_bed::load(&mut proxy, 1, 400, 2 * MS);
    proxy.run_for(Duration::from_secs(1));
    proxy.reset_costs();
    filter_bed::load(&mut proxy, 1, 100, 2 * MS);
    proxy.run_until_idle();
    let costs = proxy.costs();
    assert_eq!(calls(&costs, PICKER), [(HostCall::GetCurrentTime, 100), (HostCall::ReplaceHeader, 100)]);
    let observer = [(HostCall::GetCurrentTime, 200), (HostCall::GetProperty, 100), (HostCall::GetHeader, 100)];
    assert_eq!(calls(&costs, OBSERVER), observer);
    // Per call, as measured on 21 November 2026. Another compiler may need half of it or twice as much.
    let measured = [
        (CallbackKind::ContextCreate, 59),
        (CallbackKind::RequestHeaders, 2_490),
        (CallbackKind::ResponseHeaders, 905),
        (CallbackKind::Done, 492),
    ];
    for (kind, measured) in measured {
        let cost = costs.callback(kind);
        assert_eq!(cost.calls, 200, "{kind:?}: once in the picker and once in the observer per request");
        let each = cost.fuel / cost.calls;
        assert!((measured / 2..=measured * 2).contains(&each), "{kind:?} took {each} fuel, measured were {measured}");
    }
}
