//! How requests end, as filters on both sides read it: flags, code, details; with retries and time-outs.

use std::time::Duration;

use crate::case::{Answer, Case, End, Request, Scene};
use crate::compare::compare;

/// What both sides read wherever it may be known.
fn reads() -> String {
    let mut script = String::new();
    for (who, callbacks) in
        [("up", vec!["request_headers", "response_headers", "done"]), ("down", vec!["response_headers", "log", "done"])]
    {
        for callback in callbacks {
            for path in [
                "response.code",
                "response.flags",
                "response.code_details",
                "upstream.transport_failure_reason",
                "upstream.request_attempt_count",
                "upstream.address",
                "connection.termination_details",
            ] {
                script.push_str(&format!("{who} {callback} get_property d\"{path}\"\n"));
            }
            // Before an answer it depends on whether the connection was used before.
            if callback != "request_headers" {
                script.push_str(&format!("{who} {callback} ~get_property d\"upstream.local_address\"\n"));
            }
        }
    }
    script
}

fn outcomes(scene: Scene) -> Scene {
    let case = |name| Case::new(name, &reads());
    let slow = Duration::from_millis(40);
    scene
        .case(case("an answer"))
        .case(
            case("an error that the endpoint sends")
                .exchange(Request::get("/").to("a,a,a"), vec![Answer::status(500); 3]),
        )
        .case(case("refused").exchange(Request::get("/").to("dead,dead,dead"), []))
        .case(
            case("reset before headers").exchange(Request::get("/").to("a,a,a"), vec![Answer::instead(End::Reset); 3]),
        )
        .case(
            case("closed before headers").exchange(Request::get("/").to("a,a,a"), vec![Answer::instead(End::Close); 3]),
        )
        .case(case("no http").exchange(Request::get("/").to("a,a,a"), vec![Answer::instead(End::Garbage); 3]))
        .case(case("cut off").answer(Answer::chunks(&["a"]).ending(End::Cut)))
        .case(case("a length cut off").answer(Answer::ok().body("half").ending(End::Cut)))
        .case(case("no answer").exchange(Request::get("/").to("a,a,a"), vec![Answer::instead(End::Hang); 3]))
        .case(case("the client leaves").exchange(Request::get("/").aborting(slow), [Answer::instead(End::Hang)]))
        .case(
            case("the client leaves in the body").exchange(
                Request::get("/").aborting(slow),
                [Answer::chunks(&["a", "b", "c", "d", "e", "f", "g", "h"])],
            ),
        )
        .case(case("no cluster").request(Request::get("/no-cluster")))
        .case(case("an answer before the body ends").exchange(Request::chunks(&["a", "b"]), [Answer::ok()]))
}

#[test]
fn without_retries() {
    let mut scene = outcomes(Scene::new("outcomes"));
    scene.timeout = Duration::from_millis(300);
    compare(&scene);
}

#[test]
fn with_retries() {
    let mut scene = outcomes(Scene::new("outcomes with retries"));
    (scene.retries, scene.timeout) = (2, Duration::from_millis(300));
    let scene = scene
        .case(
            Case::new("a retry that works", &reads())
                .exchange(Request::get("/").to("a,b"), [Answer::status(503), Answer::ok()]),
        )
        .case(
            Case::new("a refusal, then it works", &reads())
                .exchange(Request::get("/").to("dead,b"), [Answer::ok(), Answer::ok()]),
        )
        .case(
            Case::new("a body is sent again", "up request_body get_buffer 0 0 100")
                .exchange(Request::post("again").to("a,b"), [Answer::status(503), Answer::ok()]),
        )
        .case(
            Case::new("chunks and trailers are sent again", "up request_body get_buffer 0 0 100\nup request_trailers get_pairs 1")
                .exchange(Request::chunks(&["once", "more"]).trailer("t", "1").to("a,b"), [Answer::status(503), Answer::ok()]),
        )
        .case(
            Case::new("each attempt has its own headers", "up request_headers add_header 0 \"x-up\" \"1\"\nup request_headers remove_header 0 \"x-envoy-expected-rq-timeout-ms\"\nup request_headers get_pairs 0")
                .exchange(Request::get("/").to("a,b"), [Answer::status(503), Answer::ok()]),
        );
    compare(&scene);
}

#[test]
fn with_a_timeout_for_each_try() {
    let mut scene = Scene::new("per-try timeouts");
    (scene.retries, scene.timeout) = (1, Duration::from_secs(1));
    scene.per_try_timeout = Some(Duration::from_millis(120));
    let scene = scene
        .case(
            Case::new("both tries hang", &reads())
                .exchange(Request::get("/").to("a,b"), vec![Answer::instead(End::Hang); 2]),
        )
        .case(
            Case::new("the second try answers", &reads())
                .exchange(Request::get("/").to("a,b"), [Answer::instead(End::Hang), Answer::ok()]),
        )
        .case(
            Case::new("a slow body is no reason", "")
                .answer(Answer::chunks(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])),
        )
        .case(Case::new("headers tell the timeouts", "up request_headers get_pairs 0"));
    compare(&scene);
}

#[test]
fn steered_by_headers() {
    let scene = Scene::new("router headers")
        .case(
            Case::new(
                "retries asked for by the filter",
                r#"
                down request_headers add_header 0 "x-envoy-retry-on" "5xx"
                down request_headers add_header 0 "x-envoy-max-retries" "2"
                up request_headers get_header 0 "x-envoy-retry-on"
                up request_headers get_header 0 "x-envoy-max-retries""#,
            )
            .exchange(Request::get("/").to("a,b,a"), [Answer::status(503), Answer::status(503), Answer::ok()]),
        )
        .case(
            Case::new(
                "one retry if no number is given",
                r#"
                down request_headers add_header 0 "x-envoy-retry-on" "5xx""#,
            )
            .exchange(Request::get("/").to("a,b,a"), [Answer::status(503), Answer::status(503), Answer::ok()]),
        )
        .case(
            Case::new(
                "statuses asked for by the filter",
                r#"
                down request_headers add_header 0 "x-envoy-retry-on" "retriable-status-codes"
                down request_headers add_header 0 "x-envoy-retriable-status-codes" "404,409"
                down request_headers add_header 0 "x-envoy-max-retries" "3""#,
            )
            .exchange(Request::get("/").to("a,b,a"), [Answer::status(404), Answer::status(409), Answer::status(503)]),
        )
        .case(
            Case::new(
                "a timeout asked for by the filter",
                r#"
                down request_headers add_header 0 "x-envoy-upstream-rq-timeout-ms" "80"
                up request_headers get_header 0 "x-envoy-expected-rq-timeout-ms"
                up request_headers get_header 0 "x-envoy-upstream-rq-timeout-ms""#,
            )
            .answer(Answer::instead(End::Hang)),
        )
        .case(
            Case::new(
                "a timeout for each try asked for by the filter",
                r#"
                down request_headers add_header 0 "x-envoy-retry-on" "5xx"
                down request_headers add_header 0 "x-envoy-upstream-rq-per-try-timeout-ms" "80"
                up request_headers get_header 0 "x-envoy-expected-rq-timeout-ms""#,
            )
            .exchange(Request::get("/").to("a,b"), [Answer::instead(End::Hang), Answer::ok()]),
        );
    compare(&scene);
}
