//! Host calls on buffers: ranges, edits, what is missing and what is merely empty.

use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{Body, CallbackKind, Flow, Headers, HostCall, HttpReply, Plugin, Status};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const NOT_FOUND: u32 = word(Status::NotFound);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

/// A stream whose request body the guest holds back.
fn paused_body(stage: &mut Stage, body: &[u8]) -> u32 {
    stage.plan(&[]);
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.answer(1);
    assert_eq!(stage.vm.request_body(stream, body.to_vec(), false), Ok(Flow::Pause));
    stage.answer(0);
    stream
}

fn get(stage: &mut Stage, context: u32, buffer: u32, start: u32, max: u32) -> (u32, Vec<u8>) {
    stage.put(OUT, [0; 8]);
    let arguments = [buffer, start, max, OUT, OUT + 4];
    let status = stage.call_in(CallbackKind::Tick, context, HostCall::GetBuffer, &arguments);
    (status, stage.told(OUT))
}

fn set(stage: &mut Stage, context: u32, buffer: u32, range: (u32, u32), data: &str) -> u32 {
    stage.put(IN, data);
    let arguments = [buffer, range.0, range.1, IN, data.len() as u32];
    stage.call_in(CallbackKind::Tick, context, HostCall::SetBuffer, &arguments)
}

#[test]
fn a_range_is_cut_at_the_end_and_never_an_error() {
    let mut stage = Stage::envoy();
    let stream = paused_body(&mut stage, b"abcdef");
    let part = |bytes: &[u8]| (OK, bytes.to_vec());
    for (start, max, expected) in [
        (0, 6, &b"abcdef"[..]),
        (0, u32::MAX, b"abcdef"),
        (2, 3, b"cde"),
        (5, 9, b"f"),
        (6, 1, b""),
        (u32::MAX, u32::MAX, b""),
        (3, 0, b""),
    ] {
        assert_eq!(get(&mut stage, stream, 0, start, max), part(expected), "{start}, {max}");
    }
    assert_eq!(get(&mut stage, stream, 9, 0, 1).0, BAD);
    let far = stage.call_in(CallbackKind::Tick, stream, HostCall::GetBuffer, &[0, 0, 9, u32::MAX, OUT]);
    assert_eq!(far, MEMORY);
    let status = HostCall::GetBufferStatus;
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, status, &[0, OUT, OUT + 4]), OK);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (6, 0));
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, status, &[9, OUT, OUT + 4]), BAD);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, status, &[0, OUT, u32::MAX]), MEMORY);
}

#[test]
fn a_body_takes_edits_at_its_ends_only() {
    let mut stage = Stage::envoy();
    for (range, data, status, expected) in [
        ((0, 0), "<", OK, "<abc"),
        ((0, 2), "X", OK, "Xc"),
        ((0, 3), "", OK, ""),
        ((0, u32::MAX), "new", OK, "new"),
        ((3, 0), ">", OK, "abc>"),
        ((u32::MAX, u32::MAX), ">", OK, "abc>"),
        ((1, 1), "X", BAD, "abc"),
        ((2, 0), "X", BAD, "abc"),
    ] {
        let stream = paused_body(&mut stage, b"abc");
        assert_eq!(set(&mut stage, stream, 0, range, data), status, "{range:?}");
        assert_eq!(stage.vm.stream(stream).expect("open").body(Body::Request), expected.as_bytes(), "{range:?}");
    }
    let stream = paused_body(&mut stage, b"abc");
    let bad = stage.call_in(CallbackKind::Tick, stream, HostCall::SetBuffer, &[0, 0, 0, IN, u32::MAX]);
    assert_eq!(bad, MEMORY);
}

#[test]
fn a_body_out_of_its_time_is_empty_and_cannot_be_set() {
    let mut stage = Stage::envoy();
    let stream = paused_body(&mut stage, b"abc");
    let root = stage.root;
    for context in [stream, root, 99] {
        for buffer in [1, 2, 3, 5] {
            assert_eq!(get(&mut stage, context, buffer, 0, 9), (OK, Vec::new()), "{context}, {buffer}");
            assert_eq!(set(&mut stage, context, buffer, (0, 0), "x"), BAD);
        }
    }
    stage.vm.resume(stream, Body::Request);
    assert_eq!(get(&mut stage, stream, 0, 0, 9), (OK, Vec::new()), "let go");
    assert_eq!(set(&mut stage, stream, 0, (0, 0), "x"), BAD);
}

