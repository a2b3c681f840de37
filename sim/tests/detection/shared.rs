//! What everybody depends on fails or slows down, suddenly: no balancing helps, and an ejection takes away what still
//! works. Nobody may be ejected while three in ten requests fail everywhere or everything takes three times as long; when
//! everything fails, nobody more than the cap allows, and the rows tell how many that were.
//!
//! It begins from second 12 to 17 and lasts 10 to 30 s, by seed. `--long` plays every pool with 1, 4 and 16 workers, 20
//! seeds each. The ordinary run has 12, each with another number of workers, and one for the pool of 100.

use crate::Section;
use crate::bed::{
    WORKERS, ejections, envoy_default, envoy_tuned, errors, most_out, onset, play, plimsoll, pool, seconds, signals,
    slow,
};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::PoolConfig;
use plimsoll_sim::{Fault, FaultKind, Report, Scenario, Shape, Subject, Targets};

pub(crate) const SECTIONS: [Section; 4] = [
    Section { name: "shared, 3 endpoints", claims: |effort| of_size(3, effort) },
    Section { name: "shared, 10 endpoints", claims: |effort| of_size(10, effort) },
    Section { name: "shared, 100 endpoints", claims: |effort| of_size(100, effort) },
    Section { name: "shared, Envoy", claims: envoy },
];

const SEEDS: u64 = 20;

fn cases() -> [(&'static str, FaultKind); 4] {
    let of_requests = FaultKind::Errors { share: 0.3, after: None, of_requests: true };
    [
        ("30 % of attempts fail", errors(0.3)),
        ("30 % of requests fail", of_requests),
        ("all take 3 × as long", slow(3.0)),
        ("everything fails", errors(1.0)),
    ]
}

fn scenario(count: usize, kind: FaultKind, seed: u64) -> Scenario {
    let from = onset(seed);
    let to = from + seconds(10.0 + 20.0 * (seed as f64 * 0.754_877_666).fract());
    let fault = Fault { targets: Targets::All, from, to: Some(to), flapping: None, kind };
    // Another shape for every other seed.
    let shape = if seed.is_multiple_of(2) { Shape::Exponential } else { Shape::LogNormal { sigma: 0.7 } };
    // What is left in the windows afterwards is seen, too.
    Scenario { faults: vec![fault], ..pool(count, &shape, to + seconds(8.0), seed) }
}

/// Reports by seed.
fn reports(count: usize, kind: FaultKind, seeds: u64, subject: impl Fn(u64) -> Subject) -> Vec<(u64, Report)> {
    (1..=seeds).map(|seed| (seed, play(&scenario(count, kind, seed), &subject(seed)).report)).collect()
}

fn judge(name: &str, count: usize, kind: FaultKind, reports: &[(u64, Report)]) -> Claim {
    let by_seed = |figure: &dyn Fn(&Report) -> usize| -> Vec<(u64, usize)> {
        reports.iter().map(|(seed, report)| (*seed, figure(report))).collect()
    };
    let ejected = by_seed(&|report| ejections(report, |_| true));
    if kind != errors(1.0) {
        let mut claim = Claim::counted(format!("{name}, ejections"), 0, &ejected, "");
        if claim.is_wrong() {
            claim.note += &format!("; {}", signals(reports.iter().map(|(_, report)| report)));
        }
        return claim;
    }
    let cap = PoolConfig { endpoints: vec![Default::default(); count], ..PoolConfig::default() }.max_ejected();
    let sum: usize = ejected.iter().map(|(_, count)| count).sum();
    let note = format!("the cap; {sum} ejections in all, none would be better");
    Claim::counted(format!("{name}, out at once"), cap, &by_seed(&most_out), &note)
}

fn of_size(count: usize, effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (name, kind) in cases() {
        if effort == Effort::Quick {
            let seeds = if count == 100 { 1 } else { 12 };
            let reports = reports(count, kind, seeds, |seed| plimsoll(WORKERS[seed as usize % 3]));
            claims.push(judge(&format!("{count} endpoints, {name}"), count, kind, &reports));
            continue;
        }
        for workers in WORKERS {
            let reports = reports(count, kind, SEEDS, |_| plimsoll(workers));
            claims.push(judge(&format!("{count} endpoints, {name}, {workers} w"), count, kind, &reports));
        }
    }
    claims
}

/// How many its rules make, for comparison.
fn envoy(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (name, subject) in [("tuned", envoy_tuned()), ("defaults", envoy_default())] {
        for count in effort.pick(&[10][..], &[10, 100]).iter().copied() {
            for (case, kind) in cases() {
                let reports = reports(count, kind, effort.pick(6, SEEDS), |_| subject.clone());
                let sum: usize = reports.iter().map(|(_, report)| ejections(report, |_| true)).sum();
                let most = reports.iter().map(|(_, report)| most_out(report)).max().unwrap_or(0);
                let got = format!("{sum} ejections, ≤ {most} out at once");
                let name = format!("{count} endpoints, {case}, Envoy {name}");
                claims.push(Claim::told(name, got, reports.len() as u64));
            }
        }
    }
    claims
}
