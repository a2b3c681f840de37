//! What a snapshot says of a pool at a glance, and whose endpoints it lists.

use super::{MS, TICK, admin, hair_trigger, load, settled, setup};
use crate::filter_bed::{PICKER, address, configuration, snapshot};
use plimsoll_host_tests::host::Plugin;
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy};
use plimsoll_snapshot::FailureKind;
use plimsoll_snapshot::view::{Pool, Snapshot};
use serde_json::json;

fn pool(proxy: &mut Proxy) -> Pool {
    settled(proxy).pools.into_iter().next().expect("pool demo")
}

#[test]
fn a_strip_shows_every_endpoint_by_a_letter() {
    let mut extra = hair_trigger();
    let mut endpoints = configuration(5, &json!({}))["pools"][0]["endpoints"].clone();
    endpoints[3]["draining"] = json!(true);
    endpoints[4]["circuit"] = json!("forced_open");
    extra["endpoints"] = endpoints;
    extra["minimum_samples"] = json!(10);
    let mut proxy = setup(5, &extra).start().expect("starts");
    assert_eq!(pool(&mut proxy).strip, "uuunf", "nothing is known yet");
    load(&mut proxy, 1, 100, MS);
    proxy.set_behaviour(&address(1), Behaviour::status(503, 1));
    load(&mut proxy, 1, 20, MS);
    let pool = pool(&mut proxy);
    assert_eq!(pool.strip, "hehnf");
    assert_eq!((pool.eligible, pool.ejected, pool.panic), (2, 2, false));
}

/// The threshold is told as the engine judges by it: of those that are neither draining nor forced open, and below it.
#[test]
fn a_pool_panics_when_fewer_are_eligible_than_it_says() {
    let mut extra = hair_trigger();
    extra["panic_threshold_percent"] = json!(50);
    let mut endpoints = configuration(6, &json!({}))["pools"][0]["endpoints"].clone();
    endpoints[5]["draining"] = json!(true);
    extra["endpoints"] = endpoints;
    let mut proxy = setup(6, &extra).start().expect("starts");
    load(&mut proxy, 1, 50, MS);
    // Half of five: with two and a half it would not panic.
    let before = pool(&mut proxy);
    assert_eq!((before.eligible, before.panic_below), (5, 3));
    for (broken, eligible, panic) in [(0, 4, false), (1, 3, false), (2, 5, true)] {
        proxy.set_behaviour(&address(broken), Behaviour::status(503, 1));
        load(&mut proxy, 1, 20, MS);
        let now = pool(&mut proxy);
        assert_eq!((now.ejected as usize, now.panic_below), (broken + 1, 3));
        assert_eq!((now.eligible, now.panic), (eligible, panic), "{broken} is out, too");
    }
}

#[test]
fn with_several_tiers_no_number_tells_when_a_pool_panics() {
    let mut endpoints = configuration(2, &json!({}))["pools"][0]["endpoints"].clone();
    endpoints[1]["tier"] = json!(1);
    let mut proxy = setup(2, &json!({"endpoints": endpoints})).start().expect("starts");
    load(&mut proxy, 1, 20, MS);
    assert_eq!((pool(&mut proxy).eligible, pool(&mut proxy).panic_below), (2, 0));
}

#[test]
fn failures_are_counted_by_kind_over_all_workers_and_stay_when_an_endpoint_leaves() {
    let mut extra = hair_trigger();
    extra["circuit"] = json!({"consecutive_failures": 0, "outliers": false});
    let mut proxy = setup(3, &extra).workers(2).start().expect("starts");
    assert_eq!(admin(&mut proxy, "GET", "/plimsoll/v1/snapshot").1["pools"][0]["failures_by"], json!({}));
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    proxy.set_behaviour(&address(1), Behaviour::Refuse);
    load(&mut proxy, 2, 60, 5 * MS);
    let before = pool(&mut proxy);
    let failed = |pool: &Pool, n: usize| pool.endpoints[n].failures;
    assert!(failed(&before, 0) > 0 && failed(&before, 1) > 0, "{before:?}");
    let by = |pool: &Pool| [FailureKind::Status, FailureKind::Connect].map(|kind| pool.failures_by.of(kind));
    assert_eq!(by(&before), [failed(&before, 0), failed(&before, 1)]);
    assert_eq!(before.failures_by.iter().count(), 2, "{:?}", before.failures_by);
    proxy.update(&Plugin::new(PICKER, configuration(1, &extra).to_string())).expect("accepted");
    load(&mut proxy, 2, 2, 5 * MS);
    let after = pool(&mut proxy);
    assert_eq!(by(&after)[1], by(&before)[1], "of the endpoint that left");
}

fn two_pools() -> Proxy {
    let other = configuration(2, &json!({"name": "other", "cluster": "other"}));
    let mut proxy =
        setup(2, &json!({})).downstream(Plugin::new("second-picker", other.to_string())).start().expect("ok");
    load(&mut proxy, 1, 20, MS);
    proxy.run_for(TICK * 12);
    proxy
}

fn asked(proxy: &mut Proxy, query: &str) -> Snapshot {
    let (status, body) = admin(proxy, "GET", &format!("/plimsoll/v1/snapshot{query}"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(body).expect("a snapshot")
}

#[test]
fn a_snapshot_lists_the_endpoints_that_were_asked_for_and_tells_all_pools() {
    let mut proxy = two_pools();
    let all = snapshot(&mut proxy);
    assert_eq!(all.pools.iter().map(|pool| pool.endpoints.len()).collect::<Vec<_>>(), [2, 2]);
    for (query, lists) in [("?endpoints=other", [0, 2]), ("?endpoints=demo", [2, 0]), ("?endpoints=none", [0, 0])] {
        let some = asked(&mut proxy, query);
        assert_eq!(some.pools.iter().map(|pool| pool.endpoints.len()).collect::<Vec<_>>(), lists, "{query}");
        let unlisted = |pool: &Pool| Pool { endpoints: Vec::new(), ..pool.clone() };
        let mut expected = all.clone();
        for (pool, listed) in expected.pools.iter_mut().zip(lists) {
            *pool = if listed > 0 { pool.clone() } else { unlisted(pool) };
        }
        assert_eq!(Snapshot { at_ms: all.at_ms, ..some }, expected, "{query}");
    }
}

#[test]
fn a_pool_that_is_not_there_is_refused_with_those_that_are() {
    let mut proxy = two_pools();
    let (status, body) = admin(&mut proxy, "GET", "/plimsoll/v1/snapshot?endpoints=thrid");
    let error = json!({"error": "endpoints: \"thrid\" is not allowed, allowed are demo, other, none"});
    assert_eq!((status, body), (400, error));
}

/// A reader of this version meets a writer of an earlier one.
#[test]
fn a_snapshot_without_the_newer_fields_still_parses() {
    let mut proxy = two_pools();
    let (_, mut body) = admin(&mut proxy, "GET", "/plimsoll/v1/snapshot");
    for pool in body["pools"].as_array_mut().expect("a list") {
        let pool = pool.as_object_mut().expect("an object");
        for field in ["eligible", "panic_below", "strip", "failures_by"] {
            assert!(pool.remove(field).is_some(), "{field}");
        }
    }
    let read: Result<Snapshot, _> = serde_json::from_value::<Snapshot>(body);
    assert_eq!(read.expect("a snapshot").pools[0].strip, "");
}
