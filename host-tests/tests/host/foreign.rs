//! Foreign functions: those of Envoy, those of a test, and their callback.

use crate::guests::puppet::{self, Allocator};
use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{CallbackKind, HostCall, Status};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const NOT_FOUND: u32 = word(Status::NotFound);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

fn call_in(stage: &mut Stage, context: u32, name: &str, args: &[u8]) -> (u32, Vec<u8>) {
    stage.put(IN, name);
    stage.put(IN + 256, args);
    stage.put(OUT, [0; 8]);
    let arguments = [IN, name.len() as u32, IN + 256, args.len() as u32, OUT, OUT + 4];
    let status = stage.call_in(CallbackKind::Tick, context, HostCall::CallForeignFunction, &arguments);
    (status, stage.told(OUT))
}

/// Fields of a protobuf message: text under its number.
fn message(fields: &[(u8, &str)]) -> Vec<u8> {
    let field = |(number, text): &(u8, &str)| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    fields.iter().flat_map(field).collect()
}

#[test]
fn what_was_compressed_can_be_uncompressed() {
    let mut stage = Stage::envoy();
    let root = stage.root;
    let plain = b"to be, or not to be, to be".repeat(20);
    let (status, small) = call_in(&mut stage, root, "compress", &plain);
    assert_eq!(status, OK);
    assert!(small.len() < plain.len() / 4, "{}", small.len());
    assert_eq!(call_in(&mut stage, root, "uncompress", &small), (OK, plain));
    let failed = word(Status::SerializationFailure);
    assert_eq!(call_in(&mut stage, root, "uncompress", b"no zlib"), (failed, vec![]));
    assert_eq!(call_in(&mut stage, root, "uncompress", &small[..small.len() / 2]).0, failed);
    let (status, empty) = call_in(&mut stage, root, "compress", b"");
    assert_eq!((status, call_in(&mut stage, root, "uncompress", &empty)), (OK, (OK, vec![])));
}

#[test]
fn a_stream_sets_filter_state_that_has_a_factory() {
    let mut stage = Stage::envoy();
    let (stream, root) = (stage.paused_request(), stage.root);
    let name = "set_envoy_filter_state";
    let args = message(&[(1, "envoy.upstream.dynamic_host"), (2, "1.2.3.4")]);
    assert_eq!(call_in(&mut stage, stream, name, &args), (OK, vec![]));
    let state = stage.vm.stream(stream).expect("open").filter_state("envoy.upstream.dynamic_host");
    assert_eq!(state, Some(&b"1.2.3.4"[..]));
    assert_eq!(call_in(&mut stage, root, name, &args).0, NOT_FOUND, "a root has no stream");
    assert_eq!(call_in(&mut stage, stream, name, &message(&[(1, "my.own"), (2, "x")])).0, NOT_FOUND);
    assert_eq!(call_in(&mut stage, stream, name, &[0x0a, 200]).0, BAD);
    assert_eq!(call_in(&mut stage, stream, name, &[0x0a, 1, 0xff]).0, BAD, "not UTF-8");
}

#[test]
fn a_declared_property_can_be_kept_once_only() {
    let mut stage = Stage::envoy();
    let (stream, root) = (stage.paused_request(), stage.root);
    let declared = [message(&[(1, "once")]), vec![2 << 3, 1]].concat();
    assert_eq!(call_in(&mut stage, root, "declare_property", &declared).0, OK);
    assert_eq!(call_in(&mut stage, root, "declare_property", &declared).0, BAD, "twice");
    assert_eq!(call_in(&mut stage, root, "declare_property", b"\xff").0, BAD);
    stage.put(IN, "onceotherv");
    let tick = CallbackKind::Tick;
    let mut keep = |at, size| stage.call_in(tick, stream, HostCall::SetProperty, &[IN + at, size, IN + 9, 1]);
    assert_eq!([keep(0, 4), keep(0, 4), keep(4, 5), keep(4, 5)], [OK, BAD, OK, OK]);
}

#[test]
fn a_name_that_is_no_function_writes_nothing() {
    let mut stage = Stage::envoy();
    let root = stage.root;
    stage.put(OUT, [255; 8]);
    stage.put(IN, "expr_create");
    assert_eq!(stage.call(HostCall::CallForeignFunction, &[IN, 11, IN, 0, OUT, OUT + 4]), NOT_FOUND);
    assert_eq!(stage.word(OUT), u32::MAX);
    assert_eq!(call_in(&mut stage, root, "clear_route_cache", b"").0, OK);
    stage.put(IN, "clear_route_cache");
    stage.put(OUT, [255; 8]);
    assert_eq!(stage.call(HostCall::CallForeignFunction, &[IN, 17, IN, 0, OUT, OUT + 4]), OK);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (0, 0), "an empty answer is written");
}

#[test]
fn a_test_can_bring_its_own_functions() {
    let mut stage = Stage::envoy();
    let root = stage.root;
    stage.world.define_foreign("shout", |bytes| Ok(bytes.to_ascii_uppercase()));
    stage.world.define_foreign("fail", |_| Err(Status::InternalFailure));
    stage.world.define_foreign("compress", |_| Ok(b"mine".to_vec()));
    assert_eq!(call_in(&mut stage, root, "shout", b"hi"), (OK, b"HI".to_vec()));
    assert_eq!(call_in(&mut stage, root, "fail", b"hi"), (word(Status::InternalFailure), vec![]));
    assert_eq!(call_in(&mut stage, root, "compress", b"hi"), (OK, b"mine".to_vec()));
    stage.put(IN, "shouthi");
    let call = HostCall::CallForeignFunction;
    assert_eq!(stage.call(call, &[IN, 5, IN + 5, 2, 0, 0]), OK, "nobody wants the answer");
    assert_eq!(stage.call(call, &[IN, 5, IN + 5, 2, 0, OUT]), OK);
    assert_eq!(stage.word(OUT), 2);
    for bad in [[u32::MAX, 5, IN, 2, OUT, OUT], [IN, 5, u32::MAX, 2, OUT, OUT], [IN, 5, IN, 2, u32::MAX, OUT]] {
        assert_eq!(stage.call(call, &bad), MEMORY);
    }
    assert_eq!(stage.call(call, &[IN, 5, IN, 2, OUT, u32::MAX]), MEMORY);
    stage.allocator(Allocator::Fixed, 0);
    assert_eq!(stage.call(call, &[IN, 5, IN + 5, 2, OUT, OUT + 4]), MEMORY);
    stage.allocator(Allocator::Fixed, puppet::MEMORY);
    assert_eq!(stage.call(call, &[IN, 5, IN + 5, 2, OUT, OUT + 4]), MEMORY);
}

#[test]
fn a_function_that_calls_back_shows_its_data_meanwhile() {
    let mut stage = Stage::envoy();
    let asked: &[u32] = &[8, 0, 99, OUT, OUT + 4];
    stage.plan(&[(HostCall::GetBuffer, asked), (HostCall::SetBuffer, &[8, 0, 0, IN, 1])]);
    stage.vm.foreign_function(stage.root, 7, b"data".to_vec()).expect("told");
    assert_eq!((stage.results(2), stage.told(OUT)), (vec![OK, BAD], b"data".to_vec()));
    assert_eq!(stage.call(HostCall::GetBuffer, asked), OK);
    assert!(stage.told(OUT).is_empty());
}
