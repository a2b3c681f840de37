//! What picks and ticks cost as pools grow. Times are compared with each other only, and by a wide margin: a pick that
//! looked at every endpoint would miss it by far.

use crate::arrange::{Bed, equal, ms, weighted, well};
use plimsoll_engine::{PoolConfig, Request, Strategy};
use plimsoll_snapshot::cell::Cell;
use plimsoll_snapshot::merge::MergedPool;
use std::time::{Duration, Instant};

/// The least time of some batches of 200 picks.
fn picks_take(bed: &mut Bed) -> Duration {
    let batch = |bed: &mut Bed| {
        let began = Instant::now();
        for _ in 0..200 {
            let key = bed.rng.next_u64().to_le_bytes();
            assert!(bed.pick_for(&Request { key: Some(&key), ..Request::default() }).is_ok());
        }
        began.elapsed()
    };
    (0..10).map(|_| batch(bed)).min().unwrap()
}

fn pool(strategy: Strategy, count: usize) -> PoolConfig {
    let weights: Vec<u32> = (0..count).map(|index| 1 + index as u32 % 3).collect();
    weighted(strategy, &weights)
}

#[test]
fn a_pick_looks_at_a_bounded_number_of_endpoints() {
    for strategy in Strategy::ALL {
        // At 64 `least_response_time` looks at all, and so does `round_robin`.
        let mut few = Bed::new(pool(strategy, 64), 1, 1);
        let mut many = Bed::new(pool(strategy, 20_000), 1, 1);
        for bed in [&mut few, &mut many] {
            while bed.pool().is_building() {
                bed.tick();
            }
        }
        let (small, large) = (picks_take(&mut few), picks_take(&mut many));
        // 312 times as many endpoints.
        assert!(large < small * 25, "{strategy:?}: {large:?} in place of {small:?}");
    }
}

#[test]
fn a_new_configuration_costs_about_as_much_for_each_endpoint_as_copying_it() {
    for strategy in [Strategy::PeakEwma, Strategy::RoundRobin, Strategy::Hcl] {
        let config = pool(strategy, 20_000);
        let mut turned = config.clone();
        turned.endpoints.rotate_left(1);
        let mut bed = Bed::new(config.clone(), 1, 1);
        let mut least = [Duration::MAX; 2];
        for _ in 0..4 {
            let began = Instant::now();
            let copies = [turned.clone(), config.clone()];
            let copied = began.elapsed();
            let began = Instant::now();
            for copy in copies {
                bed.pool().reconfigure(copy);
                bed.pick(0).unwrap();
            }
            least = [least[0].min(copied), least[1].min(began.elapsed())];
        }
        // A step for each pair of endpoints would be thousands of times a copy.
        assert!(least[1] < least[0] * 200, "{strategy:?}: {:?}, {:?} to copy", least[1], least[0]);
    }
}

#[test]
fn a_table_is_built_again_for_other_members_or_weights_and_for_nothing_else() {
    for strategy in [Strategy::Maglev, Strategy::RingHash] {
        let config = pool(strategy, 50);
        let mut bed = Bed::new(config.clone(), 1, 1);
        let mut begins = |change: &dyn Fn(&mut PoolConfig)| {
            while bed.pool().is_building() {
                bed.tick();
            }
            let mut changed = config.clone();
            change(&mut changed);
            bed.pool().reconfigure(changed);
            let begun = bed.pool().is_building();
            bed.pool().reconfigure(config.clone());
            begun
        };
        assert!(!begins(&|config| config.endpoints.rotate_left(7)), "{strategy:?}: order");
        assert!(!begins(&|config| config.endpoints[3].draining = true), "{strategy:?}: draining");
        assert!(!begins(&|config| config.ramp = ms(5)), "{strategy:?}: something else");
        assert!(begins(&|config| config.endpoints[3].weight = 9), "{strategy:?}: weight");
        assert!(begins(&|config| _ = config.endpoints.pop()), "{strategy:?}: members");
    }
}

#[test]
fn the_hint_for_the_tick_follows_the_service_and_grows_with_endpoints_and_workers() {
    let hint = |endpoints: usize, workers: u32, service: u64| {
        let mut bed = Bed::new(equal(Strategy::PeakEwma, endpoints), 1, 1);
        let mut peers = MergedPool::new(bed.pool().keys().collect());
        (1..workers).for_each(|_| peers.add(&Cell::default(), false));
        peers.add(&Cell::default(), true);
        let now = bed.now;
        bed.pool().absorb(&peers, Some(now));
        assert_eq!(bed.pool().tick_hint(), None, "nothing is known");
        bed.traffic(50, ms(100), &|_| (ms(service), None));
        bed.pool().tick_hint().unwrap()
    };
    assert_eq!([1, 30, 500].map(|service| hint(8, 1, service)), [10, 30, 100].map(ms));
    assert_eq!(hint(1000, 8, 1), ms(80));
    assert_eq!(hint(1000, 8, 500), ms(100));
    assert_eq!(hint(10_000, 8, 1), ms(800));
    assert_eq!(hint(10_000, 64, 1), ms(1000));
}

#[test]
fn a_pause_does_not_change_the_hint() {
    let mut bed = Bed::new(equal(Strategy::PeakEwma, 4), 1, 1);
    bed.traffic(300, ms(10), &|_| (ms(40), None));
    bed.pass(Duration::from_secs(30));
    assert_eq!(bed.pool().tick_hint(), Some(ms(40)));
    bed.attempt(0, 0, &well);
}
