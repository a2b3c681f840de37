//! gRPC calls and streams: targets, ids, answers, closing and cancelling, and misuse.

use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{Action, CallbackKind, GrpcStart, Headers, HostCall, Plugin, Status};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const NOT_FOUND: u32 = word(Status::NotFound);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

fn stage() -> Stage {
    let mut stage = Stage::envoy();
    stage.vm.set_clusters(["demo"]);
    stage
}

/// Puts target, service, method, metadata and request into the memory: the arguments for them.
fn arguments(stage: &mut Stage, target: &[u8]) -> Vec<u32> {
    let metadata = Headers::from_pairs([("x-a", "1")]).encode();
    let (mut at, mut arguments) = (IN, Vec::new());
    for bytes in [target, b"service", b"method", &metadata, b"request"] {
        stage.put(at, bytes);
        arguments.extend([at, bytes.len() as u32]);
        at += 256;
    }
    arguments
}

fn call(stage: &mut Stage, target: &[u8]) -> u32 {
    let mut arguments = arguments(stage, target);
    arguments.extend([250, OUT]);
    stage.call(HostCall::GrpcCall, &arguments)
}

fn stream(stage: &mut Stage, target: &[u8]) -> u32 {
    let mut arguments = arguments(stage, target);
    arguments.truncate(8);
    arguments.push(OUT);
    stage.call(HostCall::GrpcStream, &arguments)
}

/// `GrpcService { envoy_grpc: { cluster_name } }`.
fn service(cluster: &str) -> Vec<u8> {
    let inner = [&[0x0a, cluster.len() as u8], cluster.as_bytes()].concat();
    [&[0x0a, inner.len() as u8], inner.as_slice()].concat()
}

#[test]
fn a_target_is_a_service_or_the_name_of_a_cluster() {
    let parse = word(Status::ParseFailure);
    for (target, status) in [
        (b"demo".to_vec(), OK),
        (service("demo"), OK),
        (b"other".to_vec(), parse),
        (vec![0x0a, 200], parse),
        (service("other"), word(Status::InternalFailure)),
        (service(""), BAD),
        (Vec::new(), BAD),
    ] {
        assert_eq!(call(&mut stage(), &target), status, "{target:?}");
        assert_eq!(stream(&mut stage(), &target), status, "{target:?}");
    }
}

#[test]
fn ids_tell_calls_from_streams_and_all_goes_to_the_root() {
    let mut stage = stage();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        assert_eq!(call(&mut stage, b"demo"), OK);
        tokens.push(stage.word(OUT));
        assert_eq!(stream(&mut stage, b"demo"), OK);
        tokens.push(stage.word(OUT));
    }
    assert_eq!(tokens, [5, 6, 9, 10]);
    let actions = stage.vm.take_actions();
    let start = GrpcStart {
        token: 5,
        context: stage.root,
        upstream: "demo".into(),
        service: "service".into(),
        method: "method".into(),
        metadata: Headers::from_pairs([("x-a", "1")]),
    };
    let Action::GrpcCall(first) = &actions[0] else { panic!("{actions:?}") };
    assert_eq!((&first.start, first.message.as_slice(), first.timeout_ms), (&start, &b"request"[..], 250));
    assert_eq!(actions[1], Action::GrpcStream(GrpcStart { token: 6, ..start }));
}

#[test]
fn a_place_outside_the_memory_is_found_before_anything_is_called() {
    for bad in [0, 2, 4, 6, 8] {
        let mut stage = stage();
        let mut arguments = arguments(&mut stage, b"other");
        arguments.extend([250, OUT]);
        arguments[bad] = u32::MAX;
        assert_eq!(stage.call(HostCall::GrpcCall, &arguments), MEMORY, "argument {bad}");
        assert!(stage.vm.take_actions().is_empty());
    }
    let mut stage = stage();
    let mut arguments = arguments(&mut stage, b"demo");
    arguments.extend([250, u32::MAX]);
    assert_eq!(stage.call(HostCall::GrpcCall, &arguments), MEMORY, "the token is lost, the call is made");
    assert_eq!(stage.vm.take_actions().len(), 1);
}

#[test]
fn a_unary_call_ends_with_its_message() {
    let mut stage = stage();
    call(&mut stage, b"demo");
    let root = stage.root;
    stage.plan(&[(HostCall::GetBuffer, &[5, 0, 99, OUT, OUT + 4]), (HostCall::SetBuffer, &[5, 0, 0, IN, 1])]);
    stage.vm.grpc_message(root, 5, b"answer".to_vec()).expect("answers");
    assert_eq!((stage.results(2), stage.told(OUT)), (vec![OK, BAD], b"answer".to_vec()));
    stage.plan(&[(HostCall::Log, &[0, IN, 1])]);
    stage.vm.grpc_close(root, 5, 0, "").expect("is not told");
    stage.vm.grpc_message(root, 5, b"late".to_vec()).expect("is not told");
    assert_eq!(stage.world.log_len(), 0);
    assert_eq!(stage.call(HostCall::GrpcCancel, &[5]), NOT_FOUND);
    assert_eq!(stage.call(HostCall::GetBuffer, &[5, 0, 99, OUT, OUT + 4]), OK);
    assert!(stage.told(OUT).is_empty(), "the message is gone");
}

