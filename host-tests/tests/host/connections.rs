//! Network filters: connections, their data, their ends.

use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{Action, CallbackKind as Kind, CloseType, Flow, HostCall, Side, Status};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);

fn names(stage: &Stage) -> Vec<String> {
    let trace = stage.world.trace().text();
    let callbacks = trace.lines().filter_map(|line| line.split_whitespace().nth(2));
    callbacks
        .filter(|name| name.contains('['))
        .map(|name| name.split('[').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_connection_ends_done_log_delete_once() {
    let mut stage = Stage::envoy();
    stage.world.trace().record(true);
    let (connection, flow) = stage.vm.open_connection(stage.root).expect("opens");
    assert_eq!(flow, Flow::Continue);
    assert_eq!(stage.vm.downstream_data(connection, b"hello".to_vec(), false), Ok(Flow::Continue));
    assert_eq!(stage.vm.upstream_data(connection, b"world".to_vec(), true), Ok(Flow::Continue));
    stage.vm.downstream_close(connection, CloseType::Remote).expect("closes");
    stage.vm.upstream_close(connection, CloseType::Unknown).expect("nobody is left");
    assert_eq!(stage.vm.open_streams(), 0);
    let expected = [
        "proxy_on_context_create",
        "proxy_on_new_connection",
        "proxy_on_downstream_data",
        "proxy_on_upstream_data",
        "proxy_on_upstream_connection_close",
        "proxy_on_downstream_connection_close",
        "proxy_on_done",
        "proxy_on_log",
        "proxy_on_delete",
        "proxy_on_upstream_connection_close",
    ];
    assert_eq!(names(&stage), expected);
}

#[test]
fn data_can_be_read_and_changed_while_it_is_held_back() {
    let mut stage = Stage::envoy();
    let (connection, _) = stage.vm.open_connection(stage.root).expect("opens");
    stage.put(IN, "<>");
    for (side, buffer) in [(Side::Downstream, 2), (Side::Upstream, 3)] {
        for (answer, later) in [(0, BAD), (1, OK)] {
            stage.answer(answer);
            stage.plan(&[
                (HostCall::SetBuffer, &[buffer, 0, 0, IN, 1]),
                (HostCall::SetBuffer, &[buffer, 99, 0, IN + 1, 1]),
                (HostCall::GetBuffer, &[buffer, 0, 99, OUT, OUT + 4]),
                (HostCall::SetBuffer, &[5 - buffer, 0, 0, IN, 1]),
            ]);
            let data = b"data".to_vec();
            match side {
                Side::Downstream => stage.vm.downstream_data(connection, data, false).expect("told"),
                Side::Upstream => stage.vm.upstream_data(connection, data, false).expect("told"),
            };
            let results = stage.results(3);
            assert_eq!((results, stage.told(OUT)), (vec![OK; 3], b"<data>".to_vec()));
            assert_eq!(stage.vm.stream(connection).expect("open").data(side), b"<data>");
            let set = stage.call_in(Kind::Tick, connection, HostCall::SetBuffer, &[buffer, 0, 0, IN, 1]);
            assert_eq!(set, later);
        }
    }
}

#[test]
fn a_connection_is_continued_and_closed_by_its_sides() {
    let mut stage = Stage::envoy();
    let (context, _) = stage.vm.open_connection(stage.root).expect("opens");
    let mut asked = |call, side| (stage.call_in(Kind::Tick, context, call, &[side]), stage.vm.take_actions());
    assert_eq!(asked(HostCall::ContinueStream, 2), (OK, vec![Action::ContinueConnection { context }]));
    assert_eq!(asked(HostCall::ContinueStream, 3), (word(Status::Unimplemented), vec![]));
    assert_eq!(asked(HostCall::ContinueStream, 0), (OK, vec![]), "it is no request");
    let close = |side| vec![Action::CloseConnection { context, side }];
    assert_eq!(asked(HostCall::CloseStream, 2), (OK, close(Side::Downstream)));
    assert_eq!(asked(HostCall::CloseStream, 3), (OK, close(Side::Upstream)));
    assert_eq!(asked(HostCall::CloseStream, 1), (OK, vec![]));
    let local = HostCall::SendLocalResponse;
    assert_eq!(stage.call_in(Kind::Tick, context, local, &[503, IN, 0, IN, 0, IN, 0, 0]), OK);
    assert!(stage.vm.take_actions().is_empty(), "a connection has no response");
}

#[test]
fn a_guest_can_hold_a_new_connection_back() {
    let mut stage = Stage::envoy();
    stage.answer(1);
    let (connection, flow) = stage.vm.open_connection(stage.root).expect("opens");
    assert_eq!(flow, Flow::Pause);
    for map in 0..4 {
        assert_eq!(stage.call_in(Kind::Tick, connection, HostCall::GetHeader, &[map, IN, 1, OUT, OUT + 4]), BAD);
    }
    stage.vm.upstream_close(connection, CloseType::Local).expect("told");
    assert_eq!(stage.vm.open_streams(), 1, "it ends with the downstream side");
}
