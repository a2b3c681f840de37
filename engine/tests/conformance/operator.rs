//! What an operator says about a circuit: forced open, disabled, metrics only. All of that is configuration, so there
//! is no call that moves a circuit, and none that resets one.

use crate::arrange::ms;
use crate::subject::{Subject, theirs};
use plimsoll_engine::detect::WindowKind;
use plimsoll_engine::{CircuitConfig, CircuitMode, Forced};
use plimsoll_snapshot::{CircuitState, Signal};

fn metrics_only() -> Subject {
    Subject::with(CircuitConfig { mode: CircuitMode::MetricsOnly, ..theirs() })
}

fn forced(forced: Forced) -> Subject {
    let mut subject = Subject::new();
    subject.force(forced);
    subject
}

/// A subject in every state that an endpoint can be in.
fn in_every_state() -> [Subject; 5] {
    let mut subjects = [Subject::new(), Subject::new(), Subject::new(), forced(Forced::Open), forced(Forced::Disabled)];
    subjects[1].open();
    subjects[2].half_open();
    use CircuitState::{Closed, Disabled, ForcedOpen, HalfOpen, Open};
    assert_eq!(subjects.each_ref().map(Subject::state), [Closed, Open, HalfOpen, ForcedOpen, Disabled]);
    subjects
}

pub(crate) fn forced_open_refuses_and_counts() {
    let mut subject = forced(Forced::Open);
    assert!(subject.ask().is_none());
    assert_eq!(subject.refused(), 1);
}

/// Their time: asked at once and after 6 s, when the time out of 5 s would be over.
pub(crate) fn forced_open_stays_so() {
    let mut subject = forced(Forced::Open);
    for _ in 0..2 {
        assert_eq!(subject.state(), CircuitState::ForcedOpen);
        assert!(subject.ask().is_none());
        subject.pass(ms(6000));
    }
    assert_eq!((subject.state(), subject.refused()), (CircuitState::ForcedOpen, 2));
}

/// Theirs cancels the timer of the open state.
pub(crate) fn forced_open_while_open_is_not_half_open_after_the_time_out() {
    let mut subject = Subject::new();
    subject.open();
    subject.force(Forced::Open);
    for _ in 0..20 {
        subject.pass(ms(1000));
        assert_eq!(subject.state(), CircuitState::ForcedOpen);
        assert!(subject.ask().is_none());
    }
}

/// Theirs has nothing to cancel, for its timer has fired.
pub(crate) fn forced_open_while_half_open_lets_no_probe_through() {
    let mut subject = Subject::new();
    subject.half_open();
    subject.force(Forced::Open);
    subject.pass(ms(6000));
    assert_eq!(subject.state(), CircuitState::ForcedOpen);
    assert!(subject.ask().is_none());
}

/// Their sequence: a success and four failures; none is counted.
pub(crate) fn disabled_lets_everything_through_and_counts_nothing() {
    let mut subject = forced(Forced::Disabled);
    subject.calls("SFFFF");
    subject.calls("FFFFFFFFFF");
    assert_eq!(subject.state(), CircuitState::Disabled);
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Disabled, Signal::Operator)]);
    assert_eq!(subject.refused(), 0);
    // The endpoint's own counters are for people and go on.
    assert_eq!(subject.pool().counts()[0].failures, 14);
    subject.force(Forced::Auto);
    subject.calls("FFFF");
    assert_eq!(subject.state(), CircuitState::Closed, "nothing of that is in the window");
}

pub(crate) fn disabled_for_a_while_closes_an_open_circuit() {
    let mut subject = Subject::new();
    subject.open();
    subject.force(Forced::Disabled);
    subject.force(Forced::Auto);
    assert_eq!(subject.state(), CircuitState::Closed);
    assert!(subject.ask().is_some());
}

/// Their sequence: a success and a failure, then a reset.
pub(crate) fn disabled_for_a_while_empties_the_window() {
    let mut subject = Subject::new();
    subject.calls("SF");
    subject.force(Forced::Disabled);
    subject.force(Forced::Auto);
    subject.calls("FFFF");
    assert_eq!(subject.state(), CircuitState::Closed, "four calls are too few");
    subject.calls("F");
    assert_eq!(subject.events.last().unwrap().reason.samples, 5);
}

/// Their sequence: two successes, then metrics only, with which theirs forgets them.
pub(crate) fn metrics_only_goes_on_with_the_same_window() {
    let mut subject = Subject::new();
    subject.calls("SS");
    subject.mode(CircuitMode::MetricsOnly);
    subject.calls("FF");
    assert_eq!(subject.events.len(), 0, "four calls are too few");
    subject.calls("F");
    assert_eq!((subject.events[0].reason.observed, subject.events[0].reason.samples), (60.0, 5));
}

/// Their sequence: 3 failures, 2 successes, then a failure more.
pub(crate) fn metrics_only_tells_of_the_alarm_once_and_lets_everything_through() {
    let mut subject = metrics_only();
    subject.calls("FFFS");
    assert_eq!(subject.events.len(), 0, "too few calls");
    subject.calls("S");
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Closed, Signal::FailureRate)]);
    let reason = &subject.events[0].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (60.0, 50.0, 5));
    subject.calls("F");
    assert_eq!((subject.state(), subject.events.len(), subject.refused()), (CircuitState::Closed, 1, 0));
}

