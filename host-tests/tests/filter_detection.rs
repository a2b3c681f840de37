//! How soon the filter itself finds a sick endpoint: the `.wasm` as it ships, in the test host, on the pool and with the
//! faults of `sim/tests/detection`, which asks the same of the engine over more seeds and tells why each limit is what it
//! is. Every number of workers keeps the limits, and more workers are at most two ticks later than one.
//!
//! Seven seeds in the ordinary run, a hundred with `BELIEVED=long` (`cargo xtask test --long`). Optimised only, see `xtask`.

mod filter_bed;

use std::time::Duration;

use filter_bed::filter;
use plimsoll_host_tests::filtered::Filtered;
use plimsoll_sim::statistics::quantile;
use plimsoll_sim::trial::{Found, fault, find, onset, pool};
use plimsoll_sim::{FaultKind, Scenario, Shape};
use serde_json::json;

const WORKERS: [u32; 3] = [1, 4, 16];
/// What the filter settles on where answers take 20 ms.
const TICK: Duration = Duration::from_millis(20);
/// After this long without an ejection it counts as never.
const HORIZON: Duration = Duration::from_secs(8);

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

/// From the fault to the ejection at the median, and from the first attempt that met it at p99.
struct Limits {
    median: Duration,
    p99: Duration,
}

fn is_found_within(name: &str, kind: FaultKind, limits: &Limits) {
    let seeds = if std::env::var("BELIEVED").is_ok_and(|effort| effort == "long") { 100 } else { 7 };
    let mut alone = None;
    for workers in WORKERS {
        let found: Vec<Found> = (1..=seeds).map(|seed| play(kind, workers, seed)).collect();
        // Never is later than anything.
        let after = |found: &Found| found.after.unwrap_or(Duration::MAX);
        let since_met = |found: &Found| after(found).saturating_sub(found.met);
        let of = |time: &dyn Fn(&Found) -> Duration, q: f64| {
            let mut times: Vec<Duration> = found.iter().map(time).collect();
            times.sort();
            quantile(&times, q).expect("a seed at least")
        };
        let (median, p99) = (of(&after, 0.5), of(&since_met, 0.99));
        let wrong: usize = found.iter().map(|found| found.wrong).sum();
        println!("{name}, {workers} workers: median {median:.3?}, p99 since met {p99:.3?}, {wrong} others");
        assert!(median <= limits.median, "{name}, {workers} workers: median {median:?}, {found:?}");
        assert!(p99 <= limits.p99, "{name}, {workers} workers: p99 {p99:?}, {found:?}");
        assert_eq!(wrong, 0, "{name}, {workers} workers: {found:?}");
        let alone = *alone.get_or_insert(median);
        assert!(median <= alone + 2 * TICK, "{name}: {median:?} with {workers} workers, {alone:?} with one");
    }
}

#[test]
fn half_of_the_answers_are_errors() {
    let limits = Limits { median: Duration::from_millis(500), p99: Duration::from_secs(1) };
    is_found_within("errors 50 %", errors(0.5), &limits);
}

#[test]
fn a_fifth_of_the_answers_are_errors() {
    is_found_within("errors 20 %", errors(0.2), &Limits { median: Duration::from_secs(1), p99: HORIZON });
}

#[test]
fn connections_are_refused() {
    let limit = Duration::from_millis(200);
    is_found_within("refusals", FaultKind::Refuse, &Limits { median: limit, p99: limit });
}

#[test]
fn ten_times_slower() {
    let limits = Limits { median: Duration::from_secs(1), p99: HORIZON };
    is_found_within("10 × slow", FaultKind::Slow { factor: 10.0 }, &limits);
}

#[test]
fn three_times_slower() {
    let limits = Limits { median: Duration::from_secs(5), p99: HORIZON };
    is_found_within("3 × slow", FaultKind::Slow { factor: 3.0 }, &limits);
}

#[test]
fn nothing_is_answered() {
    let limits = Limits { median: Duration::from_secs(1), p99: HORIZON };
    is_found_within("hangs", FaultKind::Hang, &limits);
}
