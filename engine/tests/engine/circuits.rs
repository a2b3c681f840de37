//! The life of a circuit, one worker: transitions with their reasons, back-off, permits, late results.

use crate::arrange::{Bed, TICK, equal, failing, ms, well};
use plimsoll_engine::{CircuitConfig, Ending, PoolConfig, Strategy, address_key};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn bed(permits: u32) -> Bed {
    let circuit = CircuitConfig { half_open_permits: permits, ..CircuitConfig::default() };
    Bed::new(PoolConfig { circuit, ..equal(Strategy::RoundRobin, 4) }, 1, 17)
}

/// Endpoint 0 has just become half-open, and this worker holds the first permit.
fn half_open(permits: u32) -> Bed {
    let mut bed = bed(permits);
    bed.until(0, CircuitState::Open, SECOND, &failing(0));
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed
}

fn entry(bed: &Bed) -> CircuitEntry {
    *bed.record.get(bed.key(0)).unwrap()
}

#[test]
fn the_life_of_a_circuit_is_told_with_its_reasons() {
    let mut bed = bed(3);
    bed.until(0, CircuitState::Open, SECOND, &failing(0));
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.until(0, CircuitState::Closed, 2 * SECOND, &well);
    use CircuitState::{Closed, HalfOpen, Open};
    let story = [
        (Closed, Open, Signal::ConsecutiveFailures),
        (Open, HalfOpen, Signal::EjectionElapsed),
        (HalfOpen, Closed, Signal::ProbesPassed),
    ];
    assert_eq!(bed.story(), story);
    assert!(bed.events.iter().all(|(key, _)| *key == bed.key(0)));
    let [opened, probed, closed] = [0, 1, 2].map(|index| bed.events[index].1.clone());
    let reason = &opened.reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (5.0, 5.0, 5));
    assert_eq!(reason.failure, Some(FailureKind::Status));
    assert_eq!(reason.pool, Some(0.0), "the others meanwhile");
    let reason = &probed.reason;
    assert!((10_000.0..=11_000.0).contains(&reason.threshold), "10 s and at most a tenth: {}", reason.threshold);
    assert!(reason.observed > reason.threshold && reason.observed < reason.threshold + 200.0, "{reason:?}");
    assert_eq!(probed.at_ms - opened.at_ms, reason.observed as u64);
    assert_eq!((closed.reason.observed, closed.reason.threshold, closed.reason.samples), (3.0, 3.0, 3));
}

#[test]
fn one_failed_probe_reopens() {
    let mut bed = half_open(3);
    bed.traffic(1, TICK, &well);
    assert_eq!(entry(&bed).probes_passed, 1);
    bed.traffic(1, TICK, &failing(0));
    assert_eq!(bed.story()[2], (CircuitState::HalfOpen, CircuitState::Open, Signal::ProbeFailed));
    assert_eq!(bed.events[2].1.reason.failure, Some(FailureKind::Status));
    assert_eq!(entry(&bed).openings, 2);
}

#[test]
fn each_opening_lasts_half_as_long_again_up_to_the_limit() {
    let mut bed = bed(3);
    bed.traffic(120_000, ms(10), &failing(0));
    let elapsed = |(_, event): &(u64, plimsoll_snapshot::Transition)| {
        (event.reason.signal == Signal::EjectionElapsed).then_some(event.reason.threshold)
    };
    let times: Vec<f64> = bed.events.iter().filter_map(elapsed).collect();
    assert!(times.len() >= 9, "{times:?}");
    for (index, time) in times.iter().enumerate() {
        let want = (10_000.0 * 1.5_f64.powi(index as i32)).min(300_000.0);
        assert!((want - 1.0..=want * 1.1 + 1.0).contains(time), "opening {index}: {time} for {want}");
    }
    assert!(times.windows(2).any(|pair| pair[0] != pair[1] * 1.5), "jitter");
}

