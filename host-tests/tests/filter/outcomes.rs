//! What the filter makes of each way in which an attempt ends: the kind of failure in the event, or nobody's fault.

use super::{MS, TICK, hair_trigger, settled, setup};
use crate::filter_bed::{OBSERVER, address, events, picker};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request, Retries, Setup};
use plimsoll_host_tests::host::{Cas, Headers, Plugin, Value as Property, Vm, World};
use plimsoll_snapshot::FailureKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

fn with(mut pool: Value, extra: &Value) -> Value {
    let (Some(settings), Some(extra)) = (pool.as_object_mut(), extra.as_object()) else { panic!("both are maps") };
    settings.extend(extra.clone());
    pool
}

/// Sends requests to each of five broken endpoints and a good one until every broken one is out, and says with which
/// kind of failure each went.
fn kinds_of_failure(setup: Setup) -> BTreeMap<String, Option<FailureKind>> {
    let mut proxy = setup.start().expect("starts");
    let faults = [
        Behaviour::status(500, 1),
        Behaviour::Refuse,
        Behaviour::Reset { after: MS },
        Behaviour::Hang,
        Behaviour::Unreachable { after: 250 * MS },
    ];
    faults.iter().enumerate().for_each(|(n, fault)| proxy.set_behaviour(&address(n), *fault));
    for _ in 0..30 {
        proxy.fetch(Request::get("/"));
    }
    proxy.run_for(TICK * 2);
    let events = events(&mut proxy);
    assert_eq!(events.len(), 5, "{events:?}");
    events.into_iter().map(|event| (event.endpoint, event.transition.reason.failure)).collect()
}

fn expected() -> BTreeMap<String, Option<FailureKind>> {
    let kinds = [
        FailureKind::Status,
        FailureKind::Connect,
        FailureKind::Reset,
        FailureKind::Timeout,
        FailureKind::ConnectTimeout,
    ];
    kinds.into_iter().enumerate().map(|(n, kind)| (format!("e{n}"), Some(kind))).collect()
}

#[test]
fn attempts_fail_by_kind_where_retries_follow() {
    assert_eq!(kinds_of_failure(setup(6, &hair_trigger())), expected());
}

#[test]
fn attempts_fail_by_kind_where_none_follow() {
    let once = Retries { limit: 0, ..Retries::default() };
    assert_eq!(kinds_of_failure(setup(6, &hair_trigger()).retries(once.clone())), expected());
    // Without a per-try timeout it is the request's own that runs out.
    let plain = Setup::new(crate::filter_bed::filter())
        .downstream(picker(6, &hair_trigger()))
        .upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#))
        .admin(Plugin::new(crate::filter_bed::ADMIN, r#"{"role": "admin"}"#))
        .cluster("demo", (0..6).map(address))
        .retries(once)
        .timeout(Duration::from_millis(500));
    assert_eq!(kinds_of_failure(plain), expected());
}

#[test]
fn final_answers_fail_by_kind_where_requests_are_observed() {
    // The router's details tell one kind more.
    let pool = with(hair_trigger(), &json!({"observe": "request"}));
    let mut proxy = setup(1, &pool).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::Garbage { after: MS });
    proxy.fetch(Request::get("/").header("x-envoy-max-retries", "0"));
    proxy.run_for(TICK * 2);
    assert_eq!(events(&mut proxy)[0].transition.reason.failure, Some(FailureKind::Protocol));
    assert_eq!(kinds_of_failure(setup(6, &pool).retries(Retries { limit: 0, ..Retries::default() })), expected());
}

/// Where requests are observed, an answer by a later candidate means that those before it failed.
#[test]
fn a_retry_that_answers_blames_the_candidates_before_it_where_requests_are_observed() {
    let mut pool = json!({"observe": "request", "strategy": "random"});
    pool["circuit"] = json!({"consecutive_failures": 1000, "outliers": false, "relative": false});
    let mut proxy = setup(3, &pool).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    for _ in 0..60 {
        assert!(proxy.fetch(Request::get("/")).is_ok());
    }
    let snapshot = settled(&mut proxy);
    let arrived = super::arrived(&proxy, 3);
    assert!(arrived[0] > 5, "{arrived:?}");
    let failures: Vec<u64> = snapshot.pools[0].endpoints.iter().map(|endpoint| endpoint.failures).collect();
    assert_eq!(failures, [arrived[0], 0, 0], "{arrived:?}");
}

fn assert_nothing_counted(proxy: &mut Proxy, case: &str) {
    let pool = settled(proxy).pools.remove(0);
    assert_eq!((pool.requests, pool.failures, pool.in_flight), (0, 0, 0), "{case}");
    assert!(events(proxy).is_empty(), "{case}");
}

#[test]
fn a_client_that_hangs_up_blames_nobody() {
    for observe in ["attempt", "request"] {
        let pool = with(hair_trigger(), &json!({"observe": observe}));
        let mut proxy = setup(2, &pool).start().expect("starts");
        (0..2).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::Hang));
        for n in 0..60 {
            proxy.submit_after(MS * n, Request::get("/").aborting_after(MS * (n % 30) * 6));
        }
        assert_nothing_counted(&mut proxy, observe);
        assert!(super::arrived(&proxy, 2).iter().sum::<u64>() > 40, "{observe}");
    }
}

