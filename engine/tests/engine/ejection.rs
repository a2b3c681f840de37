//! From the first failure to the ejection, and the limits of ejecting: cap and panic.

use crate::arrange::{Bed, TICK, classic, equal, failing, ms, well};
use plimsoll_engine::{CircuitConfig, PoolConfig, Strategy};
use plimsoll_snapshot::{CircuitState, FailureKind};
use std::time::Duration;

const STATUS: Option<FailureKind> = Some(FailureKind::Status);

#[test]
fn a_fast_failing_endpoint_is_no_sinkhole_but_out_within_half_a_second() {
    for seed in 0..50 {
        let mut bed = Bed::new(equal(Strategy::PeakEwma, 8), 1, seed);
        bed.traffic(300, ms(10), &well);
        let (began, before) = (bed.now, bed.counts(3).requests);
        let mut tried = Vec::new();
        while bed.state(3) == CircuitState::Closed {
            tried.extend(bed.traffic(1, ms(10), &failing(3)));
            assert!(bed.now.since(began) <= ms(500), "seed {seed}: not out after {:?}", bed.now.since(began));
        }
        let failed = bed.counts(3).requests - before;
        assert_eq!(failed, 5, "seed {seed}: the threshold, nothing being under way besides");
        assert!(tried.iter().all(|tried| tried.last() != Some(&3)), "seed {seed}: no request ended there");
        let after = bed.traffic(500, ms(10), &failing(3));
        assert!(!after.iter().flatten().any(|position| *position == 3), "seed {seed}: nothing goes there while open");
    }
}

#[test]
fn a_hanging_endpoint_gets_no_more_attempts_than_the_verdict_needs() {
    for seed in 0..20 {
        let mut bed = Bed::new(classic(equal(Strategy::PeakEwma, 8)), 1, seed);
        bed.traffic(300, ms(10), &well);
        // One failed; the others hang from now on.
        bed.attempt(0, 3, &failing(3));
        let mut hanging = Vec::new();
        for _ in 0..100 {
            let first = bed.pick(0).unwrap()[0];
            if first == 3 {
                hanging.push(bed.start(0, 3));
            } else {
                bed.attempt(0, first, &well);
            }
            bed.pass(ms(10));
        }
        assert_eq!(hanging.len(), 4, "seed {seed}: one failure seen, four to go");
        for attempt in hanging {
            assert_eq!(bed.state(3), CircuitState::Closed);
            bed.end(0, attempt, ms(0), Some(FailureKind::Timeout));
        }
        assert_eq!(bed.state(3), CircuitState::Open);
    }
}

#[test]
fn every_strategy_ejects_at_exactly_the_threshold() {
    for strategy in Strategy::ALL {
        for consecutive_failures in [1, 3, 5] {
            let circuit = CircuitConfig { consecutive_failures, ..CircuitConfig::default() };
            let mut bed = Bed::new(PoolConfig { circuit, ..equal(strategy, 4) }, 1, 8);
            bed.until(1, CircuitState::Open, ms(5000), &failing(1));
            assert_eq!(bed.counts(1).failures, u64::from(consecutive_failures), "{strategy:?}");
        }
    }
}

#[test]
fn a_success_between_starts_the_count_again() {
    let mut bed = Bed::new(classic(equal(Strategy::RoundRobin, 4)), 1, 8);
    for _ in 0..10 {
        for _ in 0..4 {
            bed.attempt(0, 1, &failing(1));
        }
        assert_eq!(bed.counts(1).consecutive_failures, 4);
        bed.attempt(0, 1, &well);
    }
    bed.pass(TICK);
    assert_eq!((bed.state(1), bed.events.len()), (CircuitState::Closed, 0));
}

#[test]
fn a_suspect_is_verified_also_across_a_change_of_the_configuration() {
    let config = equal(Strategy::PeakEwma, 8);
    let mut bed = Bed::new(config.clone(), 1, 6);
    bed.traffic(300, ms(10), &well);
    bed.attempt(0, 3, &failing(3));
    bed.pool().reconfigure(config);
    bed.until(3, CircuitState::Open, ms(500), &failing(3));
}

