//! HTTP calls out of a guest: what is refused, what comes back, and where.

use std::time::Duration;

use crate::case::{Answer, Case, End, Request, Scene};
use crate::compare::compare;

const GET: &str = r#"p":method|GET|:path|/called|:authority|calls|x-a|1""#;

/// What a root or stream can read of an answer.
const READ: &str = r#"
    down http_call_response get_pairs 6
    down http_call_response get_header 6 ":status"
    down http_call_response get_buffer 4 0 100
    down http_call_response get_buffer_status 4
    down http_call_response get_pairs 7
    down http_call_response get_map_size 6"#;

fn call(callback: &str) -> String {
    format!("down {callback} http_call \"calls\" {GET} \"\" p\"\" 300 -> token\n{READ}")
}

#[test]
fn answers() {
    let case = |name, answer: Answer| {
        Case::new(name, &call("request_headers")).calls([answer]).until("< http_call_response", 1)
    };
    let scene = Scene::new("calls")
        .case(case("an answer with a body", Answer::ok().header("x-answer", "a").body("called")))
        .case(case("an answer in chunks with trailers", Answer::chunks(&["a", "b"]).trailer("t", "1")))
        .case(case("an answer without a body", Answer::empty()))
        .case(case("an error", Answer::status(500)))
        .case(case("a reset call", Answer::instead(End::Reset)))
        .case(case("a closed call", Answer::instead(End::Close)))
        .case(case("a call without an answer", Answer::instead(End::Hang)))
        .case(case("a call answered with no http", Answer::instead(End::Garbage)))
        .case(case("a call cut off", Answer::chunks(&["a"]).ending(End::Cut)))
        .case(
            Case::new("several calls", &format!("{}\n{}", call("request_headers"), call("request_headers").replace("/called", "/again")))
                .calls([
                    Answer::ok().for_path("/called").body("one").after(Duration::from_millis(60)),
                    Answer::ok().for_path("/again").body("two"),
                ])
                .until("< http_call_response", 2),
        )
        .case(
            Case::new(
                "a call with a body and trailers",
                &format!(
                    "down request_headers http_call \"calls\" p\":method|POST|:path|/|:authority|calls\" \"sent\" p\"x-t|1\" 300{READ}"
                ),
            )
            .calls([Answer::ok()])
            .until("< http_call_response", 1),
        )
        .case(
            Case::new(
                "a call from response headers",
                &call("response_headers"),
            )
            .calls([Answer::ok()])
            .until("< http_call_response", 1),
        )
        .case(
            Case::new("a call from log", &call("log"))
            .calls([Answer::ok()])
            .until("< http_call_response", 1),
        );
    compare(&scene);
}

#[test]
fn refused() {
    let scene = Scene::new("refused calls")
        .case(Case::new(
            "calls that are refused",
            &format!(
                r#"
            down request_headers http_call "nowhere" {GET} "" p"" 300
            down request_headers http_call "" {GET} "" p"" 300
            down request_headers http_call "calls" p"" "" p"" 300
            down request_headers http_call "calls" "" "" "" 300
            down request_headers http_call "calls" p":method|GET|:path|/" "" p"" 300
            down request_headers http_call "calls" p":method|GET|:authority|a" "" p"" 300
            down request_headers http_call "calls" p":path|/|:authority|a" "" p"" 300"#
            ),
        ))
        .case(
            Case::new(
                "a call without a timeout",
                &format!("down request_headers http_call \"calls\" {GET} \"\" p\"\" 0{READ}"),
            )
            .calls([Answer::ok().after(Duration::from_millis(30))])
            .until("< http_call_response", 1),
        )
        .case(Case::new(
            "answers that are not there",
            "
            down request_headers get_pairs 6
            down request_headers get_header 6 \":status\"
            down request_headers get_buffer 4 0 10
            down request_headers get_buffer_status 4",
        ));
    compare(&scene);
}

fn waiting_streams(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "a paused stream waits for its call",
                &format!(
                    "{}\ndown request_headers answer 1\ndown http_call_response own_context -> who\n\
                     down http_call_response add_header 0 \"x-called\" \"1\"\ndown http_call_response continue_stream 0\n\
                     up request_headers get_header 0 \"x-called\"",
                    call("request_headers")
                ),
            )
            .calls([Answer::ok()]),
        )
        .case(
            Case::new(
                "a call answered with a reply",
                &format!(
                    "{}\ndown request_headers answer 1\n\
                     down http_call_response send_local_response 403 \"\" \"denied\" p\"\" -1",
                    call("request_headers")
                ),
            )
            .calls([Answer::ok()]),
        )
        .case(
            Case::new(
                "a call of the root",
                &format!(
                    "down request_headers set_effective_context 2\n{}\n{}",
                    call("request_headers"),
                    "down response_headers say \"answered\""
                ),
            )
            .calls([Answer::ok()])
            .until("< http_call_response", 1),
        )
        .case(
            Case::new(
                "a call of the root from a tick",
                &format!(
                    "down request_headers set_effective_context 2\ndown request_headers set_tick_period 30\n\
                     down tick#1 set_tick_period 0\n{}",
                    call("tick#1")
                ),
            )
            .calls([Answer::ok()])
            .until("< http_call_response", 1),
        )
        .case(
            Case::new("the stream is gone before its answer", &call("request_headers"))
                .calls([Answer::ok().after(Duration::from_millis(120))])
                .until("< http_call_response", 1),
        )
}

fn roots_and_late_answers(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "a stream is closed while its call is out",
                &format!("{}\ndown request_headers answer 1", call("request_headers")),
            )
            .exchange(Request::get("/").aborting(Duration::from_millis(30)), [])
            .calls([Answer::ok().after(Duration::from_millis(80))])
            .until("< http_call_response", 1),
        )
        .case(
            Case::new(
                "a call after a call",
                &format!(
                    "{}\ndown request_headers answer 1\ndown http_call_response#1 http_call \"calls\" {GET} \"\" p\"\" 300\n\
                     down http_call_response#2 continue_stream 0",
                    call("request_headers")
                ),
            )
            .calls([Answer::ok().body("one"), Answer::ok().body("two")]),
        )
}

#[test]
fn contexts() {
    let scene = Scene::new("contexts of calls");
    let scene = waiting_streams(scene);
    compare(&roots_and_late_answers(scene));
}