#[test]
fn the_back_off_is_forgotten_step_by_step_and_only_on_success() {
    let mut bed = half_open(3);
    bed.traffic(1, TICK, &failing(0));
    bed.until(0, CircuitState::HalfOpen, 18 * SECOND, &well);
    bed.until(0, CircuitState::Closed, 2 * SECOND, &well);
    assert_eq!(entry(&bed).openings, 2);
    // Twice the second opening's 15 s, but nothing happens without traffic.
    bed.pass(60 * SECOND);
    assert_eq!(entry(&bed).openings, 2);
    bed.traffic(20, ms(50), &well);
    assert_eq!(entry(&bed).openings, 1);
    bed.traffic(190, ms(100), &well);
    assert_eq!(entry(&bed).openings, 1, "twice the first opening's 10 s are not over");
    bed.traffic(20, ms(100), &well);
    assert_eq!(bed.record.get(bed.key(0)), None);
    assert_eq!(bed.state(0), CircuitState::Closed);
    let generation = bed.record.generation;
    bed.until(0, CircuitState::Open, SECOND, &failing(0));
    bed.pass(TICK);
    assert_eq!((entry(&bed).openings, entry(&bed).generation), (1, generation + 1), "as if for the first time");
}

#[test]
fn results_of_an_older_generation_change_nothing() {
    for failure in [None, Some(FailureKind::Status)] {
        let mut bed = bed(3);
        let late: Vec<_> = (0..20).map(|_| bed.start(0, 0)).collect();
        let mut late = late.into_iter();
        let mut settle_some = |bed: &mut Bed| {
            let before = (bed.record.clone(), bed.events.len());
            for attempt in late.by_ref().take(6) {
                bed.end(0, attempt, ms(0), failure);
            }
            assert!(!bed.pool().has_evidence());
            bed.sync(0);
            assert_eq!((bed.record.clone(), bed.events.len()), before);
        };
        bed.until(0, CircuitState::Open, SECOND, &failing(0));
        bed.pass(TICK);
        settle_some(&mut bed);
        bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
        settle_some(&mut bed);
        bed.until(0, CircuitState::Closed, 2 * SECOND, &well);
        settle_some(&mut bed);
        assert_eq!((bed.state(0), bed.counts(0).consecutive_failures), (CircuitState::Closed, 0));
        assert_eq!(bed.counts(0).in_flight, 2, "they did end");
    }
}

#[test]
fn an_attempt_that_is_no_probe_decides_nothing_while_half_open() {
    let mut bed = half_open(3);
    // In panic, or by an affinity that somebody else enforces, attempts reach it without a permit.
    for failure in [None, None, None, Some(FailureKind::Status)] {
        let attempt = bed.start(0, 0);
        bed.end(0, attempt, ms(1), failure);
    }
    bed.sync(0);
    assert_eq!((entry(&bed).state, entry(&bed).probes_passed), (CircuitState::HalfOpen, 0));
}

#[test]
fn an_abandoned_probe_returns_its_permit() {
    let mut bed = half_open(1);
    for _ in 0..5 {
        assert_eq!(bed.pick(0).unwrap()[0], 0);
        assert_ne!(bed.pick(0).unwrap()[0], 0, "the only permit is out");
        let attempt = bed.start(0, 0);
        let now = bed.now;
        bed.pool().finish(attempt, now, Ending::Abandoned);
        bed.pass(TICK);
        assert_eq!((entry(&bed).state, entry(&bed).permits_issued), (CircuitState::HalfOpen, 1));
    }
    bed.traffic(1, TICK, &well);
    assert_eq!(bed.state(0), CircuitState::Closed);
}

#[test]
fn permits_that_nobody_used_expire_into_a_new_generation() {
    let mut bed = half_open(1);
    let before = entry(&bed);
    // The client left before its attempt began.
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    bed.traffic(95, TICK, &well);
    assert_eq!(entry(&bed).generation, before.generation, "five seconds of grace after five");
    bed.traffic(10, TICK, &|_| (ms(10), None));
    let last = bed.story()[2];
    assert_eq!(last, (CircuitState::HalfOpen, CircuitState::HalfOpen, Signal::PermitsExpired));
    bed.until(0, CircuitState::Closed, SECOND, &well);
    assert_eq!(entry(&bed).openings, before.openings, "not a failure");
}

#[test]
fn an_endpoint_of_which_a_worker_hears_seldom_comes_back() {
    for gap in [3, 10, 40] {
        let mut bed = half_open(3);
        let openings = entry(&bed).openings;
        bed.traffic(20, gap * SECOND, &well);
        assert_eq!(bed.state(0), CircuitState::Closed, "one request in {gap} s");
        let opened = bed.story().iter().filter(|(_, to, _)| *to == CircuitState::Open).count();
        assert_eq!(opened as u32, openings, "and not by way of a failure");
    }
}

