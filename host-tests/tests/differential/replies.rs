//! Local replies: when, how often, with what, and who sees them.

use crate::case::{Answer, Case, Filter, Request, Scene};
use crate::compare::compare;

fn to_headers(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "reply to request headers",
            r#"
            down request_headers send_local_response 403 "why" "no" p"x-a|1|X-B|2" -1
            down request_headers answer 1
            down response_headers get_pairs 2
            down response_body get_buffer 1 0 100
            down log get_pairs 2"#,
        ))
        .case(Case::new(
            "reply and go on",
            r#"
            down request_headers send_local_response 403 "" "no" p"" -1"#,
        ))
        .case(Case::new(
            "reply without a body",
            r#"
            down request_headers send_local_response 204 "" "" p"" -1
            down request_headers answer 1
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "reply twice",
            r#"
            down request_headers send_local_response 403 "" "first" p"" -1
            down request_headers send_local_response 404 "" "second" p"" -1
            down request_headers answer 1"#,
        ))
        .case(Case::new(
            "reply again in the reply",
            r#"
            down request_headers send_local_response 403 "" "first" p"" -1
            down request_headers answer 1
            down response_headers send_local_response 404 "" "second" p"" -1"#,
        ))
        .case(
            Case::new(
                "reply to a request body",
                r#"
                down request_body#1 send_local_response 413 "" "too much" p"" -1
                down request_body#1 answer 1"#,
            )
            .request(Request::chunks(&["in", "more"])),
        )
}

fn to_the_rest(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "reply to request trailers",
                r#"
                down request_trailers send_local_response 400 "" "trailing" p"" -1
                down request_trailers answer 1"#,
            )
            .request(Request::chunks(&["in"]).trailer("t", "1")),
        )
        .case(Case::new(
            "reply with odd headers",
            r#"
            down request_headers send_local_response 200 "" "b" p":status|500|content-type|text/html|content-length|99" -1
            down request_headers answer 1
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "reply with a status that is none",
            r#"
            down request_headers send_local_response 0 "" "zero" p"" -1
            down request_headers answer 1
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "reply with a status too large",
            r#"
            down request_headers send_local_response 1000 "" "thousand" p"" -1
            down request_headers answer 1
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "reply and read what was recorded",
            r#"
            down request_headers send_local_response 403 "because of me" "no" p"" 7
            down request_headers answer 1
            down log get_property d"response.code"
            down log get_property d"response.flags"
            down log get_property d"response.code_details"
            down log get_property d"response.grpc_status"
            down log get_header 2 ":status""#,
        ))
        .case(Case::new(
            "reply from a root",
            r#"
            down request_headers set_effective_context 2
            down request_headers send_local_response 403 "" "no" p"" -1"#,
        ))
}

fn with_oddities(scene: Scene) -> Scene {
    scene.case(
        Case::new(
            "reply to a grpc request",
            r#"
                down request_headers send_local_response 403 "" "no" p"" 7
                down request_headers answer 1
                down response_headers get_pairs 2"#,
        )
        .request(Request::post("x").header("content-type", "application/grpc")),
    )
}

#[test]
fn in_the_request_phase() {
    let scene = Scene::new("local replies");
    let scene = to_headers(scene);
    let scene = to_the_rest(scene);
    compare(&with_oddities(scene));
}

#[test]
fn in_the_response_phase() {
    let scene = Scene::new("late local replies")
        .case(Case::new(
            "reply to response headers",
            r#"
            down response_headers send_local_response 502 "" "replaced" p"x-a|1" -1
            down response_headers answer 1"#,
        ))
        .case(Case::new(
            "reply to response headers and go on",
            r#"
            down response_headers send_local_response 502 "" "replaced" p"x-a|1" -1"#,
        ))
        .case(
            Case::new(
                "reply to a response body",
                r#"
                down response_body#1 send_local_response 502 "" "replaced" p"" -1
                down response_body#1 answer 1"#,
            )
            .answer(Answer::chunks(&["a", "b"])),
        )
        .case(Case::new(
            "reply upstream to request headers",
            r#"
            up request_headers send_local_response 403 "" "from upstream" p"x-a|1" -1
            up request_headers answer 1
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "reply upstream to response headers",
            r#"
            up response_headers send_local_response 502 "" "from upstream" p"x-a|1" -1
            up response_headers answer 1
            down response_headers get_pairs 2"#,
        ));
    compare(&scene);
}

#[test]
fn in_a_chain() {
    let scene = Scene::new("replies in a chain")
        .downstream([Filter::new("first"), Filter::new("second")])
        .upstream([Filter::new("up")])
        .case(Case::new("nothing", ""))
        .case(Case::new(
            "the second replies",
            r#"
            second request_headers send_local_response 403 "" "no" p"" -1
            second request_headers answer 1"#,
        ))
        .case(Case::new(
            "the first replies",
            r#"
            first request_headers send_local_response 403 "" "no" p"" -1
            first request_headers answer 1"#,
        ))
        .case(Case::new(
            "the second replies to the response",
            r#"
            second response_headers send_local_response 502 "" "no" p"" -1
            second response_headers answer 1"#,
        ))
        .case(Case::new(
            "the first replies to the response",
            r#"
            first response_headers send_local_response 502 "" "no" p"" -1
            first response_headers answer 1"#,
        ));
    compare(&scene);
}
