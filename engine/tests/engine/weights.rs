//! Shares of the traffic by weight.

use crate::arrange::{Bed, classic, equal, ms, weighted, well};
use plimsoll_engine::{Request, Strategy};
use std::collections::VecDeque;

/// First candidates per endpoint.
fn shares(bed: &mut Bed, picks: usize) -> Vec<usize> {
    let mut seen = vec![0; bed.pool().config().endpoints.len()];
    for _ in 0..picks {
        seen[bed.pick(0).unwrap()[0] as usize] += 1;
    }
    seen
}

#[test]
fn smooth_round_robin_gives_every_seven_picks_as_weighted() {
    let mut bed = Bed::new(weighted(Strategy::RoundRobin, &[5, 1, 1]), 1, 9);
    let order: Vec<u32> = (0..70).map(|_| bed.pick(0).unwrap()[0]).collect();
    for window in order.windows(7) {
        let count = |position| window.iter().filter(|picked| **picked == position).count();
        assert_eq!((count(0), count(1), count(2)), (5, 1, 1), "{order:?}");
    }
    // a a b a c a a, from some phase: at most four of a in a row, across the seam.
    let longest = order.chunk_by(|a, b| a == b).map(<[u32]>::len).max();
    assert_eq!(longest, Some(4), "{order:?}");
}

#[test]
fn random_and_an_idle_least_request_follow_the_weights() {
    let weights = [1, 2, 3, 10, 100];
    for (strategy, seed) in (0..5).flat_map(|seed| [(Strategy::Random, seed), (Strategy::LeastRequest, seed)]) {
        let picks = 50_000;
        let mut bed = Bed::new(weighted(strategy, &weights), 1, seed);
        for (weight, seen) in weights.iter().zip(shares(&mut bed, picks)) {
            let p = f64::from(*weight) / 116.0;
            let mean = p * picks as f64;
            // Six standard deviations of the binomial.
            let bound = 6.0 * (mean * (1.0 - p)).sqrt();
            assert!((seen as f64 - mean).abs() < bound, "{strategy:?}, seed {seed}: {seen} for {mean} ± {bound}");
        }
    }
}

#[test]
fn an_idle_pool_of_equals_is_shared_equally_by_every_strategy() {
    for strategy in Strategy::ALL {
        for seed in 0..5 {
            let mut bed = Bed::new(equal(strategy, 10), 1, seed);
            for seen in shares(&mut bed, 20_000) {
                // 2,000 each; six standard deviations of the binomial are 255.
                assert!(seen.abs_diff(2000) < 255, "{strategy:?}, seed {seed}: {seen}");
            }
        }
    }
}

#[test]
fn under_load_every_strategy_follows_the_weights() {
    for strategy in Strategy::ALL {
        let mut bed = Bed::new(weighted(strategy, &[1, 2, 3, 4]), 1, 21);
        let mut under_way = VecDeque::new();
        let mut seen = [0_usize; 4];
        for _ in 0..8000 {
            let position = bed.pick(0).unwrap()[0];
            seen[position as usize] += 1;
            under_way.push_back(bed.start(0, position));
            if under_way.len() > 100 {
                let oldest = under_way.pop_front().unwrap();
                // All took 100 ms: one request per millisecond, 100 under way.
                bed.end(0, oldest, ms(0), None);
            }
            bed.pass(ms(1));
        }
        for (weight, seen) in [1, 2, 3, 4].iter().zip(seen) {
            let want = 800 * weight;
            // `random` has a standard deviation of 27 at most here; the others are tighter.
            assert!(seen.abs_diff(want) < 160, "{strategy:?}: {seen} for {want}");
        }
    }
}

#[test]
fn a_light_endpoint_beside_a_heavy_one_stays_light_under_load() {
    let mut bed = Bed::new(weighted(Strategy::LeastRequest, &[1, 100]), 1, 5);
    let mut under_way = VecDeque::new();
    let mut light = 0;
    for _ in 0..20_000 {
        let position = bed.pick(0).unwrap()[0];
        light += usize::from(position == 0);
        under_way.push_back(bed.start(0, position));
        if under_way.len() > 10 {
            let oldest = under_way.pop_front().unwrap();
            bed.end(0, oldest, ms(1), None);
        }
    }
    // Its share is 198; drawn at least once in two draws it is for 394, and more than that it cannot get.
    assert!((150..480).contains(&light), "{light}");
}

