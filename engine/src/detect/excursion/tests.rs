use super::*;
use crate::detect::threshold;
use crate::rng::Rng;
use alloc::vec::Vec;

/// Endpoint 0 of ten against the others, one result each in turn; how many of its own until the alarm.
fn until_alarm(kind: Kind, own: f64, others: f64, usual: f64, seed: u64, limit: u32) -> Option<u32> {
    let (mut rng, mut pool, mut excursion) = (Rng::new(seed), Totals::default(), Excursion::default());
    let (steps, threshold) = (Steps::against(kind, usual), threshold(1e8, 10) as f32);
    for call in 1..=limit {
        for _ in 0..9 {
            pool.calls += 1;
            pool.hits += u64::from(rng.unit() < others);
        }
        let hit = rng.unit() < own;
        excursion.observe(1, u32::from(hit), steps, pool);
        pool.calls += 1;
        pool.hits += u64::from(hit);
        if excursion.alarm(kind, pool, usual, threshold).is_some() {
            return Some(call);
        }
    }
    None
}

fn median(kind: Kind, own: f64, others: f64, usual: f64) -> u32 {
    let mut all: Vec<u32> = (0..101).filter_map(|seed| until_alarm(kind, own, others, usual, seed, 20_000)).collect();
    assert_eq!(all.len(), 101);
    all.sort_unstable();
    all[50]
}

#[test]
fn failures_beyond_the_pools_are_found_in_few_results() {
    // The drift for each result is p ln(p1/p0) + (1 − p) ln((1−p1)/(1−p0)) = 3.0, 1.39, .43 at p = 1, .5, .2.
    for (own, most) in [(1.0, 8), (0.5, 17), (0.2, 55)] {
        let got = median(Kind::Failure, own, 0.01, 0.01);
        assert!(got <= most, "{got} at {own}");
    }
}

#[test]
fn what_all_do_alike_is_no_alarm_though_the_level_is_late() {
    for seed in 0..50 {
        for share in [0.05, 0.3, 0.5, 1.0] {
            assert_eq!(until_alarm(Kind::Failure, share, share, 0.01, seed, 3000), None, "{share}, seed {seed}");
        }
        assert_eq!(until_alarm(Kind::Slowness, 0.6, 0.6, 0.08, seed, 3000), None, "seed {seed}");
    }
}

#[test]
fn one_that_is_worse_than_a_pool_in_trouble_is_found() {
    let got = median(Kind::Failure, 0.9, 0.3, 0.01);
    assert!(got <= 60, "{got}");
}

#[test]
fn slowness_is_told_from_what_is_usual_there() {
    // Exponential service, above 2.5 times the middle: e^(−2.5/r) at r times the pool's mean.
    let share = |times: f64| libm::exp(-2.5 / times);
    assert!(median(Kind::Slowness, share(10.0), share(1.0), share(1.0)) <= 35);
    assert!(median(Kind::Slowness, share(3.0), share(1.0), share(1.0)) <= 110);
    for seed in 0..50 {
        assert_eq!(until_alarm(Kind::Slowness, share(1.0), share(1.0), share(1.0), seed, 20_000), None, "seed {seed}");
        // Three times slower every day.
        assert_eq!(until_alarm(Kind::Slowness, share(3.0), share(1.0), 1.5 * share(3.0), seed, 20_000), None);
    }
}

#[test]
fn the_alarm_says_what_it_rests_on() {
    let (mut pool, mut excursion) = (Totals { calls: 1000, hits: 10 }, Excursion::default());
    let steps = Steps::against(Kind::Failure, 0.01);
    for _ in 0..8 {
        excursion.observe(1, 1, steps, pool);
        pool.calls += 1;
        pool.hits += 1;
    }
    pool.calls += 100;
    pool.hits += 2;
    let alarm = excursion.alarm(Kind::Failure, pool, 0.01, 18.0).unwrap();
    assert_eq!((alarm.calls, alarm.share, alarm.others), (8, 1.0, Some(0.02)));
    assert!(alarm.evidence >= 18.0 && alarm.evidence < 24.0, "{}", alarm.evidence);
}

#[test]
fn what_is_usual_is_learned_and_kept_without_traffic() {
    let mut usual = Usual::default();
    usual.observe(49, 10);
    assert_eq!(usual.share(), None);
    let mut always = usual;
    always.observe(100, 90);
    assert_eq!(always.share(), None, "slow every day");
    usual.observe(51, 10);
    assert!((usual.share().unwrap() - 0.3).abs() < 1e-6);
    for _ in 0..1000 {
        usual.fade();
    }
    assert!((usual.share().unwrap() - 0.3).abs() < 1e-3, "{:?}", usual.share());
    for _ in 0..300 {
        usual.observe(100, 0);
        usual.fade();
    }
    assert!(usual.share().unwrap() < 0.01);
}
