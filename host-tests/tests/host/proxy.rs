//! The modelled proxy: steering, retries, observer, ticks, updates, failure. The guests are small and of our own.

use std::time::Duration;

use crate::guests::guest;
use plimsoll_host_tests::host::proxy::{AttemptEnd, Behaviour, FailurePolicy, Proxy, Request, Retries, Setup, Source};
use plimsoll_host_tests::host::{CallbackKind, Guest, Headers, Plugin};

const A: &str = "127.0.0.1:8001";
const B: &str = "127.0.0.1:8002";
const C: &str = "127.0.0.1:8003";

const IMPORTS: &str = r#"
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $every (param i32) (result i32)))"#;

/// As picker it writes its configuration into the steering header; as observer (a configuration of one byte) it logs
/// each attempt's address and end. A header `x-trap` traps. Both tick every 100 ms.
const FUNCTIONS: &str = r#"
  (data (i32.const 0) "x-plimsoll-endpoint")
  (data (i32.const 32) "upstream\00address")
  (data (i32.const 64) "x-trap")
  (data (i32.const 80) "done")
  (global $list (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const 0))
  (global $observer (mut i32) (i32.const 0))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $every (i32.const 100)))
    (if (i32.eq (local.get 1) (i32.const 1)) (then (global.set $observer (local.get 0)) (return (i32.const 1))))
    (if (i32.eq (local.get 1) (i32.const 3)) (then (return (i32.const 0))))
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 128) (i32.const 132)))
    (global.set $list (i32.load (i32.const 128))) (global.set $size (i32.load (i32.const 132)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eqz (call $header (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 128) (i32.const 132)))
      (then unreachable))
    (if (call $property (i32.const 32) (i32.const 16) (i32.const 128) (i32.const 132))
      (then (drop (call $replace (i32.const 0) (i32.const 0) (i32.const 19) (global.get $list) (global.get $size))))
      (else (drop (call $log (i32.const 2) (i32.load (i32.const 128)) (i32.load (i32.const 132))))))
    (i32.const 0))
  (func (export "proxy_on_tick") (param i32))
  (func $root_of (param i32) (result i32) (i32.add (i32.const 16384) (i32.shl (local.get 0) (i32.const 2))))
  (func (export "proxy_on_context_create") (param i32 i32)
    (i32.store (call $root_of (local.get 0)) (local.get 1)))
  (func (export "proxy_on_done") (param i32) (result i32)
    (if (i32.eq (i32.load (call $root_of (local.get 0))) (global.get $observer))
      (then (drop (call $log (i32.const 2) (i32.const 80) (i32.const 4)))))
    (i32.const 1))
"#;

fn setup(list: &str) -> Setup {
    let guest: Guest = guest(IMPORTS, FUNCTIONS);
    Setup::new(&guest)
        .downstream(Plugin::new("picker", list))
        .upstream(Plugin::new("observer", "o"))
        .cluster("demo", [A, B, C])
        .retries(Retries { limit: 2, ..Retries::default() })
        .per_try_timeout(Duration::from_millis(500))
}

fn proxy(list: &str) -> Proxy {
    setup(list).start().expect("starts")
}

fn messages(proxy: &Proxy) -> Vec<String> {
    proxy.world().log().into_iter().map(|line| line.message).collect()
}

#[test]
fn each_attempt_takes_the_next_entry_and_the_observer_sees_it() {
    let mut proxy = proxy(&format!("{B},{A},{C}"));
    proxy.set_behaviour(B, Behaviour::Refuse);
    proxy.set_behaviour(A, Behaviour::status(503, 5));
    let outcome = proxy.fetch(Request::get("/").header("x-plimsoll-endpoint", C));
    assert!(outcome.is_ok(), "{outcome}");
    assert_eq!(outcome.endpoints(), [B, A, C], "the client's own header does not steer");
    assert_eq!(messages(&proxy), [B, "done", A, "done", C, "done"]);
    let ends: Vec<_> = outcome.attempts.iter().map(|attempt| attempt.end.expect("ended").0).collect();
    assert_eq!(ends, [AttemptEnd::Refused, AttemptEnd::Status(503), AttemptEnd::Status(200)]);
}

#[test]
fn a_list_that_is_used_up_falls_back_and_errors_reach_the_client_after_the_last_retry() {
    let mut proxy = proxy(B);
    proxy.set_behaviour(A, Behaviour::status(503, 1));
    proxy.set_behaviour(B, Behaviour::Reset { after: Duration::from_millis(3) });
    proxy.set_behaviour(C, Behaviour::status(503, 1));
    let outcome = proxy.fetch(Request::get("/"));
    let steered: Vec<_> = outcome.attempts.iter().map(|attempt| attempt.steered).collect();
    assert_eq!(steered, [true, false, false]);
    assert!(outcome.status == Some(503) && !outcome.is_ok(), "{outcome}");
}

#[test]
fn a_hanging_endpoint_ends_with_the_per_try_timeout_and_the_retry_answers() {
    let mut proxy = proxy(&format!("{A},{B}"));
    proxy.set_behaviour(A, Behaviour::Hang);
    let outcome = proxy.fetch(Request::get("/"));
    assert!(outcome.is_ok() && outcome.took >= Duration::from_millis(500), "{outcome}");
    assert_eq!(outcome.attempts[0].end.map(|(end, _)| end), Some(AttemptEnd::Timeout));
}

#[test]
fn the_request_timeout_is_not_retried() {
    let mut proxy = setup(A).timeout(Duration::from_millis(200)).start().expect("starts");
    proxy.set_behaviour(A, Behaviour::Hang);
    let outcome = proxy.fetch(Request::get("/"));
    assert_eq!((outcome.status, outcome.source, outcome.attempts.len()), (Some(504), Source::Router, 1));
    assert_eq!(outcome.took, Duration::from_millis(200));
}

