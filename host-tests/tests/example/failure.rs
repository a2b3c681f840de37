//! When a worker's VM traps: what clients get under each policy, and who delivers the audit then.

use plimsoll_host_tests::host::CallbackKind;
use plimsoll_host_tests::host::proxy::{FailurePolicy, Proxy, Request, Source};

use crate::support::*;

/// Traps a worker's VM: the SDK panics for contexts that it does not know.
fn trap(proxy: &mut Proxy, worker: usize) {
    let error = proxy.worker(worker).raw(CallbackKind::RequestHeaders, &[9_999, 0, 1]).expect_err("it traps");
    assert!(error.to_string().contains("trapped"), "{error}");
}

#[test]
fn a_guard_that_is_dead_lets_nobody_pass_unless_it_was_told_to() {
    for (policy, status, source) in [
        (FailurePolicy::Unset, 503, Source::Filter),
        (FailurePolicy::Open, 200, Source::Upstream),
        (FailurePolicy::OpenInFlight, 200, Source::Upstream),
    ] {
        let (mut proxy, _) = start(setup().workers(2).failure_policy(policy));
        trap(&mut proxy, 0);
        let outcome = proxy.fetch(Request::get("/").on_worker(0));
        assert_eq!((outcome.status, outcome.source), (Some(status), source), "{policy:?}: {outcome}");
        assert!(proxy.fetch(Request::get("/").on_worker(1)).is_ok(), "{policy:?}: the other worker");
    }
}

#[test]
fn a_request_that_waits_for_permission_is_lost_with_its_vm() {
    let (mut proxy, _) = start(setup());
    let id = proxy.submit(Request::get("/").body("x").chunk_gap(ms(50)).body("y"));
    proxy.run_for(ms(5));
    trap(&mut proxy, 0);
    proxy.run_for(ms(16_000));
    let outcome = proxy.outcome(id);
    assert!(outcome.as_ref().is_none_or(|outcome| !outcome.is_ok()), "{outcome:?}");
}

#[test]
fn when_the_queues_owner_dies_another_worker_delivers() {
    let (mut proxy, delivered) = start(setup().workers(2));
    trap(&mut proxy, 1);
    for n in 0..5 {
        assert!(proxy.fetch(request(&format!("/{n}"), "ann").on_worker(0)).is_ok());
    }
    proxy.run_for(ms(3_000));
    assert_eq!(delivered.records().len(), 5);
}

#[test]
fn a_reloaded_vm_takes_the_queue_over_again() {
    let (mut proxy, delivered) = start(setup().workers(2).failure_policy(FailurePolicy::Reload));
    proxy.run_for(ms(2_000));
    trap(&mut proxy, 0);
    assert!(proxy.fetch(request("/again", "ann").on_worker(0)).is_ok(), "a fresh VM serves it");
    proxy.reset_costs();
    assert!(proxy.fetch(request("/other", "ann").on_worker(1)).is_ok());
    let told = proxy.worker(0).costs().callback(CallbackKind::QueueReady).calls;
    assert_eq!(told, 1, "the fresh VM registered last");
    proxy.run_for(ms(2_000));
    assert_eq!(delivered.records().len(), 2);
}
