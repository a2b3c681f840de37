//! How soon the filter itself finds a sick endpoint: the `.wasm` as it ships, in the test host, on the pool and with the
//! faults of `sim/tests/detection`, which asks the same of the engine over more seeds and tells why each limit is what it
//! is. Every number of workers keeps the limits, and more workers are at most two ticks later than one, and what chance
//! leaves open in two medians. `BELIEVED=long` (`cargo xtask test --long`) plays more seeds. Optimised only, see `xtask`.

mod filter_bed;

use std::time::Duration;

use filter_bed::filter;
use plimsoll_host_tests::filtered::Filtered;
use plimsoll_sim::trial::{Found, Times, errors, fault, find, onset, pool};
use plimsoll_sim::{FaultKind, Scenario, Shape};
use serde_json::json;

/// With so many seeds each: the more workers, the longer a run takes.
const WORKERS: [(u32, u64); 3] = [(1, 21), (4, 11), (16, 5)];
const LONG: u64 = 40;
/// What the filter settles on where answers take 20 ms.
const TICK: Duration = Duration::from_millis(20);
/// After this long without an ejection it counts as never.
const HORIZON: Duration = Duration::from_secs(8);
const NEVER: f64 = f64::INFINITY;

fn play(kind: FaultKind, workers: u32, seed: u64) -> Found {
    let from = onset(seed);
    let healthy = pool(10, &Shape::Exponential, from + HORIZON, seed);
    let scenario = Scenario { faults: vec![fault(kind, from, None)], ..healthy };
    let mut filtered = Filtered::new(filter(), &scenario, &json!({}), workers).expect("the filter is accepted");
    let found = find(&scenario, &mut filtered, from);
    assert_eq!(filtered.failure(), None);
    found
}

/// Seconds from the fault to the ejection at the median, and from the first attempt that met it at p99.
struct Limits {
    median: f64,
    p99: f64,
}

fn is_found_within(name: &str, kind: FaultKind, limits: &Limits) {
    let is_long = std::env::var("BELIEVED").is_ok_and(|effort| effort == "long");
    let (mut alone, mut missed) = (None, Vec::new());
    for (workers, seeds) in WORKERS {
        let seeds = if is_long { LONG } else { seeds };
        let times = Times::new((1..=seeds).map(|seed| play(kind, workers, seed)).collect());
        let (median, p99, error) = (times.quantile(0.5), times.quantile_since_met(0.99), times.median_error());
        let wrong: usize = times.wrong().map(|(_, wrong)| wrong).sum();
        println!(
            "{name}, {workers} workers, {seeds} seeds: median {median:.3} s, p99 since met {p99:.3} s, {wrong} others"
        );
        let (one, its_error) = *alone.get_or_insert((median, error));
        let is_later = median > one + 2.0 * TICK.as_secs_f64() + its_error.hypot(error);
        if median > limits.median || p99 > limits.p99 || is_later || wrong > 0 {
            missed.push((workers, times));
        }
    }
    assert!(missed.is_empty(), "{name}: {missed:?}");
}

#[test]
fn half_of_the_answers_are_errors() {
    is_found_within("errors 50 %", errors(0.5), &Limits { median: 0.5, p99: 1.0 });
}

#[test]
fn a_fifth_of_the_answers_are_errors() {
    is_found_within("errors 20 %", errors(0.2), &Limits { median: 1.0, p99: NEVER });
}

#[test]
fn connections_are_refused() {
    is_found_within("refusals", FaultKind::Refuse, &Limits { median: 0.2, p99: 0.2 });
}

#[test]
fn ten_times_slower() {
    is_found_within("10 × slow", FaultKind::Slow { factor: 10.0 }, &Limits { median: 1.0, p99: NEVER });
}

#[test]
fn three_times_slower() {
    is_found_within("3 × slow", FaultKind::Slow { factor: 3.0 }, &Limits { median: 5.0, p99: NEVER });
}

#[test]
fn nothing_is_answered() {
    is_found_within("hangs", FaultKind::Hang, &Limits { median: 1.0, p99: NEVER });
}
