//! What there is to judge by: how many attempts a sick endpoint gets if it is never ejected. A strategy that avoids it, as
//! `peak_ewma` does, protects clients and starves detectors, so times to detection cannot be understood without this.

use crate::Section;
use crate::bed::{TICK, play, seconds};
use crate::claim::Claim;
use crate::common::Effort;
use crate::times::{CASES, Case, scenario};
use plimsoll_engine::{PoolConfig, Strategy};
use plimsoll_sim::{Engine, Shape, Subject};

pub(crate) const SECTIONS: [Section; 1] = [Section { name: "evidence", claims: evidence }];

/// Seconds after the fault.
const UNTIL: [f64; 4] = [0.2, 0.5, 1.0, 5.0];

fn evidence(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for case in &CASES {
        for strategy in [Strategy::PeakEwma, Strategy::LeastRequest] {
            for workers in effort.pick(&[1][..], &[1, 16]) {
                claims.push(row(case, strategy, *workers, effort.pick(2, 20)));
            }
        }
    }
    claims
}

fn row(case: &Case, strategy: Strategy, workers: u32, seeds: u64) -> Claim {
    let mut counts = [0; UNTIL.len()];
    for seed in 1..=seeds {
        let (scenario, from) = scenario(case.kind, &Shape::Exponential, seed);
        let pool = PoolConfig { strategy, max_ejected_percent: 0, ..PoolConfig::default() };
        let watched = play(&scenario, &Subject::Engine(Box::new(Engine { pool, workers, tick: TICK })));
        for (count, until) in counts.iter_mut().zip(UNTIL) {
            let during = from..from + seconds(until);
            *count += watched.attempts.iter().filter(|seen| during.contains(&seen.began)).count();
        }
    }
    let one = |(count, until): (&usize, f64)| format!("{:.0} in {until} s", *count as f64 / seeds as f64);
    let text: Vec<String> = counts.iter().zip(UNTIL).map(one).collect();
    Claim::told(format!("attempts, {}, {}, {workers} w", case.name, strategy.name()), text.join(", "), seeds)
}
