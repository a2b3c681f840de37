//! What differs between Envoy and nginx with ngx_wasm_module, each difference under both.

use std::time::Duration;

use crate::guests::puppet;
use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{
    AbiVersion, CallbackKind, Cas, Eviction, Flow, Headers, HostCall, LoadError, Map, Profile, Status, Value, Vm, World,
};

const OK: u32 = word(Status::Ok);
const NOT_FOUND: u32 = word(Status::NotFound);
const MISMATCH: u32 = word(Status::CasMismatch);

fn stages() -> [Stage; 2] {
    [Stage::envoy(), Stage::ngx()]
}

fn set(stage: &mut Stage, value: (u32, u32), cas: u32) -> u32 {
    stage.put(IN, "kv");
    stage.call(HostCall::SetSharedData, &[IN, 1, value.0, value.1, cas])
}

#[test]
fn compare_and_swap() {
    let value = (IN + 1, 1);
    for (mut stage, expected) in stages().into_iter().zip([[OK, OK, MISMATCH, OK], [MISMATCH, OK, MISMATCH, OK]]) {
        let first = [set(&mut stage, value, 9), set(&mut stage, value, 0), set(&mut stage, value, 99)];
        stage.call(HostCall::GetSharedData, &[IN, 1, OUT, OUT + 4, OUT + 8]);
        let current = stage.word(OUT + 8);
        let all = [first[0], first[1], first[2], set(&mut stage, value, current)];
        assert_eq!(all, expected);
    }
    assert_eq!((Profile::from(Cas::Envoy), Profile::from(Cas::Strict).cas), (Profile::envoy(), Cas::Strict));
    assert_eq!((Profile::envoy().name(), Profile::ngx_wasm().name()), ("envoy", "ngx_wasm_module"));
    assert_eq!(Profile::default(), Profile::envoy());
}

#[test]
fn a_write_without_a_value_deletes_in_nginx_only() {
    for (mut stage, after) in stages().into_iter().zip([OK, NOT_FOUND]) {
        assert_eq!(set(&mut stage, (IN + 1, 1), 0), OK);
        assert_eq!(set(&mut stage, (0, 0), 1), OK);
        assert_eq!(stage.call(HostCall::GetSharedData, &[IN, 1, OUT, OUT + 4, OUT + 8]), after);
    }
}

#[test]
fn keys_vanish_in_nginx_when_memory_runs_short() {
    let eviction = Eviction { bytes: 32, keys: 3 };
    for profile in [Profile::envoy(), Profile::ngx_wasm().evicting(eviction)] {
        let keeps = profile.eviction.is_none();
        let world = World::new(profile);
        for at in 0..10_u8 {
            world.store().set("v", &[at], b"value", 0).expect("fits");
        }
        assert_eq!(world.store().get("v", &[0]).is_some(), keeps);
        assert!(world.store().get("v", &[9]).is_some(), "the youngest is there");
    }
    assert!(Profile::ngx_wasm().eviction.is_some());
}

#[test]
fn callbacks_that_nginx_never_makes() {
    for (mut stage, made) in stages().into_iter().zip([1, 0]) {
        let stream = stage.vm.open_stream(stage.root).expect("opens");
        stage.answer(1);
        let flow = stage.vm.request_trailers(stream, Headers::new()).expect("no trap");
        assert_eq!(flow, if made == 1 { Flow::Pause } else { Flow::Continue });
        stage.vm.queue_ready(stage.root, 1).expect("no trap");
        for kind in [CallbackKind::RequestTrailers, CallbackKind::QueueReady] {
            assert_eq!(stage.vm.costs().callback(kind).calls, made, "{kind:?}");
        }
        for kind in [CallbackKind::Tick, CallbackKind::RequestBody, CallbackKind::Log] {
            assert!(Profile::ngx_wasm().makes(kind));
        }
    }
}

