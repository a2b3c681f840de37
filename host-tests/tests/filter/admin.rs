//! The private listener: the JSON that programs read.

use super::{MS, TICK, admin, load, setup};
use crate::filter_bed::{PICKER, address, configuration, events, proxy};
use plimsoll_host_tests::host::proxy::{Behaviour, Request, Source};
use plimsoll_host_tests::host::{Headers, Plugin};
use plimsoll_snapshot::CircuitState;
use serde_json::json;

#[test]
fn wrong_requests_are_refused_in_json() {
    let mut proxy = proxy(1, &json!({}));
    let cases = [
        ("GET", "/plimsoll/v1/nothing", 404, "snapshot, workers, events, history, config and healthz"),
        ("GET", "/plimsoll/", 404, "snapshot, workers, events, history, config and healthz"),
        ("POST", "/plimsoll/v1/snapshot", 405, "GET"),
        ("DELETE", "/plimsoll/v1/config", 405, "GET"),
        ("GET", "/plimsoll/v1/events?since=yesterday", 400, "since: \"yesterday\""),
        ("GET", "/plimsoll/v1/events?since=-1", 400, "since: \"-1\""),
    ];
    for (method, path, status, reason) in cases {
        let mut request = Headers::get_request(path);
        request.replace(":method", method);
        let (answered, headers, body) = proxy.admin(0, request).expect("the filter answers");
        let kind = headers.text("content-type");
        assert_eq!((answered, kind.as_deref()), (status, Some("application/json")), "{method} {path}");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let error = body["error"].as_str().expect("a text");
        assert!(error.contains(reason), "{method} {path}: {error}");
        assert_eq!(headers.text("allow").as_deref(), (status == 405).then_some("GET, HEAD"));
    }
}

#[test]
fn answers_are_fresh_json() {
    let mut proxy = proxy(2, &json!({}));
    load(&mut proxy, 1, 20, MS);
    for path in
        ["snapshot", "snapshot?endpoints=none", "workers", "events", "events?since=0", "history", "config", "healthz"]
    {
        let (status, headers, body) =
            proxy.admin(0, Headers::get_request(&format!("/plimsoll/v1/{path}"))).expect("the filter answers");
        let kind = (headers.text("content-type"), headers.text("cache-control"));
        assert_eq!((status, kind), (200, (Some("application/json".into()), Some("no-store".into()))), "{path}");
        assert!(serde_json::from_slice::<serde_json::Value>(&body).expect("JSON").is_object(), "{path}");
    }
    let snapshot = super::settled(&mut proxy);
    let pool = &snapshot.pools[0];
    assert_eq!((pool.name.as_str(), pool.cluster.as_str(), pool.strategy.as_str()), ("demo", "demo", "peak_ewma"));
    assert_eq!((snapshot.workers.len(), snapshot.tick_ms), (1, 100));
}

#[test]
fn the_configuration_in_force_reads_back_and_is_a_configuration() {
    let pool = json!({
        "strategy": "least_request", "candidates": 2, "minimum_samples": 7, "panic_threshold_percent": 20,
        "circuit": {"open_for": "1500ms", "backoff": 2.5},
    });
    let mut first = proxy(2, &pool);
    let (_, shown) = admin(&mut first, "GET", "/plimsoll/v1/config");
    assert_eq!(shown["pools"][0]["circuit"]["open_for"], "1500ms");
    assert_eq!(shown["pools"][0]["circuit"]["consecutive_failures"], 5, "defaults are filled in");
    let mut second = proxy(2, &json!({}));
    second.update(&Plugin::new(PICKER, shown.to_string())).expect("what is shown is a configuration");
    assert_eq!(admin(&mut second, "GET", "/plimsoll/v1/config").1, shown);
}

#[test]
fn two_pickers_read_back_as_a_list() {
    let other = configuration(1, &json!({"name": "other", "cluster": "other"}));
    let second = Plugin::new("second-picker", other.to_string());
    let mut proxy = setup(2, &json!({})).downstream(second).start().expect("starts");
    let (_, shown) = admin(&mut proxy, "GET", "/plimsoll/v1/config");
    let names: Vec<_> = shown.as_array().expect("a list").iter().map(|config| &config["pools"][0]["name"]).collect();
    assert_eq!(names, ["demo", "other"]);
}

