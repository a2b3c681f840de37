//! A trap in the filter's VM, by a build of the filter that traps on request, under each failure policy.
//!
//! With one worker there is one VM that carries traffic. It takes picker, observer and admin with it; with two, the other
//! worker goes on as before.

use super::{HEADER, MS, TICK, arrived, load};
use crate::filter_bed::{address, events, setup_of, snapshot, variant};
use plimsoll_host_tests::host::proxy::{Behaviour, FailurePolicy, Outcome, Proxy, Request};
use plimsoll_host_tests::host::{Guest, Headers};
use plimsoll_snapshot::CircuitState;
use serde_json::json;
use std::sync::OnceLock;
use std::time::Duration;

fn trapping(workers: usize, policy: FailurePolicy) -> Proxy {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    let guest = GUEST.get_or_init(|| variant("trap"));
    let setup = setup_of(guest, 4, &json!({"strategy": "round_robin"})).workers(workers).failure_policy(policy);
    setup.start().expect("starts")
}

/// Traps a worker after a second, when the proxy would load its VM again.
fn trap(proxy: &mut Proxy, worker: usize) -> Outcome {
    proxy.run_for(Duration::from_secs(2));
    let outcome = proxy.fetch(Request::get("/").on_worker(worker).header("x-plimsoll-test-trap", "now"));
    assert_eq!(proxy.traps().len(), 1, "{:?}", proxy.traps());
    outcome
}

fn is_steered(outcome: &Outcome) -> bool {
    outcome.attempts.iter().all(|attempt| attempt.steered)
}

/// What becomes of the request that traps, of one under way, and of the next: does it succeed, is it steered?
fn fates(policy: FailurePolicy) -> [(bool, bool); 3] {
    let mut proxy = trapping(1, policy);
    (0..4).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(300)));
    let under_way = proxy.submit_after(Duration::from_millis(1_900), Request::get("/"));
    let trapped = trap(&mut proxy, 0);
    proxy.run_until_idle();
    let under_way = proxy.outcome(under_way).expect("ended");
    let next = proxy.fetch(Request::get("/"));
    [trapped, under_way, next].map(|outcome| (outcome.is_ok(), is_steered(&outcome)))
}

#[test]
fn each_policy_decides_what_a_trap_costs() {
    // Where a filter fails, no attempt is made or it is broken off.
    assert_eq!(fates(FailurePolicy::Unset).map(|(ok, _)| ok), [false, false, false]);
    assert_eq!(fates(FailurePolicy::Reload), [(false, true), (false, true), (true, true)], "steered again");
    assert_eq!(fates(FailurePolicy::Open), [(false, true), (false, true), (true, false)], "served, steered by nobody");
    assert_eq!(fates(FailurePolicy::OpenInFlight), [(true, false), (true, true), (true, false)]);
}

/// 800 requests that all ask for endpoint 0 by themselves. By chance it gets 200 of them, with a standard deviation of
/// 12; five of those are 60.
#[test]
fn a_clients_own_header_steers_nothing_while_the_filter_is_failed_open() {
    let mut proxy = trapping(1, FailurePolicy::OpenInFlight);
    trap(&mut proxy, 0);
    proxy.take_outcomes();
    for n in 0..800 {
        proxy.submit_after(MS * n, Request::get("/").header(HEADER, address(0)));
    }
    proxy.run_until_idle();
    let arrived = arrived(&proxy, 4);
    assert!(arrived.iter().all(|count| (140..=260).contains(count)), "{arrived:?}");
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok() && !is_steered(&outcome)));
}

#[test]
fn the_admin_api_of_a_trapped_worker_is_gone_not_wrong() {
    let mut proxy = trapping(1, FailurePolicy::OpenInFlight);
    trap(&mut proxy, 0);
    for path in ["snapshot", "healthz"] {
        // The listener's own routes answer then.
        assert!(proxy.admin(0, Headers::get_request(&format!("/plimsoll/v1/{path}"))).is_none(), "{path}");
    }
}

#[test]
fn the_other_worker_goes_on_and_shows_the_trapped_one_as_stale() {
    let mut proxy = trapping(2, FailurePolicy::OpenInFlight);
    load(&mut proxy, 2, 400, 5 * MS);
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    assert_eq!((snapshot(&mut proxy).workers.len(), snapshot(&mut proxy).pools[0].requests), (2, 400));
    trap(&mut proxy, 1);
    proxy.run_for(TICK * 11);
    let shown = snapshot(&mut proxy);
    let stale: Vec<bool> = shown.workers.iter().map(|worker| worker.stale).collect();
    assert!(stale == [true, false] || stale == [false, true], "{stale:?}");
    assert_eq!(shown.pools[0].requests, 400, "what the trapped worker published is still there");

    // The survivor's circuits work as before, and it counts its own traffic.
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    for n in 0..400 {
        proxy.submit_after(5 * MS * n, Request::get("/").on_worker(0));
    }
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    let shown = snapshot(&mut proxy);
    assert_eq!(shown.pools[0].endpoints[0].circuit.state, CircuitState::Open, "{:?}", events(&mut proxy));
    assert_eq!(shown.pools[0].picks, 800);
}

/// A VM that is loaded again while others carry traffic does not send to what they have taken out, not even before its
/// first tick.
#[test]
fn a_reloaded_worker_knows_what_is_open_from_its_first_request_on() {
    let mut proxy = trapping(2, FailurePolicy::Reload);
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    load(&mut proxy, 2, 200, 5 * MS);
    proxy.run_for(TICK);
    assert_eq!(snapshot(&mut proxy).pools[0].endpoints[0].circuit.state, CircuitState::Open);
    trap(&mut proxy, 1);
    proxy.take_outcomes();
    // All within the moment before the fresh VM ticks.
    let sent: Vec<_> = (0..12).map(|_| proxy.submit(Request::get("/").on_worker(1))).collect();
    proxy.run_for(5 * MS);
    for id in sent {
        let outcome = proxy.outcome(id).expect("answered");
        assert!(outcome.is_ok() && is_steered(&outcome), "{outcome}");
        assert!(!outcome.endpoints().contains(&address(0).as_str()), "{outcome}");
    }
}
