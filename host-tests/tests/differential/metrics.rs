//! Metrics: ids, kinds, and what each kind allows.

use crate::case::{Case, Filter, Scene};
use crate::compare::compare;

fn ids_and_counters(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "ids",
            r#"
            down request_headers define_metric 0 "c"
            down request_headers define_metric 1 "g"
            down request_headers define_metric 2 "h"
            down request_headers define_metric 0 "c"
            down request_headers define_metric 0 "d"
            up request_headers define_metric 0 "e"
            down request_headers define_metric 3 "x"
            down request_headers define_metric -1 "x"
            down request_headers define_metric 0 """#,
        ))
        .case(Case::new(
            "a counter",
            r#"
            down request_headers define_metric 0 "counter" -> c
            down request_headers get_metric $c
            down request_headers increment_metric $c 3
            down request_headers get_metric $c
            down request_headers increment_metric $c 0
            down request_headers increment_metric $c -1
            down request_headers get_metric $c
            down request_headers record_metric $c 7
            down request_headers get_metric $c
            down request_headers define_metric 0 "counter" -> d
            down request_headers increment_metric $d 1
            down request_headers get_metric $c"#,
        ))
        .case(Case::new(
            "a gauge",
            r#"
            down request_headers define_metric 1 "gauge" -> g
            down request_headers record_metric $g 10
            down request_headers get_metric $g
            down request_headers increment_metric $g 5
            down request_headers get_metric $g
            down request_headers increment_metric $g -20
            down request_headers get_metric $g
            down request_headers increment_metric $g 0
            down request_headers record_metric $g -1
            down request_headers get_metric $g
            down request_headers increment_metric $g 2
            down request_headers get_metric $g"#,
        ))
}

fn other_kinds(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "a histogram",
            r#"
            down request_headers define_metric 2 "histogram" -> h
            down request_headers record_metric $h 10
            down request_headers increment_metric $h 1
            down request_headers get_metric $h"#,
        ))
        .case(Case::new(
            "ids that are none",
            r#"
            down request_headers get_metric 0
            down request_headers get_metric 1
            down request_headers get_metric 2
            down request_headers get_metric 3
            down request_headers get_metric 4000
            down request_headers get_metric 4001
            down request_headers get_metric 4002
            down request_headers get_metric 4003
            down request_headers increment_metric 4000 1
            down request_headers increment_metric 4001 1
            down request_headers increment_metric 4002 1
            down request_headers increment_metric 4003 1
            down request_headers record_metric 4000 1
            down request_headers record_metric 4001 1
            down request_headers record_metric 4002 1
            down request_headers record_metric -1 1"#,
        ))
        .case(Case::new(
            "one name, two kinds",
            r#"
            down request_headers define_metric 0 "both" -> c
            down request_headers define_metric 1 "both" -> g
            down request_headers increment_metric $c 2
            down request_headers record_metric $g 9
            down request_headers get_metric $c
            down request_headers get_metric $g"#,
        ))
        .case(Case::new(
            "a metric of another vm",
            r#"
            down request_headers define_metric 0 "common" -> c
            down request_headers increment_metric $c 2
            other request_headers define_metric 0 "common" -> c
            other request_headers get_metric $c
            other request_headers increment_metric $c 1
            down response_headers get_metric $c"#,
        ))
}

fn names(scene: Scene) -> Scene {
    scene
        .case(Case::new(
            "odd names",
            r#"
            down request_headers define_metric 0 "with space" -> c
            down request_headers increment_metric $c 1
            down request_headers get_metric $c
            down request_headers define_metric 0 "dots.and{braces}" -> c
            down request_headers increment_metric $c 1
            down request_headers get_metric $c"#,
        ))
        .case(Case::new(
            "metrics in log and done",
            r#"
            down log define_metric 0 "late" -> l
            down log increment_metric $l 1
            down done get_metric $l"#,
        ))
}

#[test]
fn metrics() {
    let scene = Scene::new("metrics")
        .downstream([Filter::new("down"), Filter::new("other").in_vm("other")])
        .always("down configure define_metric 0 \"at-start\"\ndown configure define_metric 0 \"at-start\"");
    let scene = ids_and_counters(scene);
    let scene = other_kinds(scene);
    compare(&names(scene));
}
