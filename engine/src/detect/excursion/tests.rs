use super::*;
use crate::detect::threshold;
use crate::rng::Rng;
use alloc::vec::Vec;

const FAILURE: Kind = Kind::Failure;
const SLOWNESS: Kind = Kind::Slowness;

/// One result: whether it is a failure, by a share, or how slow it is where services are exponential, by a factor.
fn result(kind: Kind, level: f64, rng: &mut Rng) -> Totals {
    let unit = 1.0 - rng.unit();
    let amount = match kind {
        Kind::Failure => u64::from(unit <= level),
        // The share of all answers that take as long is e^(−time / mean); no worker has seen more than 5,000 of them.
        Kind::Slowness => ((-libm::log(unit) * level).min(8.5) * 100.0) as u64,
    };
    Totals { calls: 1, amount, marked: u64::from(kind == Kind::Failure && amount > 0 || amount > 250) }
}

/// Endpoint 0 of ten against the others, one result each in turn; how many of its own until the alarm.
fn until_alarm(kind: Kind, own: f64, others: f64, usual: f64, seed: u64, limit: u32) -> Option<u32> {
    let (mut rng, mut pool, mut excursion) = (Rng::new(seed), Totals::default(), Excursion::default());
    let (steps, threshold) = (Steps::against(kind, usual), threshold(1e8, 10) as f32);
    for call in 1..=limit {
        for _ in 0..9 {
            pool = pool.plus(&result(kind, others, &mut rng));
        }
        let more = result(kind, own, &mut rng);
        let _ = excursion.observe(&more, steps, &pool);
        pool = pool.plus(&more);
        if excursion.alarm(kind, &pool, usual, threshold).is_some() {
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
        let got = median(FAILURE, own, 0.01, 0.01);
        assert!(got <= most, "{got} at {own}");
    }
}

#[test]
fn slowness_is_found_in_few_answers() {
    // The drift is ln .2 + .8 × the mean score: .7 at three times the latency, 3 at ten times.
    for (own, most) in [(10.0, 10), (3.0, 40)] {
        let got = median(SLOWNESS, own, 1.0, 1.0);
        assert!(got <= most, "{got} at {own}");
    }
}

#[test]
fn what_all_do_alike_is_no_alarm_though_the_level_is_late() {
    for seed in 0..50 {
        for share in [0.05, 0.3, 0.5, 1.0] {
            assert_eq!(until_alarm(FAILURE, share, share, 0.01, seed, 3000), None, "{share}, seed {seed}");
        }
        for times in [1.0, 3.0, 10.0] {
            assert_eq!(until_alarm(SLOWNESS, times, times, 1.0, seed, 3000), None, "{times}, seed {seed}");
        }
    }
}

#[test]
fn one_that_is_worse_than_a_pool_in_trouble_is_found() {
    let got = median(FAILURE, 0.9, 0.3, 0.01);
    assert!(got <= 60, "{got}");
}

#[test]
fn what_is_slow_every_day_is_no_alarm() {
    for seed in 0..50 {
        assert_eq!(until_alarm(SLOWNESS, 3.0, 1.0, 3.0, seed, 20_000), None, "seed {seed}");
    }
}

#[test]
fn the_alarm_says_what_it_rests_on() {
    let failure = Totals { calls: 1, amount: 1, marked: 1 };
    let (mut pool, mut excursion) = (Totals { calls: 1000, amount: 10, marked: 10 }, Excursion::default());
    let steps = Steps::against(FAILURE, 0.01);
    for _ in 0..8 {
        let _ = excursion.observe(&failure, steps, &pool);
        pool = pool.plus(&failure);
    }
    pool = pool.plus(&Totals { calls: 100, amount: 2, marked: 2 });
    let alarm = excursion.alarm(FAILURE, &pool, 0.01, 18.0).unwrap();
    assert_eq!((alarm.calls, alarm.share, alarm.others), (8, 1.0, Some(0.02)));
    assert!(alarm.evidence >= 18.0 && alarm.evidence < 24.0, "{}", alarm.evidence);
}

#[test]
fn what_is_usual_is_learned_and_kept_without_traffic() {
    let mut usual = Usual::default();
    usual.observe(49, 4900);
    assert_eq!(usual.level(), None);
    usual.observe(51, 25_100);
    let close = |got: Option<f64>, want: f64| got.is_some_and(|got| (got - want).abs() < 1e-3);
    assert!(close(usual.level(), 3.4), "{:?}", usual.level());
    for _ in 0..1000 {
        usual.fade();
    }
    assert!(close(usual.level(), 3.4), "{:?}", usual.level());
    for _ in 0..300 {
        usual.observe(100, 5000);
        usual.fade();
    }
    assert_eq!(usual.level(), Some(1.0), "faster than the pool is no reason to be judged more strictly");
}

#[test]
fn noise_is_1_where_scores_are_independent_and_more_where_they_come_in_bursts() {
    let factor = |burst: u32| {
        let (mut rng, mut noise, mut excursion) = (Rng::new(3), Noise::default(), Excursion::default());
        let steps = Steps::against(SLOWNESS, 1.0);
        for _ in 0..20_000 {
            let more = result(SLOWNESS, 1.0, &mut rng);
            for _ in 0..burst {
                if let Some(peak) = excursion.observe(&more, steps, &Totals::default()) {
                    noise.observe(peak);
                }
            }
        }
        noise.factor().unwrap()
    };
    assert_eq!(Noise::default().factor(), None);
    assert!(factor(1) < 1.35, "{}", factor(1));
    assert!(factor(4) > 2.5, "{}", factor(4));
}
