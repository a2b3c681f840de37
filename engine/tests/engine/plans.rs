//! Where a request may go: tiers, zones, subsets, ranges, draining, sessions.

use crate::arrange::{Bed, cases, equal, ms, well};
use plimsoll_engine::{
    EndpointConfig, KeyBound, KeyRange, NoMatch, PoolConfig, Refusal, Request, Strategy, subset_key,
};
use plimsoll_snapshot::CircuitState;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PICKS: usize = 4000;

/// Endpoints, changed one by one; all of them may be ejected.
fn pool(strategy: Strategy, count: usize, change: impl Fn(usize, &mut EndpointConfig)) -> PoolConfig {
    let mut config = PoolConfig { max_ejected_percent: 100, ..equal(strategy, count) };
    config.endpoints.iter_mut().enumerate().for_each(|(index, endpoint)| change(index, endpoint));
    config
}

/// Six standard deviations of the binomial, and one.
fn bound(share: f64, picks: usize) -> f64 {
    6.0 * (share * (1.0 - share) * picks as f64).sqrt() + 1.0
}

fn part(seen: &[usize], positions: std::ops::Range<usize>) -> f64 {
    seen[positions].iter().sum::<usize>() as f64
}

#[track_caller]
fn is_share(seen: f64, share: f64, case: &str) {
    let (want, bound) = (share * PICKS as f64, bound(share, PICKS));
    assert!((seen - want).abs() <= bound, "{case}: {seen} for {want} ± {bound}");
}

#[test]
fn tiers_keep_what_they_can_take_and_spill_the_rest() {
    for strategy in Strategy::ALL {
        // Ten, five and five endpoints; how many of each are ejected, and the shares by Envoy's rule.
        let cases: [([u32; 3], [f64; 3]); 5] = [
            ([0, 0, 0], [1.0, 0.0, 0.0]),
            ([2, 0, 0], [1.0, 0.0, 0.0]),
            ([5, 0, 0], [0.7, 0.3, 0.0]),
            ([9, 4, 0], [0.14, 0.28, 0.58]),
            ([10, 0, 0], [0.0, 1.0, 0.0]),
        ];
        for (ejected, want) in cases {
            let tier = |index: usize| u32::from(index >= 10) + u32::from(index >= 15);
            let mut bed = Bed::new(pool(strategy, 20, |index, endpoint| endpoint.tier = tier(index)), 1, 7);
            let out = |first: u32, count: u32| first..first + count;
            let out = out(0, ejected[0]).chain(out(10, ejected[1])).chain(out(15, ejected[2]));
            let out: Vec<u32> = out.collect();
            bed.eject(&out);
            let seen = bed.shares(PICKS);
            assert!(out.iter().all(|position| seen[*position as usize] == 0), "{strategy:?}: {seen:?}");
            for (tier, share) in [0..10, 10..15, 15..20].into_iter().zip(want) {
                is_share(part(&seen, tier), share, &format!("{strategy:?}, {ejected:?}"));
            }
            assert!(!bed.pool().panics());
        }
    }
}

#[test]
fn a_tier_in_need_takes_no_ejected_endpoints_while_another_can_serve_and_all_panic_together() {
    let mut bed = Bed::new(pool(Strategy::Random, 8, |index, endpoint| endpoint.tier = (index / 4) as u32), 1, 3);
    bed.eject(&[0, 1, 2]);
    assert!(!bed.pool().panics());
    bed.eject(&[4, 5, 6]);
    assert!(bed.pool().panics());
    let seen = bed.shares(PICKS);
    is_share(part(&seen, 0..4), 0.5, "by weight");
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}

#[test]
fn retries_stay_in_the_tier_and_leave_it_when_it_has_no_more() {
    for strategy in Strategy::ALL {
        let config = pool(strategy, 6, |index, endpoint| endpoint.tier = u32::from(index >= 2));
        let mut bed = Bed::new(PoolConfig { candidates: 4, ..config }, 1, 3);
        for _ in 0..100 {
            let list = bed.pick(0).unwrap();
            assert!(list[..2].iter().all(|position| *position < 2), "{strategy:?}: {list:?}");
            assert!(list[2..].iter().all(|position| *position >= 2) && list[2] != list[3], "{strategy:?}: {list:?}");
        }
    }
}

#[test]
fn the_preferred_zone_keeps_what_it_can_take() {
    for strategy in Strategy::ALL {
        let zone = |index: usize, endpoint: &mut EndpointConfig| endpoint.zone = Some(["a", "b"][index / 4].into());
        for (zone_of_proxy, ejected, want) in [("a", 0, 1.0), ("a", 2, 0.7), ("a", 4, 0.0), ("c", 0, 0.5)] {
            let config = PoolConfig { prefer_zone: Some(zone_of_proxy.into()), ..pool(strategy, 8, zone) };
            let mut bed = Bed::new(config, 1, 5);
            bed.eject(&(0..ejected).collect::<Vec<u32>>());
            let near = part(&bed.shares(PICKS), 0..4);
            is_share(near, want, &format!("{strategy:?}, from {zone_of_proxy}, {ejected} ejected"));
        }
    }
}

