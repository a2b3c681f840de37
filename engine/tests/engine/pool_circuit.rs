//! The circuit of the pool as a whole.

use crate::arrange::{Bed, TICK, equal, ms, well};
use plimsoll_engine::detect::Limits;
use plimsoll_engine::{POOL_KEY, PoolCircuitConfig, PoolConfig, RateConfig, Refusal, Strategy, WhenOpen};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

fn config(when_open: WhenOpen) -> PoolConfig {
    let pool_circuit = Some(PoolCircuitConfig { when_open, ..PoolCircuitConfig::default() });
    PoolConfig { pool_circuit, ..equal(Strategy::RoundRobin, 4) }
}

fn broken(_: u32) -> (Duration, Option<FailureKind>) {
    (ms(1), Some(FailureKind::Status))
}

/// Everything has failed until the pool's circuit opened.
fn opened(when_open: WhenOpen, workers: usize) -> Bed {
    let mut bed = Bed::new(config(when_open), workers, 1);
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
