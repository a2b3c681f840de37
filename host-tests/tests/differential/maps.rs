//! Header maps in their phase: read, added to, replaced, removed, set as a whole.

use crate::case::{Answer, Case, Request, Scene};
use crate::compare::compare;

fn reading(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "all pairs",
            "
            down request_headers get_pairs 0
            up request_headers get_pairs 0
            up response_headers get_pairs 2
            down response_headers get_pairs 2",
        ))
        .case(
            Case::new(
                "one value",
                r#"
                down request_headers get_header 0 "x-one"
                down request_headers get_header 0 "X-ONE"
                down request_headers get_header 0 "x-none"
                down request_headers get_header 0 "x-empty"
                down request_headers get_header 0 ""
                down request_headers get_header 0 ":path"
                down request_headers get_header 0 ":authority"
                down request_headers get_header 0 "host"
                down response_headers get_header 2 ":status"
                down response_headers get_header 2 "x-answer""#,
            )
            .exchange(
                Request::get("/a?b=c").header("x-one", "1").header("x-empty", ""),
                [Answer::ok().header("X-Answer", "Yes")],
            ),
        )
        .case(
            Case::new(
                "several values",
                r#"
                down request_headers get_header 0 "x-many"
                down request_headers get_pairs 0
                down request_headers remove_header 0 "x-many"
                down request_headers get_header 0 "x-many"
                up request_headers get_header 0 "x-many""#,
            )
            .request(Request::get("/").header("x-many", "1").header("x-other", "o").header("x-many", "2")),
        )
        .case(Case::new(
            "adding",
            r#"
            down request_headers add_header 0 "x-new" "1"
            down request_headers add_header 0 "X-New" "2"
            down request_headers add_header 0 "x-blank" ""
            down request_headers get_header 0 "x-new"
            up request_headers get_pairs 0
            up response_headers add_header 2 "x-up" "u"
            down response_headers add_header 2 "x-down" "d"
            down response_headers get_pairs 2"#,
        ))
}

fn changing(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "replacing",
                r#"
                down request_headers replace_header 0 "x-one" "9"
                down request_headers replace_header 0 "x-fresh" "f"
                down request_headers replace_header 0 "X-TWICE" "t"
                down request_headers replace_header 0 "x-one" ""
                down request_headers get_header 0 "x-one"
                up request_headers get_pairs 0
                down response_headers replace_header 2 ":status" "201"
                down response_headers get_header 2 ":status""#,
            )
            .request(
                Request::get("/").header("x-one", "1").header("x-twice", "a").header("x-two", "2").header("x-twice", "b"),
            ),
        )
        .case(
            Case::new(
                "removing",
                r#"
                down request_headers remove_header 0 "x-one"
                down request_headers remove_header 0 "x-none"
                down request_headers remove_header 0 ""
                down request_headers get_map_size 0
                up request_headers get_pairs 0
                down response_headers remove_header 2 "x-answer"
                down response_headers get_pairs 2"#,
            )
            .exchange(Request::get("/").header("x-one", "1"), [Answer::ok().header("x-answer", "a")]),
        )
        .case(Case::new(
            "setting all pairs",
            r#"
            down request_headers set_pairs 0 p":method|POST|:path|/set|:authority|elsewhere|:scheme|http|x-forwarded-proto|http|x-endpoint|{a}|x-a|1|X-B|2|x-a|3"
            down request_headers get_pairs 0
            up request_headers get_pairs 0
            down response_headers set_pairs 2 p":status|202|x-only|1"
            down response_headers get_pairs 2"#,
        ))
        .case(Case::new(
            "setting pairs without a scheme",
            r#"down request_headers set_pairs 0 p":method|GET|:path|/set|:authority|elsewhere|x-forwarded-proto|http|x-endpoint|{a}""#,
        ))
        .case(Case::new(
            "setting pairs without a protocol",
            r#"down request_headers set_pairs 0 p":method|GET|:path|/set|:authority|elsewhere|:scheme|http|x-endpoint|{a}""#,
        ))
        .case(Case::new(
            "setting pairs without a host",
            r#"down request_headers set_pairs 0 p":method|GET|:path|/set|:scheme|http|x-forwarded-proto|http|x-endpoint|{a}""#,
        ))
}

fn setting(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "setting pairs without a path",
            r#"down request_headers set_pairs 0 p":method|GET|:authority|elsewhere|:scheme|http|x-forwarded-proto|http|x-endpoint|{a}""#,
        ))
        .case(Case::new(
            "setting pairs without a method",
            r#"down request_headers set_pairs 0 p":path|/|:authority|elsewhere|:scheme|http|x-forwarded-proto|http|x-endpoint|{a}""#,
        ))
        .case(Case::new(
            "pseudo-headers",
            r#"
            down request_headers replace_header 0 ":path" "/elsewhere"
            down request_headers replace_header 0 ":method" "PUT"
            down request_headers replace_header 0 ":authority" "other"
            down request_headers get_pairs 0
            up request_headers get_pairs 0"#,
        ))
        .case(Case::new(
            "size of a map",
            r#"
            down request_headers get_map_size 0
            down request_headers add_header 0 "abc" "de"
            down request_headers get_map_size 0
            down response_headers remove_header 2 "x-envoy-upstream-service-time"
            down response_headers get_map_size 2"#,
        ))
}

#[test]
fn in_phase() {
    let scene = Scene::new("maps");
    let scene = reading(scene);
    let scene = changing(scene);
    compare(&setting(scene));
}

#[test]
fn odd_values() {
    let scene = Scene::new("odd values")
        .case(
            Case::new(
                "bytes that are no text",
                r#"
                down request_headers get_header 0 "x-bytes"
                down request_headers add_header 0 "x-high" "\xff\xfe"
                down request_headers get_header 0 "x-high"
                up request_headers get_header 0 "x-high""#,
            )
            .request(Request::get("/").header("x-bytes", "ü")),
        )
        .case(Case::new(
            "commas stay one value",
            r#"
            down request_headers add_header 0 "x-list" "a,b"
            down request_headers add_header 0 "x-list" "c"
            down request_headers get_header 0 "x-list"
            up request_headers get_pairs 0"#,
        ))
        .case(Case::new(
            "an inline header added twice",
            r#"
            down request_headers add_header 0 "user-agent" "one"
            down request_headers add_header 0 "user-agent" "two"
            down request_headers get_header 0 "user-agent"
            down request_headers get_pairs 0"#,
        ))
        .case(Case::new(
            "a long value",
            r#"
            down request_headers add_header 0 "x-long" x5000
            down request_headers ~get_header 0 "x-long"
            up request_headers ~get_header 0 "x-long""#,
        ))
        .case(Case::new(
            "a reset list is seen by the next filter only",
            r#"
            down request_headers replace_header 0 "x-case" "changed"
            down request_headers get_header 0 "x-case"
            down response_headers get_header 2 "x-case""#,
        ));
    compare(&scene);
}
