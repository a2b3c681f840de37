//! Host calls on header maps: phases, keys, orders, pairs, and misuse of all of them.

use crate::guests::puppet::Allocator;
use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{
    AbiVersion, Body, CallbackKind, Flow, Headers, HostCall, Map, Profile, Status, VmError,
};

const OK: u32 = word(Status::Ok);
const BAD: u32 = word(Status::BadArgument);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

/// Asks for a key of a map in some callback.
fn get(stage: &mut Stage, context: u32, map: u32, key: &str) -> u32 {
    stage.put(IN, key);
    stage.call_in(CallbackKind::Tick, context, HostCall::GetHeader, &[map, IN, key.len() as u32, OUT, OUT + 4])
}

fn write(stage: &mut Stage, context: u32, call: HostCall, map: u32, key: &str, value: &str) -> u32 {
    stage.put(IN, format!("{key}{value}"));
    let (at, key, value) = (IN, key.len() as u32, value.len() as u32);
    stage.call_in(CallbackKind::Tick, context, call, &[map, at, key, at + key, value])
}

#[test]
fn keys_are_found_in_any_case_and_host_is_the_authority() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    for (key, value) in [(":path", "/a?b=c#d"), (":PATH", "/a?b=c#d"), ("Host", "test"), (":authority", "test")] {
        assert_eq!(get(&mut stage, stream, 0, key), OK, "{key}");
        assert_eq!(stage.told(OUT), value.as_bytes());
    }
    assert_eq!(get(&mut stage, stream, 0, "x"), word(Status::NotFound));
    assert_eq!(get(&mut stage, stream, 0, ""), word(Status::NotFound));
}

#[test]
fn a_map_out_of_its_phase_has_no_values_no_size_and_no_pairs() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let root = stage.root;
    for (context, maps) in [(stream, 1..8), (root, 0..8), (77, 0..8)] {
        for map in maps {
            assert_eq!(get(&mut stage, context, map, "x"), BAD, "map {map}");
            stage.put(OUT, [255; 8]);
            let pairs = stage.call_in(CallbackKind::Tick, context, HostCall::GetHeaderPairs, &[map, OUT, OUT + 4]);
            assert_eq!((pairs, stage.word(OUT), stage.word(OUT + 4)), (OK, 0, 0), "all pairs are none: map {map}");
            assert_eq!(stage.call_in(CallbackKind::Tick, context, HostCall::GetHeaderMapSize, &[map, OUT]), BAD);
            assert_eq!(write(&mut stage, context, HostCall::AddHeader, map, "a", "b"), BAD);
            assert_eq!(write(&mut stage, context, HostCall::ReplaceHeader, map, "a", "b"), BAD);
            assert_eq!(stage.call_in(CallbackKind::Tick, context, HostCall::RemoveHeader, &[map, IN, 1]), BAD);
            assert_eq!(stage.call_in(CallbackKind::Tick, context, HostCall::SetHeaderPairs, &[map, IN, 0]), BAD);
        }
    }
}

#[test]
fn a_number_that_is_no_map_is_worse_than_a_bad_pointer() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let far = u32::MAX - 3;
    for (map, status) in [(8, BAD), (u32::MAX, BAD), (0, MEMORY), (7, MEMORY)] {
        let tick = CallbackKind::Tick;
        for (call, arguments) in [
            (HostCall::GetHeader, [map, far, 8, OUT, OUT + 4]),
            (HostCall::AddHeader, [map, IN, 1, far, 8]),
            (HostCall::ReplaceHeader, [map, far, 8, IN, 1]),
        ] {
            assert_eq!(stage.call_in(tick, stream, call, &arguments), status, "{call:?}");
        }
        assert_eq!(stage.call_in(tick, stream, HostCall::RemoveHeader, &[map, far, 8]), status);
        assert_eq!(stage.call_in(tick, stream, HostCall::SetHeaderPairs, &[map, far, 8]), status);
    }
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::GetHeaderPairs, &[0, far, OUT]), MEMORY);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::GetHeaderMapSize, &[0, far]), MEMORY);
}

