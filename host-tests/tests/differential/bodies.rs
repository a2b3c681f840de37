//! Body buffers: read in parts, changed, held back, and used where they are not there.

use crate::case::{Answer, Case, Request, Scene};
use crate::compare::compare;

fn post() -> Request {
    Request::post("0123456789")
}

fn reading(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "parts of a body",
                "
                down request_body get_buffer 0 0 100
                down request_body get_buffer 0 0 4
                down request_body get_buffer 0 4 3
                down request_body get_buffer 0 8 100
                down request_body get_buffer 0 10 1
                down request_body get_buffer 0 11 1
                down request_body get_buffer 0 0 0
                down request_body get_buffer 0 1 0xffffffff
                down request_body get_buffer 0 0xffffffff 1
                down request_body get_buffer 0 0 0xffffffff
                down request_body get_buffer_status 0
                down request_body get_buffer 1 0 10",
            )
            .request(post()),
        )
        .case(
            Case::new(
                "prepending",
                "
                down request_headers remove_header 0 \"content-length\"
                down request_body#1 set_buffer 0 0 0 \"ab\"
                down request_body#1 get_buffer 0 0 100
                up request_body get_buffer 0 0 100",
            )
            .request(post()),
        )
        .case(
            Case::new(
                "appending",
                "
                down request_headers remove_header 0 \"content-length\"
                down request_body#1 set_buffer 0 10 0 \"yz\"
                down request_body#1 get_buffer 0 0 100
                down request_body#1 set_buffer 0 0xffffffff 0 \"!\"
                down request_body#1 get_buffer 0 0 100
                up request_body get_buffer 0 0 100",
            )
            .request(post()),
        )
}

fn changing(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "replacing",
                "
                down request_headers remove_header 0 \"content-length\"
                down request_body#1 set_buffer 0 0 10 \"new\"
                down request_body#1 get_buffer 0 0 100
                down request_body#1 set_buffer 0 0 0xffffffff \"newer\"
                down request_body#1 get_buffer 0 0 100
                up request_body get_buffer 0 0 100",
            )
            .request(post()),
        )
        .case(
            Case::new(
                "replacing parts",
                "
                down request_headers remove_header 0 \"content-length\"
                down request_body#1 set_buffer 0 0 2 \"ab\"
                down request_body#1 get_buffer 0 0 100
                down request_body#1 set_buffer 0 3 2 \"xyz\"
                down request_body#1 get_buffer 0 0 100
                down request_body#1 set_buffer 0 5 100 \"end\"
                down request_body#1 get_buffer 0 0 100
                down request_body#1 set_buffer 0 3 0 \"in\"
                down request_body#1 get_buffer 0 0 100
                up request_body get_buffer 0 0 100",
            )
            .request(post()),
        )
        .case(
            Case::new(
                "emptying",
                "
                down response_headers remove_header 2 \"content-length\"
                down response_body#1 set_buffer 1 0 0xffffffff \"\"
                down response_body#1 get_buffer 1 0 100
                down response_body#1 get_buffer_status 1",
            )
            .answer(Answer::ok().body("to be emptied")),
        )
        .case(Case::new(
            "adding at the end of the stream",
            "
            down response_headers remove_header 2 \"content-length\"
            down response_body#2 get_buffer_status 1
            down response_body#2 set_buffer 1 0 0 \"tail\"
            down response_body#2 get_buffer 1 0 100",
        ))
}

fn replacing(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "a length that is not true any more",
                "down request_body#1 set_buffer 0 0 10 \"abc\"\nup request_body get_buffer 0 0 100",
            )
            .request(post()),
        )
        .case(
            Case::new(
                "a large body",
                "down response_body get_buffer_status 1\nup response_body ~get_buffer 1 0 200000",
            )
            .answer(Answer::chunks(&["x".repeat(3000).as_str()])),
        )
}

#[test]
fn reading_and_changing() {
    let scene = Scene::new("bodies");
    let scene = reading(scene);
    let scene = changing(scene);
    compare(&replacing(scene));
}

fn chunks() -> Request {
    Request::chunks(&["one", "two", "three"])
}

fn held_requests(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "pausing until the end",
                "
                down request_body get_buffer 0 0 100
                down request_body get_buffer_status 0
                down request_body#1 answer 1
                down request_body#2 answer 1
                down request_body#3 answer 1
                up request_body get_buffer 0 0 100",
            )
            .request(chunks()),
        )
        .case(
            Case::new(
                "changing what is held",
                "
                down request_body#1 answer 1
                down request_body#2 answer 1
                down request_body#3 answer 1
                down request_body#4 get_buffer 0 0 100
                down request_body#4 set_buffer 0 0 0xffffffff \"all new\"
                up request_body get_buffer 0 0 100",
            )
            .request(chunks()),
        )
        .case(
            Case::new(
                "holding a response",
                "
                down response_body#1 answer 1
                down response_body#2 answer 1
                down response_body#1 get_buffer 1 0 100
                down response_body#2 get_buffer 1 0 100
                down response_body#3 get_buffer 1 0 100
                down response_body#3 set_buffer 1 0 3 \"AND\"",
            )
            .answer(Answer::chunks(&["and", "now"])),
        )
        .case(
            Case::new(
                "holding a response until its trailers",
                "
                down response_body answer 1
                down response_trailers get_buffer 1 0 100
                down response_trailers get_header 3 \"t\"",
            )
            .answer(Answer::chunks(&["and", "now"]).trailer("t", "1")),
        )
}

fn held_responses(scene: Scene) -> Scene {
    scene.case(
        Case::new(
            "held upstream",
            "
                up request_body#1 answer 1
                up request_body#2 answer 1
                up request_body#3 answer 1
                up request_body get_buffer 0 0 100
                up response_body#1 answer 1
                up response_body get_buffer 1 0 100
                down response_body get_buffer 1 0 100",
        )
        .exchange(chunks(), [Answer::chunks(&["and", "now"])]),
    )
}

#[test]
fn holding_back() {
    let scene = Scene::new("held bodies");
    let scene = held_requests(scene);
    compare(&held_responses(scene));
}

#[test]
fn out_of_phase() {
    let touch = |callback: &str| {
        format!(
            "down {callback} get_buffer 0 0 10\ndown {callback} get_buffer 1 0 10\ndown {callback} get_buffer_status 0\n\
             down {callback} get_buffer_status 1\ndown {callback} set_buffer 0 0 0 \"x\"\n\
             down {callback} set_buffer 1 0 0 \"x\"\n"
        )
    };
    let case = |name, callback| {
        let answer = Answer::chunks(&["out"]).trailer("t", "1");
        Case::new(name, &touch(callback)).exchange(Request::chunks(&["in"]).trailer("u", "2"), [answer])
    };
    let scene = Scene::new("buffers out of phase")
        .case(case("buffers in request headers", "request_headers"))
        .case(case("buffers in request trailers", "request_trailers"))
        .case(case("buffers in response headers", "response_headers"))
        .case(case("buffers in response trailers", "response_trailers"))
        .case(case("buffers in log", "log"))
        .case(case("buffers in done", "done"))
        .case(case("buffers in delete", "delete"));
    compare(&scene);
}
