//! How a VM starts: canary, main thread, workers, configurations.

use crate::case::{Case, Filter, Scene};
use crate::compare::compare;

const STARTING: &str = r#"
    down configure get_buffer 7 0 30
    down configure get_buffer 7 30 10000
    down configure get_buffer_status 7
    down configure get_buffer 6 0 20
    down configure get_buffer_status 6
    down configure get_shared_data "starts" -> cas
    down configure set_shared_data "starts" "started" 0
    down configure define_metric 0 "starts" -> m
    down configure increment_metric $m 1
    down configure get_metric $m
    down configure register_queue "at-start"
    down configure get_property "plugin_name"
    down configure set_property "mine" "root's"
    down configure get_property "mine"
    down configure set_buffer 7 0 0 "x"
    down configure get_log_level
    down configure done
    down configure continue_stream 0
    down configure send_local_response 200 "" "" p"" -1
    down configure set_effective_context 1
    down configure set_effective_context 2"#;

#[test]
fn order() {
    let mut scene = Scene::new("start").always(STARTING).case(Case::new(
        "after the start",
        "
        down request_headers get_property \"mine\"
        down request_headers set_effective_context 2
        down request_headers get_property \"mine\"
        down request_headers get_metric $m",
    ));
    scene.vm_configuration = "* vm_start get_buffer 7 0 10\n* vm_start get_buffer 6 0 10\n* vm_start get_buffer_status 7\n* vm_start get_property \"plugin_root_id\"\n* vm_start set_shared_data \"vm\" \"started\" 0\n* vm_start get_header 0 \"x\"\n";
    compare(&scene);
}

#[test]
fn several_vms_and_workers() {
    let mut scene = Scene::new("start of several vms")
        .downstream([Filter::new("first"), Filter::new("second").in_vm("second"), Filter::new("third")])
        .case(Case::new("through all", ""));
    scene.workers = 2;
    compare(&scene);
}

#[test]
fn without_upstream_filters() {
    let scene = Scene::new("no upstream filter")
        .upstream([])
        .case(Case::new("ids of contexts", "down request_headers own_context"));
    compare(&scene);
}
