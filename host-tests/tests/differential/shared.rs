//! Shared data with its compare-and-swap, and shared queues.

use crate::case::{Case, Filter, Scene};
use crate::compare::compare;

#[test]
fn data() {
    let scene = Scene::new("shared data")
        .always(r#"up configure set_shared_data "from-start" "s" 0"#)
        .case(Case::new(
            "set and get",
            r#"
            down request_headers get_shared_data "a"
            down request_headers set_shared_data "a" "1" 0
            down request_headers get_shared_data "a" -> cas
            down request_headers set_shared_data "a" "2" $cas
            down request_headers get_shared_data "a"
            down request_headers set_shared_data "a" "3" $cas
            down request_headers get_shared_data "a"
            down request_headers set_shared_data "a" "4" 0
            down request_headers get_shared_data "a"
            up request_headers get_shared_data "a""#,
        ))
        .case(Case::new(
            "a number on a missing key",
            r#"
            down request_headers set_shared_data "missing" "1" 7
            down request_headers get_shared_data "missing"
            down request_headers set_shared_data "missing" "2" 7
            down request_headers set_shared_data "other" "2" -1
            down request_headers get_shared_data "other""#,
        ))
        .case(Case::new(
            "empty values and keys",
            r#"
            down request_headers set_shared_data "empty" "" 0
            down request_headers get_shared_data "empty"
            down request_headers set_shared_data "" "no key" 0
            down request_headers get_shared_data ""
            down request_headers set_shared_data "nul\0key" "n" 0
            down request_headers get_shared_data "nul\0key"
            down request_headers get_shared_data "nul""#,
        ))
        .case(Case::new(
            "what the start wrote",
            r#"
            down request_headers get_shared_data "from-start"
            down log get_shared_data "from-start"
            down done get_shared_data "from-start""#,
        ))
        .case(Case::new(
            "what another case wrote",
            r#"
            down request_headers get_shared_data "a"
            down request_headers set_shared_data "large" x100000 0
            down request_headers ~get_shared_data "large""#,
        ));
    compare(&scene);
}

#[test]
fn other_vm() {
    let scene = Scene::new("data of another vm")
        .downstream([Filter::new("down"), Filter::new("other").in_vm("other")])
        .case(Case::new(
            "each vm id has its own data",
            r#"
            down request_headers set_shared_data "a" "mine" 0
            other request_headers get_shared_data "a"
            other request_headers set_shared_data "a" "theirs" 0
            down response_headers get_shared_data "a""#,
        ))
        .case(
            Case::new(
                "a queue of another vm",
                r#"
            down request_headers set_effective_context 2
            down request_headers register_queue "q" -> q
            other request_headers resolve_queue "probe" "q" -> q
            other request_headers resolve_queue "other" "q"
            other request_headers resolve_queue "" "q"
            other request_headers enqueue $q "from another"
            down queue_ready dequeue $q
            down queue_ready dequeue $q"#,
            )
            .until("< queue_ready", 1),
        );
    compare(&scene);
}

/// The filter's root registers a queue, then this.
fn with(more: &str) -> String {
    let register = r#"
        down request_headers own_context -> stream
        down request_headers set_effective_context 2
        down request_headers register_queue "q" -> q
        down request_headers set_effective_context $stream"#;
    format!("{register}\n{more}")
}

fn items(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "one item",
                &with(
                    r#"
                    down request_headers enqueue $q "item"
                    down queue_ready dequeue $q
                    down queue_ready dequeue $q"#,
                ),
            )
            .until("< queue_ready", 1),
        )
        .case(
            Case::new(
                "order of items",
                &with(
                    r#"
                    down request_headers enqueue $q "one"
                    down request_headers enqueue $q "two"
                    down request_headers enqueue $q ""
                    down queue_ready#1 dequeue $q
                    down queue_ready#2 dequeue $q
                    down queue_ready#3 dequeue $q
                    down queue_ready#3 dequeue $q"#,
                ),
            )
            .until("< queue_ready", 3),
        )
        .case(Case::new(
            "numbers of queues",
            &with(
                r#"
                down request_headers register_queue "q"
                down request_headers register_queue "r"
                down request_headers register_queue ""
                down request_headers resolve_queue "probe" "q"
                down request_headers resolve_queue "probe" "none"
                down request_headers resolve_queue "none" "q"
                down request_headers resolve_queue "" "q"
                down request_headers enqueue 999 "x"
                down request_headers dequeue 999
                down request_headers dequeue $q"#,
            ),
        ))
}

fn owners(scene: Scene) -> Scene {
    scene
        .case(
            Case::new(
                "the root that registered last",
                &with(
                    r#"
                    down request_headers set_effective_context 1
                    down request_headers register_queue "q"
                    down request_headers set_effective_context $stream
                    down request_headers enqueue $q "for up"
                    up queue_ready dequeue $q"#,
                ),
            )
            .until("< queue_ready", 1),
        )
        .case(Case::new(
            "registered by a stream",
            r#"
                down request_headers register_queue "of-a-stream" -> s
                down request_headers enqueue $s "who"
                down response_headers dequeue $s"#,
        ))
        .case(
            Case::new(
                "dequeued by whoever knows the number",
                &with(
                    r#"
                    down request_headers enqueue $q "taken"
                    up request_headers dequeue $q"#,
                ),
            )
            .until("< queue_ready", 1),
        )
}

#[test]
fn queues() {
    let scene = Scene::new("queues");
    let scene = items(scene);
    compare(&owners(scene));
}
