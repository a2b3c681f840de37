//! What opens a circuit that is closed, and what does not.

use crate::arrange::ms;
use crate::subject::{Subject, theirs};
use plimsoll_engine::address_key;
use plimsoll_engine::detect::WindowKind;
use plimsoll_snapshot::{CircuitState, Signal};

pub(crate) fn a_circuit_has_the_name_of_its_endpoint() {
    let mut subject = Subject::new();
    assert_eq!(subject.pool().config().name, "test");
    let view = subject.pool().view().next().unwrap();
    assert_eq!((view.config.id.as_str(), view.key), ("subject", address_key(view.config.address.as_bytes())));
    let key = view.key;
    subject.open();
    assert_eq!(subject.record.entries.iter().map(|entry| entry.key).collect::<Vec<_>>(), [key]);
}

/// Their figures: a window of 5 calls, and 100 calls at least, of which a window of fewer needs all it holds.
pub(crate) fn it_begins_closed_and_opens() {
    let mut circuit = theirs();
    let rates = circuit.rates.as_mut().unwrap();
    (rates.window, rates.minimum_calls) = (WindowKind::Calls(5), 100);
    let mut subject = Subject::with(circuit);
    assert_eq!((subject.state(), subject.record.entries.len()), (CircuitState::Closed, 0));
    subject.open();
}

/// Their sequence, a second between calls: 3 successes, 2 failures, and a third failure makes it 3 of 6.
pub(crate) fn a_rate_that_reaches_its_limit_after_the_minimum_opens() {
    let mut subject = Subject::new();
    for call in ["S", "S", "S", "F", "F"] {
        subject.calls(call);
        assert_eq!(subject.state(), CircuitState::Closed);
        subject.pass(ms(1000));
    }
    assert_eq!(subject.state(), CircuitState::Closed);
    subject.calls("F");
    assert_eq!(subject.state(), CircuitState::Open);
    let reason = &subject.events[0].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (50.0, 50.0, 6));
}

/// Their sequence: 3 failures, 2 successes.
pub(crate) fn three_failures_of_five_open_and_the_next_call_is_refused() {
    let mut subject = Subject::new();
    for call in ["F", "F", "F", "S"] {
        subject.calls(call);
        assert_eq!(subject.state(), CircuitState::Closed, "too few calls");
    }
    subject.calls("S");
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Open, Signal::FailureRate)]);
    let reason = &subject.events[0].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (60.0, 50.0, 5));
    assert_eq!(subject.refused(), 0);
    assert!(subject.ask().is_none());
    assert_eq!(subject.refused(), 1);
}

/// Their sequence: slow failure, slow, failure, success, slow; slow is longer than 4 s.
pub(crate) fn three_slow_calls_of_five_open() {
    let mut subject = Subject::new();
    subject.timed(&[(5000, true), (5000, false), (100, true), (100, false)]);
    assert_eq!(subject.state(), CircuitState::Closed);
    subject.timed(&[(5000, false)]);
    assert_eq!(subject.story(), [(CircuitState::Closed, CircuitState::Open, Signal::SlowRate)]);
    let reason = &subject.events[0].reason;
    assert_eq!((reason.observed, reason.threshold, reason.samples), (60.0, 50.0, 5));
}

/// Their sequence: 5, 5, 1, 1 and 5 s, one call after the other.
pub(crate) fn slow_calls_open_without_any_failure() {
    let mut subject = Subject::new();
    for took in [5000, 5000, 1000, 1000] {
        subject.timed(&[(took, false)]);
        assert_eq!(subject.state(), CircuitState::Closed);
    }
    subject.timed(&[(5000, false)]);
    assert_eq!(subject.state(), CircuitState::Open);
    assert_eq!((subject.events[0].reason.observed, subject.events[0].reason.samples), (60.0, 5));
}

#[test]
fn slow_is_strictly_longer_than_the_limit() {
    for (took, want) in [(4000, CircuitState::Closed), (4001, CircuitState::Open)] {
        let mut subject = Subject::new();
        subject.timed(&[(took, false), (took, false), (took, false), (0, false), (0, false)]);
        assert_eq!(subject.state(), want, "{took} ms");
    }
}

pub(crate) fn no_time_makes_a_closed_circuit_half_open() {
    let mut subject = Subject::with(theirs());
    for _ in 0..100 {
        subject.calls("S");
        subject.pass(ms(60_000));
    }
    assert_eq!((subject.state(), subject.events.len()), (CircuitState::Closed, 0));
}
