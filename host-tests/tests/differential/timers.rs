//! Timers of roots.

use crate::case::{Case, Scene};
use crate::compare::compare;

fn periods(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "three ticks, then none",
                "
                down request_headers set_effective_context 2
                down request_headers set_tick_period 20
                down tick#3 set_tick_period 0",
            )
            .until("< tick", 3),
        )
        .case(Case::new(
            "a stream has no timer",
            "
            down request_headers set_tick_period 20
            down log set_tick_period 0",
        ))
        .case(
            Case::new(
                "a new period",
                "
                down request_headers set_effective_context 2
                down request_headers set_tick_period 500
                down request_headers set_tick_period 20
                down tick#1 set_tick_period 40
                down tick#2 set_tick_period 0",
            )
            .until("< tick", 2),
        )
        .case(
            Case::new(
                "stopped and started again",
                "
                down request_headers set_effective_context 2
                down request_headers set_tick_period 20
                down request_headers set_tick_period 0
                down request_headers set_tick_period 30
                down tick#1 set_tick_period 0
                down tick#1 set_tick_period 30
                down tick#2 set_tick_period 0",
            )
            .until("< tick", 2),
        )
}

fn several_roots(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "two roots tick",
                "
                down request_headers set_effective_context 2
                down request_headers set_tick_period 40
                down request_headers set_effective_context 1
                down request_headers set_tick_period 110
                up tick#1 set_tick_period 0
                down tick#2 set_tick_period 0",
            )
            .until("< tick", 3),
        )
        .case(
            Case::new(
                "a tick of the other root",
                "
                down request_headers set_effective_context 1
                down request_headers set_tick_period 30
                up tick#1 set_effective_context 2
                up tick#1 set_tick_period 0
                up tick#1 get_property \"plugin_root_id\"
                up tick#1 set_effective_context 1
                up tick#1 get_property \"plugin_root_id\"
                up tick#1 set_tick_period 0",
            )
            .until("< tick", 1),
        )
        .case(
            Case::new(
                "a tick reads maps and buffers",
                "
                down request_headers set_effective_context 2
                down request_headers set_tick_period 30
                down tick#1 set_tick_period 0
                down tick#1 get_header 0 \":path\"
                down tick#1 get_pairs 0
                down tick#1 add_header 0 \"a\" \"b\"
                down tick#1 get_map_size 0
                down tick#1 get_buffer 0 0 10
                down tick#1 get_buffer 6 0 10
                down tick#1 get_buffer 7 0 10
                down tick#1 set_buffer 0 0 0 \"x\"
                down tick#1 continue_stream 0
                down tick#1 close_stream 0
                down tick#1 send_local_response 200 \"\" \"\" p\"\" -1
                down tick#1 done
                down tick#1 get_property d\"request.path\"
                down tick#1 get_property d\"plugin_vm_id\"",
            )
            .until("< tick", 1),
        )
}

#[test]
fn ticks() {
    let scene = Scene::new("timers");
    let scene = periods(scene);
    compare(&several_roots(scene));
}

#[test]
fn the_main_thread_ticks_too() {
    let scene = Scene::new("ticks everywhere")
        .always("down configure set_tick_period 30\ndown tick#2 set_tick_period 0")
        .case(Case::new("after the start", "").until("< tick", 4));
    compare(&scene);
}
