//! Wrong addresses, wrong numbers, wrong encodings.

use crate::case::{Answer, Case, Scene};
use crate::compare::compare;

fn of_headers(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "keys outside the memory",
            r#"
            down request_headers get_header 0 0xfffffff0 32
            down request_headers get_header 0 0xfffffff0 4
            down request_headers get_header 0 0x7fffffff 1
            down request_headers get_header 0 0 0
            down request_headers get_header 0 0xfffffff0 0
            down request_headers get_header 0 16 0xffffffff
            down request_headers add_header 0 0xfffffff0 4 "v"
            down request_headers add_header 0 "k" 0xfffffff0 4
            down request_headers replace_header 0 0xfffffff0 4 "v"
            down request_headers replace_header 0 "k" 0xfffffff0 4
            down request_headers remove_header 0 0xfffffff0 4
            down request_headers set_pairs 0 0xfffffff0 4"#,
        ))
        .case(Case::new(
            "answers outside the memory",
            r#"
            down request_headers get_header 0 ":path" 0xfffffff0 16
            down request_headers get_header 0 ":path" 16 0xfffffff0
            down request_headers get_header 0 ":path" 0xfffffffe 0xfffffffe
            down request_headers get_header 0 "x-none" 0xfffffff0 0xfffffff0
            down request_headers get_pairs 0 0xfffffff0 0xfffffff0
            down request_headers get_map_size 0 0xfffffff0
            down request_headers get_property d"request.path" 0xfffffff0 0xfffffff0
            down request_headers get_time 0xfffffff0
            down request_headers get_log_level 0xfffffff0
            down request_headers get_status 0xfffffff0 0xfffffff0 0xfffffff0"#,
        ))
}

fn of_other_calls(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "other calls with addresses outside the memory",
            r#"
            down request_headers log 2 0xfffffff0 4
            down request_headers get_property 0xfffffff0 4
            down request_headers set_property 0xfffffff0 4 "v"
            down request_headers set_property "k" 0xfffffff0 4
            down request_headers get_shared_data 0xfffffff0 4
            down request_headers get_shared_data "none" 0xfffffff0 0xfffffff0 0xfffffff0
            down request_headers set_shared_data 0xfffffff0 4 "v" 0
            down request_headers set_shared_data "k" 0xfffffff0 4 0
            down request_headers register_queue 0xfffffff0 4
            down request_headers resolve_queue "" 0xfffffff0 4
            down request_headers resolve_queue 0xfffffff0 4 "q"
            down request_headers enqueue 1 0xfffffff0 4
            down request_headers define_metric 0 0xfffffff0 4
            down request_headers define_metric 0 "lost" 0xfffffff0
            down request_headers http_call 0xfffffff0 4 p"" "" p"" 100
            down request_headers http_call "calls" 0xfffffff0 4 "" p"" 100
            down request_headers http_call "calls" p":method|GET|:path|/|:authority|c" 0xfffffff0 4 p"" 100
            down request_headers http_call "calls" p":method|GET|:path|/|:authority|c" "" 0xfffffff0 4 100
            down request_headers call_foreign_function 0xfffffff0 4 ""
            down request_headers call_foreign_function "none" 0xfffffff0 4
            down request_headers send_local_response 200 0xfffffff0 4 "" "" -1
            down request_headers send_local_response 200 "" 0xfffffff0 4 "" -1
            down request_headers send_local_response 200 "" "" 0xfffffff0 4 -1"#,
        ))
        .case(Case::new(
            "buffers with addresses outside the memory",
            r#"
            down response_body get_buffer 1 0 10 0xfffffff0 0xfffffff0
            down response_body set_buffer 1 0 10 0xfffffff0 4
            down response_body get_buffer_status 1 0xfffffff0 16
            down response_body get_buffer_status 1 16 0xfffffff0"#,
        ))
}

#[test]
fn addresses() {
    let scene = Scene::new("addresses");
    let scene = of_headers(scene);
    compare(&of_other_calls(scene));
}

