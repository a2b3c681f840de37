//! Configuration updates: a root more in the same VM, and the old one lives on.

use crate::case::{Case, Scene};
use crate::compare::compare;

/// What the filter is given while it runs.
const NEW: &str = "
* configure own_context -> fresh
with-a-new-configuration request_headers say \"of the new root\"
both-roots-tick request_headers set_effective_context 2
both-roots-tick request_headers get_property \"plugin_root_id\"
both-roots-tick request_headers set_tick_period 40
both-roots-tick request_headers set_effective_context $fresh
both-roots-tick request_headers set_tick_period 110
both-roots-tick tick#1 set_tick_period 0
both-roots-tick tick#1 say \"the new one\"
";

#[test]
fn updates() {
    let scene = Scene::new("updates")
        .case(Case::new("before", ""))
        .case(Case::new("with a new configuration", "down request_headers say \"of the old root\"").updating(NEW))
        .case(
            Case::new("both roots tick", "down tick#1 set_tick_period 0\ndown tick#1 say \"the old one\"")
                .until("< tick", 2),
        )
        .case(Case::new("a configuration that is refused", "").updating("* configure answer 0"))
        .case(Case::new("after the refusal", "down request_headers say \"of the old root\""));
    compare(&scene);
}
