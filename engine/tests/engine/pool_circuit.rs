//! The circuit of the pool as a whole.

use crate::arrange::{Bed, TICK, equal, failing, ms, well};
use plimsoll_engine::detect::Limits;
use plimsoll_engine::{
    CircuitConfig, Ending, POOL_KEY, PoolCircuitConfig, PoolConfig, RateConfig, Refusal, Strategy, WhenOpen,
};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const STATUS: Option<FailureKind> = Some(FailureKind::Status);

fn config(when_open: WhenOpen) -> PoolConfig {
    let pool_circuit = Some(PoolCircuitConfig { when_open, ..PoolCircuitConfig::default() });
    PoolConfig { pool_circuit, ..equal(Strategy::RoundRobin, 4) }
}

fn broken(_: u32) -> (Duration, Option<FailureKind>) {
    (ms(1), Some(FailureKind::Status))
}

/// Everything has failed until the pool's circuit opened.
fn opened(when_open: WhenOpen, workers: usize) -> Bed {
    opened_with(config(when_open), workers)
}

fn opened_with(config: PoolConfig, workers: usize) -> Bed {
    let mut bed = Bed::new(config, workers, 1);
    bed.traffic(200, ms(5), &well);
    for _ in 0..2000 {
        if bed.pools[0].pool_circuit_state() != CircuitState::Closed {
            break;
        }
        bed.traffic(1, ms(5), &broken);
    }
    bed.pass(TICK);
    bed.pass(TICK);
    assert!(bed.pools.iter().all(|pool| pool.pool_circuit_state() == CircuitState::Open));
    bed
}

#[test]
fn it_opens_by_rates_over_all_endpoints_and_refuses_with_a_time() {
    let mut bed = opened(WhenOpen::Refuse, 2);
    let (key, event) = &bed.events[0];
    assert_eq!((*key, event.to, event.reason.signal), (POOL_KEY, CircuitState::Open, Signal::FailureRate));
    assert!(event.reason.observed >= 50.0 && event.reason.samples >= 100, "{event:?}");
    for worker in 0..2 {
        let refused = bed.pick(worker).unwrap_err();
        assert_eq!(refused.reason, Refusal::PoolOpen);
        assert!((ms(4000)..=ms(5500)).contains(&refused.retry_after), "{refused:?}");
    }
    assert_eq!(bed.events.len(), 1, "no endpoint is to blame");
}

#[test]
fn probes_close_it_and_a_failed_one_opens_it_for_longer() {
    let mut bed = opened(WhenOpen::Refuse, 1);
    bed.traffic(700, ms(10), &broken);
    let story: Vec<_> = bed.events.iter().map(|(_, event)| (event.from, event.to)).collect();
    use CircuitState::{Closed, HalfOpen, Open};
    assert_eq!(story, [(Closed, Open), (Open, HalfOpen), (HalfOpen, Open)]);
    assert_eq!(bed.record.get(POOL_KEY).unwrap().openings, 2);
    let before: u64 = (0..4).map(|at| bed.counts(at).requests).sum();
    bed.traffic(1200, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), Closed);
    assert_eq!(bed.events.last().unwrap().1.reason.signal, Signal::ProbesPassed);
    let after: u64 = (0..4).map(|at| bed.counts(at).requests).sum();
    assert!(after - before > 100, "all pass again");
}

#[test]
fn a_half_open_pool_lets_no_more_pass_than_its_permits() {
    let mut bed = opened(WhenOpen::Refuse, 4);
    bed.pass(Duration::from_secs(6));
    let mut let_through = Vec::new();
    for _ in 0..100 {
        for worker in 0..4 {
            if let Ok(list) = bed.pick(worker) {
                let_through.push((worker, bed.start(worker, list[0])));
            }
        }
        bed.pass(ms(20));
    }
    assert_eq!(let_through.len(), 10, "half_open_permits, over all workers");
    for (worker, attempt) in let_through {
        bed.end(worker, attempt, ms(1), None);
    }
    bed.pass(TICK);
    bed.pass(TICK);
    assert!(bed.pools.iter().all(|pool| pool.pool_circuit_state() == CircuitState::Closed));
}

/// What a call has to take longer than to be slow: said for the pool, for its endpoints, or by nobody.
#[test]
fn it_opens_by_slow_calls_with_one_limit_for_the_pool_and_its_endpoints() {
    let rates = |slow_above, slow_percent| {
        let limits = Limits { failure_percent: 100, slow_percent };
        Some(RateConfig { slow_above, limits, ..PoolCircuitConfig::default().circuit.rates.unwrap() })
    };
    let opens = |of_pool, of_endpoints: Option<RateConfig>, took| {
        let mut config = config(WhenOpen::Refuse);
        config.pool_circuit.as_mut().unwrap().circuit.rates = rates(of_pool, 60);
        config.circuit.rates = of_endpoints;
        let mut bed = Bed::new(config, 1, 1);
        bed.traffic(1200, ms(5), &|_| (ms(took), None));
        bed.events.first().map(|(key, event)| (*key, event.reason.signal))
    };
    let slow = Some((POOL_KEY, Signal::SlowRate));
    assert_eq!(opens(Some(ms(50)), None, 60), slow);
    assert_eq!(opens(Some(ms(50)), None, 50), None, "longer than the limit is slow");
    assert_eq!(opens(None, rates(Some(ms(50)), 100), 60).map(|(_, signal)| signal), Some(Signal::SlowRate));
    assert_eq!(opens(None, None, 60), None, "a pool is not slower than itself");
}

