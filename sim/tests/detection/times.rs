//! From a fault to the ejection of the endpoint that it hits. Ten endpoints at 100 requests a second each; the fault
//! begins from second 12 to 17, see [`onset`], and the time counts to the verdict that all workers read.
//!
//! Under `peak_ewma` an endpoint that is slow or fails loses its traffic long before it is ejected, which is good for
//! clients and bad for evidence; under the other two it keeps it.
//!
//! A healthy endpoint that looks slow by chance may get nothing for half a second under `peak_ewma`, and a fault that
//! begins then is not met before its next attempt. So medians count from the fault, and the limits on p99 count from the
//! first attempt that met it; both are told.
//!
//! `--long` plays 100 seeds of everything with 1, 4 and 16 workers. The ordinary run has 30 seeds for the defaults and, for
//! other strategies, shapes and ticks, 10 with 4 workers: there the "p99" is the slowest, which asks more.

use crate::Section;
use crate::bed::{TICK, WORKERS, engine, envoy_tuned, fault, find, onset, pool};
use crate::claim::{Claim, seconds, signals};
use crate::common::Effort;
use plimsoll_engine::Strategy;
use plimsoll_sim::trial::Times;
use plimsoll_sim::{FaultKind, Scenario, Shape, Subject};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 5] = [
    Section { name: "times, default", claims: by_default },
    Section { name: "times, round_robin", claims: |effort| by_strategy(Strategy::RoundRobin, effort) },
    Section { name: "times, least_request", claims: |effort| by_strategy(Strategy::LeastRequest, effort) },
    Section { name: "times, lognormal and rarer ticks", claims: otherwise },
    Section { name: "times, Envoy", claims: envoy },
];

/// After this long without an ejection it counts as never.
const HORIZON: Duration = Duration::from_secs(8);

/// What the simulator and the docs have by default.
const RARE_TICK: Duration = Duration::from_millis(100);

/// What goes wrong, and the longest that finding it may take.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    /// Seconds; `None`: told only.
    median: Option<f64>,
    p99: Option<f64>,
}

pub(crate) const CASES: [Case; 7] = [
    Case { name: "errors 50 %", kind: ERRORS_HALF, median: Some(0.5), p99: Some(1.0) },
    Case { name: "errors 20 %", kind: ERRORS_FIFTH, median: Some(1.0), p99: None },
    Case { name: "errors 100 %, fast", kind: ERRORS_ALL, median: Some(0.5), p99: Some(1.0) },
    Case { name: "refusals", kind: FaultKind::Refuse, median: Some(0.2), p99: Some(0.2) },
    Case { name: "10 × slow", kind: FaultKind::Slow { factor: 10.0 }, median: Some(1.0), p99: None },
    Case { name: "3 × slow", kind: FaultKind::Slow { factor: 3.0 }, median: Some(5.0), p99: None },
    Case { name: "hangs", kind: FaultKind::Hang, median: None, p99: None },
];
const ERRORS_HALF: FaultKind = FaultKind::Errors { share: 0.5, after: None, of_requests: false };
const ERRORS_FIFTH: FaultKind = FaultKind::Errors { share: 0.2, after: None, of_requests: false };
const ERRORS_ALL: FaultKind =
    FaultKind::Errors { share: 1.0, after: Some(Duration::from_millis(1)), of_requests: false };

pub(crate) fn scenario(kind: FaultKind, shape: &Shape, seed: u64) -> (Scenario, Duration) {
    let from = onset(seed);
    let scenario = Scenario { faults: vec![fault(kind, from, None)], ..pool(10, shape, from + HORIZON, seed) };
    (scenario, from)
}

fn measure(kind: FaultKind, shape: &Shape, subject: &Subject, seeds: u64) -> Times {
    let one = |seed| {
        let (scenario, from) = scenario(kind, shape, seed);
        find(&scenario, subject, from)
    };
    Times::new((1..=seeds).map(one).collect())
}

