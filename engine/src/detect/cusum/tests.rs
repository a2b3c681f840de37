//! Mean run lengths, from a chain over all values of the sum and from the detector itself.

use super::*;
use crate::rng::Rng;
use std::vec;

const ALARM: f64 = 11.0;

/// Mean number of results until the alarm when hits come at rate `p` and the pool's rate is taken for `pool`. The sum is
/// rounded to 1/1000 of a step down. A cycle begins at 0 and ends there or with an alarm, so the mean is the mean length
/// of cycles over the share of them that end with an alarm; both solve linear equations, and iterating those converges as
/// fast as cycles end.
fn mean_run(p: f64, pool: f64, alarm: f64) -> f64 {
    let (usual, worse) = Rates::default().at(pool);
    let down = 1000;
    let unit = libm::log((1.0 - usual) / (1.0 - worse)) / down as f64;
    let up = libm::round(libm::log(worse / usual) / unit) as usize;
    let states = libm::ceil(alarm / unit) as usize;
    let (mut length, mut alarmed) = (vec![0.0; states], vec![0.0; states]);
    loop {
        let mut change = 0.0_f64;
        for at in (0..states).rev() {
            let above = at + up;
            let (hit_length, hit_alarm) = if above < states { (length[above], alarmed[above]) } else { (0.0, 1.0) };
            let below = at.saturating_sub(down);
            let (miss_length, miss_alarm) = if below > 0 { (length[below], alarmed[below]) } else { (0.0, 0.0) };
            let new = 1.0 + p * hit_length + (1.0 - p) * miss_length;
            change = change.max((new - length[at]).abs() / new);
            length[at] = new;
            alarmed[at] = p * hit_alarm + (1.0 - p) * miss_alarm;
        }
        if change < 1e-9 {
            return length[0] / alarmed[0];
        }
    }
}

fn simulated(p: f64, alarm: f64, runs: u32) -> f64 {
    let (mut rng, rates) = (Rng::new(4), Rates::default());
    let mut results = 0_u64;
    for _ in 0..runs {
        let mut detector = Cusum::default();
        results += 1;
        while detector.observe(rng.unit() < p, 0.0, &rates) < alarm {
            results += 1;
        }
    }
    results as f64 / f64::from(runs)
}

/// The figures 26, 8 and 4 are rounded down or up by less than one.
#[test]
fn a_worse_endpoint_is_found_as_soon_as_the_figures_say() {
    for (p, want) in [(0.2, 26.0), (0.5, 8.0), (1.0, 4.0)] {
        let (chain, runs) = (mean_run(p, 0.01, ALARM), 5000);
        assert!((chain - want).abs() < 1.0, "{chain} for {want} at {p}");
        let got = simulated(p, ALARM, runs);
        // A run's standard deviation is below its mean.
        assert!((got - chain).abs() <= 4.0 * chain / libm::sqrt(f64::from(runs)), "{got} for {chain} at {p}");
    }
}

/// At h = 11 it is .98 million; the figure, 1.4 million, is that of h = 11.36, and "about 11" covers both.
#[test]
fn a_false_alarm_comes_once_in_a_million_requests() {
    let (low, high) = (mean_run(0.01, 0.01, ALARM), mean_run(0.01, 0.01, 11.4));
    assert!((0.9e6..1.1e6).contains(&low) && (1.4e6..1.7e6).contains(&high), "{low} {high}");
    // The chain is that of the detector.
    let (runs, alarm) = (1000, 5.0);
    let (got, chain) = (simulated(0.01, alarm, runs), mean_run(0.01, 0.01, alarm));
    assert!((got - chain).abs() <= 4.0 * chain / libm::sqrt(f64::from(runs)), "{got} for {chain}");
}

#[test]
fn a_pool_that_is_bad_as_a_whole_is_no_alarm_only_if_its_own_rate_is_the_measure() {
    let fixed = mean_run(0.03, 0.01, ALARM);
    assert!((5000.0..7000.0).contains(&fixed), "{fixed}");
    for rate in [0.03, 0.3] {
        let own = mean_run(rate, rate, ALARM);
        // By Lorden's bound, whatever the rate.
        assert!(own > libm::exp(ALARM), "{own} at {rate}");
    }
}

#[test]
fn worse_is_always_worse_than_usual() {
    let rates = Rates::default();
    assert_eq!([0.0, 0.01, 0.05, 0.1].map(|pool| rates.at(pool)), [(0.01, 0.2), (0.01, 0.2), (0.05, 0.2), (0.1, 0.2)]);
    assert_eq!(rates.at(0.3), (0.3, 0.6));
    for pool in [-1.0, 0.2, 0.5, 0.8, 1.0, 7.0, f64::NAN, f64::INFINITY] {
        let (usual, worse) = rates.at(pool);
        assert!(0.0 < usual && usual < worse && worse < 1.0, "{usual} {worse}");
        let mut detector = Cusum::default();
        assert!(detector.observe(true, pool, &rates) > 0.0 && detector.sum() < 4.0);
        (0..1000).for_each(|_| _ = detector.observe(false, pool, &rates));
        assert_eq!(detector.sum(), 0.0);
    }
}

#[test]
fn the_threshold_grows_with_the_pool() {
    assert!((threshold(600.0, 100) - ALARM).abs() < 0.01);
    assert_eq!((threshold(0.0, 5), threshold(f64::NAN, 0)), (1.0, 1.0));
}
