//! Scenarios that come with the page: those of the simulator, put into few bytes by `build.rs`.

use super::setup::blank;
use plimsoll_sim::Scenario;
use plimsoll_sim::wire::{Wire, scenario};

static SCENARIOS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/scenarios"));

/// One of them.
pub struct BuiltIn {
    /// What it is called, as for `cargo xtask simulate`.
    pub name: String,
    /// What it shows, in a sentence or two.
    pub about: String,
    /// What is played.
    pub scenario: Scenario,
}

/// All of them, in the order of a list.
pub fn all() -> Vec<BuiltIn> {
    let mut wire = Wire::reader(SCENARIOS.to_vec());
    let mut list = Vec::new();
    while !wire.is_at_end() {
        let mut next = BuiltIn { name: String::new(), about: String::new(), scenario: blank() };
        wire.text("name", &mut next.name);
        wire.text("about", &mut next.about);
        scenario(&mut wire, &mut next.scenario);
        list.push(next);
    }
    list
}

/// One by its name.
pub fn find(name: &str) -> Option<BuiltIn> {
    all().into_iter().find(|known| known.name == name)
}
