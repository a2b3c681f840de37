//! One endpoint comes and goes, half of each period bad and half good. It is ejected or not; what has to hold is that
//! never more than the cap are out, that no other endpoint is ever ejected, and that the others' traffic does not swing
//! with it.
//!
//! How much it swings is measured against the same pool without a fault, because `peak_ewma` spreads a second's requests
//! unevenly where all are well, too: latencies are averages over some 50 requests, so they differ by chance, and who looks
//! fastest gets most for about as long as it looks so. Of what the others serve in a second, the part of each has a
//! standard deviation of a quarter of its mean. So there are two bounds, on the others' parts of all seconds:
//!
//! - their variance is at most [`SWING`] times that without the fault. Parts that swing up and down by as much as chance
//!   spreads them would double it; chance puts the ratio of two such variances within 1 ± .15 (some 1,000 parts each).
//! - none is farther from the mean than [`FARTHEST`] standard deviations without the fault, or nothing at all: among some
//!   1,000 parts of a normal distribution one is beyond 4.5 of them once in a hundred tables, and the parts' tails are
//!   longer than that.

use crate::Section;
use crate::bed::{WORKERS, ejections, fault, most_out, onset, play, plimsoll, pool, seconds, slow};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::PoolConfig;
use plimsoll_sim::{Fault, FaultKind, Flapping, Report, Scenario, Shape};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "flapping, errors", claims: |effort| of_kind("errors", ERRORS, effort) },
    Section { name: "flapping, hangs", claims: |effort| of_kind("hangs", FaultKind::Hang, effort) },
    Section { name: "flapping, 10 × slow", claims: |effort| of_kind("10 × slow", slow(10.0), effort) },
];

const ERRORS: FaultKind = FaultKind::Errors { share: 1.0, after: Some(Duration::from_millis(1)), of_requests: false };
/// Seconds.
const PERIODS: [f64; 8] = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0];
/// How many times the variance without a fault.
const SWING: f64 = 1.3;
/// How many standard deviations without a fault.
const FARTHEST: f64 = 6.0;

fn scenario(kind: FaultKind, period: Option<f64>, length: Duration, seed: u64) -> Scenario {
    let faults = period.map(|period| {
        let half = seconds(period / 2.0);
        Fault { flapping: Some(Flapping { bad: half, good: half }), ..fault(kind, onset(seed), None) }
    });
    Scenario {
        faults: faults.into_iter().collect(),
        timeline: Duration::from_secs(1),
        ..pool(10, &Shape::Exponential, length, seed)
    }
}

/// The others' parts of each whole second after second 17, relative to their mean.
fn parts(report: &Report) -> Vec<f64> {
    let last = report.timeline.len().saturating_sub(2);
    let one = |served: &[u32]| -> Vec<f64> {
        let mean = served.iter().sum::<u32>() as f64 / served.len() as f64;
        served.iter().map(|served| f64::from(*served) / mean).collect()
    };
    report.timeline[17..last].iter().flat_map(|bucket| one(&bucket.served[1..])).collect()
}

fn variance(parts: &[f64]) -> f64 {
    parts.iter().map(|part| (part - 1.0) * (part - 1.0)).sum::<f64>() / parts.len() as f64
}

/// What the seeds say together.
#[derive(Default)]
struct Found {
    out: Vec<(u64, usize)>,
    others: Vec<(u64, usize)>,
    own: usize,
    parts: Vec<f64>,
    /// The farthest part, and its seed.
    extreme: (f64, u64),
}

fn find(kind: FaultKind, period: Option<f64>, length: Duration, seeds: u64, workers: impl Fn(u64) -> u32) -> Found {
    let mut found = Found::default();
    for seed in 1..=seeds {
        let report = play(&scenario(kind, period, length, seed), &plimsoll(workers(seed))).report;
        found.out.push((seed, most_out(&report)));
        found.others.push((seed, ejections(&report, |endpoint| endpoint != 0)));
        found.own += ejections(&report, |endpoint| endpoint == 0);
        let parts = parts(&report);
        for part in &parts {
            if (part - 1.0).abs() > (found.extreme.0 - 1.0).abs() || found.extreme.1 == 0 {
                found.extreme = (*part, seed);
            }
        }
        found.parts.extend(parts);
    }
    found
}

fn of_kind(name: &str, kind: FaultKind, effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(3, 12);
    // Each seed has another number of workers.
    let workers = |seed: u64| WORKERS[seed as usize % 3];
    let cap = PoolConfig { endpoints: vec![Default::default(); 10], ..PoolConfig::default() }.max_ejected();
    let calm = find(kind, None, seconds(80.0), seeds, workers);
    let mut claims = Vec::new();
    for period in PERIODS {
        let length = seconds((17.0 + 2.5 * period).max(effort.pick(50.0, 120.0)));
        let found = find(kind, Some(period), length, seeds, workers);
        let of = format!("{name}, period {period} s");
        let note = format!("the cap; the flapping one was ejected {} times", found.own);
        claims.push(Claim::counted(format!("{of}, out at once"), cap, &found.out, &note));
        claims.push(Claim::counted(format!("{of}, others ejected"), 0, &found.others, ""));
        claims.push(swing(&of, &calm, &found, seeds));
    }
    claims
}

fn swing(of: &str, calm: &Found, found: &Found, seeds: u64) -> Claim {
    let ratio = variance(&found.parts) / variance(&calm.parts);
    let (extreme, seed) = found.extreme;
    let deviations = (extreme - 1.0).abs() / variance(&calm.parts).sqrt();
    let least = found.parts.iter().copied().fold(f64::INFINITY, f64::min);
    let holds = ratio <= SWING && deviations <= FARTHEST && least > 0.0;
    Claim {
        expected: format!("variance ≤ {SWING} × calm, farthest ≤ {FARTHEST} σ, none 0"),
        holds: Some(holds),
        note: if holds { String::new() } else { format!("the farthest with seed {seed}") },
        ..Claim::told(
            format!("{of}, the others' parts of a second"),
            format!("{ratio:.2} × {:.4}, farthest {extreme:.2}, {deviations:.1} σ", variance(&calm.parts)),
            seeds,
        )
    }
}