/// `tick`: the verdict is written down on one. The limits have room for the usual one; a limit of a few ticks grows by
/// what a rarer one adds to that.
fn claim(name: String, case: &Case, tick: Duration, times: &Times) -> Claim {
    let (median, p99, known) = (times.quantile(0.5), times.quantile(0.99), times.quantile_since_met(0.99));
    let p99_limit = case.p99.map(|limit| {
        let few_ticks = limit < 5.0 * tick.as_secs_f64();
        if few_ticks { limit + tick.saturating_sub(TICK).as_secs_f64() } else { limit }
    });
    let limits = [("median", median, case.median), ("p99 since met", known, p99_limit)];
    let expected: Vec<String> =
        limits.iter().filter_map(|(name, _, limit)| Some(format!("{name} ≤ {} s", (*limit)?))).collect();
    let holds = limits.iter().all(|(_, got, limit)| limit.is_none_or(|limit| *got <= limit));
    let slowest = if holds { String::new() } else { format!("slowest with seed {}; ", times.slowest()) };
    let note = slowest + &signals(times);
    Claim {
        expected: expected.join(", "),
        holds: (!expected.is_empty()).then_some(holds),
        note,
        ..Claim::told(
            name,
            format!("median {}, p99 {}, since met {}", seconds(median), seconds(p99), seconds(known)),
            times.count(),
        )
    }
}

/// One worker's median and another number's may differ by two ticks: one until the counts are published, one until they
/// are read; and by what chance leaves open in two medians.
fn agreement(name: &str, tick: Duration, one: &Times, many: &Times) -> Claim {
    let later = many.quantile(0.5) - one.quantile(0.5);
    let chance = one.median_error().hypot(many.median_error());
    let limit = 2.0 * tick.as_secs_f64();
    Claim {
        expected: format!("≤ {limit} s later than with one"),
        holds: Some(later <= limit + chance),
        note: format!("two ticks, and ± {} by chance", seconds(chance)),
        ..Claim::told(name, format!("{later:+.3}"), many.count())
    }
}

/// All cases under these numbers of workers.
fn rows(strategy: Strategy, tick: Duration, shape: &Shape, effort: Effort) -> Vec<Claim> {
    let usual = strategy == Strategy::default() && tick == TICK && *shape == Shape::Exponential;
    let seeds = effort.pick(if usual { 30 } else { 10 }, 100);
    let workers = if usual || effort == Effort::Long { &WORKERS[..] } else { &WORKERS[1..2] };
    let shape_name = if *shape == Shape::Exponential { "" } else { ", lognormal" };
    let mut claims = Vec::new();
    let mut wrong = Vec::new();
    for case in &CASES {
        let mut alone = None;
        for workers in workers.iter().copied() {
            let times = measure(case.kind, shape, &engine(strategy, workers, tick), seeds);
            let milliseconds = tick.as_millis();
            let of = format!("{}, {}, {workers} w, {milliseconds} ms{shape_name}", case.name, strategy.name());
            claims.push(claim(of.clone(), case, tick, &times));
            wrong.extend(times.wrong());
            match &alone {
                None => alone = Some(times),
                // Without an ejection there is nothing to compare.
                Some(one) if !one.median_error().is_finite() => {}
                Some(one) if case.median.is_some() => claims.push(agreement(&of, tick, one, &times)),
                Some(_) => {}
            }
        }
    }
    let name =
        format!("ejections of others, or before: all of {}, {} ms{shape_name}", strategy.name(), tick.as_millis());
    claims.push(Claim::counted(name, 0, &wrong, ""));
    claims
}

fn by_default(effort: Effort) -> Vec<Claim> {
    rows(Strategy::default(), TICK, &Shape::Exponential, effort)
}

fn by_strategy(strategy: Strategy, effort: Effort) -> Vec<Claim> {
    rows(strategy, TICK, &Shape::Exponential, effort)
}

fn otherwise(effort: Effort) -> Vec<Claim> {
    let mut claims = rows(Strategy::default(), TICK, &Shape::LogNormal { sigma: 0.7 }, effort);
    claims.extend(rows(Strategy::default(), RARE_TICK, &Shape::Exponential, effort));
    claims
}

/// What its rules take, for comparison.
fn envoy(effort: Effort) -> Vec<Claim> {
    let one = |case: &Case| {
        let times = measure(case.kind, &Shape::Exponential, &envoy_tuned(), effort.pick(10, 100));
        let name = format!("{}, Envoy tuned", case.name);
        Claim { expected: String::new(), holds: None, ..claim(name, case, TICK, &times) }
    };
    CASES.iter().map(one).collect()
}
