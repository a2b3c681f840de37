//! Properties: which there are in which callback, how they are encoded, and what a guest can set itself.

use crate::case::{Answer, Case, End, Request, Scene};
use crate::compare::compare;

const CALLBACKS: [&str; 7] =
    ["context_create", "request_headers", "request_body", "response_headers", "response_body", "log", "done"];

/// Reads these in the callbacks of a filter.
fn reads(who: &str, callbacks: &[&str], paths: &[&str]) -> String {
    let read = |callback: &&str| -> String {
        paths.iter().map(|path| format!("{who} {callback} get_property d\"{path}\"\n")).collect()
    };
    callbacks.iter().map(read).collect()
}

/// As [`reads`], for values that differ from run to run: only their length is looked at.
fn lengths(who: &str, callbacks: &[&str], paths: &[&str]) -> String {
    reads(who, callbacks, paths).replace("get_property", "~get_property")
}

#[test]
fn of_the_request() {
    let paths = [
        "request.path",
        "request.url_path",
        "request.host",
        "request.method",
        "request.scheme",
        "request.protocol",
        "request.query",
        "request.referer",
        "request.useragent",
        "request.id",
        "request.size",
        "request.total_size",
        "request.headers.x-one",
        "request.headers.X-One",
        "request.headers.x-none",
        "request.nothing",
        "request",
    ];
    let request = || Request::post("hello").header("x-one", "1").header("referer", "r").header("user-agent", "u");
    let scene = CALLBACKS.iter().zip([
        "request when created",
        "request in request headers",
        "request in request body",
        "request in response headers",
        "request in response body",
        "request in log",
        "request in done",
    ]);
    let scene = scene.fold(Scene::new("request properties"), |scene, (callback, name)| {
        let script = if *callback == "context_create" { String::new() } else { reads("down", &[callback], &paths) };
        scene.case(Case::new(name, &script).exchange(request(), [Answer::ok()]))
    });
    let times = ["request.time", "request.duration", "request.headers", "response.total_size"];
    let scene = scene
        .case(
            Case::new("times of a request", &lengths("down", &CALLBACKS[1..], &times))
                .exchange(request(), [Answer::ok()]),
        )
        .case(
            Case::new("request upstream", &reads("up", &["request_headers", "response_headers", "done"], &paths))
                .exchange(request(), [Answer::ok()]),
        );
    compare(&scene);
}

#[test]
fn of_the_response() {
    let paths = [
        "response.code",
        "response.code_details",
        "response.flags",
        "response.grpc_status",
        "response.size",
        "response.headers.x-answer",
        "response.headers.:status",
        "response.trailers.x-trailer",
        "response.trailers",
        "response.nothing",
    ];
    let answer = || Answer::chunks(&["a", "b"]).header("x-answer", "yes").trailer("x-trailer", "t");
    let case = |name, who, callback| Case::new(name, &reads(who, &[callback], &paths)).answer(answer());
    let scene = Scene::new("response properties")
        .case(case("response in request headers", "down", "request_headers"))
        .case(case("response in response headers", "down", "response_headers"))
        .case(case("response in response body", "down", "response_body"))
        .case(case("response in response trailers", "down", "response_trailers"))
        .case(case("response in log", "down", "log"))
        .case(case("response in done", "down", "done"))
        .case(case("response upstream in response headers", "up", "response_headers"))
        .case(case("response upstream in done", "up", "done"))
        .case(
            Case::new("times of a response", &lengths("down", &CALLBACKS[1..], &["response.backend_latency"]))
                .answer(answer()),
        )
        .case(
            Case::new(
                "times of a response upstream",
                &lengths("up", &["response_headers", "done"], &["response.backend_latency"]),
            )
            .answer(answer()),
        );
    compare(&scene);
}