#[test]
fn headers_do_not_tell_in_nginx_that_no_body_follows() {
    for (mut stage, told) in stages().into_iter().zip(["1]", "0]"]) {
        let stream = stage.vm.open_stream(stage.root).expect("opens");
        stage.world.trace().record(true);
        stage.vm.request_headers(stream, Headers::get_request("/"), true).expect("no trap");
        let trace = stage.world.trace().text();
        assert!(trace.lines().next().is_some_and(|line| line.ends_with(told)), "{trace}");
    }
}

#[test]
fn host_calls_that_nginx_lacks_trap_and_unknown_ones_do_not_load() {
    let calls = [
        HostCall::GetLogLevel,
        HostCall::Done,
        HostCall::CloseStream,
        HostCall::ResolveQueue,
        HostCall::GrpcCancel,
        HostCall::GetStatus,
    ];
    for call in calls {
        let mut stage = Stage::ngx();
        let trap = stage.trap(CallbackKind::Tick, stage.root, call, &[OUT; 5]);
        assert!(trap.contains(call.name()) && trap.contains("not implemented"), "{trap}");
        Stage::envoy().call(call, &[OUT; 5]);
    }
    let world = World::new(Profile::ngx_wasm());
    let refused = Vm::new(&puppet::guest(AbiVersion::V0_2_1), "worker-0", "v", &world).expect_err("unknown imports");
    let names = ["env.proxy_get_buffer_status", "env.proxy_get_header_map_size"].map(str::to_owned);
    assert_eq!(refused, LoadError::UnknownImports(names.to_vec()));
}

#[test]
fn properties_are_text_in_nginx_and_some_are_not_there() {
    let values = [
        ("response.code", Value::Int(200), Some("200")),
        ("request.duration", Value::Duration(Duration::from_millis(1_500)), Some("1.500")),
        ("connection.mtls", Value::Bool(false), Some("false")),
        ("upstream.address", Value::from("1.2.3.4"), Some("1.2.3.4")),
        ("response.flags", Value::Uint(4), None),
        ("response.code_details", Value::from("via_upstream"), None),
        ("upstream.transport_failure_reason", Value::from("reset"), None),
        ("upstream.request_attempt_count", Value::Uint(1), None),
        ("plugin_vm_id", Value::from("test"), None),
    ];
    for (is_ngx, mut stage) in [false, true].into_iter().zip(stages()) {
        let stream = stage.vm.open_stream(stage.root).expect("opens");
        for (path, value, text) in &values {
            stage.vm.stream_mut(stream).expect("open").properties.set(path, value.clone());
            let expected = if is_ngx { text.map(|text| text.as_bytes().to_vec()) } else { Some(value.encode()) };
            let path = path.replace('.', "\0");
            stage.put(IN, &path);
            let arguments = [IN, path.len() as u32, OUT, OUT + 4];
            let status = stage.call_in(CallbackKind::Tick, stream, HostCall::GetProperty, &arguments);
            let found = (status == OK).then(|| stage.told(OUT));
            assert_eq!((found, status == NOT_FOUND), (expected.clone(), expected.is_none()), "{path:?}");
        }
    }
}

#[test]
fn what_a_guest_keeps_itself_has_other_names_in_nginx() {
    for (is_ngx, mut stage) in [false, true].into_iter().zip(stages()) {
        let (stream, root) = (stage.paused_request(), stage.root);
        for (path, context, kept, found) in [
            ("own", stream, !is_ngx, !is_ngx),
            ("wasmx\0own", stream, true, is_ngx),
            ("wasmx\0own", root, is_ngx, is_ngx),
        ] {
            stage.put(IN, format!("{path}v"));
            let size = path.len() as u32;
            let tick = CallbackKind::Tick;
            let set = stage.call_in(tick, context, HostCall::SetProperty, &[IN, size, IN + size, 1]);
            let get = stage.call_in(tick, context, HostCall::GetProperty, &[IN, size, OUT, OUT + 4]);
            assert_eq!((set == OK, get == OK), (kept, found), "{path:?} of {context}");
        }
    }
}