#[test]
fn a_client_that_hangs_up_and_a_body_that_breaks_off_end_every_stream() {
    let mut proxy = proxy(A);
    proxy.set_behaviour(A, Behaviour::Hang);
    let aborted = proxy.fetch(Request::get("/").aborting_after(Duration::from_millis(7)));
    assert_eq!((aborted.status, aborted.source), (None, Source::Nobody));
    let (latency, body_time) = (Duration::from_millis(2), Duration::from_millis(9));
    proxy.set_behaviour(A, Behaviour::Truncate { status: 200, latency, body_time });
    let cut = proxy.fetch(Request::get("/"));
    assert!(cut.truncated && cut.status == Some(200), "{cut}");
    assert_eq!(cut.took, latency + body_time);
    assert_eq!(proxy.worker(0).open_streams(), 0);
    assert_eq!(messages(&proxy), [A, "done", A, "done"]);
}

#[test]
fn requests_overlap_in_virtual_time() {
    let mut proxy = proxy(A);
    proxy.set_behaviour(A, Behaviour::ok(50));
    for at in 0..10 {
        proxy.submit_after(Duration::from_millis(at), Request::get("/"));
    }
    proxy.run_for(Duration::from_millis(20));
    assert_eq!((proxy.in_flight(), proxy.worker(0).open_streams()), (10, 20));
    proxy.run_until_idle();
    assert_eq!((proxy.outcomes().filter(|outcome| outcome.is_ok()).count(), proxy.worker(0).open_streams()), (10, 0));
    assert_eq!(proxy.world().elapsed(), Duration::from_millis(59));
}

#[test]
fn an_update_adds_a_root_and_both_tick_until_the_old_one_is_drained() {
    let mut proxy = setup(A).workers(2).drain(Duration::from_secs(2)).start().expect("starts");
    proxy.update(&Plugin::new("picker", B)).expect("accepted");
    assert_eq!(proxy.worker(0).roots().len(), 3);
    assert_eq!(proxy.fetch(Request::get("/")).endpoints(), [B]);
    // Each timer's first period is longer by a part of it, drawn from the seed.
    proxy.run_for(Duration::from_millis(300));
    proxy.reset_costs();
    proxy.run_for(Duration::from_secs(1));
    assert_eq!(proxy.worker(1).costs().callback(CallbackKind::Tick).calls, 30);
    assert_eq!(proxy.main_thread().costs().callback(CallbackKind::Tick).calls, 30, "the main thread ticks too");
    proxy.run_for(Duration::from_secs(2));
    assert_eq!(proxy.worker(0).roots().len(), 2);
}

#[test]
fn a_refused_update_changes_nothing() {
    let mut proxy = proxy(A);
    let error = proxy.update(&Plugin::new("picker", "bad")).expect_err("three bytes are refused");
    assert!(error.to_string().contains("canary"), "{error}");
    assert_eq!(proxy.worker(0).roots().len(), 2);
    assert_eq!(proxy.fetch(Request::get("/")).endpoints(), [A]);
}

#[test]
fn a_trap_loses_what_is_in_flight_on_that_worker_only() {
    let mut proxy = setup(A).workers(2).start().expect("starts");
    proxy.set_behaviour(A, Behaviour::ok(50));
    let mine = proxy.submit(Request::get("/").on_worker(0));
    let other = proxy.submit(Request::get("/").on_worker(1));
    let trap = proxy.submit_after(Duration::from_millis(10), Request::get("/").on_worker(0).header("x-trap", "1"));
    proxy.run_until_idle();
    let status = |id| proxy.outcome(id).and_then(|outcome| outcome.status);
    assert_eq!((status(mine), status(trap), status(other)), (Some(503), Some(503), Some(200)));
    assert_eq!(proxy.traps().len(), 1);
    assert_eq!(proxy.fetch(Request::get("/").on_worker(0)).status, Some(503), "closed for ever");
}

#[test]
fn failing_open_bypasses_the_filter_and_a_client_header_is_stripped_at_the_door() {
    let open = setup(A).failure_policy(FailurePolicy::Open).steering_header("x-plimsoll-endpoint", true);
    let mut proxy = open.start().expect("starts");
    proxy.fetch(Request::get("/").header("x-trap", "1"));
    let outcome = proxy.fetch(Request::get("/").header("x-plimsoll-endpoint", A));
    assert!(outcome.is_ok() && !outcome.attempts[0].steered, "{outcome}");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let run = |seed| {
        let mut proxy = setup(&format!("{A},{B}")).workers(3).seed(seed).trace().start().expect("starts");
        proxy.set_script(A, |_, rng| if rng.percent(30) { Behaviour::Refuse } else { Behaviour::ok(rng.below(9)) });
        for at in 0..50 {
            proxy.submit_after(Duration::from_millis(at * 3), Request::get("/"));
        }
        proxy.run_for(Duration::from_secs(1));
        proxy.world().trace().text()
    };
    let trace = run(7);
    assert_eq!(trace, run(7));
    assert_ne!(trace, run(8));
    assert!(
        trace.contains("proxy_on_request_headers") && trace.contains("proxy_get_property(\"upstream\\x00address\"")
    );
}

#[test]
fn a_request_that_the_admin_filter_lets_pass_has_no_answer() {
    let mut proxy = setup(A).admin(Plugin::new("admin", "a")).start().expect("starts");
    assert!(proxy.admin(0, Headers::get_request("/")).is_none());
}
