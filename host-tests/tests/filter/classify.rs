//! What the filter takes each answer for, by default and as configured: in the counts, and whether it ejects.

use super::{MS, TICK, hair_trigger, settled, setup};
use crate::filter_bed::{OBSERVER, address, assert_sound, events};
use plimsoll_host_tests::host::proxy::{Answer, Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{CallbackKind, HostCall};
use plimsoll_snapshot::{CircuitState, FailureKind};
use serde_json::{Value, json};
use std::time::Duration;

/// What an answer counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Success,
    Failure(FailureKind),
    Overload,
    Ignored,
}
use Is::{Failure, Ignored, Overload, Success};

const STATUS: Is = Failure(FailureKind::Status);
const GRPC: Is = Failure(FailureKind::Grpc);

fn pool(observe: &str, classify: &Value) -> Value {
    let mut pool = hair_trigger();
    pool["observe"] = json!(observe);
    pool["classify"] = classify.clone();
    pool
}

/// Has both endpoints give this answer, to a request each, and says what it was taken for.
fn taken_for(observe: &str, classify: &Value, answer: &Answer) -> Is {
    let mut proxy = setup(2, &pool(observe, classify)).start().expect("starts");
    (0..2).for_each(|n| proxy.set_answer(&address(n), answer.clone()));
    for _ in 0..4 {
        proxy.fetch(
            Request::post("/", "").header("content-type", "application/grpc").header("x-envoy-max-retries", "0"),
        );
    }
    let counted = settled(&mut proxy).pools.remove(0);
    let events = events(&mut proxy);
    assert_sound(&mut proxy, 1);
    let [first, second] = counted.endpoints.as_slice() else { panic!("two endpoints") };
    let sum = |a: u64, b: u64| a + b;
    let counts = [
        sum(first.requests, second.requests),
        sum(first.failures, second.failures),
        sum(first.overloads, second.overloads),
        sum(first.ignored, second.ignored),
    ];
    let arrived: u64 = super::arrived(&proxy, 2).iter().sum();
    let is = match counts {
        [all, 0, 0, 0] if all == arrived => Success,
        [_, failures, 0, 0] if failures == arrived => Failure(events[0].transition.reason.failure.expect("a kind")),
        [_, 0, overloads, 0] if overloads == arrived => Overload,
        [0, 0, 0, ignored] if ignored == arrived => Ignored,
        _ => panic!("{observe} {classify} {answer:?}: {counts:?} of {arrived}"),
    };
    let ejects = matches!(is, Failure(_));
    assert_eq!(events.len(), if ejects { 2 } else { 0 }, "{observe} {classify} {answer:?}: {events:?}");
    is
}

fn check(rows: impl IntoIterator<Item = (Value, Answer, Is)>) {
    for (classify, answer, want) in rows {
        for observe in ["attempt", "request"] {
            assert_eq!(taken_for(observe, &classify, &answer), want, "{observe} {classify} {answer:?}");
        }
    }
}

fn status(status: u16) -> Answer {
    Answer::new(Behaviour::status(status, 1))
}

#[test]
fn http_statuses_are_taken_for_what_they_are() {
    let retry_after = || status(503).header("retry-after", "1");
    let rows = [
        (200, Success),
        (204, Success),
        (304, Success),
        (400, Ignored),
        (404, Ignored),
        (429, Overload),
        (500, STATUS),
        (502, STATUS),
        (503, STATUS),
        (504, STATUS),
    ];
    check(rows.map(|(code, want)| (json!({}), status(code), want)));
    check([
        (json!({}), retry_after(), Overload),
        (json!({}), status(500).header("retry-after", "1"), STATUS),
        (json!({}), status(200).header("retry-after", "1"), Success),
    ]);
}

#[test]
fn http_statuses_are_taken_for_what_is_configured() {
    let retry_after = || status(503).header("retry-after", "1");
    check([
        (json!({"retry_after": false}), retry_after(), STATUS),
        (json!({"failure": []}), status(500), Success),
        (json!({"failure": ["5xx", 404]}), status(404), STATUS),
        (json!({"failure": ["500-502"]}), status(503), Success),
        (json!({"failure": [429]}), status(429), STATUS),
        (json!({"ignore": []}), status(404), Success),
        (json!({"ignore": [501]}), status(501), Ignored),
        (json!({"overload": ["5xx"]}), status(503), Overload),
        (json!({"overload": [503]}), status(503), Overload),
        // Without `grpc`, a gRPC status says nothing.
        (json!({}), trailers_only("14"), Success),
        (json!({}), call("14"), Success),
    ]);
}