#[test]
fn pairs_are_added_joined_replaced_and_removed_as_in_envoy() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    for (call, key, value) in [
        (HostCall::AddHeader, "X-A", "1"),
        (HostCall::AddHeader, "x-a", "2"),
        (HostCall::AddHeader, "x-forwarded-for", "1.1.1.1"),
        (HostCall::AddHeader, "x-forwarded-for", "2.2.2.2"),
        (HostCall::AddHeader, ":path", "/more"),
        (HostCall::ReplaceHeader, "x-a", "9"),
        (HostCall::ReplaceHeader, "host", "other"),
    ] {
        assert_eq!(write(&mut stage, stream, call, 0, key, value), OK);
    }
    let headers = stage.vm.map(stream, Map::RequestHeaders);
    let expected = Headers::from_pairs([
        (":method", "GET"),
        (":path", "/a?b=c#d,/more"),
        (":scheme", "http"),
        (":authority", "other"),
        ("x-forwarded-for", "1.1.1.1,2.2.2.2"),
        ("x-a", "9"),
    ]);
    assert_eq!(headers, expected);
    stage.put(IN, "HOST");
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::RemoveHeader, &[0, IN, 4]), OK);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::RemoveHeader, &[0, IN, 4]), OK, "is gone");
    assert_eq!(stage.vm.map(stream, Map::RequestHeaders).len(), 5);
    assert_eq!(stage.call_in(CallbackKind::Tick, stream, HostCall::GetHeaderMapSize, &[0, OUT]), OK);
    assert_eq!(stage.word(OUT) as usize, stage.vm.map(stream, Map::RequestHeaders).byte_size());
}

#[test]
fn all_pairs_go_out_and_in_and_what_is_malformed_empties_the_map() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let tick = CallbackKind::Tick;
    assert_eq!(stage.call_in(tick, stream, HostCall::GetHeaderPairs, &[0, OUT, OUT + 4]), OK);
    assert_eq!(Headers::decode(&stage.told(OUT)), Ok(Headers::get_request("/a?b=c#d")));
    let many = Headers::from_pairs((0..1_025).map(|_| ("a", ""))).encode();
    let huge = [&(1_u32 << 29).to_le_bytes()[..], &[0; 64]].concat();
    for bad in [b"\x01\0\0".to_vec(), vec![255; 64], huge, many] {
        write(&mut stage, stream, HostCall::ReplaceHeader, 0, "a", "b");
        stage.put(IN, &bad);
        assert_eq!(stage.call_in(tick, stream, HostCall::SetHeaderPairs, &[0, IN, bad.len() as u32]), OK);
        assert!(stage.vm.map(stream, Map::RequestHeaders).is_empty());
    }
    let pairs = Headers::from_pairs([("b", "1"), (":path", "/x"), ("via", "a"), ("via", "b")]).encode();
    stage.put(IN, &pairs);
    assert_eq!(stage.call_in(tick, stream, HostCall::SetHeaderPairs, &[0, IN, pairs.len() as u32]), OK);
    let expected = Headers::from_pairs([(":path", "/x"), ("b", "1"), ("via", "a,b")]);
    assert_eq!(stage.vm.map(stream, Map::RequestHeaders), expected);
}

#[test]
fn letting_a_request_go_on_takes_its_headers_away_at_once() {
    let mut stage = Stage::envoy();
    stage.put(IN, ":path");
    for side in [0, 1] {
        let stream = stage.paused_request();
        let read: &[u32] = &[0, IN, 5, OUT, OUT + 4];
        stage.plan(&[(HostCall::GetHeader, read), (HostCall::ContinueStream, &[side]), (HostCall::GetHeader, read)]);
        stage.vm.raw(CallbackKind::Tick, &[stream]).expect("no trap");
        assert_eq!(stage.results(3), [OK, OK, BAD], "side {side}");
    }
}

#[test]
fn response_headers_that_were_held_back_stay_readable() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.answer(1);
    stage.vm.response_headers(stream, Headers::response(200), false).expect("pauses");
    stage.answer(0);
    stage.vm.resume(stream, Body::Response);
    assert_eq!(get(&mut stage, stream, 2, ":status"), OK);
    stage.vm.response_headers(stream, Headers::response(201), false).expect("goes on");
    assert_eq!(get(&mut stage, stream, 2, ":status"), BAD);
}