#[test]
fn at_most_the_configured_share_is_ejected_and_at_least_one() {
    for (percent, endpoints, most) in [(50, 8, 4), (50, 5, 2), (10, 3, 1), (1, 8, 1), (100, 4, 4), (0, 4, 0)] {
        let limits = PoolConfig { max_ejected_percent: percent, panic_threshold_percent: 0, ..PoolConfig::default() };
        let config = PoolConfig { endpoints: equal(Strategy::Random, endpoints).endpoints, ..limits };
        let mut bed = Bed::new(classic(config), 1, 1);
        assert_eq!(bed.pool().config().max_ejected(), most);
        for _ in 0..10 {
            for position in 0..endpoints as u32 {
                bed.attempt(0, position, &|_| (ms(1), STATUS));
            }
        }
        assert_eq!(bed.pool().eligible(), endpoints - most, "{percent} % of {endpoints}");
        bed.pass(TICK);
        let open = bed.record.entries.iter().filter(|entry| entry.state == CircuitState::Open).count();
        assert_eq!(open, most, "{percent} % of {endpoints}");
    }
}

#[test]
fn workers_that_eject_at_once_stay_within_the_cap_together() {
    let mut bed = Bed::new(classic(equal(Strategy::RoundRobin, 8)), 4, 1);
    // Worker w ejects endpoints 2w and 2w + 1: eight in all, four are allowed.
    for worker in 0..4 {
        for position in [2 * worker as u32, 2 * worker as u32 + 1] {
            for _ in 0..5 {
                bed.attempt(worker, position, &|_| (ms(1), STATUS));
            }
        }
    }
    bed.pass(TICK);
    bed.pass(TICK);
    assert_eq!(bed.record.entries.len(), 4);
    assert!(bed.pools.iter().all(|pool| pool.eligible() == 4 && !pool.has_evidence()));
}

#[test]
fn endpoints_that_left_do_not_use_up_the_cap() {
    let full = equal(Strategy::RoundRobin, 8);
    let half = |range: std::ops::Range<usize>| PoolConfig { endpoints: full.endpoints[range].to_vec(), ..full.clone() };
    let mut bed = Bed::new(half(0..4), 1, 1);
    for position in [0, 1] {
        bed.until(position, CircuitState::Open, ms(5000), &|at| (ms(1), STATUS.filter(|_| at < 2)));
    }
    bed.pass(TICK);
    bed.pool().reconfigure(half(4..8));
    bed.until(0, CircuitState::Open, ms(5000), &failing(0));
    bed.pass(TICK);
    assert_eq!(bed.record.entries.len(), 3, "two of endpoints that left, kept for other workers");
    assert_eq!(bed.state(0), CircuitState::Open);
}

#[test]
fn below_the_panic_threshold_ejections_are_ignored() {
    let limits = PoolConfig { max_ejected_percent: 100, ..PoolConfig::default() };
    let config = PoolConfig { endpoints: equal(Strategy::Random, 4).endpoints, strategy: Strategy::Random, ..limits };
    let mut bed = Bed::new(config, 1, 1);
    let eject = |bed: &mut Bed, position| {
        for _ in 0..5 {
            bed.attempt(0, position, &|_| (ms(1), STATUS));
        }
        bed.pass(TICK);
    };
    let seen = |bed: &mut Bed| (0..200).map(|_| bed.pick(0).unwrap()[0]).collect::<std::collections::BTreeSet<_>>();
    eject(&mut bed, 0);
    eject(&mut bed, 1);
    assert_eq!((seen(&mut bed).len(), bed.pool().panics()), (2, false), "half of them is not below half");
    eject(&mut bed, 2);
    assert_eq!((seen(&mut bed).len(), bed.pool().panics()), (4, true));
    assert_eq!(bed.pool().view().filter(|endpoint| endpoint.effective_weight > 0.0).count(), 4);
}

#[test]
fn a_pool_that_refuses_everything_says_when_and_recovers() {
    let limits = PoolConfig { max_ejected_percent: 100, panic_threshold_percent: 0, ..PoolConfig::default() };
    let mut bed = Bed::new(PoolConfig { endpoints: equal(Strategy::Random, 1).endpoints, ..limits }, 1, 1);
    bed.until(0, CircuitState::Open, ms(5000), &failing(0));
    bed.pass(TICK);
    let refused = bed.pick(0).unwrap_err();
    assert!((Duration::from_secs(9)..=Duration::from_secs(11)).contains(&refused.retry_after), "{refused:?}");
    assert_eq!(bed.pool().totals().1, 1);
    bed.until(0, CircuitState::Closed, Duration::from_secs(15), &well);
}
