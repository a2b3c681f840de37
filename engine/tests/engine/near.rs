//! What is told of how near an endpoint is to being ejected: the values that judge it.

use crate::arrange::{Bed, classic, equal, failing, ms, well, with_circuit};
use plimsoll_engine::detect::{Limits, WindowKind};
use plimsoll_engine::{CircuitConfig, PoolConfig, RateConfig, Strategy};
use plimsoll_snapshot::view::{Evidence, Level};
use plimsoll_snapshot::{CircuitState, Signal};

fn evidence(bed: &mut Bed, position: u32) -> Evidence {
    bed.pool().evidence_against(position)
}

/// One attempt on each endpoint in turn.
fn round(bed: &mut Bed, behaviour: crate::arrange::Behaviour) {
    for position in 0..bed.pools[0].config().endpoints.len() as u32 {
        bed.attempt(0, position, behaviour);
        bed.pass(ms(1));
    }
}

#[test]
fn failures_in_a_row_climb_to_their_limit_and_fall_with_a_success() {
    let mut bed = Bed::new(classic(equal(Strategy::RoundRobin, 4)), 1, 3);
    for run in 1..5 {
        bed.attempt(0, 2, &failing(2));
        let consecutive = evidence(&mut bed, 2).consecutive;
        assert_eq!(consecutive, Some(Level { observed: f64::from(run), threshold: 5.0 }));
        assert_eq!(bed.state(2), CircuitState::Closed);
    }
    bed.attempt(0, 2, &well);
    assert_eq!(evidence(&mut bed, 2).consecutive.map(|level| level.observed), Some(0.0));
}

/// The value told last before the alarm is the alarm's own threshold, and the evidence is below it until then.
#[test]
fn evidence_stays_below_its_threshold_until_the_alarm_that_has_the_same() {
    let circuit = CircuitConfig { consecutive_failures: 0, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 3);
    (0..200).for_each(|_| round(&mut bed, &well));
    let calm = evidence(&mut bed, 1);
    assert_eq!((calm.consecutive, calm.failures.map(|level| level.observed)), (None, Some(0.0)));
    let mut last = Level::default();
    while bed.state(1) == CircuitState::Closed {
        last = evidence(&mut bed, 1).failures.expect("outliers are looked for");
        assert!(last.observed < last.threshold, "{last:?}");
        round(&mut bed, &failing(1));
    }
    bed.pass(ms(200));
    let [(_, opened)] = &bed.events[..] else { panic!("{:?}", bed.events) };
    assert_eq!(opened.reason.signal, Signal::Failures);
    assert!((opened.reason.threshold - last.threshold).abs() < 0.001, "{opened:?} {last:?}");
    assert!(last.observed > 0.5 * last.threshold, "it climbs in steps: {last:?}");
}

#[test]
fn a_window_tells_how_full_it_is_and_its_rates() {
    let rates = RateConfig {
        limits: Limits { failure_percent: 80, slow_percent: 90 },
        minimum_calls: 50,
        window: WindowKind::Calls(40),
        ..RateConfig::default()
    };
    let circuit =
        CircuitConfig { consecutive_failures: 0, outliers: false, rates: Some(rates), ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 3);
    let empty = evidence(&mut bed, 0).window.expect("rates are configured");
    assert_eq!((empty.calls, empty.failure_percent, empty.slow_percent), (0, None, None));
    for _ in 0..6 {
        bed.attempt(0, 0, &well);
    }
    for _ in 0..3 {
        bed.attempt(0, 0, &failing(0));
    }
    let told = evidence(&mut bed, 0);
    assert_eq!((told.consecutive, told.failures, told.slowness), (None, None, None), "switched off");
    let window = told.window.expect("rates are configured");
    assert_eq!((window.calls, window.size, window.seconds), (9, Some(40), None));
    // A window of 40 calls never holds 50.
    assert_eq!(window.minimum, 40);
    assert_eq!((window.failure_percent, window.failure_threshold, window.slow_threshold), (Some(33.333), 80, 90));
}

#[test]
fn where_nothing_is_known_yet_slowness_says_nothing() {
    let mut bed = Bed::new(PoolConfig::default(), 1, 3);
    assert_eq!(evidence(&mut bed, 7), Evidence::default());
    let mut bed = Bed::new(equal(Strategy::RoundRobin, 4), 1, 3);
    assert_eq!(evidence(&mut bed, 0).slowness, None);
}