#[test]
fn draining_endpoints_take_only_their_sessions() {
    for strategy in Strategy::ALL {
        let mut bed = Bed::new(pool(strategy, 8, |index, endpoint| endpoint.draining = index >= 2), 1, 5);
        let all: BTreeSet<u32> = (0..200).flat_map(|_| bed.pick(0).unwrap()).collect();
        assert_eq!(all, BTreeSet::from([0, 1]), "{strategy:?}");
        assert!(!bed.pool().panics(), "they are not broken");
        assert_eq!(
            (bed.pool().eligible(), bed.pool().view().filter(|view| view.effective_weight > 0.0).count()),
            (2, 2)
        );
        let session = Request { sticky: Some(5), ..Request::default() };
        let list = bed.pick_for(&session).unwrap();
        assert_eq!(list[0], 5);
        assert!(list[1..].iter().all(|position| *position < 2), "{strategy:?}: {list:?}");
    }
}

#[test]
fn a_pool_in_which_all_drain_refuses_new_sessions() {
    let mut bed = Bed::new(pool(Strategy::PeakEwma, 2, |_, endpoint| endpoint.draining = true), 1, 5);
    assert_eq!(bed.pick(0).unwrap_err().reason, Refusal::NoEndpoint);
    assert_eq!(bed.pick_for(&Request { sticky: Some(1), ..Request::default() }).unwrap()[0], 1);
}

#[test]
fn a_session_goes_to_its_endpoint_until_that_is_ejected() {
    for strategy in Strategy::ALL {
        let mut bed = Bed::new(equal(strategy, 4), 1, 5);
        let session = Request { sticky: Some(2), key: Some(b"k"), ..Request::default() };
        for _ in 0..50 {
            let list = bed.pick_for(&session).unwrap();
            assert_eq!((list[0], list.iter().collect::<BTreeSet<_>>().len()), (2, 3), "{strategy:?}");
        }
        bed.eject(&[2]);
        assert!((0..50).all(|_| !bed.pick_for(&session).unwrap().contains(&2)), "{strategy:?}");
        let nobody = Request { sticky: Some(99), ..Request::default() };
        assert_eq!(bed.pick_for(&nobody).unwrap().len(), 3);
    }
}

fn versions(strategy: Strategy, no_match: NoMatch) -> PoolConfig {
    let metadata = |index: usize, endpoint: &mut EndpointConfig| {
        let version = ["v1", "v1", "v1", "v2", "v2", "v3"][index];
        endpoint.metadata = vec![("stage".into(), "live".into()), ("version".into(), version.into())];
        if index == 5 {
            endpoint.metadata.remove(0);
        }
    };
    let subset_keys = vec!["version".into(), "stage".into()];
    PoolConfig { subset_keys, no_match, ..pool(strategy, 6, metadata) }
}

fn subset(version: &str) -> Request<'static> {
    Request { subset: Some(subset_key([version.as_bytes(), b"live"])), ..Request::default() }
}

#[test]
fn a_subset_serves_alone_and_its_ejections_are_its_own() {
    for strategy in Strategy::ALL.into_iter().filter(|strategy| *strategy != Strategy::Range) {
        let mut bed = Bed::new(versions(strategy, NoMatch::Any), 1, 5);
        let tried = |bed: &mut Bed, version| -> BTreeSet<u32> {
            (0..200).flat_map(|_| bed.pick_for(&subset(version)).unwrap()).collect()
        };
        assert_eq!(tried(&mut bed, "v1"), BTreeSet::from([0, 1, 2]), "{strategy:?}");
        assert_eq!(tried(&mut bed, "v2"), BTreeSet::from([3, 4]), "{strategy:?}");
        assert_eq!(tried(&mut bed, "v3").len(), 6, "{strategy:?}: it lacks a value, so it is in no subset");
        bed.eject(&[3]);
        assert_eq!(tried(&mut bed, "v2"), BTreeSet::from([4]), "{strategy:?}");
        assert_eq!(tried(&mut bed, "v1"), BTreeSet::from([0, 1, 2]), "{strategy:?}");
        bed.eject(&[4]);
        assert_eq!(tried(&mut bed, "v2"), BTreeSet::from([3, 4]), "{strategy:?}: panic is for the subset");
        assert!(!bed.pool().panics());
    }
}

#[test]
fn what_no_subset_fits_goes_anywhere_or_nowhere() {
    let mut bed = Bed::new(versions(Strategy::Random, NoMatch::Refuse), 1, 5);
    for request in [subset("v9"), Request::default()] {
        let refused = bed.pick_for(&request).unwrap_err();
        assert_eq!((refused.reason, refused.retry_after), (Refusal::NoMatch, ms(0)));
    }
    assert!(bed.pick_for(&subset("v1")).is_ok());
    assert_eq!(bed.pool().totals(), (1, 2));
}

