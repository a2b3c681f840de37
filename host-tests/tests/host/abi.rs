//! Host calls: phases, missing keys, bad pointers, shared data, metrics, effective context.

use crate::guests::{guest, vm};
use plimsoll_host_tests::host::{
    Action, Body, CallbackKind, Cas, Flow, Headers, HostCall, Map, Plugin, Status, Value, Vm, World,
};

const HEADERS: &str = r#"
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))"#;

const fn word(status: Status) -> u32 {
    status as i32 as u32
}

/// A guest whose callbacks return the status of one host call, as the callback's answer.
fn status_of(imports: &str, call: &str, data: &str) -> (Vm, u32, World) {
    let functions = format!(
        r#"(data (i32.const 0) "{data}")
        (func $call (result i32) {call})
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $call))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $call))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $call))
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $call))
        (func (export "proxy_on_queue_ready") (param i32 i32) (i32.store (i32.const 900) (call $call)))
        (func (export "proxy_on_done") (param i32) (result i32) (call $call))"#
    );
    let (mut vm, world) = vm(&guest(imports, &functions), Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    (vm, root, world)
}

/// The status as seen in a callback: an answer other than 0 pauses, so the raw word is asked for.
fn in_request_headers(vm: &mut Vm, root: u32) -> u32 {
    let stream = vm.open_stream(root).expect("opens");
    vm.request_headers(stream, Headers::get_request("/a"), true).expect("no trap");
    vm.raw(CallbackKind::RequestHeaders, &[stream, 4, 1]).expect("no trap")
}

#[test]
fn a_map_outside_its_phase_gives_bad_argument_and_a_missing_key_not_found() {
    // Reads request header :path.
    let call = "(call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68))";
    let (mut vm, root, _world) = status_of(HEADERS, call, ":path");
    let stream = vm.open_stream(root).expect("opens");
    assert_eq!(vm.raw(CallbackKind::RequestHeaders, &[stream, 0, 1]), Ok(word(Status::BadArgument)));
    vm.request_headers(stream, Headers::get_request("/a"), true).expect("no trap");
    assert_eq!(vm.raw(CallbackKind::Done, &[stream]), Ok(word(Status::BadArgument)));
    vm.response_headers(stream, Headers::response(200), true).expect("no trap");
    assert_eq!(vm.raw(CallbackKind::ResponseHeaders, &[stream, 1, 1]), Ok(word(Status::BadArgument)));
    assert_eq!(vm.raw(CallbackKind::Done, &[root]), Ok(word(Status::BadArgument)), "a root has no maps");
    assert_eq!(vm.raw(CallbackKind::Done, &[99]), Ok(word(Status::BadArgument)), "nor has nobody");
    let missing = "(call $get (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 64) (i32.const 68))";
    let (mut vm, root, _world) = status_of(HEADERS, missing, ":pat");
    let stream = vm.open_stream(root).expect("opens");
    // "not found" is 1, which pauses: the map stays open.
    vm.request_headers(stream, Headers::get_request("/a"), true).expect("no trap");
    assert_eq!(vm.raw(CallbackKind::RequestHeaders, &[stream, 4, 1]), Ok(word(Status::NotFound)));
}

#[test]
fn a_paused_request_can_be_changed_until_it_goes_on() {
    let call = r#"(drop (call $replace (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1)))
        (i32.const 1)"#;
    let (mut vm, root, _world) = status_of(HEADERS, call, "xy");
    let stream = vm.open_stream(root).expect("opens");
    vm.request_headers(stream, Headers::get_request("/"), true).expect("pauses");
    assert_eq!(vm.map(stream, Map::RequestHeaders).text("x").as_deref(), Some("y"));
    vm.resume(stream, Body::Request);
    let call = HostCall::ReplaceHeader;
    let before = vm.costs().callback(CallbackKind::Done).host_calls.get(call);
    vm.raw(CallbackKind::Done, &[stream]).expect("no trap");
    assert_eq!(vm.costs().callback(CallbackKind::Done).host_calls.get(call), before + 1);
    assert_eq!(vm.map(stream, Map::RequestHeaders).len(), 5);
}

