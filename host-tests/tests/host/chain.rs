//! Chains, failure policies, hedges, drain, calls: what the modelled proxy does around the guests.

use std::time::Duration;

use crate::guests::guest;
use plimsoll_host_tests::host::proxy::{
    Answer, AttemptEnd, Behaviour, CallAnswer, FailurePolicy, Proxy, Request, Retries, Setup, Source,
};
use plimsoll_host_tests::host::{Guest, Headers, HttpReply, Plugin};

const A: &str = "127.0.0.1:8001";
const B: &str = "127.0.0.1:8002";
const MS: Duration = Duration::from_millis(1);

const IMPORTS: &str = r#"
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $call
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;

/// Logs its configuration's text with `>` at request headers, `<` at response headers and `.` when it is done. A
/// header `x-trap` traps, `x-hold` holds every body until its end, `x-ask` asks the cluster `auth` before it lets the
/// request pass, and answers 403 itself unless that answered 200.
const FUNCTIONS: &str = r#"
  (data (i32.const 0) "x-trap") (data (i32.const 16) "x-hold") (data (i32.const 32) "x-ask") (data (i32.const 48) "auth")
  (data (i32.const 64) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00")
  (data (i32.const 160) ":status")
  (global $text (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const 0))
  (global $hold (mut i32) (i32.const 0)) (global $asking (mut i32) (i32.const 0))
  (func $say (param $mark i32)
    (i32.store8 (i32.add (global.get $text) (global.get $size)) (local.get $mark))
    (drop (call $log (i32.const 2) (global.get $text) (i32.add (global.get $size) (i32.const 1)))))
  (func $has (param $key i32) (param $len i32) (result i32)
    (i32.eqz (call $header (i32.const 0) (local.get $key) (local.get $len) (i32.const 256) (i32.const 260))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 256) (i32.const 260)))
    (global.set $text (i32.load (i32.const 256))) (global.set $size (i32.load (i32.const 260)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $has (i32.const 0) (i32.const 6)) (then unreachable))
    (global.set $hold (call $has (i32.const 16) (i32.const 6)))
    (call $say (i32.const 62))
    (if (call $has (i32.const 32) (i32.const 5)) (then
      (global.set $asking (local.get 0))
      (drop (call $call (i32.const 48) (i32.const 4) (i32.const 64) (i32.const 61)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 264)))
      (return (i32.const 1))))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (i32.and (global.get $hold) (i32.eqz (local.get 2))))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (call $say (i32.const 60)) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 46)) (i32.const 1))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (drop (call $header (i32.const 6) (i32.const 160) (i32.const 7) (i32.const 256) (i32.const 260)))
    (drop (call $effective (global.get $asking)))
    (if (i32.and (i32.gt_u (local.get 2) (i32.const 0)) (i32.eq (i32.load8_u (i32.load (i32.const 256))) (i32.const 50)))
      (then (drop (call $continue (i32.const 0))))
      (else (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const -1))))))
"#;

fn teller() -> Guest {
    guest(IMPORTS, FUNCTIONS)
}

fn setup(guest: &Guest) -> Setup {
    Setup::new(guest).downstream(Plugin::new("one", "one")).cluster("demo", [A, B])
}

fn said(proxy: &Proxy) -> Vec<String> {
    proxy.world().log().into_iter().map(|line| line.message).collect()
}

#[test]
fn a_request_passes_filters_of_several_guests_in_order_and_its_answer_in_reverse() {
    let guest = teller();
    let chain = setup(&guest).downstream(Plugin::new("two", "two")).guest(&guest, "other");
    let mut proxy =
        chain.downstream(Plugin::new("three", "three")).upstream(Plugin::new("up", "up")).start().expect("starts");
    let outcome = proxy.fetch(Request::get("/"));
    assert!(outcome.is_ok(), "{outcome}");
    // The globals of `one` and `two` are the same VM's, and those of `three` and `up`: the last to start speaks for both.
    let order = ["two>", "two>", "three>", "three>", "three<", "three<", "two<", "two<"];
    assert_eq!(said(&proxy)[..8], order);
    assert_eq!(said(&proxy)[8..], ["three.", "two.", "two.", "three."], "the attempt's stream ends first");
    assert_eq!(proxy.open_streams(), 0);
}

