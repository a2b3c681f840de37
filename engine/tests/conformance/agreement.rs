//! The engine's circuit and [`Breaker`], a circuit of one caller with the semantics of theirs, open at the same call and
//! for the same rate, whatever the calls.

use crate::arrange::ms;
use crate::subject::{Subject, theirs};
use plimsoll_engine::detect::{Breaker, BreakerConfig, BreakerState, Call, Change, Limits, WindowKind};
use plimsoll_engine::{CircuitConfig, RateConfig};
use plimsoll_snapshot::CircuitState;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn breaker(circuit: &CircuitConfig, rates: &RateConfig) -> Breaker {
    Breaker::new(BreakerConfig {
        limits: rates.limits,
        minimum_calls: rates.minimum_calls,
        window: rates.window,
        open_for: circuit.open_for,
        half_open_permits: circuit.half_open_permits,
    })
}

fn windows() -> impl Strategy<Value = WindowKind> {
    prop_oneof![(1_u32..12).prop_map(WindowKind::Calls), (1_u32..30).prop_map(WindowKind::Seconds)]
}

/// Pauses, durations around the limit of 4 s, and whether it failed.
fn calls() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let took = prop_oneof![3 => 0_u64..10, 1 => 3999_u64..4002];
    prop::collection::vec((prop_oneof![3 => Just(0_u64), 1 => 0_u64..4000], took, any::<bool>()), 0..40)
}

proptest! {
    #![proptest_config(Config {
        cases: 2000, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default()
    })]

    #[test]
    fn both_open_at_the_same_call(
        window in windows(), minimum_calls in 1_u32..10, failure_percent in 1_u32..=100, slow_percent in 1_u32..=100,
        calls in calls(),
    ) {
        let limits = Limits { failure_percent, slow_percent };
        let rates = RateConfig { limits, minimum_calls, window, ..theirs().rates.unwrap() };
        let circuit = CircuitConfig { rates: Some(rates), ..theirs() };
        let mut breaker = breaker(&circuit, &rates);
        let mut subject = Subject::with(circuit);
        for (pause, took, failed) in calls {
            subject.pass(ms(pause));
            prop_assert!(breaker.permit(subject.now));
            subject.timed(&[(took, failed)]);
            let change = breaker.record(subject.now, Call::new(failed, ms(took), ms(4000)));
            prop_assert_eq!(subject.state() == CircuitState::Open, breaker.state() == BreakerState::Open);
            if let Some(Change { counts, .. }) = change {
                let reason = &subject.events[0].reason;
                prop_assert_eq!(reason.samples, u64::from(counts.calls));
                let rates = [counts.failure_percent(), counts.slow_percent()];
                prop_assert!(rates.contains(&Some(reason.observed)), "{:?} of {:?}", reason, rates);
                break;
            }
        }
    }
}
