//! Many interleavings of workers: whatever stands still where, each request has exactly one record.

use std::collections::BTreeMap;

use plimsoll_host_tests::host::explore::Explore;
use plimsoll_host_tests::host::proxy::{CallAnswer, Proxy};

use crate::support::*;

/// Requests at random times over all workers, with an audit cluster that fails now and then.
fn script(proxy: &mut Proxy) -> Result<(), String> {
    let delivered = serve(proxy);
    let to = delivered.clone();
    proxy.set_call_script("audit", move |call, rng| {
        if rng.percent(30) {
            return CallAnswer::status(503, rng.below(50));
        }
        to.take(call);
        CallAnswer::status(200, rng.below(50))
    });
    for n in 0..12 {
        proxy.submit_after(ms(n * 250), request(&format!("/{n}"), "ann"));
    }
    proxy.run_for(ms(30_000));
    let mut seen = BTreeMap::new();
    for path in delivered.field("path") {
        *seen.entry(path).or_insert(0) += 1;
    }
    if seen.len() != 12 || seen.values().any(|times| *times != 1) {
        return Err(format!("records by path: {seen:?}"));
    }
    if !proxy.outcomes().all(|outcome| outcome.is_ok()) || !proxy.traps().is_empty() {
        return Err(format!("traps: {:?}", proxy.traps()));
    }
    Ok(())
}

fn explore(workers: usize) {
    let explored = Explore::new(200).preempt(30, 8, ms(1_500)).check(move || setup().workers(workers), script);
    assert!(explored.distinct > 150, "{} of {} runs differ", explored.distinct, explored.runs);
}

#[test]
fn one_worker_records_each_request_once() {
    explore(1);
}

#[test]
fn two_workers_record_each_request_once() {
    explore(2);
}

#[test]
fn four_workers_record_each_request_once() {
    explore(4);
}

#[test]
fn sixteen_workers_record_each_request_once() {
    explore(16);
}
