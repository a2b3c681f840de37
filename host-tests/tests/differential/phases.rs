//! Header maps out of their phase: in every callback, every map, read and written.

use crate::case::{Answer, Case, Request, Scene};
use crate::compare::compare;

/// Reads of all maps in one callback.
fn reads(who: &str, callback: &str) -> String {
    let read = |map: u32| {
        format!(
            "{who} {callback} get_header {map} \":status\"\n{who} {callback} get_header {map} \"x-case\"\n\
             {who} {callback} get_pairs {map}\n{who} {callback} get_map_size {map}\n"
        )
    };
    (0..8).map(read).collect()
}

/// Writes to all maps in one callback.
fn writes(who: &str, callback: &str) -> String {
    let write = |map: u32| {
        format!(
            "{who} {callback} add_header {map} \"x-w\" \"1\"\n{who} {callback} replace_header {map} \"x-w\" \"2\"\n\
             {who} {callback} get_header {map} \"x-w\"\n{who} {callback} remove_header {map} \"x-w\"\n\
             {who} {callback} set_pairs {map} p\"x-w|3\"\n"
        )
    };
    (1..8).map(write).collect()
}

const CALLBACKS: [&str; 9] = [
    "request_headers",
    "request_body",
    "request_trailers",
    "response_headers",
    "response_body",
    "response_trailers",
    "log",
    "done",
    "delete",
];

fn scene(name: &'static str, who: &str, lines: fn(&str, &str) -> String, names: [&'static str; 9]) -> Scene {
    let cases = CALLBACKS.iter().zip(names).map(|(callback, name)| {
        Case::new(name, &lines(who, callback)).exchange(
            Request::chunks(&["in"]).trailer("x-in", "i"),
            [Answer::chunks(&["out"]).header("x-answer", "a").trailer("x-out", "o")],
        )
    });
    // How long the endpoint took differs in length, too.
    let scene = Scene::new(name).always("down response_headers remove_header 2 \"x-envoy-upstream-service-time\"");
    cases.fold(scene, Scene::case)
}

#[test]
fn reading() {
    compare(&scene(
        "reading",
        "down",
        reads,
        [
            "read in request headers",
            "read in request body",
            "read in request trailers",
            "read in response headers",
            "read in response body",
            "read in response trailers",
            "read in log",
            "read in done",
            "read in delete",
        ],
    ));
}

#[test]
fn writing() {
    compare(&scene(
        "writing",
        "down",
        writes,
        [
            "write in request headers",
            "write in request body",
            "write in request trailers",
            "write in response headers",
            "write in response body",
            "write in response trailers",
            "write in log",
            "write in done",
            "write in delete",
        ],
    ));
}

#[test]
fn upstream() {
    compare(&scene(
        "upstream reading",
        "up",
        reads,
        [
            "upstream in request headers",
            "upstream in request body",
            "upstream in request trailers",
            "upstream in response headers",
            "upstream in response body",
            "upstream in response trailers",
            "upstream in log",
            "upstream in done",
            "upstream in delete",
        ],
    ));
}

#[test]
fn roots_and_creation() {
    let scene = Scene::new("maps elsewhere")
        .always(
            r#"
            down context_create get_header 0 ":path"
            down context_create get_pairs 0
            down context_create add_header 0 "x" "y"
            down vm_start get_header 0 ":path"
            down configure get_pairs 2
            down configure add_header 0 "x" "y"
            down configure get_map_size 0"#,
        )
        .case(Case::new(
            "without a body",
            r#"
            down response_headers get_header 0 "x-case"
            down response_headers get_pairs 0
            down log get_header 1 "x"
            down log get_header 3 "x"
            down log get_pairs 3
            down log get_header 0 "x-case"
            down log get_header 2 ":status""#,
        ));
    compare(&scene);
}
