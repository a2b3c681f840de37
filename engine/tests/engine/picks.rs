//! Candidate lists: their length, that entries differ, and who is preferred.

use crate::arrange::{Bed, cases, equal, ms, well};
use plimsoll_engine::{MAX_CANDIDATES, PoolConfig, Strategy};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn candidates_differ_while_there_are_enough_and_cycle_when_there_are_fewer() {
    for strategy in Strategy::ALL {
        for endpoints in [1_usize, 2, 3, 5, 16, 40] {
            for candidates in 1..=MAX_CANDIDATES {
                let mut bed = Bed::new(PoolConfig { candidates, ..equal(strategy, endpoints) }, 1, 5);
                for _ in 0..50 {
                    let list = bed.pick(0).unwrap();
                    let different: BTreeSet<u32> = list.iter().copied().collect();
                    let case = format!("{strategy:?}, {candidates} of {endpoints}: {list:?}");
                    assert_eq!(list.len(), candidates, "{case}");
                    assert_eq!(different.len(), candidates.min(endpoints), "{case}");
                    assert!(list.iter().skip(endpoints).zip(&list).all(|(again, first)| again == first), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_probe_takes_the_first_place_and_the_list_keeps_its_length() {
    for strategy in Strategy::ALL {
        for candidates in [1, 3] {
            let mut bed = Bed::new(PoolConfig { candidates, ..equal(strategy, 4) }, 1, 5);
            let bad = crate::arrange::failing(0);
            bed.until(0, plimsoll_snapshot::CircuitState::Open, ms(5000), &bad);
            let mut longest = 0;
            let mut probed = false;
            for _ in 0..3000 {
                let list = bed.pick(0).unwrap();
                probed |= list[0] == 0;
                longest = longest.max(list.len());
                bed.attempt(0, list[0], &well);
                bed.pass(ms(5));
            }
            assert!(probed && longest == candidates, "{strategy:?}: {longest} of {candidates}");
        }
    }
}

#[test]
fn peak_ewma_prefers_the_faster_endpoint() {
    let mut bed = Bed::new(equal(Strategy::PeakEwma, 4), 1, 11);
    let behaviour = |position| (if position == 2 { ms(5) } else { ms(50) }, None);
    let tried = bed.traffic(2000, ms(10), &behaviour);
    let fast = tried.iter().filter(|tried| tried[0] == 2).count();
    // One tenth of the others' latency, and nothing ever in flight: only looks at the others, as their averages decay,
    // go elsewhere.
    assert!(fast > 1700, "{fast} of 2000");
}

#[test]
fn peak_ewma_tries_an_unknown_endpoint_at_once_and_with_one_request() {
    let mut bed = Bed::new(equal(Strategy::PeakEwma, 5), 1, 11);
    // One request in ten seconds: the known averages fade almost to nothing in between.
    for _ in 0..5 {
        (1..5).for_each(|position| _ = bed.attempt(0, position, &well));
        bed.pass(ms(10_000));
    }
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let under_way = bed.start(0, 0);
    let tried = bed.traffic(20, ms(10), &well);
    assert!(tried.iter().all(|tried| tried[0] != 0), "until it has answered, it is not the fastest of all");
    bed.end(0, under_way, ms(5), None);
}

#[test]
fn least_request_and_peak_ewma_prefer_the_idle_endpoint() {
    for strategy in [Strategy::LeastRequest, Strategy::PeakEwma] {
        let mut bed = Bed::new(equal(strategy, 2), 1, 3);
        bed.traffic(20, ms(10), &well);
        let busy = bed.start(0, 1);
        for _ in 0..100 {
            assert_eq!(bed.pick(0).unwrap()[0], 0, "{strategy:?}");
        }
        bed.end(0, busy, ms(10), None);
    }
}

#[test]
fn other_workers_load_counts_while_it_is_fresh() {
    use plimsoll_snapshot::{cell::Cell, merge::MergedPool};
    let mut bed = Bed::new(equal(Strategy::PeakEwma, 2), 1, 3);
    let keys: Vec<u64> = bed.pool().keys().collect();
    let mut endpoints = bed.pool().counts();
    endpoints[0].in_flight = 9;
    let mut peers = MergedPool::new(keys);
    peers.add(&Cell { endpoints, ..Cell::default() }, false);
    let now = bed.now;
    bed.pool().absorb(&peers, Some(now), now);
    assert!((0..100).all(|_| bed.pick(0).unwrap()[0] == 1));
    // Service takes 10 ms as far as anybody knows: after a second nothing is left of the news.
    bed.pass(ms(1000));
    let first = (0..1000).filter(|_| bed.pick(0).unwrap()[0] == 0).count();
    // A fair coin: five standard deviations are 79.
    assert!(first.abs_diff(500) < 79, "{first}");
}

proptest! {
    #![proptest_config(cases(100))]
    #[test]
    fn ejected_endpoints_are_never_candidates(strategy in 0_usize..Strategy::ALL.len(), bad in 0_u32..8, seed: u64) {
        let mut bed = Bed::new(equal(Strategy::ALL[strategy], 8), 1, seed);
        bed.until(bad, plimsoll_snapshot::CircuitState::Open, ms(5000), &crate::arrange::failing(bad));
        for _ in 0..200 {
            prop_assert!(!bed.pick(0).unwrap().contains(&bad));
        }
    }
}
