//! Properties: which a context reads when, how they are encoded, and what a guest keeps itself.

use std::time::Duration;

use crate::guests::stage::{IN, OUT, Stage, word};
use plimsoll_host_tests::host::{Body, CallbackKind, Headers, HostCall, Map, Status, Value};

const OK: u32 = word(Status::Ok);
const NOT_FOUND: u32 = word(Status::NotFound);
const SERIALIZATION: u32 = word(Status::SerializationFailure);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

fn get(stage: &mut Stage, context: u32, path: &str) -> (u32, Vec<u8>) {
    let path = path.replace('.', "\0");
    stage.put(IN, &path);
    stage.put(OUT, [0; 8]);
    let arguments = [IN, path.len() as u32, OUT, OUT + 4];
    let status = stage.call_in(CallbackKind::Tick, context, HostCall::GetProperty, &arguments);
    (status, stage.told(OUT))
}

fn set(stage: &mut Stage, context: u32, path: &str, value: &str) -> u32 {
    let path = path.replace('.', "\0");
    stage.put(IN, format!("{path}{value}"));
    let arguments = [IN, path.len() as u32, IN + path.len() as u32, value.len() as u32];
    stage.call_in(CallbackKind::Tick, context, HostCall::SetProperty, &arguments)
}

fn found(value: impl AsRef<[u8]>) -> (u32, Vec<u8>) {
    (OK, value.as_ref().to_vec())
}

const MISSING: (u32, Vec<u8>) = (NOT_FOUND, Vec::new());

#[test]
fn what_comes_from_the_request_is_there_while_its_headers_are() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let read = [
        ("request.path", "/a?b=c#d"),
        ("request.url_path", "/a"),
        ("request.query", "b=c"),
        ("request.method", "GET"),
        ("request.host", "test"),
        ("request.scheme", "http"),
        ("request.headers.:path", "/a?b=c#d"),
    ];
    for (path, value) in read {
        assert_eq!(get(&mut stage, stream, path), found(value), "{path}");
    }
    for path in ["request.useragent", "request.referer", "request.id", "request.headers.x", "request.nothing"] {
        assert_eq!(get(&mut stage, stream, path), MISSING, "{path}");
    }
    let size = stage.vm.map(stream, Map::RequestHeaders).byte_size() as u64;
    assert_eq!(get(&mut stage, stream, "request.total_size"), found(size.to_le_bytes()));
    stage.vm.resume(stream, Body::Request);
    for (path, _) in read {
        assert_eq!(get(&mut stage, stream, path), MISSING, "{path}");
    }
}

#[test]
fn what_comes_from_the_stream_is_always_there() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    let properties = &mut stage.vm.stream_mut(stream).expect("open").properties;
    properties.set("request.time", Value::Time(5));
    properties.set("request.path", Value::from("/never"));
    properties.set("response.code", Value::Int(200));
    properties.set("upstream.address", Value::from("1.2.3.4:5"));
    properties.set("connection.mtls", Value::Bool(true));
    properties.set("request.duration", Value::Duration(Duration::from_nanos(9)));
    assert_eq!(get(&mut stage, stream, "request.time"), found(5_u64.to_le_bytes()));
    assert_eq!(get(&mut stage, stream, "request.duration"), found(9_u64.to_le_bytes()));
    assert_eq!(get(&mut stage, stream, "response.code"), found(200_u64.to_le_bytes()));
    assert_eq!(get(&mut stage, stream, "response.flags"), found([0; 8]));
    assert_eq!(get(&mut stage, stream, "upstream.address"), found("1.2.3.4:5"));
    assert_eq!(get(&mut stage, stream, "upstream.address."), found("1.2.3.4:5"), "a last separator means nothing");
    assert_eq!(get(&mut stage, stream, "connection.mtls"), found([1]));
    assert_eq!(get(&mut stage, stream, "request.path"), MISSING, "there are no headers");
    stage.vm.stream_mut(stream).expect("open").properties.unset("upstream.address");
    assert_eq!(get(&mut stage, stream, "upstream.address"), MISSING);
}

#[test]
fn all_values_of_a_header_come_at_once_and_so_does_a_whole_map() {
    let mut stage = Stage::envoy();
    let stream = stage.vm.open_stream(stage.root).expect("opens");
    stage.answer(1);
    let headers = Headers::from_pairs([(":status", "200"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3")]);
    stage.vm.response_headers(stream, headers, false).expect("pauses");
    stage.answer(0);
    assert_eq!(get(&mut stage, stream, "response.headers.x-a"), found("1,3"));
    assert_eq!(get(&mut stage, stream, "response.headers.X-B"), found("2"));
    assert_eq!(get(&mut stage, stream, "response.trailers.x-a"), MISSING);
    let whole = Headers::from_pairs([(":status", "200"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3")]).encode();
    assert_eq!(get(&mut stage, stream, "response.headers"), found(whole), "all pairs, as the ABI writes them");
    for path in ["", "request", "response", "upstream", "filter_state", "xds"] {
        assert_eq!(get(&mut stage, stream, path).0, SERIALIZATION, "{path}");
    }
}

#[test]
fn a_plugin_knows_its_names_in_all_its_contexts() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    for context in [stream, stage.root] {
        assert_eq!(get(&mut stage, context, "plugin_name"), found("r"));
        assert_eq!(get(&mut stage, context, "plugin_root_id"), found("r"));
        assert_eq!(get(&mut stage, context, "plugin_vm_id"), found("test"));
    }
    let root = stage.root;
    assert_eq!(get(&mut stage, root, "request.path"), MISSING, "a root has no request");
    assert_eq!(get(&mut stage, root, "request"), MISSING, "not even a map of one");
    stage.vm.root_properties(root).expect("lives").set("xds.node", Value::from("n"));
    assert_eq!(get(&mut stage, root, "xds.node"), found("n"));
}

#[test]
fn a_stream_keeps_values_by_their_whole_name_and_a_root_keeps_none() {
    let mut stage = Stage::envoy();
    let (one, other) = (stage.paused_request(), stage.paused_request());
    assert_eq!(set(&mut stage, one, "own", "1"), OK);
    assert_eq!(set(&mut stage, one, "own", "2"), OK);
    assert_eq!(get(&mut stage, one, "own"), found("2"));
    assert_eq!(get(&mut stage, other, "own"), MISSING);
    assert_eq!(set(&mut stage, one, "a.b", "1"), OK);
    assert_eq!(get(&mut stage, one, "a.b"), MISSING, "kept under a name with a separator, which no path finds");
    assert_eq!(set(&mut stage, one, "plugin_name", "x"), OK);
    assert_eq!(get(&mut stage, one, "plugin_name"), found("r"), "an attribute is not hidden");
    let root = stage.root;
    assert_eq!(set(&mut stage, root, "own", "1"), NOT_FOUND);
    assert_eq!(set(&mut stage, 99, "own", "1"), NOT_FOUND);
}

#[test]
fn pointers_and_lengths_are_checked() {
    let mut stage = Stage::envoy();
    let stream = stage.paused_request();
    let tick = CallbackKind::Tick;
    stage.put(IN, "plugin_name");
    for arguments in [[u32::MAX, 1, OUT, OUT + 4], [IN, u32::MAX, OUT, OUT + 4], [IN, 11, u32::MAX, OUT]] {
        assert_eq!(stage.call_in(tick, stream, HostCall::GetProperty, &arguments), MEMORY);
    }
    for arguments in [[u32::MAX, 1, IN, 1], [IN, 1, IN, u32::MAX]] {
        assert_eq!(stage.call_in(tick, stream, HostCall::SetProperty, &arguments), MEMORY);
    }
}