#[test]
fn a_body_that_is_held_back_arrives_whole_and_trailers_follow() {
    let mut proxy = setup(&teller()).start().expect("starts");
    let request = Request::post("/", "one").body("two").body("three").chunk_gap(5 * MS).trailer("t", "1");
    let passed = proxy.fetch(request.clone());
    let held = proxy.fetch(request.header("x-hold", "1"));
    for outcome in [passed, held] {
        assert!(outcome.is_ok(), "{outcome}");
        let attempt = &outcome.attempts[0];
        assert_eq!((attempt.body.as_slice(), attempt.trailers.text("t").as_deref()), (&b"onetwothree"[..], Some("1")));
        assert_eq!(outcome.took, 16 * MS, "the endpoint answers after the last piece");
    }
}

#[test]
fn an_answer_keeps_its_headers_pieces_and_trailers() {
    let mut proxy = setup(&teller()).start().expect("starts");
    let behaviour = Behaviour::Stream { status: 201, latency: 2 * MS, body_time: 6 * MS };
    for endpoint in [A, B] {
        proxy.set_answer(endpoint, Answer::new(behaviour).header("x-a", "1").body(["a", "b"]).trailer("t", "2"));
    }
    let outcome = proxy.fetch(Request::get("/"));
    assert_eq!((outcome.status, outcome.body.as_slice(), outcome.took), (Some(201), &b"ab"[..], 8 * MS));
    assert_eq!((outcome.headers.text("x-a").as_deref(), outcome.trailers.text("t").as_deref()), (Some("1"), Some("2")));
}

#[test]
fn a_hedged_attempt_goes_on_beside_the_next_and_the_first_answer_wins() {
    let route = setup(&teller()).retries(Retries { limit: 1, ..Retries::default() }).per_try_timeout(100 * MS);
    let mut proxy = route.hedge_on_per_try_timeout().steering_header("x-to", false).start().expect("starts");
    proxy.set_behaviour(A, Behaviour::ok(300));
    proxy.set_behaviour(B, Behaviour::ok(5));
    let outcome = proxy.fetch(Request::get("/").header("x-to", format!("{A},{B}")));
    let ends: Vec<_> = outcome.attempts.iter().map(|attempt| attempt.end.expect("ended").0).collect();
    assert_eq!(ends, [AttemptEnd::Aborted, AttemptEnd::Status(200)], "{outcome}");
    assert!(outcome.is_ok() && outcome.took < 150 * MS, "{outcome}");
    proxy.set_behaviour(B, Behaviour::Hang);
    let outcome = proxy.fetch(Request::get("/").header("x-to", format!("{A},{B}")));
    assert!(outcome.is_ok() && outcome.took >= 200 * MS, "the second is late too, the first still answers: {outcome}");
}

#[test]
fn nothing_is_tried_again_once_an_answer_has_begun_and_no_more_often_than_allowed() {
    let route = setup(&teller()).retries(Retries { limit: 1, ..Retries::default() }).per_try_timeout(30 * MS);
    let route = route.hedge_on_per_try_timeout().steering_header("x-to", false);
    for seed in 0..50 {
        let mut proxy = route.clone().seed(seed).start().expect("starts");
        // Late, but it answers before the hedge's back-off is over, more often than not.
        let slow = Behaviour::Stream { status: 200, latency: 31 * MS, body_time: 100 * MS };
        proxy.set_answer(A, Answer::new(slow).body(["a", "b", "c"]));
        proxy.set_answer(B, Answer::new(Behaviour::ok(200)).body(["no"]));
        let outcome = proxy.fetch(Request::get("/").header("x-to", format!("{A},{B}")));
        assert_eq!((outcome.status, outcome.body.as_slice()), (Some(200), &b"abc"[..]), "seed {seed}: {outcome}");
        // Late, and then it breaks: the hedge was the one retry.
        proxy.set_behaviour(A, Behaviour::Reset { after: 40 * MS });
        proxy.set_behaviour(B, Behaviour::status(503, 5));
        let outcome = proxy.fetch(Request::get("/").header("x-to", format!("{A},{B},{A},{B}")));
        assert_eq!((outcome.attempts.len(), outcome.status), (2, Some(503)), "seed {seed}: {outcome}");
    }
}