#[test]
fn probes_and_suspects_take_only_requests_that_may_go_to_them() {
    for strategy in Strategy::ALL.into_iter().filter(|strategy| *strategy != Strategy::Range) {
        let mut bed = Bed::new(versions(strategy, NoMatch::Any), 1, 5);
        bed.attempt(0, 4, &crate::arrange::failing(4));
        bed.eject(&[3]);
        let (began, mut half_open) = (bed.now, 0);
        while half_open < 10 {
            let list = bed.pick_for(&subset("v1")).unwrap();
            assert!(list.iter().all(|position| *position < 3), "{strategy:?}: {list:?}");
            bed.attempt(0, list[0], &well);
            bed.pass(ms(100));
            half_open += u32::from(bed.state(3) == CircuitState::HalfOpen);
            assert!(bed.now.since(began) < ms(15_000), "{strategy:?}: {half_open}");
        }
        let list = bed.pick_for(&subset("v2")).unwrap();
        assert_eq!(list[0], 3, "{strategy:?}: its first request is the probe");
    }
}

fn sharded(no_match: NoMatch) -> PoolConfig {
    let bound = |bound| Some(KeyBound::Number(bound));
    let ranges = vec![
        KeyRange { from: None, to: bound(1000), endpoints: vec![0, 1] },
        KeyRange { from: bound(1000), to: bound(2000), endpoints: vec![2] },
        KeyRange { from: bound(3000), to: None, endpoints: vec![3, 0, 99, 3] },
    ];
    PoolConfig { ranges, no_match, ..pool(Strategy::Range, 5, |_, _| {}) }
}

#[test]
fn a_key_goes_to_the_endpoints_of_its_range() {
    let mut bed = Bed::new(sharded(NoMatch::Refuse), 1, 5);
    let mut tried = |key: &str| -> Result<BTreeSet<u32>, Refusal> {
        let request = Request { key: Some(key.as_bytes()), ..Request::default() };
        let lists = (0..50).map(|_| bed.pick_for(&request)).collect::<Result<Vec<_>, _>>();
        lists.map(|lists| lists.into_iter().flatten().collect()).map_err(|refused| refused.reason)
    };
    assert_eq!(tried("-5"), Ok(BTreeSet::from([0, 1])));
    assert_eq!(tried("1000"), Ok(BTreeSet::from([2])));
    assert_eq!(tried("3000"), Ok(BTreeSet::from([0, 3])));
    assert_eq!((tried("2500"), tried("x")), (Err(Refusal::NoMatch), Err(Refusal::NoMatch)));
    let mut bed = Bed::new(sharded(NoMatch::Any), 1, 5);
    assert!(bed.shares(PICKS).iter().all(|seen| *seen > 0), "keys that are no numbers go anywhere");
}

#[test]
fn inside_a_range_the_faster_endpoint_wins() {
    let mut bed = Bed::new(sharded(NoMatch::Refuse), 1, 5);
    let request = Request { key: Some(b"7"), ..Request::default() };
    let mut fast = 0;
    for _ in 0..1000 {
        let first = bed.pick_for(&request).unwrap()[0];
        fast += u32::from(first == 1);
        bed.attempt(0, first, &|position| (if position == 1 { ms(2) } else { ms(40) }, None));
        bed.pass(ms(10));
    }
    assert!(fast > 850, "{fast}");
}

proptest! {
    #![proptest_config(cases(60))]
    /// Two proxies with the same members in another order send each key to the same address, whatever is ejected.
    #[test]
    fn keys_go_to_the_same_address_whatever_the_order(
        maglev: bool,
        seed: u64,
        tiers in prop::collection::vec(0_u32..3, 2..24),
        ejected in prop::collection::vec(any::<bool>(), 24),
    ) {
        let strategy = if maglev { Strategy::Maglev } else { Strategy::RingHash };
        let config = PoolConfig {
            prefer_zone: Some("a".into()),
            ..pool(strategy, tiers.len(), |index, endpoint| {
                endpoint.tier = tiers[index];
                endpoint.weight = 1 + index as u32 % 3;
                endpoint.zone = (index % 4 == 0).then(|| "a".into());
            })
        };
        let endpoints = config.endpoints.iter().rev().cloned().collect();
        let other = PoolConfig { endpoints, ..config.clone() };
        let mut here = Bed::new(config, 1, seed);
        let out: Vec<u32> = (0..tiers.len() as u32).filter(|position| ejected[*position as usize]).collect();
        here.eject(&out);
        let mut there = Bed::new(other, 1, !seed);
        there.record = here.record.clone();
        there.tick();
        for _ in 0..20 {
            let (now, then) = (here.now, there.now);
            here.pools[0].tick(now, &mut here.rng);
            there.pools[0].tick(then, &mut there.rng);
        }
        for key in 0..200_u32 {
            let request = Request { key: Some(&key.to_le_bytes()), ..Request::default() };
            let address = |bed: &mut Bed| {
                let first = bed.pick_for(&request).unwrap()[0];
                bed.pools[0].endpoint(first).unwrap().address.clone()
            };
            prop_assert_eq!(address(&mut here), address(&mut there), "key {}", key);
        }
    }
}