#[test]
fn numbers() {
    let scene = Scene::new("numbers")
        .case(Case::new(
            "maps that do not exist",
            r#"
            down request_headers get_header 8 "x"
            down request_headers get_header 9 "x"
            down request_headers get_header 100 "x"
            down request_headers get_header -1 "x"
            down request_headers get_pairs 9
            down request_headers get_map_size 9
            down request_headers add_header 9 "x" "y"
            down request_headers add_header 4 "x" "y"
            down request_headers add_header 6 "x" "y"
            down request_headers replace_header 9 "x" "y"
            down request_headers remove_header 9 "x"
            down request_headers set_pairs 9 p"x|y""#,
        ))
        .case(Case::new(
            "buffers that do not exist",
            r#"
            down request_headers get_buffer 2 0 10
            down request_headers get_buffer 3 0 10
            down request_headers get_buffer 4 0 10
            down request_headers get_buffer 5 0 10
            down request_headers get_buffer 6 0 10
            down request_headers get_buffer 7 0 10
            down request_headers get_buffer 8 0 10
            down request_headers get_buffer 9 0 10
            down request_headers get_buffer -1 0 10
            down request_headers set_buffer 2 0 10 "x"
            down request_headers set_buffer 4 0 10 "x"
            down request_headers set_buffer 6 0 10 "x"
            down request_headers set_buffer 7 0 10 "x"
            down request_headers set_buffer 8 0 10 "x"
            down request_headers set_buffer 9 0 10 "x"
            down request_headers get_buffer_status 6
            down request_headers get_buffer_status 7
            down request_headers get_buffer_status 8
            down request_headers get_buffer_status 9"#,
        ))
        .case(Case::new(
            "streams and levels that do not exist",
            r#"
            down request_headers continue_stream 2
            down request_headers continue_stream 3
            down request_headers continue_stream 4
            down request_headers continue_stream -1
            down request_headers close_stream 2
            down request_headers close_stream 4
            down request_headers close_stream -1
            down request_headers log 6 "six"
            down request_headers log -1 "minus one"
            down request_headers set_effective_context 999
            down request_headers set_effective_context 0"#,
        ));
    compare(&scene);
}

#[test]
fn encodings() {
    let scene = Scene::new("encodings")
        .case(Case::new(
            "pairs that are none",
            r#"
            down request_headers set_pairs 0 "\x01"
            down request_headers get_map_size 0
            down request_headers set_pairs 0 "\x01\0\0\0"
            down request_headers get_map_size 0
            down request_headers set_pairs 0 "\xff\xff\xff\xff"
            down request_headers get_map_size 0
            down request_headers set_pairs 0 "\x01\0\0\0\x05\0\0\0\x05\0\0\0ab\0cd\0"
            down request_headers get_map_size 0
            down request_headers set_pairs 0 "\x01\0\0\0\x01\0\0\0\x01\0\0\0axbx"
            down request_headers get_pairs 0"#,
        ))
        .case(Case::new("pairs of nothing", "down response_headers set_pairs 2 \"\"\ndown response_headers get_pairs 2"))
        .case(Case::new(
            "no pairs",
            "down response_headers set_pairs 2 p\"\"\ndown response_headers get_pairs 2\ndown response_headers get_map_size 2",
        ))
        .case(
            Case::new(
            "bad pairs in other calls",
            r#"
            down request_headers http_call "calls" "\x01" "" p"" 100
            down request_headers http_call "calls" "\xff\xff\xff\xff" "" p"" 100
            down request_headers http_call "calls" p":method|GET|:path|/|:authority|c" "" "\xff\xff\xff\xff" 100
            down response_headers send_local_response 418 "" "" "\xff\xff\xff\xff" -1"#,
            )
            .calls([Answer::empty()])
            .until("http_call_response", 1),
        )
        .case(Case::new(
            "keys that no header has",
            r#"
            down request_headers add_header 0 "with space" "v"
            down request_headers get_header 0 "with space"
            down request_headers add_header 0 "" "v"
            down request_headers get_header 0 ""
            down request_headers remove_header 0 "with space"
            down request_headers remove_header 0 """#,
        ))
        .case(Case::new(
            "values that no header has",
            r#"
            down request_headers add_header 0 "x-nul" "a\0b"
            down request_headers get_header 0 "x-nul"
            down request_headers remove_header 0 "x-nul"
            down request_headers add_header 0 "x-line" "a\nb"
            down request_headers get_header 0 "x-line"
            down request_headers remove_header 0 "x-line""#,
        ));
    compare(&scene);
}