#[test]
fn pointers_and_lengths_outside_the_memory_give_a_status() {
    for (key, size, out) in
        [("-1", "5", "64"), ("0", "-1", "64"), ("131070", "5", "64"), ("0", "5", "-3"), ("0", "5", "131070")]
    {
        let call =
            format!("(call $get (i32.const 0) (i32.const {key}) (i32.const {size}) (i32.const {out}) (i32.const 68))");
        let (mut vm, root, _world) = status_of(HEADERS, &call, ":path");
        let status = in_request_headers(&mut vm, root);
        assert_eq!(status, word(Status::InvalidMemoryAccess), "key {key}, size {size}, answer {out}");
        assert!(!vm.is_dead());
    }
}

#[test]
fn an_allocator_that_has_nothing_gives_a_status() {
    let text = r#"(module
        (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) ":path")
        (func (export "proxy_abi_version_0_2_0"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68))))"#;
    let guest = plimsoll_host_tests::host::Guest::compile(&wat::parse_str(text).expect("text")).expect("loads");
    let (mut vm, _world) = vm(&guest, Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    assert_eq!(in_request_headers(&mut vm, root), word(Status::InvalidMemoryAccess));
}

/// Sets key "k" to "v" with the compare-and-swap number that stands in the callback's second argument.
const SET_SHARED: &str = r#"
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
    (call $set (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 1) (local.get 1)))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
    (drop (call $get (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68) (i32.const 72)))
    (i32.load (i32.const 72)))"#;
const SHARED: &str = r#"
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;