#[test]
fn healthz_is_503_while_no_endpoint_may_be_called_and_clients_are_told_to_wait() {
    let circuit = json!({"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "2s"});
    let pool = json!({"max_ejected_percent": 100, "panic_threshold_percent": 0, "circuit": circuit});
    let mut proxy = setup(1, &pool).start().expect("starts");
    assert_eq!(admin(&mut proxy, "GET", "/plimsoll/v1/healthz").0, 200);
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    proxy.fetch(Request::get("/"));
    proxy.run_for(TICK * 2);
    let (status, health) = admin(&mut proxy, "GET", "/plimsoll/v1/healthz");
    assert_eq!((status, &health["ok"]), (503, &json!(false)));
    assert!(health["problems"][0].as_str().is_some_and(|problem| problem.contains("demo")), "{health}");
    let refused = proxy.fetch(Request::get("/"));
    assert_eq!((refused.status, refused.source, refused.attempts.len()), (Some(503), Source::Filter, 0));
    assert_eq!(refused.headers.text("x-plimsoll-refused").as_deref(), Some("no_endpoint"));
    let wait: u32 = refused.headers.text("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!((1..=3).contains(&wait), "{wait}");
    proxy.run_for(TICK * 2);
    assert_eq!(crate::filter_bed::snapshot(&mut proxy).pools[0].refused, 1);

    proxy.set_behaviour(&address(0), Behaviour::ok(1));
    // Requests are needed: without traffic nobody probes.
    load(&mut proxy, 1, 300, 10 * MS);
    assert!(proxy.fetch(Request::get("/")).is_ok());
    assert_eq!(admin(&mut proxy, "GET", "/plimsoll/v1/healthz").0, 200);
}

#[test]
fn events_continue_where_the_reader_was() {
    let circuit =
        json!({"open_for": "500ms", "consecutive_failures": 1, "outliers": false, "relative": false, "backoff": 1});
    let mut proxy = proxy(2, &json!({"circuit": circuit, "strategy": "round_robin"}));
    let (_, none) = admin(&mut proxy, "GET", "/plimsoll/v1/events");
    assert_eq!((&none["last_seq"], &none["dropped_through"], &none["events"]), (&json!(0), &json!(0), &json!([])));
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    load(&mut proxy, 1, 150, 10 * MS);
    let first = events(&mut proxy);
    assert!(first.len() >= 3, "{first:?}");
    proxy.set_behaviour(&address(0), Behaviour::ok(1));
    load(&mut proxy, 1, 200, 10 * MS);
    let all = events(&mut proxy);
    assert_eq!(all.last().map(|event| event.transition.to), Some(CircuitState::Closed), "{all:?}");
    let (_, rest) = admin(&mut proxy, "GET", &format!("/plimsoll/v1/events?since={}", first.len()));
    let rest: plimsoll_snapshot::Events = serde_json::from_value(rest).expect("events");
    assert_eq!(rest.events, all[first.len()..]);
    assert_eq!(rest.last_seq, all.len() as u64);
    assert_eq!(crate::filter_bed::snapshot(&mut proxy).last_seq, Some(rest.last_seq));
    assert!(all.iter().zip(1..).all(|(event, seq)| event.seq == seq && event.pool == "demo"), "{all:?}");
    let shown = crate::filter_bed::endpoint(&mut proxy, 0).last_transition;
    assert_eq!(shown.as_ref(), all.last().map(|event| &event.transition));
}

#[test]
fn a_log_that_overflows_says_what_it_dropped() {
    let circuit = json!({"open_for": "100ms", "open_for_max": "100ms", "consecutive_failures": 1, "outliers": false, "relative": false, "backoff": 1});
    let mut proxy = proxy(2, &json!({"circuit": circuit, "strategy": "round_robin"}));
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    // Two transitions in about 300 ms.
    load(&mut proxy, 1, 12_000, 10 * MS);
    let (_, log) = admin(&mut proxy, "GET", "/plimsoll/v1/events?since=0");
    let log: plimsoll_snapshot::Events = serde_json::from_value(log).expect("events");
    assert_eq!(log.events.len(), 512);
    assert!(
        log.dropped_through > 0 && log.dropped_through + 512 == log.last_seq,
        "{} {}",
        log.dropped_through,
        log.last_seq
    );
    assert!(log.events.iter().zip(log.dropped_through + 1..).all(|(event, seq)| event.seq == seq));
}
