//! Host calls that steer: local responses, going on, closing, effective contexts, deferred ends, timers.

use std::time::Duration;

use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{
    Action, Body, CallbackKind, Flow, Headers, HostCall, LocalResponse, Plugin, Status, VmError,
};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const NOT_FOUND: u32 = word(Status::NotFound);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

#[test]
fn a_local_response_has_details_without_spaces_and_a_known_grpc_status() {
    for (grpc, kept) in [(u32::MAX, None), (17, None), (0, Some(0)), (16, Some(16))] {
        let mut stage = Stage::envoy();
        let stream = stage.vm.open_stream(stage.root).expect("opens");
        let pairs = Headers::from_pairs([("a", "1"), ("Server", "x"), ("server", "y")]).encode();
        stage.put(IN, "no such\tthing");
        stage.put(IN + 32, &pairs);
        let arguments: &[u32] = &[503, IN, 13, IN, 2, IN + 32, pairs.len() as u32, grpc];
        stage.plan(&[(HostCall::SendLocalResponse, arguments), (HostCall::SendLocalResponse, arguments)]);
        let flow = stage.vm.request_headers(stream, Headers::get_request("/"), true).expect("no trap");
        assert_eq!((flow, stage.results(2)), (Flow::Pause, vec![OK, OK]));
        assert_eq!(stage.vm.take_actions(), [Action::LocalResponse { context: stream }], "the first counts");
        let expected = LocalResponse {
            status: 503,
            details: b"no_such_thing".to_vec(),
            body: b"no".to_vec(),
            headers: Headers::from_pairs([("a", "1"), ("server", "x,y")]),
            grpc_status: kept,
        };
        assert_eq!(stage.vm.take_local_response(stream), Some(expected));
    }
}

#[test]
fn a_local_response_needs_its_memory_and_goes_nowhere_without_a_request() {
    let mut stage = Stage::envoy();
    for bad in [1, 3, 5] {
        let mut arguments = [503, IN, 1, IN, 1, IN, 0, 0];
        arguments[bad] = u32::MAX;
        assert_eq!(stage.call(HostCall::SendLocalResponse, &arguments), MEMORY, "argument {bad}");
    }
    assert_eq!(stage.call(HostCall::SendLocalResponse, &[503, IN, 1, IN, 1, IN, 0, 0]), OK);
    assert_eq!(stage.vm.take_actions(), []);
}

#[test]
fn going_on_and_closing_are_told_after_the_callback_and_ignored_without_a_stream() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let tick = CallbackKind::Tick;
    let mut asked = |context, call, side| (stage.call_in(tick, context, call, &[side]), stage.vm.take_actions());
    let on = |side| vec![Action::Continue { context: stream, side }];
    assert_eq!(asked(stream, HostCall::ContinueStream, 0), (OK, on(Body::Request)));
    assert_eq!(asked(stream, HostCall::ContinueStream, 1), (OK, on(Body::Response)));
    assert_eq!(asked(stream, HostCall::ContinueStream, 2), (OK, vec![]), "no connection");
    assert_eq!(asked(stream, HostCall::ContinueStream, 3), (word(Status::Unimplemented), vec![]));
    assert_eq!(asked(stream, HostCall::ContinueStream, 4), (BAD, vec![]));
    for side in [0, 1] {
        assert_eq!(asked(stream, HostCall::CloseStream, side), (OK, vec![Action::Close { context: stream }]));
    }
    for side in [2, 3] {
        assert_eq!(asked(stream, HostCall::CloseStream, side), (OK, vec![]), "no connection");
    }
    assert_eq!(asked(stream, HostCall::CloseStream, 4), (BAD, vec![]));
    for context in [1, 99] {
        for call in [HostCall::ContinueStream, HostCall::CloseStream] {
            assert_eq!(asked(context, call, 0), (OK, vec![]), "a root, or nobody");
        }
    }
}