/// A call that ends with its head.
fn trailers_only(code: &str) -> Answer {
    status(200).header("grpc-status", code).body::<&str>([])
}

/// A call that ends with trailers.
fn call(code: &str) -> Answer {
    status(200).trailer("grpc-status", code)
}

#[test]
fn grpc_calls_are_taken_for_what_their_status_says() {
    let of = |code: u32| match code {
        0 => Success,
        8 => Overload,
        2 | 4 | 13..=15 | 17 => GRPC,
        _ => Ignored,
    };
    for code in 0..=17 {
        let text = code.to_string();
        check([
            (json!({"grpc": true}), call(&text), of(code)),
            (json!({"grpc": true}), trailers_only(&text), of(code)),
        ]);
    }
    let own = json!({"grpc": true, "grpc_failure": ["NOT_FOUND"], "grpc_overload": [14], "grpc_ignore": [2]});
    check([
        (own.clone(), call("5"), GRPC),
        (own.clone(), call("14"), Overload),
        (own.clone(), call("2"), Ignored),
        (own, call("13"), Success),
        (json!({"grpc": true}), call("what"), GRPC),
        // A call that ends without a status.
        (json!({"grpc": true}), status(200), GRPC),
        (json!({"grpc": true}), status(200).trailer("x-other", "0"), GRPC),
        // What is no answer of gRPC's counts by HTTP's status.
        (json!({"grpc": true}), status(503), STATUS),
        (json!({"grpc": true}), status(503).header("retry-after", "1"), Overload),
        (json!({"grpc": true}), status(404), Ignored),
        (json!({"grpc": true}), status(429), Overload),
    ]);
}

/// The latency of a call is that of its headers, however long it goes on.
#[test]
fn a_long_call_counts_at_its_end_with_the_latency_of_its_head() {
    let mut proxy = setup(1, &pool("attempt", &json!({"grpc": true}))).start().expect("starts");
    let (latency, body_time) = (10 * MS, Duration::from_secs(2));
    let stream = Answer::new(Behaviour::Stream { status: 200, latency, body_time }).trailer("grpc-status", "0");
    proxy.set_answer(&address(0), stream);
    proxy.submit_after(MS, Request::get("/"));
    proxy.run_for(Duration::from_secs(1));
    let under_way = super::filter_bed::snapshot(&mut proxy).pools.remove(0);
    assert_eq!((under_way.requests, under_way.in_flight), (0, 1));
    let over = settled(&mut proxy).pools.remove(0);
    assert_eq!((over.requests, over.failures, over.in_flight), (1, 0, 0));
    proxy.run_for(Duration::from_secs(2));
    let p50 = super::filter_bed::snapshot(&mut proxy).pools.remove(0).latency_ms.expect("a latency").p50;
    assert!((9.0..12.0).contains(&p50), "{p50} ms");
}

#[test]
fn a_call_that_its_client_leaves_blames_nobody_and_one_that_breaks_off_its_endpoint() {
    for observe in ["attempt", "request"] {
        let mut proxy = setup(1, &pool(observe, &json!({"grpc": true}))).start().expect("starts");
        let (latency, body_time) = (MS, Duration::from_secs(10));
        proxy.set_behaviour(&address(0), Behaviour::Stream { status: 200, latency, body_time });
        for n in 0..10 {
            proxy.submit_after(MS * n, Request::get("/").aborting_after(MS * (2 + n * 30)));
        }
        let left = settled(&mut proxy).pools.remove(0);
        assert_eq!((left.requests, left.failures, left.in_flight), (0, 0, 0), "{observe}");
        proxy.set_behaviour(&address(0), Behaviour::Truncate { status: 200, latency: MS, body_time: MS });
        assert!(proxy.fetch(Request::get("/")).truncated);
        assert_eq!(settled(&mut proxy).pools[0].failures, 1, "{observe}");
        let kinds: Vec<_> = events(&mut proxy).iter().map(|event| event.transition.reason.failure).collect();
        assert_eq!(kinds, [Some(FailureKind::Grpc)], "{observe}");
    }
}