#[test]
fn the_answer_of_a_call_is_there_for_its_root_only() {
    let mut stage = Stage::envoy();
    stage.answer(1);
    let other = stage.vm.start_root(&Plugin::new("other", "")).expect("starts");
    stage.answer(0);
    let reply = HttpReply { headers: Headers::response(200), body: b"body".to_vec(), ..HttpReply::default() };
    let asked: &[u32] = &[4, 0, 9, OUT, OUT + 4];
    stage.plan(&[(HostCall::GetBuffer, asked), (HostCall::SetBuffer, &[4, 0, 0, IN, 1])]);
    stage.vm.answer_http_call(stage.root, 4, reply).expect("answers");
    assert_eq!((stage.results(2), stage.told(OUT)), (vec![OK, BAD], b"body".to_vec()));
    stage.plan(&[]);
    let root = stage.root;
    assert_eq!(get(&mut stage, root, 4, 0, 9).0, NOT_FOUND);
    assert_eq!(set(&mut stage, root, 4, (0, 0), "x"), NOT_FOUND);
    let reply = HttpReply { headers: Headers::response(200), body: b"body".to_vec(), ..HttpReply::default() };
    // Another root cannot look, even in the callback.
    let arguments: &[u32] = &[other];
    stage.plan(&[(HostCall::SetEffectiveContext, arguments), (HostCall::GetBuffer, asked)]);
    stage.vm.answer_http_call(root, 4, reply).expect("answers");
    assert_eq!(stage.results(2), [OK, NOT_FOUND]);
}

#[test]
fn a_call_that_was_reset_has_no_answer_but_a_status() {
    let mut stage = Stage::envoy();
    stage.put(IN, ":status");
    stage.plan(&[
        (HostCall::GetHeader, &[6, IN, 7, OUT, OUT + 4]),
        (HostCall::GetBuffer, &[4, 0, 9, OUT, OUT + 4]),
        (HostCall::GetHeaderPairs, &[6, OUT, OUT + 4]),
        (HostCall::GetStatus, &[OUT + 8, OUT, OUT + 4]),
    ]);
    stage.vm.answer_http_call(stage.root, 4, HttpReply::default()).expect("answers");
    assert_eq!(stage.results(4), [BAD, NOT_FOUND, OK, OK]);
    assert_eq!((stage.word(OUT + 8), stage.told(OUT)), (11, b"reset".to_vec()));
    assert_eq!(stage.call(HostCall::GetStatus, &[OUT + 8, OUT, OUT + 4]), OK);
    assert_eq!((stage.word(OUT + 8), stage.told(OUT)), (11, Vec::new()), "the message is forgotten, the code is not");
}

#[test]
fn a_plugins_configuration_is_there_while_it_is_created_and_configured() {
    let mut stage = Stage::envoy();
    stage.vm.set_vm_configuration(b"of the vm");
    stage.answer(1);
    stage.plan(&[(HostCall::GetBuffer, &[7, 0, 99, OUT, OUT + 4]), (HostCall::Log, &[2, OUT, 0])]);
    stage.world.trace().record(true);
    let root = stage.vm.start_root(&Plugin::new("second", "of the plugin")).expect("starts");
    stage.world.trace().record(false);
    let trace = stage.world.trace().text();
    let calls: Vec<&str> = trace.lines().filter(|line| line.contains("get_buffer")).collect();
    assert_eq!(calls.len(), 3);
    assert!(calls[0].contains("of the plugin"), "in create: {}", calls[0]);
    assert!(calls[1].contains("NotFound"), "not in the VM's start: {}", calls[1]);
    assert!(calls[2].contains("of the plugin"), "in configure: {}", calls[2]);
    assert_eq!(get(&mut stage, root, 7, 0, 99).0, NOT_FOUND);
    assert_eq!(get(&mut stage, root, 6, 7, 2), (OK, b"vm".to_vec()));
    assert_eq!(set(&mut stage, root, 6, (0, 0), "x"), BAD);
}

#[test]
fn bodies_grow_by_what_the_guest_has_and_no_more() {
    let mut stage = Stage::envoy();
    let stream = paused_body(&mut stage, b"");
    let all = stage.vm.memory_bytes() as u32;
    let arguments = [0, u32::MAX, 0, 0, all];
    for times in 1..4 {
        assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::SetBuffer, &arguments), OK);
        let body = stage.vm.stream(stream).expect("open").body(Body::Request).len();
        assert_eq!(body, times * all as usize);
    }
    assert_eq!(get(&mut stage, stream, 0, 0, u32::MAX).0, OK, "the guest's memory grows for it");
}
