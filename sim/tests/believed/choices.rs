//! Power of d choices against its fluid limit (Mitzenmacher 2001).
//!
//! Tolerances: a finite n lies above the limit by about c / n; a hundred endpoints are within 2 % up to .9, so a thousand
//! within .2 %, more where load is higher. What is left is chance.

use crate::Section;
use crate::arithmetic::{CHOICES, TAIL};
use crate::bed::{SERVICE, Size, choices, controlled, engine, found_by_arrivals};
use crate::claim::Claim;
use crate::common::Effort;
use crate::formulas::{choices_mean, choices_tail};
use plimsoll_engine::Strategy;
use plimsoll_sim::{Counts, Envoy, Scenario, Subject};

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "choices", claims: means },
    Section { name: "tail", claims: tail },
    Section { name: "hundred", claims: hundred },
];

fn means(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (d, row) in CHOICES {
        for (load, _) in row {
            let (n, size) = match load {
                // Queues settle within some hundred service times here.
                l if l > 0.9 => (500, Size { seeds: 5, requests: 300_000, warm_up: 250_000 }),
                _ => (1000, Size::new(5, 120_000)),
            };
            let size = Size { seeds: effort.pick(5, 12), requests: size.requests * effort.pick(1, 8), ..size };
            let scenario = Scenario::equals(n, load, SERVICE);
            let subject = choices(Some(d), Counts::Exact, 1);
            let values = controlled(&scenario, &subject, size, |load| choices_mean(d, load));
            let (share, because) = match load {
                l if l > 0.98 => (effort.pick(0.07, 0.02), "7 % (long: 2 %): finite n at .99, and chance"),
                l if l > 0.9 => (effort.pick(0.02, 0.01), "2 % (long: 1 %): finite n at .95, and chance"),
                _ => (effort.pick(0.012, 0.005), "1.2 % (long: .5 %): finite n, and chance"),
            };
            let name = format!("{d} choices at {load}, n = {n}, mean");
            claims.push(Claim::measured(name, choices_mean(d, load), &values, share, because));
        }
    }
    claims
}

fn tail(effort: Effort) -> Vec<Claim> {
    let size = Size::new(effort.pick(8, 16), effort.pick(200_000, 2_000_000));
    let scenario = Scenario::equals(1000, 0.9, SERVICE);
    let found = found_by_arrivals(&scenario, &choices(Some(2), Counts::Exact, 1), size);
    let claim = |index: usize| {
        let at_least = index + 1;
        let values: Vec<f64> = found.iter().map(|shares| shares.get(at_least).copied().unwrap_or(0.0)).collect();
        let name = format!("2 choices at .9, n = 1000, share with ≥ {at_least}");
        let share = [0.01, 0.015, 0.03, 0.07, 0.16][index] * effort.pick(1.0, 0.5);
        let because = "1 to 16 % down the tail (long: half of it): finite n, and chance";
        Claim::measured(name, choices_tail(2, 0.9, at_least as u32), &values, share, because)
    };
    (0..TAIL.len()).map(claim).collect()
}

/// Whom users know, at the size at which the limit is said to be within 2 %.
fn hundred(effort: Effort) -> Vec<Claim> {
    let size = Size::new(effort.pick(6, 20), effort.pick(150_000, 1_500_000));
    let scenario = Scenario::equals(100, 0.9, SERVICE);
    let subjects = [
        ("model", choices(Some(2), Counts::Exact, 1)),
        ("our least_request", engine(Strategy::LeastRequest, 1, SERVICE * 10)),
        ("Envoy LEAST_REQUEST", Subject::Envoy(Envoy::least_request(None))),
    ];
    let claim = |(name, subject): (&str, Subject)| {
        let values = controlled(&scenario, &subject, size, |load| choices_mean(2, load));
        let because = "2 %, as stated for n = 100; +1.5 %: chance, Envoy draws with replacement";
        Claim::measured(format!("2 choices at .9, n = 100, {name}"), choices_mean(2, 0.9), &values, 0.035, because)
    };
    subjects.into_iter().map(claim).collect()
}
