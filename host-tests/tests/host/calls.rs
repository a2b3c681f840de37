//! Host calls beyond a single stream: HTTP calls, queues, buffers, whole header maps, foreign functions.

use std::time::Duration;

use crate::guests::{guest, vm};
use plimsoll_host_tests::host::proxy::{Request, Setup};
use plimsoll_host_tests::host::{Action, CallbackKind, Cas, Headers, HttpReply, Map, Plugin, Status};

/// On a tick: dispatches a GET to cluster "demo" (a configuration of one byte: to cluster "none"). On the answer: logs
/// its `:status`.
fn caller() -> (String, String) {
    let headers = Headers::get_request("/").encode();
    let escaped: String = headers.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let imports = r#"
      (import "env" "proxy_http_call"
        (func $http (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_set_tick_period_milliseconds" (func $every (param i32) (result i32)))
      (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let functions = format!(
        r#"(data (i32.const 0) "demo") (data (i32.const 8) "none") (data (i32.const 16) ":status")
        (data (i32.const 256) "{escaped}")
        (func $call (param $cluster i32) (result i32)
          (call $http (local.get $cluster) (i32.const 4) (i32.const 256) (i32.const {size}) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 250) (i32.const 64)))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $every (i32.const 100)) (i32.eqz))
        (func (export "proxy_on_tick") (param i32) (drop (call $call (i32.const 0))) (drop (call $every (i32.const 0))))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $call (i32.const 8)))
        (func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
          (call $get (i32.const 6) (i32.const 16) (i32.const 7) (i32.const 72) (i32.const 76)))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $get (i32.const 6) (i32.const 16) (i32.const 7) (i32.const 72) (i32.const 76)))
          (drop (call $log (i32.const 2) (i32.load (i32.const 72)) (i32.load (i32.const 76)))))"#,
        size = headers.len()
    );
    (imports.to_owned(), functions)
}

#[test]
fn an_http_call_has_a_token_and_its_answer_is_readable_in_the_callback_only() {
    let (imports, functions) = caller();
    let (mut vm, world) = vm(&guest(&imports, &functions), Cas::Envoy);
    vm.set_clusters(["demo"]);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    let mut tokens = Vec::new();
    for _ in 0..3 {
        vm.tick(root).expect("ticks");
        for action in vm.take_actions() {
            let Action::HttpCall(call) = action else { panic!("{action:?}") };
            assert_eq!((call.upstream.as_str(), call.context, call.timeout_ms), ("demo", root, 250));
            assert_eq!(call.headers, Headers::get_request("/"));
            tokens.push(call.token);
        }
    }
    assert_eq!(tokens, [4, 8, 12]);
    let reply = HttpReply { headers: Headers::response(204), ..HttpReply::default() };
    vm.answer_http_call(root, 8, reply).expect("answers");
    assert_eq!(world.log()[0].message, "204");
    let after = vm.raw(CallbackKind::ResponseTrailers, &[root, 0]);
    assert_eq!(after, Ok(Status::BadArgument.code() as u32));
    let unknown = vm.raw(CallbackKind::RequestTrailers, &[root, 0]);
    assert_eq!(unknown, Ok(Status::BadArgument.code() as u32), "no such cluster");
}

#[test]
fn a_call_that_nobody_answers_ends_in_504_after_its_own_timeout() {
    let (imports, functions) = caller();
    let setup = Setup::new(&guest(&imports, &functions)).cluster("demo", ["127.0.0.1:1"]);
    let mut proxy = setup.downstream(Plugin::new("r", "")).start().expect("starts");
    proxy.run_for(Duration::from_millis(440));
    assert_eq!(proxy.http_calls().len() + proxy.world().log_len(), 2, "main thread and worker");
    proxy.run_for(Duration::from_millis(100));
    let messages: Vec<String> = proxy.world().log().into_iter().map(|line| line.message).collect();
    assert_eq!(messages, ["504", "504"]);
    assert!(proxy.http_calls().is_empty());
}

#[test]
fn the_root_that_registered_a_queue_last_is_told() {
    let imports = r#"
      (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
      (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
      (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
      (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let functions = r#"(data (i32.const 0) "queue") (data (i32.const 8) "item")
      (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (i32.eqz (call $register (i32.const 0) (i32.const 5) (i32.const 64))))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $enqueue (i32.load (i32.const 64)) (i32.const 8) (i32.const 4)))
      (func (export "proxy_on_queue_ready") (param i32 i32)
        (drop (call $dequeue (local.get 1) (i32.const 72) (i32.const 76)))
        (drop (call $log (i32.const 2) (i32.load (i32.const 72)) (i32.load (i32.const 76)))))"#;
    let setup = Setup::new(&guest(imports, functions)).workers(2).cluster("demo", ["127.0.0.1:1"]);
    let mut proxy = setup.downstream(Plugin::new("r", "")).start().expect("starts");
    proxy.fetch(Request::get("/").on_worker(0));
    let log = proxy.world().log();
    assert_eq!((log.len(), log[0].vm.as_str(), log[0].message.as_str()), (1, "worker-1", "item"));
}

#[test]
fn a_whole_map_goes_out_and_in_and_garbage_empties_it() {
    let imports = r#"
      (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
      (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
      (import "env" "proxy_set_header_map_pairs" (func $set (param i32 i32 i32) (result i32)))"#;
    // Reads all pairs, removes :path, puts the pairs back; an odd context of the map is garbage.
    let functions = r#"(data (i32.const 0) ":path") (data (i32.const 8) "\ff\ff\ff\7f")
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $pairs (i32.const 0) (i32.const 64) (i32.const 68)))
        (drop (call $remove (i32.const 0) (i32.const 0) (i32.const 5)))
        (if (local.get 2) (then (return (call $set (i32.const 0) (i32.const 8) (i32.const 4)))))
        (drop (call $set (i32.const 0) (i32.load (i32.const 64)) (i32.load (i32.const 68))))
        (i32.const 1))"#;
    let (mut vm, _world) = vm(&guest(imports, functions), Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    let stream = vm.open_stream(root).expect("opens");
    vm.request_headers(stream, Headers::get_request("/a"), false).expect("restores");
    assert_eq!(vm.map(stream, Map::RequestHeaders), Headers::get_request("/a"));
    let garbage = vm.raw(CallbackKind::RequestHeaders, &[stream, 4, 1]);
    assert_eq!(garbage, Ok(Status::Ok.code() as u32));
    assert!(vm.map(stream, Map::RequestHeaders).is_empty(), "garbage is taken for no pairs at all");
}

#[test]
fn foreign_functions_are_called_by_name() {
    let import = r#"(import "env" "proxy_call_foreign_function"
        (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))"#;
    let functions = r#"(data (i32.const 0) "shout")
      (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
        (call $call (i32.const 0) (local.get 1) (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 68)))"#;
    let (mut vm, world) = vm(&guest(import, functions), Cas::Envoy);
    world.define_foreign("shout", |bytes| Ok(bytes.to_ascii_uppercase()));
    world.define_foreign("shou", |_| Err(Status::InternalFailure));
    let mut call = |length| vm.raw(CallbackKind::RequestTrailers, &[0, length]).expect("no trap");
    assert_eq!([call(5), call(4), call(3)], [0, 10, 1], "answered, failed, unknown");
}
