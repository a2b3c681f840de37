//! How soon the filter itself finds a sick endpoint: the `.wasm` as it ships, in the test host, on the pool and with the
//! faults of `sim/tests/detection`, which asks the same of the engine over more seeds and tells why each limit is what it
//! is. Every number of workers keeps the limits, and more workers are at most two ticks later than one, and what chance
//! leaves open in two medians. `BELIEVED=long` (`cargo xtask test --long`) plays more seeds. Optimised only, see `xtask`.

mod filter_bed;

use std::time::Duration;

use filter_bed::filter;
use plimsoll_host_tests::filtered::Filtered;
use plimsoll_sim::statistics::quantile;
use plimsoll_sim::trial::{Found, fault, find, onset, pool};
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

fn errors(share: f64) -> FaultKind {
    FaultKind::Errors { share, after: None, of_requests: false }
}

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
        let found: Vec<Found> =
            (1..=if is_long { LONG } else { seeds }).map(|seed| play(kind, workers, seed)).collect();
        // Never is later than anything.
        let after = |found: &Found| found.after.map_or(f64::INFINITY, |after| after.as_secs_f64());
        let since_met = |found: &Found| after(found) - found.met.as_secs_f64();
        let of = |time: &dyn Fn(&Found) -> f64, q: f64| {
            let mut times: Vec<f64> = found.iter().map(time).collect();
            times.sort_by(f64::total_cmp);
            quantile(&times, q).expect("a seed at least")
        };
        let (median, p99) = (of(&after, 0.5), of(&since_met, 0.99));
        // By ranks, n / 2 ± .98 √n, lies the true median 95 times of 100.
        let rank = 0.98 / (found.len() as f64).sqrt();
        let error = (of(&after, 0.5 + rank) - of(&after, 0.5 - rank)) / 2.0;
        let wrong: usize = found.iter().map(|found| found.wrong).sum();
        let count = found.len();
        println!(
            "{name}, {workers} workers, {count} seeds: median {median:.3} s, p99 since met {p99:.3} s, {wrong} others"
        );
        let (one, its_error) = *alone.get_or_insert((median, error));
        let is_later = median > one + 2.0 * TICK.as_secs_f64() + its_error.hypot(error);
        if median > limits.median || p99 > limits.p99 || is_later || wrong > 0 {
            missed.push((workers, found));
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
