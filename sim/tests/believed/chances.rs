//! Detectors, balls in bins and Envoy's rules: chance without queues.

use crate::Section;
use crate::claim::Claim;
use crate::common::Effort;
use crate::formulas::{largest_of_normals, mean_until_run};
use plimsoll_engine::detect::{Consecutive, Cusum, Rates};
use plimsoll_engine::{EndpointConfig, Pool, PoolConfig, Rng, Strategy, Time};

pub(crate) const SECTIONS: [Section; 2] =
    [Section { name: "balls", claims: balls }, Section { name: "detectors", claims: detectors }];

/// A million requests to a hundred endpoints that never answer: how far the fullest is above the mean.
fn gap(strategy: Strategy, seed: u64) -> f64 {
    let address =
        |n: usize| EndpointConfig { address: format!("10.0.0.{n}:80"), id: n.to_string(), ..Default::default() };
    let endpoints = (0..100).map(address).collect();
    let mut pool = Pool::new(PoolConfig { strategy, endpoints, candidates: 1, ..PoolConfig::default() });
    let (now, mut rng) = (Time::from_millis(1), Rng::new(seed));
    let mut counts = [0_u32; 100];
    for _ in 0..1_000_000 {
        let picked = pool.pick(now, &mut rng).expect("nobody has failed");
        let position = *picked.as_slice().first().expect("one candidate");
        // Never finished: it stays under way.
        let _ = pool.start(position, now);
        counts[position as usize] += 1;
    }
    f64::from(*counts.iter().max().expect("a hundred")) - 10_000.0
}

fn balls(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(10, 30);
    let gaps = |strategy| (1..=seeds).map(|seed| gap(strategy, seed)).collect::<Vec<_>>();
    // One bin's count has a standard deviation of √(m (1 − 1/n) / n).
    let (mean, deviation) = largest_of_normals(100);
    let one = (1e6_f64 * 0.99 / 100.0).sqrt();
    let one_choice: Vec<f64> = gaps(Strategy::Random);
    let error = 3.0 * deviation / mean / f64::from(seeds as u32).sqrt();
    let because = "three standard errors of the largest of 100 normal numbers";
    vec![
        Claim::measured(
            "balls in bins, two choices, gap",
            2.0,
            &gaps(Strategy::LeastRequest),
            0.3,
            "it is a whole number",
        ),
        Claim::measured("balls in bins, one choice, gap", mean * one, &one_choice, error, because),
        Claim::exact(
            "the stated 229 is one sample of it",
            229.0,
            mean * one,
            deviation * one,
            "one standard deviation",
        ),
    ]
}

/// Tries until the engine's detector has seen `k` hits in a row.
fn until_run(p: f64, k: u32, rng: &mut Rng) -> f64 {
    let (mut tries, mut detector) = (0_u64, Consecutive::default());
    while detector.failures() < k {
        tries += 1;
        detector.observe(rng.unit() < p);
    }
    tries as f64
}

/// Tries until the engine's cumulative sum from rate `p0` to `p1` alarms at `h` when the rate is `p`.
fn until_alarm(p: f64, [p0, p1, h]: [f64; 3], rng: &mut Rng) -> f64 {
    let rates = Rates { floor: p0, worse: p1 };
    let (mut tries, mut detector) = (0_u64, Cusum::default());
    while detector.sum() < h {
        tries += 1;
        detector.observe(rng.unit() < p, p0, &rates);
    }
    tries as f64
}

fn average(runs: u32, seed: u64, mut one: impl FnMut(&mut Rng) -> f64) -> f64 {
    let mut rng = Rng::new(seed);
    (0..runs).map(|_| one(&mut rng)).sum::<f64>() / f64::from(runs)
}

/// A threshold a fifth higher makes alarms by chance e^0.2 times as rare.
const ABOUT: &str = "25 %: the stated threshold is about 11, by chance e^h tries";

fn detectors(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(6, 20);
    let by_seed = |runs: u32, one: &dyn Fn(&mut Rng) -> f64| -> Vec<f64> {
        (1..=seeds).map(|seed| average(runs, seed, one)).collect()
    };
    let mut claims = Vec::new();
    for (p, stated) in [(0.5, 62.0), (0.2, 3905.0)] {
        let name = format!("5 in a row at {p}, formula");
        claims.push(Claim::exact(name, stated, mean_until_run(p, 5), 0.5, "rounding of the stated figure"));
        let values = by_seed(4_000, &|rng| until_run(p, 5, rng));
        let because = "4 %: six standard errors, their law is nearly exponential";
        claims.push(Claim::measured(format!("5 in a row at {p}"), mean_until_run(p, 5), &values, 0.04, because));
    }
    let rule = [0.01, 0.2, 11.0];
    for (p, stated) in [(0.2, 26.0), (0.5, 8.0), (1.0, 4.0)] {
        let values = by_seed(20_000, &|rng| until_alarm(p, rule, rng));
        let because = "one request: the stated threshold is about 11";
        claims.push(Claim::measured(format!("CUSUM .01 to .2, at {p}"), stated, &values, 1.0 / stated, because));
    }
    let shared = by_seed(300, &|rng| until_alarm(0.03, rule, rng));
    claims.push(Claim::measured("CUSUM with a fixed .01, whole pool at .03", 6_500.0, &shared, 0.25, ABOUT));
    let runs = effort.pick(12, 60);
    let quiet = by_seed(runs, &|rng| until_alarm(0.01, rule, rng));
    let because = "45 % (long: 30 %): as above, and the law is exponential: few alarms";
    claims.push(Claim::measured("CUSUM, false alarm once in", 1.4e6, &quiet, effort.pick(0.45, 0.3), because));
    claims
}