#[test]
fn failing_open_it_is_told_and_everything_passes() {
    let mut bed = opened(WhenOpen::Pass, 1);
    assert!((0..50).all(|_| bed.pick(0).is_ok()));
}

#[test]
fn a_pool_closes_again_however_seldom_requests_are() {
    let mut bed = opened(WhenOpen::Refuse, 1);
    let served = bed.traffic(300, 70 * SECOND, &well).iter().filter(|tried| !tried.is_empty()).count();
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "{served} of 300 requests served, all is well");
}

#[test]
fn a_probe_of_an_ejected_endpoint_says_nothing_of_the_pool() {
    let mut config = config(WhenOpen::Refuse);
    config.circuit.open_for = 4 * SECOND;
    let mut bed = Bed::new(config, 1, 1);
    bed.traffic(400, ms(5), &well);
    bed.eject(&[0]);
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    // The outage is over at once; only endpoint 0 is dead for ever.
    bed.traffic(1200, ms(10), &failing(0));
    let of_pool: Vec<_> =
        bed.events.iter().filter(|(key, _)| *key == POOL_KEY).map(|(_, e)| (e.from, e.to, e.reason.signal)).collect();
    assert!(
        !of_pool.iter().any(|(_, _, signal)| *signal == Signal::ProbeFailed),
        "three of four are well: {of_pool:?}"
    );
}

#[test]
fn a_probe_of_the_pool_passes_with_its_head_where_truncation_is_watched() {
    let mut bed = opened_with(PoolConfig { detect_truncated: true, ..config(WhenOpen::Refuse) }, 1);
    bed.pass(6 * SECOND);
    let mut bodies = Vec::new();
    for _ in 0..1000 {
        if let Ok(list) = bed.pick(0) {
            let mut attempt = bed.start(0, list[0]);
            let head = bed.now.after(ms(5));
            bed.pool().answer(&mut attempt, head, plimsoll_engine::Outcome::Success);
            bodies.push((bed.now.after(7 * SECOND), attempt));
        }
        bed.pass(ms(10));
    }
    let failed: Vec<_> = bed.events.iter().filter(|(_, event)| event.reason.signal == Signal::ProbeFailed).collect();
    assert!(failed.is_empty(), "every head came after 5 ms: {failed:?}");
    let end = bed.now;
    for (_, attempt) in bodies {
        bed.pool().finish(attempt, end, Ending::Complete);
    }
}

#[test]
fn the_back_off_of_the_pool_is_not_forgotten_without_traffic() {
    let mut bed = opened(WhenOpen::Refuse, 1);
    bed.traffic(1500, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed);
    assert_eq!(bed.record.get(POOL_KEY).unwrap().openings, 1);
    bed.pass(60 * SECOND);
    assert!(bed.record.get(POOL_KEY).is_some(), "nobody has asked anything of it since");
}

#[test]
fn a_pool_without_a_circuit_of_its_own_has_it_closed() {
    let mut bed = opened(WhenOpen::Refuse, 1);
    bed.pool().reconfigure(equal(Strategy::RoundRobin, 4));
    bed.pass(TICK);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "closed where none is configured");
}

#[test]
fn a_worker_that_dies_with_permits_holds_up_the_pool_no_longer_than_they_last() {
    let mut config = config(WhenOpen::Refuse);
    config.pool_circuit.as_mut().unwrap().circuit.half_open_permits = 1;
    let mut bed = Bed::new(config, 2, 1);
    bed.traffic(200, ms(5), &well);
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    // Only the second worker has requests until it has the permit, and then it is gone.
    for _ in 0..700 {
        if bed.pools[1].pool_circuit_state() == CircuitState::HalfOpen {
            break;
        }
        let _ = bed.pick(1);
        bed.pass(ms(10));
    }
    bed.pools.truncate(1);
    let began = bed.now;
    while bed.pools[0].pool_circuit_state() != CircuitState::Closed {
        bed.traffic(1, ms(10), &well);
        assert!(bed.now.since(began) < 30 * SECOND, "{:?}", bed.story());
    }
}

#[test]
fn the_pool_passing_while_open_comes_back() {
    let config = PoolCircuitConfig { when_open: plimsoll_engine::WhenOpen::Pass, ..PoolCircuitConfig::default() };
    let mut bed = opened_with(PoolConfig { pool_circuit: Some(config), ..equal(Strategy::RoundRobin, 4) }, 1);
    bed.traffic(1500, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "{:?}", bed.story());
}