fn shared(cas: Cas) -> (Vm, Vm, World) {
    let guest = guest(SHARED, &format!(r#"(data (i32.const 0) "kv") {SET_SHARED}"#));
    let (one, world) = vm(&guest, cas);
    let other = Vm::new(&guest, "worker-1", "test", &world).expect("instantiates");
    (one, other, world)
}

fn set(vm: &mut Vm, cas: u32) -> u32 {
    vm.raw(CallbackKind::RequestTrailers, &[0, cas]).expect("no trap")
}

fn cas_number(vm: &mut Vm) -> u32 {
    vm.raw(CallbackKind::ResponseTrailers, &[0, 0]).expect("no trap")
}

#[test]
fn shared_data_as_in_envoy() {
    let (mut one, mut other, world) = shared(Cas::Envoy);
    assert_eq!(set(&mut one, 9), word(Status::Ok), "a number on a missing key inserts");
    assert_eq!(set(&mut other, 0), word(Status::Ok), "0 is unconditional");
    let current = cas_number(&mut one);
    assert_eq!(set(&mut one, current + 5), word(Status::CasMismatch));
    assert_eq!(set(&mut one, current), word(Status::Ok));
    assert_eq!(set(&mut other, current), word(Status::CasMismatch), "the number is used up");
    assert_eq!(world.store().get("test", b"k").map(|(value, _)| value.to_vec()), Some(b"v".to_vec()));
}

#[test]
fn shared_data_as_in_ngx_wasm_module() {
    let (mut one, mut other, _world) = shared(Cas::Strict);
    assert_eq!(set(&mut one, 9), word(Status::CasMismatch), "a number needs a key");
    assert_eq!(set(&mut one, 0), word(Status::Ok));
    assert_eq!(set(&mut other, 0), word(Status::CasMismatch), "0 needs the key to be missing");
    let current = cas_number(&mut other);
    assert_eq!(set(&mut other, current), word(Status::Ok));
}

#[test]
fn adding_zero_to_a_counter_is_an_error() {
    let functions = r#"(data (i32.const 0) "c")
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
          (drop (call $define (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64)))
          (call $increment (i32.load (i32.const 64)) (i64.extend_i32_u (local.get 1))))"#;
    let imports = r#"(import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))"#;
    let (mut vm, world) = vm(&guest(imports, functions), Cas::Envoy);
    assert_eq!(vm.raw(CallbackKind::RequestTrailers, &[0, 0]), Ok(word(Status::BadArgument)));
    assert_eq!(vm.raw(CallbackKind::RequestTrailers, &[0, 3]), Ok(word(Status::Ok)));
    assert_eq!(world.store().metrics.counter("c"), Some(3));
}

#[test]
fn properties_are_readable_by_phase_only() {
    let import = r#"(import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))"#;
    let of = |path: &str, size: usize| {
        let call = format!("(call $get (i32.const 0) (i32.const {size}) (i32.const 64) (i32.const 68))");
        status_of(import, &call, path)
    };
    let (mut vm, root, _world) = of("request\\00path", 12);
    let stream = vm.open_stream(root).expect("opens");
    vm.request_headers(stream, Headers::get_request("/a"), true).expect("reads, so it goes on");
    assert_eq!(vm.raw(CallbackKind::Done, &[stream]), Ok(word(Status::NotFound)));
    let (mut vm, root, _world) = of("upstream\\00address", 16);
    let stream = vm.open_stream(root).expect("opens");
    assert_eq!(vm.raw(CallbackKind::Done, &[stream]), Ok(word(Status::NotFound)));
    vm.stream_mut(stream).expect("open").properties.set("upstream.address", Value::from("1.2.3.4:5"));
    assert_eq!(vm.raw(CallbackKind::Done, &[stream]), Ok(word(Status::Ok)));
    let (mut vm, root, _world) = of("plugin_root_id", 14);
    assert_eq!(vm.raw(CallbackKind::Done, &[root]), Ok(word(Status::Ok)));
}

#[test]
fn a_local_response_waits_for_the_callback_and_a_second_is_not_sent() {
    let import = r#"(import "env" "proxy_send_local_response"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;
    let call = r#"(call $send (i32.const 503) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2)
        (i32.const 0) (i32.const 0) (i32.const -1))"#;
    let (mut vm, root, _world) = status_of(import, call, "no");
    let stream = vm.open_stream(root).expect("opens");
    let flow = vm.request_headers(stream, Headers::get_request("/"), true).expect("no trap");
    assert_eq!(flow, Flow::Pause, "the guest said to go on, but the stream does not");
    assert_eq!(vm.take_actions(), [Action::LocalResponse { context: stream }]);
    assert_eq!(vm.raw(CallbackKind::RequestHeaders, &[stream, 0, 1]), Ok(word(Status::Ok)));
    assert_eq!(vm.take_actions(), [], "taken without complaint, but the first counts");
    let local = vm.take_local_response(stream).expect("sent");
    assert_eq!((local.status, local.body.as_slice()), (503, &b"no"[..]));
}

#[test]
fn an_effective_context_lends_its_maps_for_one_callback() {
    let imports =
        format!(r#"{HEADERS} (import "env" "proxy_set_effective_context" (func $as (param i32) (result i32)))"#);
    let functions = r#"(data (i32.const 0) ":path")
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
          (if (call $as (local.get 1)) (then (return (i32.const 77))))
          (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 64) (i32.const 68)))"#;
    let (mut vm, _world) = vm(&guest(&imports, functions), Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    let stream = vm.open_stream(root).expect("opens");
    vm.request_headers(stream, Headers::get_request("/"), true).expect("pauses");
    assert_eq!(vm.raw(CallbackKind::RequestTrailers, &[root, stream]), Ok(word(Status::Ok)));
    assert_eq!(vm.raw(CallbackKind::RequestTrailers, &[root, root]), Ok(word(Status::BadArgument)));
    assert_eq!(vm.raw(CallbackKind::RequestTrailers, &[root, 99]), Ok(77), "an unknown context cannot be lent");
}