#[test]
fn a_probe_that_began_in_time_may_end_late() {
    let mut bed = half_open(2);
    bed.pass(ms(4500));
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let late = bed.start(0, 0);
    bed.traffic(10, TICK, &well);
    assert_eq!(bed.state(0), CircuitState::HalfOpen, "past the deadline of the permits");
    bed.end(0, late, ms(0), None);
    bed.traffic(2, TICK, &well);
    assert_eq!(bed.state(0), CircuitState::Closed);
}

#[test]
fn an_expired_permit_is_not_used() {
    let mut bed = half_open(1);
    bed.pass(6 * SECOND);
    assert_ne!(bed.pick(0).unwrap()[0], 0);
}

#[test]
fn a_probe_that_never_comes_back_reopens() {
    let mut bed = half_open(1);
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let hanging = bed.start(0, 0);
    bed.traffic(48, TICK, &well);
    assert_eq!(bed.state(0), CircuitState::HalfOpen);
    bed.traffic(5, TICK, &well);
    assert_eq!(bed.story()[2], (CircuitState::HalfOpen, CircuitState::Open, Signal::ProbeFailed));
    assert_eq!(bed.events[2].1.reason.failure, Some(FailureKind::Timeout));
    bed.end(0, hanging, ms(0), None);
    bed.sync(0);
    assert_eq!((bed.state(0), bed.counts(0).in_flight), (CircuitState::Open, 0));
}

#[test]
fn nobody_probes_without_traffic() {
    let mut bed = bed(3);
    bed.until(0, CircuitState::Open, SECOND, &failing(0));
    bed.pass(TICK);
    bed.pass(100 * SECOND);
    assert_eq!(bed.state(0), CircuitState::Open);
    bed.traffic(2, TICK, &well);
    assert_eq!(bed.state(0), CircuitState::HalfOpen);
}

#[test]
fn entries_of_unknown_endpoints_are_kept_then_dropped() {
    let mut bed = bed(3);
    let stranger = CircuitEntry {
        key: address_key(b"10.9.9.9:1"),
        state: CircuitState::Open,
        generation: 1,
        since_ms: bed.now.as_millis(),
        until_ms: bed.now.as_millis() + 10_000,
        openings: 1,
        permits_issued: 0,
        probes_passed: 0,
        probes_slow: 0,
    };
    bed.record = Circuits { generation: 1, entries: vec![stranger] };
    bed.pass(609 * SECOND);
    assert_eq!(bed.record.entries, [stranger], "ten minutes after its time");
    bed.pass(2 * SECOND);
    assert_eq!(bed.record.entries, []);
    assert_eq!(bed.events, []);
}

#[test]
fn a_change_of_the_configuration_keeps_circuits_and_probes_of_staying_endpoints() {
    let mut bed = half_open(1);
    let config = bed.pool().config().clone();
    let probe = bed.pick(0).unwrap()[0];
    let attempt = bed.start(0, probe);
    let endpoints = config.endpoints.iter().rev().cloned().collect();
    bed.pool().reconfigure(PoolConfig { endpoints, ..config });
    assert_eq!(bed.state(3), CircuitState::HalfOpen);
    bed.end(0, attempt, ms(10), None);
    bed.pass(TICK);
    assert_eq!(bed.state(3), CircuitState::Closed);
    assert_eq!(bed.story().last().unwrap().2, Signal::ProbesPassed);
}

#[test]
fn a_new_endpoint_that_the_record_knows_as_open_gets_no_traffic() {
    let mut bed = bed(3);
    bed.until(0, CircuitState::Open, SECOND, &failing(0));
    bed.pass(TICK);
    let config = bed.pool().config().clone();
    let without = PoolConfig { endpoints: config.endpoints[1..].to_vec(), ..config.clone() };
    bed.pool().reconfigure(without);
    bed.pool().reconfigure(config);
    assert_eq!((bed.state(0), bed.counts(0).requests), (CircuitState::Open, 0));
    assert!(!bed.traffic(100, ms(10), &well).iter().flatten().any(|position| *position == 0));
}
