//! A half-open circuit: its permits, and what their results decide.

use crate::arrange::ms;
use crate::subject::{Subject, theirs};
use plimsoll_engine::CircuitConfig;
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};

const REOPENED: (CircuitState, CircuitState, Signal) =
    (CircuitState::HalfOpen, CircuitState::Open, Signal::ProbeFailed);
const CLOSED: (CircuitState, CircuitState, Signal) =
    (CircuitState::HalfOpen, CircuitState::Closed, Signal::ProbesPassed);

fn half_open() -> Subject {
    let mut subject = Subject::new();
    subject.half_open();
    subject
}

/// Four requests are let through, more are not.
fn lets_four_through(subject: &mut Subject) -> Vec<plimsoll_engine::Attempt> {
    let probes = subject.ask_times(4);
    assert!(subject.ask().is_none());
    assert!(subject.ask().is_none());
    probes
}

pub(crate) fn a_permit_that_comes_back_is_used_again() {
    let mut subject = half_open();
    let mut probes = lets_four_through(&mut subject);
    subject.release(probes.remove(0));
    assert!(subject.ask().is_some());
    assert!(subject.ask().is_none(), "once");
}

pub(crate) fn a_fifth_request_is_refused_and_counted() {
    let mut subject = half_open();
    let _probes = subject.ask_times(4);
    assert!(subject.ask().is_none());
    assert_eq!(subject.refused(), 1);
}

pub(crate) fn every_time_it_is_half_open_it_has_four_permits() {
    let mut subject = half_open();
    let mut probes = lets_four_through(&mut subject);
    subject.settle(probes.remove(0), ms(0), true);
    subject.wait();
    lets_four_through(&mut subject);
}

/// Their sequence: failure, failure, success, failure, which theirs judges together, at 75 %.
pub(crate) fn the_first_failure_reopens() {
    let mut subject = half_open();
    subject.calls("F");
    assert_eq!(subject.story()[2], REOPENED);
    let reason = &subject.events[2].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (1.0, 1.0, 1));
    assert_eq!(reason.failure, Some(FailureKind::Status));
    assert!(subject.ask().is_none(), "none of the other three permits is used");
}

/// Slow is longer than 4 s. There is more time here: a probe that takes longer than permits are valid fails for that.
fn probed(took: &[u64]) -> Subject {
    let mut subject = Subject::with(CircuitConfig { half_open_max: ms(30_000), ..theirs() });
    subject.half_open();
    for took in took {
        assert_eq!(subject.state(), CircuitState::HalfOpen, "before {took} ms");
        subject.timed(&[(*took, false)]);
    }
    subject
}

/// Their sequence: slow three times, then fast, which theirs judges together, at 75 %.
pub(crate) fn most_of_the_probes_being_slow_reopens() {
    let subject = probed(&[5000, 5000, 5000]);
    assert_eq!(subject.story()[2], (CircuitState::HalfOpen, CircuitState::Open, Signal::ProbesSlow));
    let reason = &subject.events[2].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (3.0, 3.0, 3));
    assert_eq!(probed(&[5000, 4000, 5000, 5000]).state(), CircuitState::Open);
}

#[test]
fn a_single_slow_probe_reopens_where_there_is_one_permit() {
    let mut subject = Subject::with(CircuitConfig { half_open_max: ms(30_000), half_open_permits: 1, ..theirs() });
    subject.half_open();
    subject.timed(&[(5000, false)]);
    assert_eq!(subject.story()[2], (CircuitState::HalfOpen, CircuitState::Open, Signal::ProbesSlow));
}

/// What differs: theirs re-opens at its limit for calls, 50 %.
#[test]
fn half_of_the_probes_may_be_slow() {
    assert_eq!(probed(&[5000, 4000, 4000, 5000]).story()[2], CLOSED);
}

/// Their sequence: failure, success, success, success, which closes theirs, at 25 %.
pub(crate) fn only_four_passes_close_and_the_window_begins_anew() {
    let mut subject = half_open();
    subject.calls("F");
    assert_eq!(subject.story()[2], REOPENED);
    subject.wait();
    subject.calls("SSS");
    assert_eq!(subject.state(), CircuitState::HalfOpen);
    subject.calls("S");
    assert_eq!(subject.story().last(), Some(&CLOSED));
    // What opened it, and the probes, are in no window: five calls are needed again.
    subject.calls("FFFF");
    assert_eq!(subject.state(), CircuitState::Closed);
    subject.calls("F");
    let reason = &subject.events.last().unwrap().reason;
    assert_eq!((subject.state(), reason.observed, reason.samples), (CircuitState::Open, 100.0, 5));
}

