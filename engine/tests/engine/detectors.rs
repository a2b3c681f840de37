//! What ejects besides failures in a row: evidence against the others, silence, rates; and what does not.

use crate::arrange::{Bed, TICK, equal, ms, well};
use plimsoll_engine::detect::{Limits, WindowKind};
use plimsoll_engine::{CircuitConfig, CircuitMode, EndpointConfig, Forced, PoolConfig, RateConfig, Strategy};
use plimsoll_snapshot::cell::Cell;
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const STATUS: Option<FailureKind> = Some(FailureKind::Status);

/// Attempts on every endpoint in turn, by the workers in turn, one every millisecond; an endpoint fails by its share and
/// takes so many times 10 ms on average. Until somebody is out, or for so long.
fn run(bed: &mut Bed, time: Duration, share_of: &dyn Fn(u32) -> (f64, f64)) -> Duration {
    let began = bed.now;
    let (workers, endpoints) = (bed.pools.len(), bed.pools[0].config().endpoints.len());
    for turn in 0..time.as_millis() as usize {
        let (worker, position) = (turn / endpoints % workers, (turn % endpoints) as u32);
        let (failing, times) = share_of(position);
        let failure = STATUS.filter(|_| bed.rng.unit() < failing);
        let latency = Duration::from_secs_f64(-0.01 * times * (1.0 - bed.rng.unit()).ln());
        bed.attempt(worker, position, &|_| (latency, failure));
        bed.pass(ms(1));
        if (turn + 1).is_multiple_of(TICK.as_millis() as usize) {
            bed.share();
        }
        if bed.pools.iter().any(|pool| pool.eligible() < endpoints) {
            break;
        }
    }
    bed.now.since(began)
}

fn healthy(_: u32) -> (f64, f64) {
    (0.01, 1.0)
}