#[test]
fn a_vm_that_is_loaded_again_knows_nothing_of_its_predecessors_streams_and_calls() {
    let chain = setup(&teller()).call_cluster("auth").failure_policy(FailurePolicy::Reload);
    let mut proxy = chain.start().expect("starts");
    for endpoint in [A, B] {
        proxy.set_behaviour(endpoint, Behaviour::ok(2_000));
    }
    let asks = Request::get("/").header("x-ask", "1").aborting_after(5_000 * MS);
    let asking = proxy.submit_after(1_480 * MS, asks);
    let old = proxy.submit_after(1_000 * MS, Request::get("/"));
    proxy.run_for(1_500 * MS);
    assert_eq!(proxy.fetch(Request::get("/").header("x-trap", "1")).status, Some(503));
    proxy.run_for(MS);
    let new = proxy.submit(Request::get("/").header("x-ask", "1"));
    proxy.run_for(MS);
    assert_eq!((proxy.http_calls().len(), proxy.traps().len()), (1, 1), "the old call is gone with its VM");
    let (thread, call) = proxy.http_calls().remove(0);
    let reply = HttpReply { headers: Headers::response(200), ..HttpReply::default() };
    proxy.answer_http_call(thread, call.token, reply);
    proxy.run_until_idle();
    let status = |id| proxy.outcome(id).and_then(|outcome| outcome.status);
    assert_eq!((status(old), status(new), status(asking)), (Some(503), Some(200), None));
    assert_eq!((proxy.open_streams(), proxy.traps().len()), (0, 1));
}

#[test]
fn a_vm_that_is_loaded_again_gets_the_latest_configuration() {
    let mut proxy = setup(&teller()).failure_policy(FailurePolicy::Reload).start().expect("starts");
    proxy.update(&Plugin::new("one", "two")).expect("accepted");
    proxy.run_for(2_000 * MS);
    proxy.fetch(Request::get("/").header("x-trap", "1"));
    let before = said(&proxy).len();
    proxy.run_for(2_000 * MS);
    assert!(proxy.fetch(Request::get("/")).is_ok());
    assert_eq!(said(&proxy)[before..], ["two>", "two<", "two."]);
}

#[test]
fn each_failure_policy_does_what_envoy_does() {
    let statuses = |policy| {
        let mut proxy = setup(&teller()).failure_policy(policy).start().expect("starts");
        proxy.set_behaviour(A, Behaviour::ok(50));
        proxy.set_behaviour(B, Behaviour::ok(50));
        let in_flight = proxy.submit(Request::get("/"));
        let trap = proxy.submit_after(10 * MS, Request::get("/").header("x-trap", "1"));
        let soon = proxy.submit_after(20 * MS, Request::get("/"));
        let later = proxy.submit_after(3_000 * MS, Request::get("/"));
        proxy.run_until_idle();
        assert_eq!((proxy.traps().len(), proxy.open_streams() > 0), (1, policy != FailurePolicy::Reload), "{policy:?}");
        [in_flight, trap, soon, later].map(|id| proxy.outcome(id).and_then(|outcome| outcome.status).unwrap_or(0))
    };
    assert_eq!(statuses(FailurePolicy::Unset), [503, 503, 503, 503]);
    assert_eq!(statuses(FailurePolicy::Reload), [503, 503, 503, 200]);
    assert_eq!(statuses(FailurePolicy::Open), [503, 503, 200, 200]);
    assert_eq!(statuses(FailurePolicy::OpenInFlight), [200, 200, 200, 200]);
}