#[test]
fn requests_that_nobody_serves_use_up_no_permits_of_the_pool() {
    let mut config = config(WhenOpen::Refuse);
    config.subset_keys = vec!["version".into()];
    config.no_match = plimsoll_engine::NoMatch::Refuse;
    for endpoint in &mut config.endpoints {
        endpoint.metadata = vec![("version".into(), "1".into())];
    }
    let wanted = |version: &'static str| plimsoll_engine::Request {
        subset: Some(plimsoll_engine::subset_key([version.as_bytes()])),
        ..Default::default()
    };
    let mut bed = Bed::new(config, 1, 1);
    let one = |bed: &mut Bed, version: &'static str, failure: Option<FailureKind>| {
        if let Ok(list) = bed.pick_for(&wanted(version)) {
            bed.attempt(0, list[0], &|_| (ms(1), failure));
        }
        bed.pass(ms(5));
    };
    (0..400).for_each(|_| one(&mut bed, "1", None));
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        one(&mut bed, "1", STATUS);
    }
    let began = bed.now;
    while bed.pools[0].pool_circuit_state() != CircuitState::Closed {
        // Nine of ten requests ask for what there is not.
        for turn in 0..10 {
            one(&mut bed, if turn == 5 { "1" } else { "2" }, None);
        }
        assert!(bed.now.since(began) < 20 * SECOND, "20 requests a second are well: {:?}", bed.story());
    }
}

#[test]
fn attempts_from_before_the_pool_opened_do_not_open_it_again() {
    let mut bed = Bed::new(config(WhenOpen::Refuse), 1, 1);
    bed.traffic(400, ms(5), &well);
    let hanging: Vec<_> = (0..1200).map(|turn| bed.start(0, turn % 4)).collect();
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    bed.traffic(1000, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed);
    let before = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    for attempt in hanging {
        bed.end(0, attempt, ms(0), Some(FailureKind::Timeout));
    }
    bed.traffic(10, ms(10), &well);
    let after = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    assert_eq!(after, before, "results of an older generation change nothing: {:?}", bed.events.last());
}

#[test]
fn a_clock_that_steps_back_does_not_blind_windows_of_seconds() {
    let mut bed = Bed::new(config(WhenOpen::Refuse), 1, 1);
    bed.traffic(2000, ms(5), &well);
    bed.step_back(3600);
    bed.traffic(60_000, ms(5), &well);
    bed.traffic(6000, ms(5), &|_| (ms(1), STATUS));
    let story = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    assert!(story > 0, "everything has failed for 30 s, the window is 10 s");
}

#[test]
fn old_timeouts_of_other_workers_do_not_open_the_pool_again() {
    let config = PoolConfig { pool_circuit: Some(PoolCircuitConfig::default()), ..equal(Strategy::RoundRobin, 4) };
    let mut bed = Bed::new(config, 2, 1);
    bed.share();
    bed.traffic(400, ms(5), &well);
    bed.share();
    let hanging: Vec<_> = (0..1200).map(|turn| bed.start(1, turn % 4)).collect();
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    bed.share();
    bed.traffic(1000, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed);
    bed.share();
    bed.traffic(10, ms(10), &well);
    let before = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    for attempt in hanging {
        bed.end(1, attempt, ms(0), Some(FailureKind::Timeout));
    }
    bed.share();
    bed.traffic(20, ms(10), &well);
    let after = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    assert_eq!(after, before, "results of an older generation change nothing: {:?}", bed.events.last());
}

#[test]
fn the_pools_half_open_circuit_opens_again_where_all_endpoints_are_out() {
    let mut pool_circuit = PoolCircuitConfig { when_open: WhenOpen::Refuse, ..PoolCircuitConfig::default() };
    pool_circuit.circuit.rates.as_mut().unwrap().minimum_calls = 10;
    let circuit = CircuitConfig { outliers: false, relative: false, open_for: 60 * SECOND, ..CircuitConfig::default() };
    let config = PoolConfig {
        circuit,
        pool_circuit: Some(pool_circuit),
        max_ejected_percent: 100,
        ..equal(Strategy::RoundRobin, 4)
    };
    let mut bed = Bed::new(config, 1, 1);
    bed.traffic(400, ms(5), &well);
    bed.pass(11 * SECOND);
    bed.traffic(18_000, ms(10), &|_| (ms(1), STATUS));
    let before: u64 = (0..4).map(|at| bed.counts(at).requests).sum();
    bed.traffic(6_000, ms(10), &|_| (ms(1), STATUS));
    let after: u64 = (0..4).map(|at| bed.counts(at).requests).sum();
    let of_pool: Vec<_> =
        bed.events.iter().filter(|(key, _)| *key == POOL_KEY).map(|(_, e)| (e.to, e.reason.signal)).collect();
    let entry = bed.record.get(POOL_KEY);
    assert!(
        after - before <= 100,
        "{} attempts passed in a minute in which nothing was well: {of_pool:?} {entry:?}",
        after - before
    );
}