#[test]
fn of_the_upstream() {
    let paths = [
        "upstream.address",
        "upstream.request_attempt_count",
        "upstream.transport_failure_reason",
        "upstream.num_endpoints",
        "upstream.cx_pool_ready_duration",
        "upstream.tls_version",
        "upstream.nothing",
        "xds.cluster_name",
        "xds.route_name",
        "xds.virtual_host_name",
        "xds.listener_direction",
        "xds.upstream_host_metadata",
    ];
    let paths: Vec<&str> = paths.into_iter().filter(|path| *path != "upstream.cx_pool_ready_duration").collect();
    let unstable = ["upstream.local_address", "upstream.port", "upstream.cx_pool_ready_duration"];
    let down = ["request_headers", "response_headers", "log", "done"];
    let up = ["request_headers", "response_headers", "done"];
    let scene = Scene::new("upstream properties")
        .case(Case::new("upstream seen from downstream", &reads("down", &down, &paths)))
        .case(Case::new("upstream seen from upstream", &reads("up", &up, &paths)))
        .case(Case::new("addresses seen from downstream", &lengths("down", &down, &unstable)))
        .case(Case::new(
            "addresses seen from upstream",
            &lengths("up", &up, &["upstream.port", "upstream.cx_pool_ready_duration"]),
        ))
        .case(
            Case::new("a refused connection seen from upstream", &reads("up", &up, &paths))
                .exchange(Request::get("/").to("dead"), []),
        )
        .case(Case::new("a reset seen from upstream", &reads("up", &up, &paths)).answer(Answer::instead(End::Reset)));
    compare(&scene);
}

#[test]
fn of_the_surroundings() {
    let paths = [
        "plugin_name",
        "plugin_root_id",
        "plugin_vm_id",
        "cluster_name",
        "route_name",
        "listener_direction",
        "node",
        "node.id",
        "cluster_metadata",
        "connection.mtls",
        "connection.requested_server_name",
        "connection.tls_version",
        "connection.termination_details",
        "source.nothing",
        "destination.nothing",
        "metadata",
        "filter_state",
        "nothing",
        "",
    ];
    let unstable =
        ["source.address", "source.port", "destination.address", "destination.port", "connection.id", "connection_id"];
    let callbacks = ["request_headers", "response_headers", "log", "done", "delete"];
    let scene = Scene::new("other properties")
        .always("down configure get_property d\"plugin_name\"\ndown configure get_property d\"plugin_root_id\"\ndown configure get_property d\"plugin_vm_id\"\ndown configure get_property d\"request.path\"\ndown configure get_property d\"xds.cluster_name\"\ndown configure get_property d\"listener_direction\"\ndown configure get_property d\"node.id\"")
        .case(Case::new("surroundings downstream", &reads("down", &callbacks, &paths)))
        .case(Case::new("surroundings upstream", &reads("up", &callbacks, &paths)))
        .case(Case::new("numbers of connections downstream", &lengths("down", &callbacks, &unstable[1..])))
        .case(Case::new("numbers of connections upstream", &lengths("up", &callbacks, &unstable[1..])));
    compare(&scene);
}

#[test]
fn set_by_the_guest() {
    let scene = Scene::new("set properties")
        .case(Case::new(
            "set and read back",
            r#"
            down request_headers set_property "mine" "value"
            down request_headers get_property "mine"
            down request_headers get_property d"filter_state.wasm.mine"
            down request_headers get_property "wasm.mine"
            down response_headers get_property "mine"
            down log get_property "mine"
            up request_headers get_property "mine"
            down request_headers set_property "mine" "again"
            down request_headers get_property "mine""#,
        ))
        .case(Case::new(
            "set with parts",
            r#"
            down request_headers set_property d"mine.own" "value"
            down request_headers get_property d"mine.own"
            down request_headers get_property "mine"
            down request_headers get_property "mine\0own\0""#,
        ))
        .case(Case::new(
            "set what the proxy knows",
            r#"
            down request_headers set_property d"request.path" "/other"
            down request_headers get_property d"request.path"
            down request_headers set_property "" "value"
            down request_headers get_property """#,
        ))
        .case(Case::new(
            "paths with a separator at the end",
            r#"
            down request_headers get_property "request\0path\0"
            down request_headers get_property "request\0path\0\0"
            down request_headers get_property "\0request\0path"
            down request_headers get_property "request.path"
            down request_headers get_property "request\0headers\0x-case""#,
        ));
    compare(&scene);
}