#[test]
fn a_client_that_hangs_up_within_the_answer_blames_nobody() {
    let mut proxy = setup(1, &with(hair_trigger(), &json!({"detect_truncated": true}))).start().expect("starts");
    let (latency, body_time) = (MS, Duration::from_secs(10));
    proxy.set_behaviour(&address(0), Behaviour::Stream { status: 200, latency, body_time });
    for n in 0..20 {
        proxy.submit_after(MS * n, Request::get("/").aborting_after(MS * (2 + n * 20)));
    }
    assert_nothing_counted(&mut proxy, "within the body");
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_only_where_that_is_asked_for() {
    for (told, failures) in [(false, vec![]), (true, vec![Some(FailureKind::Truncated)])] {
        let pool = with(hair_trigger(), &json!({"detect_truncated": told}));
        let mut proxy = setup(1, &pool).start().expect("starts");
        for _ in 0..5 {
            assert!(proxy.fetch(Request::get("/")).is_ok());
        }
        proxy.set_behaviour(&address(0), Behaviour::Truncate { status: 200, latency: MS, body_time: MS });
        assert!(proxy.fetch(Request::get("/")).truncated);
        let pool = settled(&mut proxy).pools.remove(0);
        assert_eq!((pool.requests, pool.failures), (6, failures.len() as u64), "told: {told}");
        let kinds: Vec<_> = events(&mut proxy).iter().map(|event| event.transition.reason.failure).collect();
        assert_eq!(kinds, failures);
    }
}

/// The proxy's own limits, as Envoy tells them where requests are observed: what it did not even try is no failure.
#[test]
fn the_proxys_own_limits_blame_nobody() {
    let world = World::new(Cas::Envoy);
    let mut vm = Vm::new(crate::filter_bed::filter(), "worker-0", "plimsoll", &world).expect("instantiates");
    let root = vm.start_root(&picker(1, &with(hair_trigger(), &json!({"observe": "request"})))).expect("starts");
    let mut answer = |details: &str| {
        let stream = vm.open_stream(root).expect("opens");
        vm.request_headers(stream, Headers::get_request("/"), true).expect("steered");
        let steered = vm.map(stream, plimsoll_host_tests::host::Map::RequestHeaders);
        let properties = &mut vm.stream_mut(stream).expect("lives").properties;
        properties.set("upstream.address", address(0).as_str());
        properties.set("response.code_details", Property::from(details));
        vm.response_headers(stream, Headers::response(503), false).expect("answered");
        vm.end_stream(stream).expect("ends");
        world.advance(TICK * 2);
        vm.run_due_ticks().expect("ticks");
        steered.get(super::HEADER).is_some()
    };
    for _ in 0..3 {
        assert!(answer("upstream_reset_before_response_started{overflow}"), "nothing is ejected");
    }
    assert!(answer("via_upstream"), "a real answer is what ejects");
    assert!(!answer("via_upstream"), "it did");
}
