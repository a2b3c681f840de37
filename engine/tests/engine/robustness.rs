//! No input makes the engine panic, and a clock that steps back does no harm.

use crate::arrange::{Bed, TICK, cases, equal, failing, ms, well};
use plimsoll_engine::{MAX_CANDIDATES, Pool, PoolConfig, Rng, Strategy, Time};
use plimsoll_snapshot::CircuitState;
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use std::time::Duration;

#[test]
fn any_size_of_pool_can_be_picked_from() {
    for strategy in Strategy::ALL {
        for endpoints in [0, 1, 2, 10_000] {
            for candidates in [1, 3, MAX_CANDIDATES] {
                let mut bed = Bed::new(PoolConfig { candidates, ..equal(strategy, endpoints) }, 1, 1);
                for _ in 0..20 {
                    let list = bed.pick(0).unwrap_or_default();
                    assert_eq!(list.len(), if endpoints == 0 { 0 } else { candidates });
                    assert!(list.iter().all(|position| (*position as usize) < endpoints));
                    assert!(list.first().is_none_or(|first| bed.attempt(0, *first, &well)));
                }
                bed.pass(TICK);
            }
        }
    }
}

#[test]
fn an_empty_pool_refuses_and_takes_endpoints_later() {
    let mut bed = Bed::new(equal(Strategy::PeakEwma, 0), 1, 1);
    assert_eq!(bed.pick(0).unwrap_err().retry_after, Duration::from_secs(1));
    bed.pool().reconfigure(equal(Strategy::PeakEwma, 2));
    assert_eq!(bed.pick(0).unwrap().len(), 3);
    let now = bed.now;
    assert!(bed.pool().start(2, now).is_none());
}

#[test]
fn a_clock_that_steps_back_an_hour_does_no_harm() {
    for strategy in Strategy::ALL {
        let mut bed = Bed::new(equal(strategy, 8), 1, 3);
        bed.traffic(500, ms(10), &well);
        bed.attempt(0, 3, &failing(3));
        bed.until(5, CircuitState::Open, Duration::from_secs(5), &failing(5));
        let under_way = bed.start(0, 1);
        let stepped = Time::from_millis(bed.now.as_millis() - 3_600_000);
        bed.now = stepped;
        bed.tick();
        bed.end(0, under_way, ms(0), None);
        // What has begun ends, what fails goes, what is well comes back, as if nothing had happened.
        bed.until(3, CircuitState::Open, Duration::from_secs(2), &failing(3));
        bed.until(5, CircuitState::Closed, Duration::from_secs(20), &failing(3));
        assert!(bed.pool().counts().iter().all(|count| count.in_flight == 0), "{strategy:?}");
        let before = bed.counts(1).recent_requests;
        bed.pass(Duration::from_secs(11));
        assert!(before > 0 && bed.counts(1).recent_requests == 0, "{strategy:?}: epochs turn");
    }
}

fn entry() -> impl proptest::strategy::Strategy<Value = CircuitEntry> {
    let state = prop::sample::select(vec![
        CircuitState::Closed,
        CircuitState::Open,
        CircuitState::HalfOpen,
        CircuitState::ForcedOpen,
        CircuitState::Disabled,
    ]);
    // Times around now and at the extremes, few keys, so that entries of one endpoint meet.
    let now = 1_700_000_000_000_u64;
    let time = || prop_oneof![Just(0), Just(u64::MAX), now - 20_000..now + 20_000];
    let count = || prop_oneof![0_u32..5, Just(u32::MAX)];
    let generation = prop_oneof![0_u64..5, Just(u64::MAX)];
    (0_u32..4, state, generation, time(), time(), count(), count(), count()).prop_map(
        |(position, state, generation, since_ms, until_ms, openings, permits_issued, probes_passed)| CircuitEntry {
            key: u64::from(position),
            state,
            generation,
            since_ms,
            until_ms,
            openings,
            permits_issued,
            probes_passed,
            probes_slow: probes_passed / 2,
        },
    )
}

/// A worker meets this record, works on with it, and proposes what it likes.
fn live_with(record: &Circuits, strategy: Strategy, seed: u64) {
    let mut bed = Bed::new(equal(strategy, 4), 2, seed);
    for position in 0..4 {
        bed.attempt(0, position, &failing(position));
        bed.request(1, &well);
    }
    bed.record = record.clone();
    for _ in 0..5 {
        bed.traffic(5, ms(7), &failing(1));
        bed.tick();
        bed.pass(Duration::from_secs(7));
    }
}

proptest! {
    #![proptest_config(cases(200))]
    #[test]
    fn any_bytes_that_are_a_record_can_be_lived_with(bytes in prop::collection::vec(any::<u8>(), 0..100), seed: u64) {
        // The version and a plausible head make more of them readable.
        let plausible = [&[1, 7, 1][..], &bytes].concat();
        for bytes in [bytes, plausible] {
            if let Ok(record) = Circuits::decode(&bytes) {
                live_with(&record, Strategy::PeakEwma, seed);
            }
        }
    }

    #[test]
    fn any_record_can_be_lived_with(
        generation in prop_oneof![0_u64..9, Just(u64::MAX)],
        entries in prop::collection::vec(entry(), 0..6),
        strategy in 0_usize..Strategy::ALL.len(),
        seed: u64,
    ) {
        let keys: Vec<u64> = Pool::new(equal(Strategy::Random, 3)).keys().collect();
        // The last key is nobody's.
        let known = |entry: CircuitEntry| CircuitEntry {
            key: keys.get(entry.key as usize).copied().unwrap_or(entry.key),
            ..entry
        };
        let entries = entries.into_iter().map(known).collect();
        live_with(&Circuits { generation, entries }, Strategy::ALL[strategy], seed);
    }

    #[test]
    fn any_order_of_times_can_be_lived_with(times in prop::collection::vec(any::<u64>(), 1..40), seed: u64) {
        let mut pool = Pool::new(equal(Strategy::PeakEwma, 3));
        let mut rng = Rng::new(seed);
        for time in times {
            let now = Time::from_nanos(time);
            pool.tick(now, &mut rng);
            let Ok(picked) = pool.pick(now, &mut rng) else { continue };
            let attempt = pool.start(picked.as_slice()[0], now).unwrap();
            let kind = plimsoll_snapshot::FailureKind::Reset;
            pool.finish(attempt, Time::from_nanos(rng.next_u64()), plimsoll_engine::Ending::Failed(kind));
            let record = pool.circuits().clone();
            if let Some(proposal) = pool.propose(&record, now, &mut rng) {
                pool.adopt(proposal.circuits.clone(), Some(&proposal));
            }
        }
    }
}
