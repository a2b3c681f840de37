//! Pools that nothing is wrong with: nobody may be ejected. One attempt in a hundred fails, latencies are lognormal with
//! a sigma from 0.5 to 1, workers are 1, 4 or 16, by seed. And scenarios that come with the simulator in which nothing
//! hits single endpoints: bursts, days, neighbours that make noise, caches, uneven hardware. There the detectors must not
//! do harm either: answers correlate where they wait in the same queue, and an ejection takes capacity away.
//!
//! `--long` plays 20 seeds of 10 million requests on a pool of 10 and as many on one of 100, some seventeen minutes of one
//! core. The ordinary run plays [`QUICK`] a seed. What no ejection in so many requests proves stands beside it: by the
//! rule of three, 95 times of 100 there is less than one in a third of them.

use crate::Section;
use crate::bed::{
    RATE, TICK, WORKERS, ejections, engine, envoy_default, envoy_tuned, errors, play, pool, seconds, signals,
};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::{PoolConfig, Strategy};
use plimsoll_sim::file::{BUILT_IN, parse};
use plimsoll_sim::{Engine, Fault, Report, Scenario, Shape, Subject, Targets, run};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 4] = [
    Section { name: "healthy, 10 endpoints", claims: |effort| of_size(10, effort) },
    Section { name: "healthy, 100 endpoints", claims: |effort| of_size(100, effort) },
    Section { name: "healthy, scenarios", claims: scenarios },
    Section { name: "healthy, Envoy", claims: envoy },
];

const SEEDS: u64 = 20;
const QUICK: u64 = 80_000;
const LONG: u64 = 10_000_000;

fn scenario(count: usize, requests: u64, seed: u64) -> Scenario {
    let shape = Shape::LogNormal { sigma: [0.5, 0.75, 1.0][seed as usize % 3] };
    let length = seconds(requests as f64 / (RATE * count as f64));
    let noise = Fault { targets: Targets::All, from: Duration::ZERO, to: None, flapping: None, kind: errors(0.01) };
    Scenario { faults: vec![noise], ..pool(count, &shape, length, seed) }
}

/// Another number of workers for each three seeds, so that each meets each sigma.
fn workers(seed: u64) -> u32 {
    WORKERS[(seed as usize / 3) % 3]
}

fn ejected(count: usize, requests: u64, subject: impl Fn(u64) -> Subject) -> Vec<(u64, usize)> {
    let one = |seed| {
        let report = play(&scenario(count, requests, seed), &subject(seed)).report;
        (seed, ejections(&report, |_| true))
    };
    (1..=SEEDS).map(one).collect()
}

fn of_size(count: usize, effort: Effort) -> Vec<Claim> {
    let requests = effort.pick(QUICK, LONG);
    let row = |strategy: Strategy, requests: u64| {
        let counts = ejected(count, requests, |seed| engine(strategy, workers(seed), TICK));
        let all = SEEDS * requests;
        let note = format!("in {all} requests: fewer than one in {}", all / 3);
        Claim::counted(format!("healthy pool of {count}, {}, ejections", strategy.name()), 0, &counts, &note)
    };
    vec![row(Strategy::default(), requests), row(Strategy::RoundRobin, requests / 4)]
}

/// Scenarios in which no endpoint has a fault of its own.
const UNTROUBLED: [&str; 10] =
    ["none", "bursts", "day", "tight", "weights", "hundred", "wandering", "zipf_cold_cache", "cold_start", "uneven"];

/// Told and not judged: in one of two seeds a light endpoint that four workers or more have overloaded for a moment was
/// ejected. Clients do not notice, which is judged.
const NOT_YET: &str = "weights";

/// An ejection that the others cannot make up for is worse than what it is for. With the detectors that compare endpoints
/// the mean latency may be this many times what it is without them.
const WORSE: f64 = 1.1;

fn scenarios(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(2, 20);
    let mut claims = Vec::new();
    for name in UNTROUBLED {
        let (with, without) = (reports(name, true, seeds), reports(name, false, seeds));
        // The simulator knows who is troubled: by an antagonist, or because it warms up.
        let counts: Vec<(u64, usize)> =
            (1..).zip(&with).map(|(seed, report)| (seed, report.false_ejections())).collect();
        let mut claim = Claim::counted(format!("scenario {name}, ejections of the untroubled"), 0, &counts, "");
        if claim.is_wrong() {
            claim.note += &format!("; {}", signals(&with));
        }
        claim.expected = "none in nine of ten runs".into();
        claim.holds = Some(counts.iter().filter(|(_, count)| *count > 0).count() * 10 <= counts.len());
        if name == NOT_YET {
            claim.holds = None;
        }
        claims.push(claim);
        claims.push(harm(name, &with, &without));
    }
    for name in ["slow", "two_slow", "error_mix"] {
        claims.push(harm(name, &reports(name, true, seeds), &reports(name, false, seeds)));
    }
    claims
}

fn harm(name: &str, with: &[Report], without: &[Report]) -> Claim {
    let mean = |reports: &[Report]| {
        reports.iter().map(|report| report.mean().as_secs_f64()).sum::<f64>() * 1000.0 / reports.len() as f64
    };
    let failed = |reports: &[Report]| reports.iter().map(|report| report.outcomes.failed()).sum::<u64>();
    let (ours, theirs) = (mean(with), mean(without));
    Claim {
        expected: format!("≤ {WORSE} × without outliers, no more failures"),
        holds: Some(ours <= WORSE * theirs && failed(with) <= failed(without)),
        note: format!("without: {theirs:.1} ms, {} failed", failed(without)),
        ..Claim::told(
            format!("scenario {name}, mean latency"),
            format!("{ours:.1} ms, {} failed", failed(with)),
            with.len() as u64,
        )
    }
}

/// A scenario that comes with the simulator, with the detectors that compare endpoints or without.
fn reports(name: &str, outliers: bool, seeds: u64) -> Vec<Report> {
    let text = BUILT_IN.iter().find(|(other, _)| *other == name).map(|(_, text)| text).expect("a name of the list");
    let value = serde_yaml_ng::from_str(text).expect("checked where it is built in");
    let file = parse(&value, &|_| Err("no files".to_owned())).expect("checked where it is built in");
    let one = |seed| {
        let mut pool = PoolConfig::default();
        pool.circuit.outliers = outliers;
        let workers = WORKERS[seed as usize % 3];
        let subject = Subject::Engine(Box::new(Engine { pool, workers, tick: TICK }));
        run(&Scenario { seed, ..file.scenario.clone() }, &subject)
    };
    (1..=seeds).map(one).collect()
}

/// How many its rules make, for comparison: per million requests, whatever was played.
fn envoy(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for count in [10, 100] {
        for (name, subject) in [("tuned", envoy_tuned()), ("defaults", envoy_default())] {
            let requests = effort.pick(QUICK / 3, LONG / 10);
            let counts = ejected(count, requests, |_| subject.clone());
            let sum: usize = counts.iter().map(|(_, count)| count).sum();
            let per_million = sum as f64 * 1e6 / (SEEDS * requests) as f64;
            let name = format!("healthy pool of {count}, Envoy {name}, ejections");
            claims.push(Claim::told(name, format!("{sum}, {per_million:.0} per million requests"), SEEDS));
        }
    }
    claims
}