#[test]
fn the_log_reads_what_there_was_and_writes_nothing() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.vm.request_headers(stream, Headers::get_request("/"), false).expect("goes on");
    stage.vm.request_trailers(stream, Headers::from_pairs([("t", "1")])).expect("goes on");
    let found = word(Status::NotFound);
    let mut seen = Vec::new();
    for (map, key) in [(0, ":path"), (0, "x"), (1, "t"), (2, ":status"), (6, "x")] {
        stage.put(IN, key);
        let arguments = [map, IN, key.len() as u32, OUT, OUT + 4];
        seen.push(log_of(&mut stage, stream, HostCall::GetHeader, &arguments));
    }
    assert_eq!(seen, [OK, found, found, found, found], "a map that is not there is an empty one");
    assert_eq!(log_of(&mut stage, stream, HostCall::AddHeader, &[0, IN, 1, IN, 1]), BAD);
    assert_eq!(log_of(&mut stage, stream, HostCall::GetHeaderMapSize, &[0, OUT]), BAD);
}

/// Makes one call in the log of a stream and opens the next one alike.
fn log_of(stage: &mut Stage, stream: u32, call: HostCall, arguments: &[u32]) -> u32 {
    let headers = stage.vm.map(stream, Map::RequestHeaders);
    let other = stage.vm.open_stream(stage.root).expect("opens");
    stage.vm.request_headers(other, headers, false).expect("goes on");
    stage.plan(&[(call, arguments)]);
    stage.vm.log_stream(other).expect("logs");
    let result = stage.result();
    stage.plan(&[]);
    stage.vm.end_upstream(other).expect("ends");
    result
}

#[test]
fn trailers_come_into_being_in_the_last_callback_of_a_body() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.put(IN, "ab");
    for (end, status) in [(false, BAD), (true, OK)] {
        stage.plan(&[(HostCall::AddHeader, &[3, IN, 1, IN + 1, 1])]);
        let flow = stage.vm.response_body(stream, b"body".to_vec(), end).expect("no trap");
        assert_eq!((flow, stage.result()), (Flow::Continue, status), "end {end}");
    }
    assert_eq!(stage.vm.map(stream, Map::ResponseTrailers), Headers::from_pairs([("a", "b")]));
}

#[test]
fn the_allocator_is_asked_before_the_places_of_the_answer_are_tried() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    stage.put(IN, ":path");
    let far = u32::MAX - 3;
    let mut ask = |allocator, address, places: [u32; 2]| {
        stage.allocator(allocator, address);
        stage.put(OUT, [255; 8]);
        let arguments = [0, IN, 5, places[0], places[1]];
        let status = stage.call_in(CallbackKind::Tick, stream, HostCall::GetHeader, &arguments);
        (status, stage.word(OUT))
    };
    assert_eq!(ask(Allocator::Good, 0, [OUT, far]).0, MEMORY);
    assert_ne!(ask(Allocator::Good, 0, [OUT, far]).1, u32::MAX, "the pointer was written before the length failed");
    assert_eq!(ask(Allocator::Good, 0, [far, OUT]), (MEMORY, u32::MAX));
    assert_eq!(ask(Allocator::Fixed, 0, [OUT, OUT + 4]), (MEMORY, u32::MAX), "no memory");
    assert_eq!(ask(Allocator::Fixed, far, [OUT, OUT + 4]), (MEMORY, u32::MAX), "memory that is none");
    assert_eq!(ask(Allocator::Fixed, 0x3_0000, [OUT, OUT + 4]), (OK, 0x3_0000));
}

#[test]
fn an_allocator_that_traps_or_calls_the_host_kills_the_vm() {
    for (allocator, reason) in [(Allocator::Trap, "unreachable"), (Allocator::Calls, "not allowed here")] {
        let mut stage = Stage::envoy();
        let stream = stage.paused_request();
        stage.put(IN, ":path");
        stage.allocator(allocator, 0);
        let trap = stage.trap(CallbackKind::Tick, stream, HostCall::GetHeader, &[0, IN, 5, OUT, OUT + 4]);
        assert!(trap.contains(reason), "{trap}");
        assert_eq!(stage.vm.tick(stage.root), Err(VmError::Dead));
    }
}

#[test]
fn before_abi_0_2_0_a_missing_header_is_an_empty_one() {
    let mut stage = Stage::with(Profile::envoy(), AbiVersion::V0_1_0);
    let stream = stage.paused_request();
    stage.put(OUT, [255; 8]);
    assert_eq!(get(&mut stage, stream, 0, "x"), OK);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (0, 0));
    assert_eq!(get(&mut stage, stream, 2, "x"), BAD, "a map that is shut is another thing");
}