#[test]
fn draining_turns_new_requests_away_lets_old_ones_end_and_ends_every_root() {
    let mut proxy = setup(&teller()).start().expect("starts");
    proxy.set_behaviour(A, Behaviour::ok(50));
    proxy.set_behaviour(B, Behaviour::ok(50));
    let ends = proxy.submit(Request::get("/"));
    proxy.run_for(MS);
    proxy.set_behaviour(A, Behaviour::Hang);
    proxy.set_behaviour(B, Behaviour::Hang);
    let hangs = proxy.submit(Request::get("/"));
    proxy.run_for(MS);
    let late = proxy.submit_after(10 * MS, Request::get("/"));
    proxy.drain(200 * MS);
    let outcome = |id| proxy.outcome(id).expect("ended");
    assert!(outcome(ends).is_ok());
    assert_eq!((outcome(hangs).source, outcome(late).source), (Source::Nobody, Source::Nobody));
    assert_eq!(outcome(late).attempts.len(), 0);
    assert_eq!(proxy.open_streams(), 0);
    assert!(proxy.worker(0).roots().is_empty());
    assert!(proxy.main_thread().roots().is_empty());
    assert_eq!(said(&proxy).iter().filter(|text| *text == "one.").count(), 4, "two streams, two roots");
}

#[test]
fn a_call_is_answered_by_its_clusters_script_in_time_or_not() {
    let mut proxy = setup(&teller()).call_cluster("auth").start().expect("starts");
    let mut ask = |answer: CallAnswer| {
        proxy.set_call_script("auth", move |call, _| {
            assert_eq!((call.upstream.as_str(), call.timeout_ms), ("auth", 100));
            answer.clone()
        });
        let outcome = proxy.fetch(Request::get("/").header("x-ask", "1"));
        (outcome.status, outcome.took)
    };
    assert_eq!(ask(CallAnswer::status(200, 30)), (Some(200), 31 * MS));
    assert_eq!(ask(CallAnswer::status(401, 30)), (Some(403), 30 * MS));
    assert_eq!(ask(CallAnswer::unreachable(2)), (Some(403), 2 * MS));
    assert_eq!(ask(CallAnswer::cut(5)), (Some(403), 5 * MS));
    assert_eq!(ask(CallAnswer::status(200, 500)), (Some(403), 100 * MS), "too late");
}

#[test]
fn a_path_leads_to_its_cluster_or_nowhere() {
    let routes = setup(&teller()).route("/other", "other", ["127.0.0.1:9001"]).route("/void", "", [] as [&str; 0]);
    let mut proxy = routes.start().expect("starts");
    assert_eq!(proxy.fetch(Request::get("/other/x")).endpoints(), ["127.0.0.1:9001"]);
    assert!([A, B].contains(&proxy.fetch(Request::get("/")).endpoints()[0]));
    let nowhere = proxy.fetch(Request::get("/void"));
    assert_eq!((nowhere.status, nowhere.source, nowhere.headers), (Some(503), Source::Router, Headers::response(503)));
}

#[test]
fn headers_of_a_request_override_the_route() {
    let mut proxy = setup(&teller()).start().expect("starts");
    proxy.set_behaviour(A, Behaviour::status(418, 1));
    proxy.set_behaviour(B, Behaviour::status(418, 1));
    let request = Request::get("/").header("x-envoy-retry-on", "retriable-status-codes");
    let request = request.header("x-envoy-retriable-status-codes", "418").header("x-envoy-max-retries", "2");
    let outcome = proxy.fetch(request);
    assert_eq!((outcome.attempts.len(), outcome.status), (3, Some(418)));
    assert_eq!(outcome.attempts[0].headers.get("x-envoy-retry-on"), None);
}
