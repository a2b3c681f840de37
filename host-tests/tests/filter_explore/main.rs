//! The invariants of the circuits over many interleavings of the workers, on both kinds of hosts, and proof that a filter
//! which breaks one of them is caught: four builds with a mistake each (`filter/src/broken.rs`).
//!
//! With optimised code more than a thousand interleavings for each scenario and number of workers, as `cargo xtask test`
//! runs it; without, a few.

#[path = "../filter_bed/mod.rs"]
mod filter_bed;

mod invariants;
mod scenarios;

use filter_bed::address;
use plimsoll_host_tests::host::explore::{Explore, Explored, Failure};
use scenarios::{Host, SCENARIOS, Scenario};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(40);
const ENDPOINTS: usize = 4;
const PERMITS: usize = 3;
/// Stands in one run, and how long each is at most: few find most mistakes, and they bound how late a worker can be.
const STANDS: usize = 5;
const STAND: Duration = Duration::from_millis(16);
const LATE: Duration = Duration::from_millis(5 * 16);
/// For each scenario, number of workers and kind of host, of which there are three, each with seeds of its own.
const RUNS: u64 = if cfg!(debug_assertions) { 4 } else { 340 };

/// Stands are spread over a run of about 200 shared calls with one worker, 300 with two, 700 with four, and, as each
/// reads what all others publish, 5,000 with sixteen.
fn explore(runs: u64, workers: usize) -> Explore {
    let per_mille = match workers {
        1 => 25,
        2 => 17,
        3..=4 => 8,
        _ => 1,
    };
    Explore::new(runs).preempt(per_mille, STANDS, STAND)
}

/// The healthy filter keeps every invariant.
fn holds(scenario: &Scenario, workers: usize) {
    let mut sum = Explored::default();
    for (kind, host) in (0..).zip(Host::ALL) {
        let setup = || scenario.setup(scenario.guest(), workers, host);
        let explored =
            explore(RUNS, workers).seed(1 + 1_000 * kind).check(setup, |proxy| scenario.run(proxy, workers, host));
        sum.runs += explored.runs;
        sum.distinct += explored.distinct;
        sum.preemptions += explored.preemptions;
    }
    println!("{}, {workers} workers: {sum:?}", scenario.name);
    // Beside one worker only the main thread can run.
    let stands = if workers == 1 { sum.runs / 5 } else { sum.runs / 2 };
    assert!(sum.distinct * 100 >= sum.runs * 99 && sum.preemptions >= stands, "{}: {sum:?}", scenario.name);
    assert!(sum.distinct >= 1_000 || cfg!(debug_assertions), "{}: {sum:?}", scenario.name);
}

fn few(scenario: &Scenario) {
    for workers in [1, 2, 4] {
        holds(scenario, workers);
    }
}

#[test]
fn failing_and_hanging_endpoints_with_1_2_and_4_workers() {
    few(&SCENARIOS[0]);
}

#[test]
fn failing_and_hanging_endpoints_with_16_workers() {
    holds(&SCENARIOS[0], 16);
}

#[test]
fn updates_meanwhile_with_1_2_and_4_workers() {
    few(&SCENARIOS[1]);
}

#[test]
fn updates_meanwhile_with_16_workers() {
    holds(&SCENARIOS[1], 16);
}

#[test]
fn a_worker_that_traps_and_reloads_with_1_2_and_4_workers() {
    few(&SCENARIOS[2]);
}

#[test]
fn a_worker_that_traps_and_reloads_with_16_workers() {
    holds(&SCENARIOS[2], 16);
}

/// The first run that a broken build does not survive, within so many, and that it fails again when it is replayed.
fn caught(what: &str, host: Host, runs: u64) -> Box<Failure> {
    let (guest, workers, scenario) = (filter_bed::variant(&format!("broken-{what}")), 2, &SCENARIOS[0]);
    let setup = || scenario.setup(&guest, workers, host);
    let explore = explore(runs, workers);
    let Err(failure) = explore.try_check(setup, |proxy| scenario.run(proxy, workers, host)) else {
        panic!("{what}, {host:?}: {runs} runs did not find it")
    };
    let again = explore.replay(&failure, setup, |proxy| scenario.run(proxy, workers, host));
    assert_eq!(again, Err(failure.reason.clone()), "{what}: what was found can be repeated");
    let text = failure.to_string();
    assert!(text.contains(&format!("seed {} ", failure.seed)) && text.contains(&failure.reason), "{text}");
    assert!(failure.trace.iter().any(|line| line.contains("broken on purpose")), "{text}");
    assert!(failure.trace.last().is_some_and(|line| text.contains(line)), "{text}");
    println!("{what}, {host:?}: {}", text.lines().next().unwrap_or_default());
    failure
}

/// No stand is needed: the record that a worker remembers is old at its next tick.
#[test]
fn permits_claimed_against_an_old_record_are_caught() {
    for host in Host::ALL {
        let failure = caught("permits", host, 20);
        assert!(failure.preemptions.is_empty(), "{failure}");
    }
}

/// Only where a worker stands still between reading and writing, on a host that writes with 0; on the others nothing is
/// ever written.
#[test]
fn circuits_written_over_those_of_others_are_caught() {
    let failure = caught("circuits", Host::Envoy, 400);
    assert!((1..=STANDS).contains(&failure.preemptions.len()), "{failure}");
    for host in [Host::Strict, Host::NgxWasm] {
        let failure = caught("circuits", host, 1);
        assert!(failure.reason.contains("nothing opened"), "{failure}");
    }
}

#[test]
fn an_attempt_that_is_never_settled_is_caught() {
    for host in [Host::Envoy, Host::Strict] {
        let failure = caught("settle", host, 5);
        assert!(failure.reason.contains("counted"), "{failure}");
    }
}

/// Right on one kind of host, wrong on the others: why there are several.
#[test]
fn a_number_that_means_something_else_elsewhere_is_caught_there() {
    let (guest, host) = (filter_bed::variant("broken-cas"), Host::Envoy);
    let setup = || SCENARIOS[0].setup(&guest, 2, host);
    let explored = explore(10, 2).check(setup, |proxy| SCENARIOS[0].run(proxy, 2, host));
    assert_eq!(explored.runs, 10);
    for host in [Host::Strict, Host::NgxWasm] {
        let failure = caught("cas", host, 5);
        assert!(failure.reason.contains("counted"), "{failure}");
    }
}

/// What ships has no mistake on purpose in it, and cannot be trapped from outside.
#[test]
fn no_broken_build_is_shipped() {
    let says = |file: &std::path::Path, what: &str| {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        bytes.windows(what.len()).any(|window| window == what.as_bytes())
    };
    let broken = "broken on purpose, for tests only";
    for what in ["permits", "circuits", "settle", "cas"] {
        let file = filter_bed::variant_file(&format!("broken-{what}"));
        assert!(says(&file, broken), "{} does not confess", file.display());
    }
    let trap = "x-plimsoll-test-trap";
    assert!(says(&filter_bed::variant_file("trap"), trap));
    let shipped = filter_bed::file();
    assert!(!says(&shipped, broken) && !says(&shipped, trap));
}