#[test]
fn one_that_fails_or_is_slow_more_often_than_the_others_is_out_whatever_the_number_of_workers() {
    let cases = [
        (0.5, 1.0, Signal::Failures, ms(500)),
        (0.2, 1.0, Signal::Failures, ms(1500)),
        (0.01, 10.0, Signal::Slowness, ms(1000)),
    ];
    for (failing, times, signal, limit) in cases {
        for workers in [1, 4] {
            let config = PoolConfig {
                circuit: CircuitConfig { consecutive_failures: 0, ..CircuitConfig::default() },
                ..equal(Strategy::RoundRobin, 10)
            };
            let mut bed = Bed::new(config, workers, 5);
            run(&mut bed, Duration::from_secs(15), &healthy);
            assert_eq!(bed.events, []);
            let took = run(&mut bed, ms(5000), &|at| if at == 3 { (failing, times) } else { healthy(at) });
            bed.pass(TICK);
            bed.pass(TICK);
            let [(key, opened)] = &bed.events[..] else { panic!("{signal:?}, {workers}: {:?}", bed.events) };
            assert_eq!((*key, opened.reason.signal), (bed.key(3), signal), "{workers}");
            assert!(took <= limit, "{signal:?}, {workers} workers: {took:?}");
            assert!(bed.pools.iter().all(|pool| pool.circuit_state(3) == CircuitState::Open));
            let reason = &opened.reason;
            assert!(reason.observed >= reason.threshold && reason.samples >= 5, "{reason:?}");
            assert!(
                reason.share.is_some_and(|share| share > 0.15) && reason.pool.is_some_and(|pool| pool < 0.2),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn what_happens_to_all_endpoints_alike_ejects_none() {
    for (failing, times) in [(0.3, 1.0), (1.0, 1.0), (0.01, 3.0)] {
        for workers in [1, 4] {
            for seed in 0..5 {
                let mut bed = Bed::new(equal(Strategy::RoundRobin, 10), workers, seed);
                run(&mut bed, Duration::from_secs(12), &healthy);
                run(&mut bed, Duration::from_secs(20), &|_| (failing, times));
                run(&mut bed, Duration::from_secs(12), &healthy);
                assert_eq!(bed.events, [], "{failing}, {times}, {workers} workers, seed {seed}");
            }
        }
    }
}

#[test]
fn counts_of_another_set_of_workers_are_no_news() {
    let mut bed = Bed::new(equal(Strategy::RoundRobin, 4), 2, 1);
    run(&mut bed, Duration::from_secs(2), &healthy);
    // A third worker is known of from now on: with a thousand failures that it had before.
    let mut cell = Cell { nonce: 9, endpoints: bed.pools[1].counts(), ..Cell::default() };
    cell.endpoints[2].heard.failures += 1000;
    cell.endpoints[2].heard.calls += 1000;
    let mut peers = MergedPool::new(bed.pools[0].keys().collect());
    peers.add(&cell, false);
    let now = bed.now;
    bed.pool().absorb(&peers, Some(now), now);
    assert!(!bed.pool().has_evidence(), "they were not seen to happen");
    cell.endpoints[2].heard.failures += 20;
    cell.endpoints[2].heard.calls += 20;
    let mut peers = MergedPool::new(bed.pools[0].keys().collect());
    peers.add(&cell, false);
    bed.pool().absorb(&peers, Some(now), now);
    assert!(bed.pool().has_evidence(), "these were");
}

#[test]
fn an_endpoint_that_stops_answering_is_out_while_its_attempts_wait() {
    let mut bed = Bed::new(equal(Strategy::RoundRobin, 4), 1, 3);
    bed.traffic(1200, ms(5), &well);
    let mut hanging = Vec::new();
    while bed.state(2) == CircuitState::Closed {
        let first = bed.pick(0).unwrap()[0];
        if first == 2 {
            hanging.push(bed.start(0, 2));
        } else {
            bed.attempt(0, first, &well);
        }
        bed.pass(ms(5));
        assert!(hanging.len() < 20, "no answer, and nobody cares");
    }
    let reason = &bed.events[0].1.reason;
    assert_eq!(reason.signal, Signal::Silence);
    assert!(reason.observed > reason.threshold && reason.samples >= 3, "{reason:?}");
    assert!(reason.pool.is_some_and(|longest| (9.0..11.0).contains(&longest)), "{reason:?}");
    for attempt in hanging {
        bed.end(0, attempt, ms(1000), None);
    }
}

#[test]
fn nobody_is_silent_where_all_are_and_none_with_one_long_poll() {
    let mut bed = Bed::new(equal(Strategy::RoundRobin, 4), 1, 3);
    bed.traffic(1200, ms(5), &well);
    let polls: Vec<_> = (0..4).flat_map(|at| [bed.start(0, at), bed.start(0, at)]).collect();
    bed.pass(Duration::from_secs(2));
    bed.traffic(200, ms(5), &well);
    let more: Vec<_> = (0..4).flat_map(|at| [bed.start(0, at), bed.start(0, at), bed.start(0, at)]).collect();
    bed.pass(Duration::from_secs(2));
    assert_eq!(bed.events, []);
    for attempt in polls.into_iter().chain(more) {
        bed.end(0, attempt, ms(0), None);
    }
}

fn rated(window: WindowKind, relative: bool) -> PoolConfig {
    let rates =
        RateConfig { limits: Limits { failure_percent: 50, slow_percent: 100 }, window, ..RateConfig::default() };
    let circuit = CircuitConfig {
        consecutive_failures: 0,
        outliers: false,
        relative,
        rates: Some(rates),
        ..CircuitConfig::default()
    };
    PoolConfig { circuit, ..equal(Strategy::RoundRobin, 4) }
}

#[test]
fn rates_open_with_the_call_that_reaches_them_and_tell_it() {
    for window in [WindowKind::Calls(100), WindowKind::Seconds(10)] {
        let mut bed = Bed::new(rated(window, false), 1, 1);
        for failure in [STATUS, None].into_iter().cycle().take(9) {
            bed.attempt(0, 1, &|_| (ms(1), failure));
        }
        assert_eq!(bed.state(1), CircuitState::Closed, "9 calls are too few");
        bed.attempt(0, 1, &|_| (ms(1), STATUS));
        bed.pass(TICK);
        let reason = &bed.events[0].1.reason;
        assert_eq!(
            (reason.signal, reason.observed, reason.threshold, reason.samples),
            (Signal::FailureRate, 60.0, 50.0, 10)
        );
    }
}

#[test]
fn a_rate_that_all_have_is_nobodys_fault_unless_configured_so() {
    for (relative, most) in [(true, 0), (false, 2)] {
        let mut bed = Bed::new(rated(WindowKind::Calls(100), relative), 1, 1);
        for turn in 0..400_u32 {
            bed.attempt(0, turn % 4, &|_| (ms(1), STATUS.filter(|_| turn / 4 % 2 == 0)));
            bed.pass(ms(1));
        }
        bed.pass(TICK);
        assert_eq!(bed.events.len(), most, "{relative}");
    }
}

#[test]
fn metrics_only_tells_once_and_changes_nothing() {
    let mut config = equal(Strategy::RoundRobin, 4);
    config.circuit.mode = CircuitMode::MetricsOnly;
    let mut bed = Bed::new(config, 2, 1);
    for _ in 0..20 {
        for worker in 0..2 {
            bed.attempt(worker, 2, &|_| (ms(1), STATUS));
        }
        bed.pass(ms(200));
    }
    let story = [(CircuitState::Closed, CircuitState::Closed, Signal::ConsecutiveFailures)];
    assert_eq!(bed.story(), story, "once in `open_for`, by one of the two");
    assert!(bed.pools.iter().all(|pool| pool.eligible() == 4));
    bed.pass(Duration::from_secs(10));
    for _ in 0..5 {
        bed.attempt(0, 2, &|_| (ms(1), STATUS));
    }
    bed.pass(TICK);
    assert_eq!(bed.story().len(), 2, "and again");
    let weights: Vec<f64> = bed.pool().view().map(|view| view.effective_weight).collect();
    assert!(weights[0] == 1.0 && weights[2] > 0.0, "{weights:?}");
}

#[test]
fn what_the_operator_forces_holds_whatever_happens() {
    let force = |config: &PoolConfig, circuit| {
        let mut config = config.clone();
        config.endpoints[1] = EndpointConfig { circuit, ..config.endpoints[1].clone() };
        config
    };
    let plain = equal(Strategy::RoundRobin, 4);
    let mut bed = Bed::new(force(&plain, Forced::Open), 2, 1);
    let tried = bed.traffic(200, ms(10), &well);
    assert!(!tried.iter().flatten().any(|position| *position == 1));
    assert_eq!((bed.state(1), bed.record.entries.len()), (CircuitState::ForcedOpen, 1));
    assert_eq!(bed.pools[1].circuit_state(1), CircuitState::ForcedOpen);
    // Nobody else is well, and still it gets nothing: panic is no reason to use it.
    for position in [0, 2, 3] {
        for _ in 0..20 {
            bed.attempt(0, position, &|_| (ms(1), STATUS));
        }
    }
    bed.traffic(20, ms(10), &well);
    assert!((0..50).all(|_| !bed.pick(0).unwrap().contains(&1)));

    for pool in &mut bed.pools {
        pool.reconfigure(force(&plain, Forced::Disabled));
    }
    bed.pass(ms(500));
    for _ in 0..50 {
        bed.attempt(0, 1, &|_| (ms(1), STATUS));
    }
    bed.pass(TICK);
    assert_eq!(bed.state(1), CircuitState::Disabled, "passes whatever happens");

    for pool in &mut bed.pools {
        pool.reconfigure(plain.clone());
    }
    bed.pass(ms(500));
    assert_eq!(bed.state(1), CircuitState::Closed);
    let of_1: Vec<_> =
        bed.events.iter().filter(|(key, _)| *key == bed.key(1)).map(|(_, event)| (event.from, event.to)).collect();
    use CircuitState::{Closed, Disabled, ForcedOpen};
    assert_eq!(of_1, [(Closed, ForcedOpen), (ForcedOpen, Disabled), (Disabled, Closed)]);
    assert!(bed.record.get(bed.key(1)).is_none_or(|entry| entry.state == Closed));
}

#[test]
fn while_a_configuration_reaches_one_worker_after_the_other_the_operators_word_is_not_undone() {
    use CircuitState::{Closed, Disabled, ForcedOpen};
    let plain = equal(Strategy::RoundRobin, 4);
    let configure = |bed: &mut Bed, worker: usize, circuit| {
        let mut config = plain.clone();
        config.endpoints[1].circuit = circuit;
        bed.pools[worker].reconfigure(config);
        let now = bed.now;
        bed.pools[worker].set_configured_at(now);
    };
    let mut bed = Bed::new(plain.clone(), 3, 1);
    (0..3).for_each(|worker| configure(&mut bed, worker, Forced::Auto));
    for (circuit, state) in [(Forced::Open, ForcedOpen), (Forced::Disabled, Disabled), (Forced::Auto, Closed)] {
        for worker in 0..3 {
            bed.traffic(20, ms(10), &well);
            configure(&mut bed, worker, circuit);
            bed.pass(TICK * 3);
            assert_eq!(bed.pools[worker].circuit_state(1), state, "whoever has it acts on it: {circuit:?}, {worker}");
        }
        bed.pass(ms(1000));
    }
    let told: Vec<_> = bed.events.iter().map(|(_, event)| (event.from, event.to)).collect();
    assert_eq!(told, [(Closed, ForcedOpen), (ForcedOpen, Disabled), (Disabled, Closed)], "each once");
    // A record that got lost is no newer configuration.
    configure(&mut bed, 0, Forced::Open);
    bed.pass(TICK * 3);
    bed.record = Circuits::default();
    bed.pass(TICK * 3);
    let recorded = bed.record.get(bed.key(1)).map(|entry| entry.state);
    assert_eq!(recorded, Some(ForcedOpen));
}

#[test]
fn overload_lowers_the_share_and_never_ejects_and_what_is_ignored_counts_for_nothing() {
    use plimsoll_engine::{Ending, Outcome};
    for strategy in [Strategy::RoundRobin, Strategy::PeakEwma] {
        let mut bed = Bed::new(equal(strategy, 4), 1, 2);
        let mut seen = [0; 4];
        for turn in 0..4000 {
            let first = bed.pick(0).unwrap()[0];
            let mut attempt = bed.start(0, first);
            let end = bed.now.after(ms(10));
            let outcome = if first == 2 { Outcome::Overload } else { Outcome::Success };
            bed.pool().answer(&mut attempt, end, outcome);
            bed.pool().finish(attempt, end, Ending::Complete);
            seen[first as usize] += usize::from(turn >= 2000);
            bed.pass(ms(10));
        }
        assert_eq!(bed.events, []);
        assert!(seen[2] < 400 && seen[2] > 0, "{strategy:?}: {seen:?}");
        assert_eq!((bed.counts(2).failures, bed.counts(2).overloads > 0), (0, true));
        let before = bed.counts(1);
        for _ in 0..50 {
            let mut attempt = bed.start(0, 1);
            let now = bed.now;
            bed.pool().answer(&mut attempt, now, Outcome::Ignored);
            bed.pool().finish(attempt, now, Ending::Complete);
        }
        let after = bed.counts(1);
        assert_eq!((after.requests, after.ignored, after.in_flight), (before.requests, before.ignored + 50, 0));
    }
}
