//! The audit: a queue over all workers, one that collects, batches on the tick, and what becomes of them when the
//! audit cluster does not take them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use plimsoll_host_tests::host::proxy::{CallAnswer, Outcome, Proxy, Request};
use plimsoll_host_tests::host::{CallbackKind, HostCall, Plugin, Profile};

use crate::support::*;

fn submit(proxy: &mut Proxy, workers: usize, count: usize) {
    for n in 0..count {
        proxy.submit_after(ms(n as u64), request(&format!("/{n}"), "ann").on_worker(n % workers));
    }
    proxy.run_until_idle();
}

fn paths(delivered: &Delivered) -> BTreeSet<String> {
    delivered.field("path").into_iter().collect()
}

#[test]
fn one_worker_delivers_the_records_of_all_in_one_batch() {
    let (mut proxy, delivered) = start(setup().workers(4));
    submit(&mut proxy, 4, 40);
    proxy.run_for(ms(2_000));
    assert_eq!((delivered.batches(), paths(&delivered).len()), (vec![40], 40));
    let senders: Vec<u64> = (0..4).map(|worker| calls_to_audit(&mut proxy, worker)).collect();
    assert_eq!(senders, [0, 0, 0, 1], "the worker that registered the queue last");
    assert_eq!(counter(&proxy, "audit_sent"), 40);
    assert_sound(&proxy);
}

/// HTTP calls of a worker besides those to the authority, which come one per stream.
fn calls_to_audit(proxy: &mut Proxy, worker: usize) -> u64 {
    let vm = proxy.worker(worker);
    let ticks = vm.costs().callback(CallbackKind::Tick);
    ticks.host_calls.get(HostCall::HttpCall)
}

#[test]
fn a_record_says_what_was_decided_and_what_was_found() {
    let (mut proxy, delivered) = start(setup());
    proxy.fetch(request("/login", "ann").body("\"password\":\"hunter2\""));
    proxy.run_for(ms(2_000));
    let record =
        serde_json::json!({"path": "/login", "user": "ann", "verdict": "allowed", "status": "200", "masked": 1});
    assert_eq!(delivered.records(), [record]);
}

#[test]
fn records_that_are_not_taken_are_sent_again_and_none_is_lost_or_doubled() {
    let cut = CallAnswer::cut(5);
    for failure in [CallAnswer::status(500, 5), CallAnswer::unreachable(5), CallAnswer::status(200, 1_500), cut] {
        let (mut proxy, delivered) = start(setup().workers(3));
        let (to, tries) = (delivered.clone(), Rc::new(Cell::new(0)));
        let counted = tries.clone();
        proxy.set_call_script("audit", move |call, _| {
            counted.set(counted.get() + 1);
            if counted.get() <= 2 {
                return failure.clone();
            }
            to.take(call);
            CallAnswer::status(200, 5)
        });
        submit(&mut proxy, 3, 30);
        proxy.run_for(ms(6_000));
        assert_eq!((tries.get(), delivered.records().len(), paths(&delivered).len()), (3, 30, 30));
        assert_eq!((counter(&proxy, "audit_sent"), counter(&proxy, "audit_dropped")), (30, 0));
    }
}

#[test]
fn a_dead_audit_cluster_costs_records_and_not_memory() {
    let (mut proxy, _) = start(setup());
    proxy.set_call_script("audit", |_, _| CallAnswer::unreachable(1));
    let burst = |proxy: &mut Proxy| {
        submit(proxy, 1, 1_200);
        proxy.run_for(ms(2_000));
        proxy.take_outcomes();
    };
    burst(&mut proxy);
    assert_eq!(counter(&proxy, "audit_dropped"), 200);
    let memory = proxy.worker(0).memory_bytes();
    (0..5).for_each(|_| burst(&mut proxy));
    assert_eq!(counter(&proxy, "audit_dropped"), 200 + 5 * 1_200);
    assert_eq!(proxy.worker(0).memory_bytes(), memory);
}

#[test]
fn a_configuration_update_delivers_what_the_old_root_had_collected() {
    let (mut proxy, delivered) = start(setup().workers(2).drain(ms(300)));
    submit(&mut proxy, 2, 10);
    let mut slower = configuration("deny");
    slower["audit"]["every_ms"] = serde_json::json!(60_000);
    proxy.update(&Plugin::new("guard", slower.to_string())).expect("accepted");
    // The old root's tick would come after a second; it is stopped before, and sends what it has.
    proxy.run_for(ms(400));
    assert_eq!((delivered.batches(), paths(&delivered).len()), (vec![10], 10));
    assert_eq!(proxy.worker(1).roots().len(), 1, "the old root is gone");
    submit(&mut proxy, 2, 10);
    proxy.run_for(ms(130_000));
    assert_eq!(delivered.batches(), [10, 10], "the new root owns the queue");
    assert_sound(&proxy);
}

#[test]
fn the_end_of_the_proxy_delivers_what_was_collected() {
    let (mut proxy, delivered) = start(setup().workers(2));
    submit(&mut proxy, 2, 6);
    proxy.drain(ms(1_000));
    proxy.run_for(ms(1_000));
    assert_eq!(paths(&delivered).len(), 6);
}

#[test]
fn on_a_host_that_tells_nobody_of_new_items_ticks_collect_them() {
    let (mut proxy, delivered) = start(setup().workers(3).profile(Profile::ngx_wasm()));
    submit(&mut proxy, 3, 30);
    proxy.run_for(ms(3_000));
    let told: u64 = (0..3).map(|worker| proxy.worker(worker).costs().callback(CallbackKind::QueueReady).calls).sum();
    assert_eq!((told, paths(&delivered).len(), counter(&proxy, "allowed")), (0, 30, 30));
    let user = |outcome: Outcome| outcome.attempts[0].headers.text("x-guard-user");
    assert!(proxy.outcomes().all(|outcome| user(outcome).as_deref() == Some("ann")), "permission finds its request");
    assert_sound(&proxy);
}

#[test]
fn an_unknown_audit_cluster_is_logged_and_requests_go_on() {
    let mut configuration = configuration("deny");
    configuration["audit"]["cluster"] = serde_json::json!("nowhere");
    let (mut proxy, _) = start(setup_with(&configuration));
    assert!(proxy.fetch(Request::get("/")).is_ok());
    proxy.run_for(ms(2_500));
    let said = proxy.world().log();
    assert!(said.iter().any(|line| line.message.contains("no call to the audit cluster nowhere")), "{said:?}");
    assert_sound(&proxy);
}
