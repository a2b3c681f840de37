//! The simulator as a user meets it: every scenario that comes with it runs, the same seed gives the same bytes, natively
//! twice and in wasm, and bad input is one clear line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use plimsoll_sim::file::BUILT_IN;
use plimsoll_simulation::{SUBJECTS, simulate};
use serde_json::Value;
use wasmtime::{Engine, Instance, Module, Store};

fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().expect("it starts")
}

fn refusal(arguments: &[&str]) -> String {
    let output = command(arguments);
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    text
}

/// A module that imports nothing.
struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test/simulation.wasm");
        let engine = Engine::default();
        let module = Module::from_file(&engine, &path)
            .unwrap_or_else(|error| panic!("{}: {error:#}: see `cargo xtask build --tests`", path.display()));
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
        Self { store, instance }
    }

    fn simulate(&mut self, scenario: usize, subject: usize, seed: u64) -> String {
        let play = self.instance.get_typed_func::<(u32, u32, u64), u32>(&mut self.store, "play").expect("exported");
        let byte = self.instance.get_typed_func::<u32, u32>(&mut self.store, "byte").expect("exported");
        let length = play.call(&mut self.store, (scenario as u32, subject as u32, seed)).expect("it does not trap");
        let bytes = (0..length).map(|at| byte.call(&mut self.store, at).expect("it does not trap") as u8);
        String::from_utf8(bytes.collect()).expect("text")
    }
}

#[test]
fn every_scenario_that_comes_with_it_runs_and_most_requests_are_served() {
    for (scenario, (name, _)) in BUILT_IN.iter().enumerate() {
        let report: Value = serde_json::from_str(&simulate(scenario, 0, 1).expect(name)).expect("JSON");
        let outcomes = report["outcomes"].as_object().expect("an object");
        let total: u64 = outcomes.values().filter_map(Value::as_u64).sum();
        let ok = outcomes["ok"].as_u64().expect("a number");
        assert!(total > 1000 && ok * 10 > total * 9, "{name}: {outcomes:?}");
        assert_eq!(outcomes["unanswered"], 0, "{name}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let run = |seed| simulate(1, 0, seed).expect("there is such a scenario");
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn wasm_gives_the_same_bytes_as_a_native_run() {
    let mut guest = Guest::load();
    for (scenario, (name, _)) in BUILT_IN.iter().enumerate() {
        // Every scenario, and every subject at least once.
        let subject = scenario % SUBJECTS.len();
        let native = simulate(scenario, subject, 7).expect("there is such a scenario");
        assert!(native.len() > 500, "{native}");
        let wasm = guest.simulate(scenario, subject, 7);
        assert!(native == wasm, "{} under {}:\n{native}\n{wasm}", SUBJECTS[subject], name);
    }
}

#[test]
fn bad_input_is_one_clear_line_and_exit_code_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let scenario = write("typo.yaml", "measured: 1s\ntraffic: {poisson: {rate: -1}}\nendpoints: [{service: 20ms}]\n");
    let pool = write("pool.yaml", "strategy: fastest\n");
    let (scenario, pool) = (scenario.to_str().expect("text"), pool.to_str().expect("text"));
    let cases = [
        (vec!["nowhere"], "nowhere: neither a file nor one of the scenarios none, slow"),
        (vec![scenario], "typo.yaml: traffic.poisson.rate: -1 is not a number from 0 to 10000000"),
        (vec!["slow", "--config", pool], "pool.yaml: strategy: \"fastest\" is none of round_robin"),
        (vec!["slow", "--config", "gone.yaml"], "gone.yaml: No such file"),
        (vec!["slow", "--compare", "haproxy"], "haproxy: neither a file nor one of random, round_robin"),
    ];
    for (arguments, want) in cases {
        let got = refusal(&arguments);
        assert!(got.contains(want) && got.lines().count() == 1, "{arguments:?}: {got}");
    }
    assert!(refusal(&["slow", "--seeds", "0"]).contains("'--seeds <SEEDS>': 0 is not in 1..=10000"));
}

#[test]
fn a_comparison_has_a_row_for_everybody_and_json_for_programs() {
    let output = command(&["slow", "--compare", "random", "plimsoll_least_request", "--seeds", "3"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    for want in ["subject", "plimsoll ", "random ", "plimsoll_least_request ", "minus plimsoll", "p99.9 ms", "±"] {
        assert!(text.contains(want), "no {want:?} in {text}");
    }
    let output = command(&["slow", "--compare", "random", "--seeds", "2", "--json", "-"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    assert_eq!(json["subjects"][1]["name"], "random");
    assert_eq!(json["subjects"][0]["metrics"]["p99_ms"]["by_seed"].as_array().map(Vec::len), Some(2));
    let again = command(&["slow", "--compare", "random", "--seeds", "2", "--json", "-"]);
    assert!(output.stdout == again.stdout, "the same bytes again");
}

#[test]
fn the_tables_in_the_documentation_are_what_it_says_today() {
    let output = command(&["--check-docs"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
