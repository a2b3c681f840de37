//! Scenarios that come with the lab, and the defaults of a pool, as the page reads them. Both are checked by those who own
//! them, the simulator and the configuration, while the page is built: it has no YAML and no reader of scenario files.

use plimsoll_sim::file::{BUILT_IN, parse};
use plimsoll_sim::wire::{Wire, scenario};
use std::path::Path;
use std::{env, fs};

include!("src/not_played.rs");

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/not_played.rs");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let write =
        |name, content: &[u8]| fs::write(Path::new(&out).join(name), content).expect("OUT_DIR can be written to");
    write("scenarios", &scenarios());
    write("defaults.json", defaults().as_bytes());
}

/// Name, what it shows, and the scenario, one after the other.
fn scenarios() -> Vec<u8> {
    let mut wire = Wire::writer();
    for (name, text) in BUILT_IN {
        let value = serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = parse(&value, &|_| Err("there are no files here".into()));
        let mut file = file.unwrap_or_else(|error| panic!("{name}: {error}"));
        wire.text("name", &mut name.to_owned());
        wire.text("about", &mut file.about);
        scenario(&mut wire, &mut file.scenario);
    }
    wire.written().unwrap_or_else(|part| panic!("{part} has no place in the page"))
}

/// A pool's settings as they are where nothing is said.
fn defaults() -> String {
    let least = br#"{"pools":[{"name":"a","endpoints":[{"address":"10.0.0.1:80"}]}]}"#;
    let accepted = plimsoll_config::Accepted::parse(least).expect("the least configuration");
    let mut pool = accepted.effective()["pools"][0].take();
    let settings = pool.as_object_mut().expect("a pool is an object");
    settings.retain(|key, _| !NOT_PLAYED.contains(&key.as_str()));
    pool.to_string()
}