#[test]
fn a_failing_share_lowers_the_weight_and_success_restores_it() {
    let mut bed = Bed::new(classic(equal(Strategy::RoundRobin, 4)), 1, 2);
    // Every second attempt on endpoint 0 fails: never five in a row.
    let turn = std::cell::Cell::new(0_u32);
    let half = |position| {
        turn.set(turn.get() + u32::from(position == 0));
        let fails = position == 0 && turn.get().is_multiple_of(2);
        (ms(10), fails.then_some(plimsoll_snapshot::FailureKind::Status))
    };
    bed.traffic(1000, ms(10), &half);
    let weight = |bed: &mut Bed| bed.pool().view().next().unwrap().effective_weight;
    let degraded = weight(&mut bed);
    assert!((0.4..0.6).contains(&degraded), "{degraded}");
    bed.traffic(2000, ms(10), &well);
    assert_eq!(weight(&mut bed), 1.0);
}

/// Requests with a key each, every millisecond, with so many under way; a service takes from half to one and a half times
/// the rest. First candidates per endpoint.
fn shares_under_load(bed: &mut Bed, requests: usize, under_way: usize) -> Vec<f64> {
    let mut seen = vec![0.0; bed.pool().config().endpoints.len()];
    let mut attempts = VecDeque::new();
    for request in 0..requests * 2 {
        let key = bed.rng.next_u64().to_le_bytes();
        let first = bed.pick_for(&Request { key: Some(&key), ..Request::default() }).unwrap()[0];
        // The first half is for averages to settle.
        seen[first as usize] += if request >= requests { 1.0 / requests as f64 } else { 0.0 };
        attempts.push_back(bed.start(0, first));
        if attempts.len() > under_way {
            let which = bed.rng.below(1 + under_way as u32 / 2) as usize;
            let attempt = attempts.remove(which).unwrap();
            bed.end(0, attempt, ms(1), None);
        }
        bed.pass(ms(1));
    }
    seen
}

/// The least and the most of its fair share that an endpoint may get.
fn bounds(strategy: Strategy) -> (f64, f64) {
    match strategy {
        // In turn, by chance and by hashes: six standard deviations of 6,000 at a share of one in sixteen are 30 %.
        Strategy::RoundRobin | Strategy::Random | Strategy::Maglev | Strategy::RingHash => (0.7, 1.3),
        // Prequal's rule does not know of weights: they decide who is drawn and what load is high.
        Strategy::Hcl => (0.4, 2.5),
        // The load of single requests is rough beside small weights, and latencies are compared, too.
        Strategy::LeastRequest | Strategy::PeakEwma | Strategy::LeastResponseTime | Strategy::Range => (0.4, 2.0),
    }
}

#[test]
fn every_strategy_gives_each_endpoint_about_its_weight_from_idle_to_busy() {
    for strategy in Strategy::ALL {
        for weights in [&[3, 1][..], &[1, 2, 3, 4], &[1, 1, 1, 1, 1, 1, 1, 9]] {
            for under_way in [0, 1, 3, 10, 40] {
                let mut shares = vec![0.0; weights.len()];
                for seed in 0..3 {
                    let mut bed = Bed::new(weighted(strategy, weights), 1, seed);
                    let seen = shares_under_load(&mut bed, 2000, under_way);
                    shares.iter_mut().zip(seen).for_each(|(share, seen)| *share += seen / 3.0);
                }
                let total: u32 = weights.iter().sum();
                for (weight, share) in weights.iter().zip(&shares) {
                    let want = f64::from(*weight) / f64::from(total);
                    let (low, high) = bounds(strategy);
                    let case = format!("{strategy:?}, weights {weights:?}, {under_way} under way: {shares:.3?}");
                    assert!((low * want..high * want).contains(share), "{case}, want {want:.3}");
                }
            }
        }
    }
}

#[test]
fn no_endpoint_starves_be_it_three_times_slower_or_a_third_of_the_weight() {
    for strategy in Strategy::ALL {
        let mut bed = Bed::new(weighted(strategy, &[3, 3, 3, 3, 3, 3, 3, 1]), 1, 5);
        let slow = |position| (ms(if position == 2 { 30 } else { 10 }), None);
        for _ in 0..5 {
            let mut seen = [0; 8];
            for _ in 0..2000 {
                let key = bed.rng.next_u64().to_le_bytes();
                let first = bed.pick_for(&Request { key: Some(&key), ..Request::default() }).unwrap()[0];
                seen[first as usize] += 1;
                bed.attempt(0, first, &slow);
                bed.pass(ms(10));
            }
            assert!(seen.iter().all(|seen| *seen > 0), "{strategy:?}, in 20 s: {seen:?}");
        }
    }
}