#[test]
fn an_effective_context_lasts_for_a_callback_and_0_takes_it_back() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    stage.put(IN, ":path");
    let read: &[u32] = &[0, IN, 5, OUT, OUT + 4];
    let set = HostCall::SetEffectiveContext;
    stage.plan(&[
        (HostCall::GetHeader, read),
        (set, &[stream]),
        (HostCall::GetHeader, read),
        (set, &[999]),
        (HostCall::GetHeader, read),
        (set, &[0]),
        (HostCall::GetHeader, read),
        (set, &[stream]),
    ]);
    stage.vm.tick(stage.root).expect("ticks");
    assert_eq!(stage.results(8), [BAD, OK, OK, BAD, OK, OK, BAD, OK]);
    stage.plan(&[(HostCall::GetHeader, read)]);
    stage.vm.tick(stage.root).expect("ticks");
    assert_eq!(stage.result(), BAD, "it was for one callback");
}

#[test]
fn only_a_root_that_said_not_yet_can_be_done() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    assert_eq!(stage.call(HostCall::Done, &[]), NOT_FOUND);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::Done, &[]), NOT_FOUND);
    stage.answer(0);
    stage.vm.stop_root(stage.root).expect("says not yet");
    assert_eq!(stage.vm.roots(), [stage.root]);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::Done, &[]), OK, "a stream speaks for its root");
    assert_eq!(stage.vm.take_actions(), [Action::Done { context: stage.root }]);
    assert_eq!(stage.call(HostCall::Done, &[]), NOT_FOUND, "once");
    stage.vm.delete_root(stage.root).expect("deletes");
    assert!(stage.vm.roots().is_empty());
}

#[test]
fn a_stream_is_deleted_whatever_it_answers_to_done() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.answer(0);
    stage.vm.end_stream(stream).expect("ends");
    assert_eq!(stage.vm.open_streams(), 0);
}

#[test]
fn a_timer_belongs_to_the_root_and_goes_on_until_the_root_is_deleted() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let every = HostCall::SetTickPeriod;
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, every, &[10]), OK, "a stream sets its root's");
    assert_eq!(stage.vm.next_tick_ns(), Some(stage.world.now_ns() + 10_000_000));
    stage.world.advance(Duration::from_millis(4));
    assert_eq!(stage.call(every, &[10]), OK);
    let due = stage.world.now_ns() + 10_000_000;
    assert_eq!(stage.vm.next_tick_ns(), Some(due), "started anew");
    stage.vm.stop_root(stage.root).expect("says not yet");
    assert_eq!(stage.vm.next_tick_ns(), Some(due));
    assert_eq!(stage.call(every, &[0]), OK);
    assert_eq!(stage.vm.next_tick_ns(), None);
    assert_eq!(stage.call(every, &[u32::MAX]), OK);
    assert!(stage.vm.next_tick_ns().is_some());
    stage.vm.delete_root(stage.root).expect("deletes");
    assert_eq!(stage.vm.next_tick_ns(), None);
}

#[test]
fn clock_log_and_log_level_check_their_arguments() {
    let mut stage = Stage::envoy();
    stage.world.advance(Duration::from_nanos(5));
    assert_eq!(stage.call(HostCall::GetCurrentTime, &[OUT]), OK);
    let now = u64::from(stage.word(OUT)) | u64::from(stage.word(OUT + 4)) << 32;
    assert_eq!(now, stage.world.now_ns());
    assert_eq!(stage.call(HostCall::GetCurrentTime, &[u32::MAX - 6]), MEMORY);
    stage.put(IN, "said");
    assert_eq!(stage.call(HostCall::Log, &[5, IN, 4]), OK);
    assert_eq!(stage.call(HostCall::Log, &[6, u32::MAX, 4]), BAD, "the level comes first");
    assert_eq!(stage.call(HostCall::Log, &[0, u32::MAX, 4]), MEMORY);
    let log = stage.world.log();
    assert_eq!((log.len(), log[0].level, log[0].message.as_str()), (1, 5, "said"));
    stage.world.set_log_level(3);
    assert_eq!(stage.call(HostCall::GetLogLevel, &[OUT]), OK);
    assert_eq!(stage.word(OUT), 3);
    assert_eq!(stage.call(HostCall::GetLogLevel, &[u32::MAX]), MEMORY);
}

#[test]
fn a_trap_ends_all_contexts_of_the_vm() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    stage.put(crate::guests::puppet::TRAP, [1]);
    assert!(matches!(stage.vm.tick(stage.root), Err(VmError::Trapped { context: 1, .. })));
    assert_eq!(stage.vm.end_stream(stream), Err(VmError::Dead));
    assert!(stage.vm.start_root(&Plugin::new("r", "")).is_err());
}
