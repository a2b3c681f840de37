//! What belongs to no family: foreign functions, effective contexts, logging, time, statuses, gRPC calls that are wrong.

use crate::case::{Case, Request, Scene};
use crate::compare::compare;

#[test]
fn foreign_functions() {
    let scene = Scene::new("foreign functions").case(Case::new(
        "foreign functions",
        r#"
            down request_headers call_foreign_function "none" ""
            down request_headers call_foreign_function "" ""
            down request_headers call_foreign_function "clear_route_cache" ""
            down request_headers call_foreign_function "clear_route_cache" "ignored"
            down response_headers call_foreign_function "clear_route_cache" """#,
    ));
    compare(&scene);
}

#[test]
fn effective_contexts() {
    let scene = Scene::new("effective contexts")
        .case(Case::new(
            "a stream acts for others",
            r#"
            down request_headers own_context -> stream
            down request_headers get_property "plugin_root_id"
            down request_headers set_effective_context 2
            down request_headers get_property "plugin_root_id"
            down request_headers get_header 0 ":path"
            down request_headers set_effective_context 1
            down request_headers get_property "plugin_root_id"
            down request_headers set_effective_context $stream
            down request_headers get_header 0 ":path"
            down request_headers set_effective_context 12345
            down request_headers get_header 0 ":path"
            down request_headers set_effective_context 2
            up request_headers get_header 0 ":path"
            up request_headers set_effective_context $stream
            up request_headers get_header 0 ":path"
            up request_headers get_property "plugin_root_id"
            up request_headers get_property d"upstream.address"
            up response_headers set_effective_context $stream
            up response_headers get_header 0 ":path"
            up response_headers get_header 2 ":status"
            up response_headers get_property d"request.path""#,
        ))
        .case(Case::new(
            "an old stream",
            r#"
        down request_headers set_effective_context $stream
        down request_headers set_effective_context 3"#,
        ));
    compare(&scene);
}

#[test]
fn logging_and_time() {
    let scene = Scene::new("logging and time").case(Case::new(
        "levels and time",
        r#"
        down request_headers log 2 "info"
        down request_headers log 3 "warn"
        down request_headers log 4 "error"
        down request_headers log 5 "critical"
        down request_headers log 0 "trace, not shown"
        down request_headers log 1 "debug, not shown"
        down request_headers log 2 ""
        down request_headers log 2 "two\nlines"
        down request_headers get_log_level
        down request_headers ~get_time
        down request_headers get_status"#,
    ));
    compare(&scene);
}

#[test]
fn wrong_grpc_calls() {
    let scene = Scene::new("wrong grpc")
        .case(Case::new("grpc nonsense", r#"down request_headers grpc_call "nonsense" "service" "method" p"" "" 100"#))
        .case(Case::new("grpc outside", r#"down request_headers grpc_call 0xfffffff0 4 "service" "method" p"" "" 100"#))
        .case(Case::new(
            "grpc stream nonsense",
            r#"down request_headers grpc_stream "nonsense" "service" "method" p"""#,
        ))
        .case(
            Case::new(
                "grpc no cluster",
                r#"down request_headers grpc_call "\x0a\x03\x0a\x01\x78" "service" "method" p"" "" 100"#,
            )
            .differing_because(
                "Envoy also closes the call that it refused, with status 14 and under the id that the guest never got. gRPC \
                 calls have no far end in the modelled proxy: a test plays it.",
            ),
        );
    compare(&scene);
}

#[test]
fn statuses_and_grpc() {
    let scene = Scene::new("grpc")
        .case(Case::new(
            "statuses",
            r#"
            down request_headers get_status
            down http_call_response get_status
            down log get_status"#,
        ))
        .case(
            Case::new(
                "wrong grpc calls",
                r#"
                down request_headers grpc_call 0xfffffff0 4 "service" "method" p"" "" 100
                down request_headers grpc_send 0 "x" 1
                down request_headers grpc_send 1 "x" 1
                down request_headers grpc_send 2 "x" 1
                down request_headers grpc_send 999 "x" 1
                down request_headers grpc_cancel 0
                down request_headers grpc_cancel 1
                down request_headers grpc_cancel 2
                down request_headers grpc_cancel 999
                down request_headers grpc_close 0
                down request_headers grpc_close 1
                down request_headers grpc_close 2
                down request_headers grpc_close 999"#,
            )
            .request(Request::get("/")),
        );
    compare(&scene);
}
