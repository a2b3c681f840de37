//! Trailers: read, changed, held back.

use crate::case::{Answer, Case, Request, Scene};
use crate::compare::compare;

fn both() -> (Request, [Answer; 1]) {
    (
        Request::chunks(&["in"]).trailer("x-in", "1").trailer("x-in", "2"),
        [Answer::chunks(&["out"]).trailer("x-out", "3")],
    )
}

fn case(name: &'static str, script: &str) -> Case {
    let (request, answers) = both();
    Case::new(name, script).exchange(request, answers)
}

fn read_and_changed(scene: Scene) -> Scene {
    scene
        .case(case(
            "reading trailers",
            r#"
            down request_trailers get_pairs 1
            down request_trailers get_header 1 "X-In"
            down request_trailers get_header 1 "x-none"
            down request_trailers get_map_size 1
            down response_trailers get_pairs 3
            up response_trailers get_pairs 3
            up request_trailers get_pairs 1"#,
        ))
        .case(case(
            "changing trailers",
            r#"
            down request_trailers add_header 1 "x-new" "n"
            down request_trailers replace_header 1 "x-in" "9"
            up request_trailers get_pairs 1
            up response_trailers remove_header 3 "x-out"
            up response_trailers add_header 3 "x-up" "u"
            down response_trailers add_header 3 "x-down" "d"
            down response_trailers get_pairs 3"#,
        ))
        .case(case(
            "setting all trailers",
            r#"
            down request_trailers set_pairs 1 p"a|1|b|2"
            up request_trailers get_pairs 1
            down response_trailers set_pairs 3 p"c|3"
            down response_trailers get_pairs 3"#,
        ))
        .case(case(
            "emptying trailers",
            "
            down response_trailers set_pairs 3 p\"\"
            down response_trailers get_pairs 3
            down response_trailers get_map_size 3",
        ))
}

fn held_and_missing(scene: Scene) -> Scene {
    scene
        .case(
            case(
                "pausing on request trailers",
                "
                down request_trailers own_context -> stream
                down request_trailers set_effective_context 2
                down request_trailers set_tick_period 50
                down request_trailers answer 1
                down tick#1 set_tick_period 0
                down tick#1 set_effective_context $stream
                down tick#1 add_header 1 \"x-late\" \"l\"
                down tick#1 get_buffer 0 0 100
                down tick#1 continue_stream 0
                up request_trailers get_pairs 1",
            )
            .until("< tick", 1),
        )
        .case(
            Case::new(
                "trailers that are not there",
                "down request_body add_header 1 \"x\" \"y\"\ndown response_body add_header 3 \"x\" \"y\"",
            )
            .exchange(Request::chunks(&["in"]), [Answer::chunks(&["out"])]),
        )
}

#[test]
fn trailers() {
    let scene = Scene::new("trailers");
    let scene = read_and_changed(scene);
    compare(&held_and_missing(scene));
}
