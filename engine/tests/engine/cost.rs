//! What a change of the configuration makes again, and what not. What picks cost as pools grow is counted in wasm
//! instructions, by the tests of the filter.

use crate::arrange::{Bed, equal, ms, weighted, well};
use plimsoll_engine::{PoolConfig, Strategy};
use plimsoll_snapshot::cell::Cell;
use plimsoll_snapshot::merge::MergedPool;
use std::time::Duration;

fn pool(strategy: Strategy, count: usize) -> PoolConfig {
    let weights: Vec<u32> = (0..count).map(|index| 1 + index as u32 % 3).collect();
    weighted(strategy, &weights)
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
        bed.pool().absorb(&peers, Some(now), now);
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
