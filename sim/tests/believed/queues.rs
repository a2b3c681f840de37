//! Queues that theory solves: one server, several behind one queue, several in turn.
//!
//! Tolerances: the mean of n requests through M/M/1 at .9 has a standard deviation of √(35,901 / n) around 10 (Daley
//! 1968); E_n/M/1's is smaller. Behind one queue of k servers the same excursions are k times shorter. The control
//! variate of `bed` takes away about half of the variance or more; the tolerance is left as it is without.

use crate::Section;
use crate::bed::{SERVICE, Size, controlled, engine, found_by_arrivals, mean_of, quantiles, reports};
use crate::claim::Claim;
use crate::common::Effort;
use crate::formulas::{erlang_c, in_turn_mean, m_m_1_quantile, m_m_n_mean};
use plimsoll_engine::Strategy;
use plimsoll_sim::{Endpoint, Scenario, Subject};

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "one queue", claims: one_queue },
    Section { name: "central queue", claims: central_queue },
    Section { name: "in turn", claims: in_turn },
];

const THREE_ERRORS: &str = "three standard errors of the mean, by theory";
const QUANTILE: &str = "three standard errors, those of the mean ×1.5 (seen over seeds)";

fn one_queue(effort: Effort) -> Vec<Claim> {
    let size = effort.pick(Size::new(10, 500_000), Size::new(20, 4_000_000));
    let scenario = Scenario::equals(1, 0.9, SERVICE);
    let reports = reports(&scenario, &Subject::Random, size);
    let means = controlled(&scenario, &Subject::Random, size, |load| 1.0 / (1.0 - load));
    let error = (35_901.0 / (size.seeds * size.requests) as f64).sqrt() / 10.0;
    vec![
        Claim::measured("M/M/1 at .9, mean", 10.0, &means, 3.0 * error, THREE_ERRORS),
        Claim::measured(
            "M/M/1 at .9, p99",
            m_m_1_quantile(0.9, 0.99),
            &quantiles(&reports, 0.99),
            4.5 * error,
            QUANTILE,
        ),
    ]
}

fn central_queue(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for n in [2, 10, 100] {
        let size = effort.pick(Size::new(10, 300_000), Size::new(20, 3_000_000));
        let apart = Scenario::equals(n as usize, 0.9, SERVICE);
        let slots = Scenario { endpoints: vec![Endpoint::plain(0, n, SERVICE)], ..apart.clone() };
        let want = m_m_n_mean(n, 0.9);
        let error = (35_901.0 / (size.seeds * size.requests) as f64).sqrt() / f64::from(n) / want;
        // Where nearly nobody waits, the service times' own spread is what is left.
        let share = 3.0 * error.max(1.0 / ((size.seeds * size.requests) as f64).sqrt());
        let values = controlled(&slots, &Subject::Random, size, |load| m_m_n_mean(n, load));
        claims.push(Claim::measured(format!("M/M/{n} at .9, mean"), want, &values, share, THREE_ERRORS));
        let found = found_by_arrivals(&slots, &Subject::Random, size);
        let waits: Vec<f64> = found.iter().map(|at_least| at_least.get(n as usize).copied().unwrap_or(0.0)).collect();
        let because = "two percent (n = 100: six), over three standard errors seen over seeds";
        let share = effort.pick(if n == 100 { 0.06 } else { 0.02 }, if n == 100 { 0.02 } else { 0.01 });
        claims.push(Claim::measured(
            format!("M/M/{n} at .9, share that waits"),
            erlang_c(n, 0.9),
            &waits,
            share,
            because,
        ));
        let few = Size::new(2, 50_000);
        let (held, queued) = (mean_of(&apart, &Subject::CentralQueue, few), mean_of(&slots, &Subject::Random, few));
        let ratios: Vec<f64> = held.iter().zip(&queued).map(|(held, queued)| held / queued).collect();
        let because = "they serve the same requests in the same order";
        claims.push(Claim::measured(format!("{n} queues held back ÷ M/M/{n}"), 1.0, &ratios, 1e-6, because));
    }
    claims
}

fn in_turn(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for n in [2, 10, 100] {
        let size = effort.pick(Size::new(10, 300_000), Size::new(20, 3_000_000));
        let scenario = Scenario::equals(n as usize, 0.9, SERVICE);
        let want = in_turn_mean(n, 0.9);
        // In heavy traffic the variance goes with the cube of (1 + 1/n) / 2, the squared coefficients of variation.
        let cube = (0.5 * (1.0 + 1.0 / f64::from(n))).powi(3);
        let error = (35_901.0 * cube / (size.seeds * size.requests) as f64).sqrt() / want;
        let theory = |load| in_turn_mean(n, load);
        let baseline = controlled(&scenario, &Subject::RoundRobin, size, theory);
        claims.push(Claim::measured(format!("E{n}/M/1 at .9, in turn"), want, &baseline, 3.0 * error, THREE_ERRORS));
        if n == 10 {
            let ours = controlled(&scenario, &engine(Strategy::RoundRobin, 1, SERVICE * 10), size, theory);
            claims.push(Claim::measured("E10/M/1 at .9, our round_robin", want, &ours, 3.0 * error, THREE_ERRORS));
        }
    }
    claims
}