/// Their sequence: three successes, one ignored, then a failure, with which theirs closes, at 25 %.
pub(crate) fn an_ignored_probe_does_not_count() {
    for (last, want) in [("S", CLOSED), ("F", REOPENED)] {
        let mut subject = half_open();
        for passed in 1..=3 {
            subject.calls("S");
            assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, passed));
        }
        subject.calls("I");
        assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, 3));
        subject.calls(last);
        assert_eq!(subject.story()[2], want);
    }
}

/// Their sequence: four are ignored, then four successes.
pub(crate) fn as_many_ignored_as_there_are_permits_and_then_it_closes() {
    let mut subject = half_open();
    for _ in 0..4 {
        subject.calls("I");
        assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, 0));
    }
    for passed in 1..=3 {
        subject.calls("S");
        assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, passed));
    }
    subject.calls("S");
    assert_eq!(subject.story().last(), Some(&CLOSED));
}

/// Their time: half-open for 1 s at most; looked at after 2 s, when theirs is open again.
pub(crate) fn permits_that_were_not_used_expire_and_a_probe_that_hangs_reopens() {
    let mut subject = half_open();
    let generation = subject.entry().generation;
    subject.pass(ms(2001));
    assert_eq!(subject.state(), CircuitState::HalfOpen, "nobody asked, so nothing is known");
    assert!(subject.entry().generation > generation);
    let expired = (CircuitState::HalfOpen, CircuitState::HalfOpen, Signal::PermitsExpired);
    assert_eq!(subject.story().last(), Some(&expired));
    let _hanging = subject.ask().unwrap();
    subject.pass(ms(1000));
    assert_eq!(subject.state(), CircuitState::HalfOpen);
    subject.pass(ms(1));
    assert_eq!(subject.story().last(), Some(&REOPENED));
    assert_eq!(subject.events.last().unwrap().reason.failure, Some(FailureKind::Timeout));
}

pub(crate) fn no_time_closes_it() {
    let mut subject = half_open();
    for _ in 0..100 {
        subject.pass(ms(2001));
        assert_eq!(subject.state(), CircuitState::HalfOpen);
    }
    subject.calls("SSSS");
    assert_eq!(subject.state(), CircuitState::Closed);
}

/// What differs: theirs decides after as many calls as the window needs at least, if those are fewer than permits.
#[test]
fn all_permits_have_to_pass_however_few_calls_a_window_needs() {
    let mut circuit = theirs();
    circuit.rates.as_mut().unwrap().minimum_calls = 2;
    let mut subject = Subject::with(circuit);
    subject.calls("FF");
    subject.wait();
    subject.calls("SSS");
    assert_eq!(subject.state(), CircuitState::HalfOpen);
    subject.calls("S");
    assert_eq!(subject.state(), CircuitState::Closed);
}

/// What differs: theirs takes what comes back while it is half-open, whenever it began.
#[test]
fn results_of_the_closed_era_decide_nothing() {
    for failed in [false, true] {
        let mut subject = Subject::new();
        let mut late = subject.ask_times(12);
        subject.half_open();
        for attempt in late.drain(..6) {
            subject.settle(attempt, ms(0), failed);
        }
        assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, 0));
        let probes = lets_four_through(&mut subject);
        probes.into_iter().for_each(|probe| subject.settle(probe, ms(0), false));
        for attempt in late {
            subject.settle(attempt, ms(0), failed);
        }
        subject.calls("FFFF");
        assert_eq!(subject.state(), CircuitState::Closed, "nothing but four calls is in the window");
        subject.calls("F");
        assert_eq!(subject.state(), CircuitState::Open);
    }
}

#[test]
fn a_probe_of_the_last_time_decides_nothing() {
    for failed in [false, true] {
        let mut subject = half_open();
        let late = subject.ask().unwrap();
        subject.calls("F");
        subject.wait();
        subject.settle(late, ms(0), failed);
        assert_eq!((subject.state(), subject.entry().probes_passed), (CircuitState::HalfOpen, 0));
        lets_four_through(&mut subject);
    }
}
