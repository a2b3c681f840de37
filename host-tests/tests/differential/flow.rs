//! Pausing, going on, closing.

use std::time::Duration;

use crate::case::{Answer, Case, End, Filter, Request, Scene};
use crate::compare::compare;

/// A stream pauses in this callback, and the first tick of the root, 100 ms later, acts for it.
fn waiting(callback: &str) -> String {
    let operations = [
        "own_context -> stream",
        "set_effective_context 2",
        "set_tick_period 100",
        "set_effective_context $stream",
        "answer 1",
    ];
    let lines = operations.map(|operation| format!("down {callback} {operation}")).join("\n");
    format!("{lines}\ndown tick#1 set_tick_period 0\ndown tick#1 set_effective_context $stream")
}

fn with(start: &str, more: &str) -> String {
    format!("{start}\n{more}")
}

#[test]
fn pausing() {
    let (wait, wait_response) = (waiting("request_headers"), waiting("response_headers"));
    let (wait, wait_response) = (wait.as_str(), wait_response.as_str());
    let scene = Scene::new("flow")
        .case(Case::new("resumed by a tick", &with(wait, "down tick#1 continue_stream 0")).until("< tick", 1))
        .case(
            Case::new(
                "a paused request is changed",
                &with(
                    wait,
                    "
                    down tick#1 get_header 0 \"x-case\"
                    down tick#1 add_header 0 \"x-late\" \"1\"
                    down tick#1 get_pairs 0
                    down tick#1 continue_stream 0
                    down tick#1 get_header 0 \"x-late\"
                    up request_headers get_header 0 \"x-late\"",
                ),
            )
            .until("< tick", 1),
        )
        .case(
            Case::new("a body waits for its headers", &with(wait, "down tick#1 continue_stream 0"))
                .request(Request::post("waiting"))
                .until("< tick", 1),
        )
        .case(
            Case::new("chunks wait for their headers", &with(wait, "down tick#1 continue_stream 0"))
                .request(Request::chunks(&["waiting", "longer", "still"]))
                .until("< tick", 1),
        )
        .case(Case::new("closed by a tick", &with(wait, "down tick#1 close_stream 0")).until("< tick", 1))
        .case(Case::new("closed downstream by a tick", &with(wait, "down tick#1 close_stream 2")).until("< tick", 1))
        .case(
            Case::new("a reply to a paused request", &with(wait, "down tick#1 send_local_response 403 \"\" \"late\" p\"\" -1"))
                .until("< tick", 1),
        )
        .case(
            Case::new("continued twice", &with(wait, "down tick#1 continue_stream 0\ndown tick#1 continue_stream 0"))
                .until("< tick", 1),
        )
        .case(
            Case::new("a paused response", &with(wait_response, "down tick#1 get_header 2 \":status\"\ndown tick#1 add_header 2 \"x-late\" \"1\"\ndown tick#1 continue_stream 1"))
                .until("< tick", 1),
        )
        .case(
            Case::new("a paused response with chunks", &with(wait_response, "down tick#1 continue_stream 1"))
                .answer(Answer::chunks(&["a", "b", "c"]).trailer("t", "1"))
                .until("< tick", 1),
        )
        .case(
            Case::new("a paused response is closed", &with(wait_response, "down tick#1 close_stream 1")).until("< tick", 1),
        )
        .case(
            Case::new("a client leaves a paused request", wait)
                .exchange(Request::get("/").aborting(Duration::from_millis(40)), [])
                .until("< tick", 1),
        );
    compare(&scene);
}

#[test]
fn at_once() {
    let scene = Scene::new("flow at once")
        .case(Case::new(
            "continue and pause in one callback",
            "down request_headers continue_stream 0\ndown request_headers answer 1",
        ))
        .case(
            Case::new("continue without a pause", "down request_headers continue_stream 0")
                .exchange(
                    Request::get("/").aborting(Duration::from_millis(40)),
                    [Answer::instead(End::Hang), Answer::instead(End::Hang)],
                )
                .differing_because(
                    "Envoy takes up the request twice, beside itself. Nobody can want that, and the host lets it pass.",
                )
                .settled_for(9),
        )
        .case(Case::new("close in request headers", "down request_headers close_stream 0"))
        .case(Case::new("close the response in request headers", "down request_headers close_stream 1"))
        .case(Case::new("close and pause", "down request_headers close_stream 0\ndown request_headers answer 1"))
        .case(Case::new("close in response headers", "down response_headers close_stream 1"))
        .case(
            Case::new("close in response body", "down response_body close_stream 1")
                .answer(Answer::chunks(&["a", "b"])),
        )
        .case(Case::new("close upstream in request headers", "up request_headers close_stream 0"))
        .case(Case::new("close upstream in response headers", "up response_headers close_stream 1"))
        .case(Case::new("answers that are none", "down response_headers answer 7"))
        .case(
            Case::new("a client leaves", "")
                .exchange(Request::get("/").aborting(Duration::from_millis(40)), [Answer::instead(End::Hang)]),
        )
        .case(
            Case::new("a client leaves while its body comes", "").exchange(
                Request::chunks(&["a", "b"]).aborting(Duration::from_millis(20)),
                [Answer::instead(End::Hang)],
            ),
        );
    compare(&scene);
}

#[test]
fn done_later() {
    let scene = Scene::new("deferred ends")
        .case(Case::new(
            "done in its own callback",
            "
            down done answer 0
            down done done",
        ))
        .case(Case::new(
            "done too early",
            "
            down request_headers done
            down log done",
        ))
        .case(
            Case::new(
                "done by a tick",
                "
                down done answer 0
                down request_headers own_context -> stream
                down done set_effective_context 2
                down done set_tick_period 100
                down tick#1 set_tick_period 0
                down tick#1 set_effective_context $stream
                down tick#1 done
                down tick#1 done",
            )
            .until("< tick", 1),
        );
    compare(&scene);
}

#[test]
fn chain() {
    let scene = Scene::new("chain")
        .downstream([Filter::new("first"), Filter::new("second").in_vm("another")])
        .upstream([Filter::new("third"), Filter::new("fourth")])
        .case(
            Case::new("through a chain", "")
                .exchange(Request::chunks(&["in"]), [Answer::chunks(&["out"]).trailer("t", "1")]),
        )
        .case(Case::new(
            "each adds a header",
            r#"
            first request_headers add_header 0 "x-1" "1"
            second request_headers add_header 0 "x-2" "2"
            third request_headers add_header 0 "x-3" "3"
            fourth request_headers get_pairs 0
            fourth response_headers add_header 2 "x-4" "4"
            third response_headers add_header 2 "x-3" "3"
            second response_headers add_header 2 "x-2" "2"
            first response_headers get_pairs 2"#,
        ))
        .case(
            Case::new(
                "the second holds a body",
                "
                second request_body#1 answer 1
                second request_body get_buffer 0 0 100
                first request_body get_buffer 0 0 100
                third request_body get_buffer 0 0 100",
            )
            .request(Request::chunks(&["a", "b"])),
        );
    compare(&scene);
}