#[test]
fn an_effective_context_is_a_word_without_meaning_in_nginx() {
    for (is_ngx, mut stage) in [false, true].into_iter().zip(stages()) {
        let stream = stage.paused_request();
        stage.put(IN, ":path");
        let read: &[u32] = &[0, IN, 5, OUT, OUT + 4];
        let set = HostCall::SetEffectiveContext;
        stage.plan(&[(set, &[99]), (set, &[stream]), (HostCall::GetHeader, read)]);
        stage.vm.tick(stage.root).expect("ticks");
        let expected = if is_ngx { [OK, OK, NOT_FOUND] } else { [word(Status::BadArgument), OK, OK] };
        assert_eq!(stage.results(3), expected);
    }
}

#[test]
fn a_timer_is_set_once_by_a_root_in_nginx() {
    let every = HostCall::SetTickPeriod;
    let mut envoy = Stage::envoy();
    assert_eq!([envoy.call(every, &[5]), envoy.call(every, &[7])], [OK, OK]);
    let mut ngx = Stage::ngx();
    assert_eq!(
        [ngx.call(every, &[5]), ngx.call(every, &[0]), ngx.call(every, &[7])],
        [OK; 3],
        "stopped, it may be set"
    );
    assert!(ngx.trap(CallbackKind::Tick, ngx.root, every, &[9]).contains("already set"));
    let mut ngx = Stage::ngx();
    let stream = ngx.paused_request();
    assert!(ngx.trap(CallbackKind::Tick, stream, every, &[9]).contains("root context"));
}

#[test]
fn nginx_traps_on_misuse_that_envoy_answers() {
    for (call, arguments) in [
        (HostCall::IncrementMetric, &[12_u32, 1, 0][..]),
        (HostCall::RecordMetric, &[12, 1, 0]),
        (HostCall::GetMetric, &[12, OUT]),
        (HostCall::DefineMetric, &[3, IN, 1, OUT]),
        (HostCall::Enqueue, &[7, IN, 1]),
        (HostCall::Dequeue, &[7, OUT, OUT + 4]),
        (HostCall::CallForeignFunction, &[IN, 1, IN, 1, OUT, OUT + 4]),
    ] {
        let mut stage = Stage::ngx();
        stage.trap(CallbackKind::Tick, stage.root, call, arguments);
        assert!(stage.vm.is_dead());
        assert_ne!(Stage::envoy().call(call, arguments), OK, "{call:?}");
    }
}

#[test]
fn headers_are_always_readable_in_nginx_and_used_up_ones_not_writable() {
    let mut stage = Stage::ngx();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.vm.request_headers(stream, Headers::get_request("/"), true).expect("goes on");
    stage.put(IN, ":path");
    let read = [0, IN, 5, OUT, OUT + 4];
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::GetHeader, &read), OK);
    stage.plan(&[(HostCall::AddHeader, &[2, IN + 1, 4, IN, 1])]);
    let flow = stage.vm.response_headers(stream, Headers::response(200), false);
    assert_eq!((flow, stage.result()), (Ok(Flow::Continue), OK));
    assert_eq!(stage.vm.map(stream, Map::ResponseHeaders).text("path").as_deref(), Some(":"));
    let trap = stage.trap(CallbackKind::Tick, stream, HostCall::AddHeader, &[0, IN, 5, IN, 1]);
    assert!(trap.contains("before they are sent"), "{trap}");
}

#[test]
fn a_body_out_of_its_step_is_misuse_in_nginx() {
    let mut stage = Stage::ngx();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.plan(&[(HostCall::GetBuffer, &[0, 0, 9, OUT, OUT + 4]), (HostCall::SetBuffer, &[0, 0, 0, IN, 1])]);
    stage.vm.request_body(stream, b"body".to_vec(), true).expect("no trap");
    assert_eq!((stage.results(2), stage.told(OUT)), (vec![OK, OK], b"body".to_vec()));
    stage.vm.request_body(stream, Vec::new(), true).expect("no trap");
    assert_eq!(stage.result(), NOT_FOUND, "there is none");
    let trap = stage.trap(CallbackKind::Tick, stream, HostCall::GetBuffer, &[0, 0, 9, OUT, OUT + 4]);
    assert!(trap.contains("request body"), "{trap}");
}