/// Their sequence: five slow failures, each rate at 100 %, of which theirs tells once each.
pub(crate) fn metrics_only_tells_of_an_endpoint_once_until_it_would_be_back() {
    const TOLD: (CircuitState, CircuitState, Signal) =
        (CircuitState::Closed, CircuitState::Closed, Signal::FailureRate);
    let mut subject = metrics_only();
    // Slow is longer than 4 s, and five of those are just in the window.
    subject.timed(&[(4001, true); 5]);
    assert_eq!(subject.story(), [TOLD]);
    for _ in 0..49 {
        subject.pass(ms(100));
        subject.calls("F");
    }
    assert_eq!(subject.story(), [TOLD], "not within the time out");
    subject.pass(ms(200));
    subject.calls("FFFFF");
    assert_eq!(subject.story(), [TOLD, TOLD]);
}

/// Of two rates that are reached, the failures are told.
#[test]
fn metrics_only_tells_of_slow_calls() {
    let mut subject = metrics_only();
    subject.timed(&[(4001, false); 4]);
    assert_eq!(subject.events.len(), 0);
    subject.timed(&[(0, false)]);
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Closed, Signal::SlowRate)]);
    let mut subject = metrics_only();
    subject.timed(&[(4001, true); 5]);
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Closed, Signal::FailureRate)]);
}

pub(crate) fn metrics_only_from_the_beginning() {
    let mut subject = metrics_only();
    assert_eq!(subject.state(), CircuitState::Closed);
    subject.calls("FFFFFFFFFF");
    assert_eq!((subject.state(), subject.refused()), (CircuitState::Closed, 0));
}

pub(crate) fn metrics_only_in_every_state() {
    for mut subject in in_every_state() {
        let before = subject.state();
        subject.mode(CircuitMode::MetricsOnly);
        subject.pass(ms(100));
        match before {
            CircuitState::ForcedOpen => assert_eq!(subject.state(), before, "an endpoint's own word is stronger"),
            CircuitState::Disabled => assert_eq!(subject.state(), before),
            _ => assert_eq!(subject.state(), CircuitState::Closed, "it was {before:?}"),
        }
    }
}

pub(crate) fn the_same_configuration_changes_no_state() {
    for mut subject in in_every_state() {
        let (state, record, events) = (subject.state(), subject.record.clone(), subject.events.len());
        subject.configure(|_| {});
        assert_eq!((subject.state(), &subject.record, subject.events.len()), (state, &record, events));
    }
}

/// Their way: open, half-open, disabled, metrics only, closed, each entered twice and told once.
pub(crate) fn each_change_is_told_once() {
    let mut subject = Subject::new();
    subject.open();
    assert_eq!(subject.events.len(), 1);
    subject.pass(ms(1));
    assert_eq!(subject.events.len(), 1);
    subject.wait();
    assert_eq!(subject.events.len(), 2);
    subject.pass(ms(1));
    assert_eq!(subject.events.len(), 2);
    for twice in [Forced::Disabled, Forced::Disabled] {
        subject.force(twice);
        assert_eq!(subject.state(), CircuitState::Disabled);
    }
    for twice in [CircuitMode::MetricsOnly, CircuitMode::MetricsOnly] {
        subject.mode(twice);
    }
    subject.mode(CircuitMode::Enforce);
    for twice in [Forced::Auto, Forced::Auto] {
        subject.force(twice);
        assert_eq!(subject.state(), CircuitState::Closed);
    }
    use CircuitState::{Closed, Disabled, HalfOpen, Open};
    let story = [
        (Closed, Open, Signal::FailureRate),
        (Open, HalfOpen, Signal::EjectionElapsed),
        (HalfOpen, Disabled, Signal::Operator),
        (Disabled, Closed, Signal::Operator),
    ];
    assert_eq!(subject.story(), story);
}

/// The record says so, and a worker that starts takes over what it finds there.
pub(crate) fn a_worker_that_starts_takes_over_an_open_circuit() {
    let mut before = Subject::new();
    before.open();
    let mut subject = Subject::knowing(theirs(), before.record.clone());
    assert_eq!(subject.state(), CircuitState::Open);
    assert!(subject.ask().is_none());
    subject.wait();
    assert!(subject.ask().is_some());
}

#[test]
fn a_new_window_is_in_use_at_once() {
    let mut subject = Subject::new();
    subject.calls("SSSS");
    subject.configure(|config| config.circuit.rates.as_mut().unwrap().window = WindowKind::Calls(2));
    subject.calls("SF");
    assert_eq!((subject.state(), subject.events[0].reason.samples), (CircuitState::Open, 2), "half of two");
}

#[test]
fn disabled_for_a_while_keeps_the_endpoint_warm_and_forced_open_does_not() {
    for (forced, warm) in [(Forced::Disabled, true), (Forced::Open, false)] {
        let mut subject = Subject::new();
        subject.pass(ms(60_000));
        subject.force(forced);
        subject.pass(ms(60_000));
        subject.force(Forced::Auto);
        let weight = subject.pool().view().next().unwrap().effective_weight;
        assert_eq!(weight == 1.0, warm, "{forced:?}: {weight}");
    }
}

#[test]
fn metrics_only_does_not_reopen_a_half_open_circuit() {
    let mut subject = Subject::new();
    subject.half_open();
    let probe = subject.ask().unwrap();
    subject.mode(CircuitMode::MetricsOnly);
    subject.settle(probe, ms(0), true);
    assert_eq!(subject.state(), CircuitState::Closed);
    assert!(subject.ask().is_some());
}