#[test]
fn a_call_that_fails_tells_its_status() {
    let mut stage = stage();
    call(&mut stage, b"demo");
    stage.plan(&[(HostCall::GetStatus, &[OUT + 8, OUT, OUT + 4]), (HostCall::GetStatus, &[u32::MAX, OUT, OUT + 4])]);
    stage.vm.grpc_close(stage.root, 5, 14, "nobody there").expect("closes");
    assert_eq!(stage.results(2), [OK, MEMORY]);
    assert_eq!((stage.word(OUT + 8), stage.told(OUT)), (14, b"nobody there".to_vec()));
    assert_eq!(stage.call(HostCall::GrpcClose, &[5]), NOT_FOUND);
}

#[test]
fn a_stream_sends_receives_and_is_gone_when_both_ends_closed() {
    let mut stage = stage();
    stream(&mut stage, b"demo");
    stage.vm.take_actions();
    let root = stage.root;
    stage.put(IN, "mx-a");
    assert_eq!(stage.call(HostCall::GrpcSend, &[6, IN, 1, 2]), OK);
    assert_eq!(stage.call(HostCall::GrpcSend, &[6, u32::MAX, 1, 0]), MEMORY);
    let sent = Action::GrpcSend { context: root, token: 6, message: b"m".to_vec(), end: true };
    assert_eq!(stage.vm.take_actions(), [sent]);
    let metadata = || Headers::from_pairs([("x-a", "1")]);
    for map in [4, 5] {
        stage.plan(&[(HostCall::GetHeader, &[map, IN + 1, 3, OUT, OUT + 4]), (HostCall::RemoveHeader, &[map, IN, 1])]);
        match map {
            4 => stage.vm.grpc_initial_metadata(root, 6, metadata()).expect("told"),
            _ => stage.vm.grpc_trailing_metadata(root, 6, metadata()).expect("told"),
        }
        assert_eq!((stage.results(2), stage.told(OUT)), (vec![OK, BAD], b"1".to_vec()));
        assert_eq!(stage.call(HostCall::GetHeader, &[map, IN + 1, 3, OUT, OUT + 4]), BAD, "is over");
    }
    stage.plan(&[]);
    stage.vm.grpc_message(root, 6, b"1".to_vec()).expect("told");
    stage.vm.grpc_message(root, 6, b"2".to_vec()).expect("told again");
    assert_eq!(stage.vm.costs().callback(CallbackKind::GrpcReceive).calls, 2);
    stage.vm.grpc_close(root, 6, 0, "").expect("told");
    assert_eq!(stage.call(HostCall::GrpcSend, &[6, IN, 1, 0]), OK, "the guest's end is still open");
    assert_eq!(stage.call(HostCall::GrpcClose, &[6]), OK);
    assert_eq!(stage.vm.take_actions().last(), Some(&Action::GrpcClose { context: root, token: 6 }));
    assert_eq!(stage.call(HostCall::GrpcSend, &[6, IN, 1, 0]), NOT_FOUND);
    assert_eq!(stage.call(HostCall::GrpcClose, &[6]), NOT_FOUND);
}

#[test]
fn what_was_cancelled_hears_nothing_any_more() {
    let mut stage = stage();
    stream(&mut stage, b"demo");
    call(&mut stage, b"demo");
    stage.vm.take_actions();
    let root = stage.root;
    for token in [5, 6] {
        assert_eq!(stage.call(HostCall::GrpcCancel, &[token]), OK);
        assert_eq!(stage.vm.take_actions(), [Action::GrpcCancel { context: root, token }]);
        assert_eq!(stage.call(HostCall::GrpcCancel, &[token]), NOT_FOUND);
        stage.vm.grpc_initial_metadata(root, token, Headers::new()).expect("is not told");
        stage.vm.grpc_message(root, token, Vec::new()).expect("is not told");
        stage.vm.grpc_trailing_metadata(root, token, Headers::new()).expect("is not told");
        stage.vm.grpc_close(root, token, 0, "").expect("is not told");
    }
    for kind in [CallbackKind::GrpcReceive, CallbackKind::GrpcClose, CallbackKind::GrpcInitialMetadata] {
        assert_eq!(stage.vm.costs().callback(kind).calls, 0);
    }
}

#[test]
fn ids_of_another_kind_or_another_root_are_refused() {
    let mut stage = stage();
    call(&mut stage, b"demo");
    stage.answer(1);
    let other = stage.vm.start_root(&Plugin::new("other", "")).expect("starts");
    stage.answer(0);
    assert_eq!(stage.call(HostCall::GrpcSend, &[5, IN, 1, 0]), BAD, "nothing more is sent in a call");
    for token in [0, 3, 4, 7] {
        assert_eq!(stage.call(HostCall::GrpcSend, &[token, IN, 1, 0]), BAD);
        assert_eq!(stage.call(HostCall::GrpcClose, &[token]), BAD);
        assert_eq!(stage.call(HostCall::GrpcCancel, &[token]), BAD);
    }
    assert_eq!(stage.call_in(CallbackKind::Tick, other, HostCall::GrpcCancel, &[5]), NOT_FOUND);
    assert_eq!(stage.call_in(CallbackKind::Tick, 99, HostCall::GrpcCancel, &[5]), NOT_FOUND);
    assert_eq!(stage.call(HostCall::GrpcClose, &[5]), OK);
}