/// Where requests are observed, Envoy's own answers to gRPC requests are a 200 with a gRPC status: whose fault it is they
/// tell by their details.
#[test]
fn grpc_failures_without_an_answer_keep_their_kind() {
    for (observe, retries) in [("attempt", "2"), ("request", "0")] {
        let faults = [
            (Behaviour::Refuse, FailureKind::Connect),
            (Behaviour::Unreachable { after: 5 * MS }, FailureKind::ConnectTimeout),
            (Behaviour::Hang, FailureKind::Timeout),
        ];
        for (fault, kind) in faults {
            let mut proxy = setup(1, &pool(observe, &json!({"grpc": true}))).start().expect("starts");
            proxy.set_behaviour(&address(0), fault);
            let request = Request::get("/").header("content-type", "application/grpc");
            proxy.fetch(request.header("x-envoy-max-retries", retries));
            proxy.run_for(TICK * 3);
            let kinds: Vec<_> = events(&mut proxy).iter().map(|event| event.transition.reason.failure).collect();
            assert_eq!(kinds, [Some(kind)], "{observe} {fault:?}");
        }
    }
}

/// A retry that answers blames those before it and has no latency to count, but a gRPC status it has.
#[test]
fn a_retried_call_counts_by_its_trailers_where_requests_are_observed() {
    for (code, failures) in [("0", 1), ("14", 2)] {
        let mut proxy = setup(2, &pool("request", &json!({"grpc": true}))).start().expect("starts");
        proxy.set_script(&address(0), move |attempt, _| first_broken(attempt.number, code));
        proxy.set_script(&address(1), move |attempt, _| first_broken(attempt.number, code));
        assert_eq!(proxy.fetch(Request::get("/")).attempts.len(), 2);
        let pool = settled(&mut proxy).pools.remove(0);
        assert_eq!((pool.failures, pool.in_flight), (failures, 0), "grpc-status {code}");
        assert_sound(&mut proxy, 1);
    }
}

fn first_broken(attempt: u32, code: &str) -> Answer {
    if attempt == 1 { status(503) } else { call(code) }
}

/// Overload and the client's mistakes between failures: they are no failures, and no successes either.
#[test]
fn what_is_neither_success_nor_failure_leaves_a_run_of_failures_as_it_is() {
    for (code, header) in [(404, "x-none"), (429, "x-none"), (503, "retry-after")] {
        let circuit = json!({"consecutive_failures": 5, "outliers": false, "relative": false});
        let mut proxy = setup(1, &json!({"circuit": circuit, "max_ejected_percent": 100})).start().expect("starts");
        let send = |proxy: &mut Proxy, answer: Answer, times: usize| {
            proxy.set_answer(&address(0), answer);
            (0..times).for_each(|_| drop(proxy.fetch(Request::get("/").header("x-envoy-max-retries", "0"))));
            proxy.run_for(TICK);
        };
        let neither = || status(code).header(header, "1");
        send(&mut proxy, neither(), 100);
        send(&mut proxy, status(500), 4);
        send(&mut proxy, neither(), 1);
        assert!(events(&mut proxy).is_empty(), "{code}");
        send(&mut proxy, status(500), 1);
        let changes: Vec<_> = events(&mut proxy).iter().map(|event| event.transition.to).collect();
        assert_eq!(changes, [CircuitState::Open], "{code}");
    }
}

#[test]
fn answers_without_grpc_or_503_cost_no_further_callback_or_call() {
    let cost = |classify: Value, answer: Answer| {
        let mut pool = json!({"strategy": "round_robin"});
        pool["classify"] = classify;
        let mut proxy = setup(2, &pool).start().expect("starts");
        (0..2).for_each(|n| proxy.set_answer(&address(n), answer.clone()));
        (0..20).for_each(|_| drop(proxy.fetch(Request::get("/"))));
        proxy.reset_costs();
        (0..10).for_each(|_| drop(proxy.fetch(Request::get("/"))));
        let costs = proxy.costs();
        let calls = costs.streams(OBSERVER).host_calls;
        let headers = calls.get(HostCall::GetHeader);
        (costs.callback(CallbackKind::ResponseTrailers).calls, calls.total() / 10, headers / 10)
    };
    assert_eq!(cost(json!({}), status(200)), (0, 4, 1));
    assert_eq!(cost(json!({}), status(404)), (0, 4, 1));
    // The status in the trailers; a failure wants to know the time, too. Both filters get a callback for trailers.
    assert_eq!(cost(json!({"grpc": true}), call("0")), (20, 6, 3));
    assert_eq!(cost(json!({"grpc": true}), trailers_only("0")), (0, 5, 2));
}
