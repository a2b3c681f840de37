//! An open circuit: it refuses, and strictly after its time a tick makes it half-open.

use crate::arrange::ms;
use crate::subject::{Subject, theirs};
use plimsoll_engine::CircuitConfig;
use plimsoll_snapshot::{CircuitState, Signal};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn open_for(open_for: Duration) -> Subject {
    let mut subject = Subject::with(CircuitConfig { open_for, open_for_max: open_for, ..theirs() });
    subject.open();
    subject
}

/// The circuit is open, and a request is refused.
fn refuses(subject: &mut Subject) {
    assert_eq!(subject.state(), CircuitState::Open);
    assert!(subject.ask().is_none());
}

/// The circuit is half-open since the last tick, and a request is let through.
fn probes(subject: &mut Subject) {
    assert_eq!(subject.state(), CircuitState::HalfOpen);
    assert_eq!(subject.entry().probes_passed, 0);
    assert!(subject.ask().is_some());
}

pub(crate) fn requests_are_refused_and_counted() {
    let mut subject = Subject::new();
    subject.open();
    refuses(&mut subject);
    assert_eq!(subject.refused(), 1);
}

/// Their times: open for 5 s; asked at once, after 3 s, after 6 s.
pub(crate) fn it_is_half_open_after_five_seconds_and_at_most_a_tenth() {
    let mut subject = open_for(ms(5000));
    refuses(&mut subject);
    subject.pass(ms(3000));
    refuses(&mut subject);
    subject.pass(ms(3000));
    probes(&mut subject);
    assert_eq!(subject.refused(), 2);
    assert_eq!(subject.story()[1], (CircuitState::Open, CircuitState::HalfOpen, Signal::EjectionElapsed));
}

/// Their times: open for 2 h; asked at once, after 1 h, after 2 h and a second, to which ours adds up to a tenth.
pub(crate) fn it_is_open_for_as_long_as_configured() {
    let mut subject = open_for(2 * HOUR);
    refuses(&mut subject);
    subject.pass(HOUR);
    refuses(&mut subject);
    subject.pass(HOUR);
    refuses(&mut subject);
    subject.pass(HOUR / 5 + ms(1000));
    probes(&mut subject);
    assert_eq!(subject.refused(), 3);
}

/// Their times: until 30 min from now; asked at once, after 15 min, a second after.
pub(crate) fn it_is_open_until_the_time_in_the_record() {
    let mut subject = open_for(HOUR / 2);
    refuses(&mut subject);
    subject.pass(HOUR / 4);
    refuses(&mut subject);
    let until_ms = subject.entry().until_ms;
    assert!((until_ms - subject.entry().since_ms).abs_diff(1_890_000) <= 90_000, "30 min and at most a tenth");
    subject.wait();
    assert_eq!(subject.now.as_millis(), until_ms + 1);
    probes(&mut subject);
    assert_eq!(subject.refused(), 2);
}

/// Their times: 5 s, then half as long again; asked after 3 and 6 s, then after 6 and 11 s.
pub(crate) fn the_second_time_is_half_as_long_again() {
    let mut subject = Subject::new();
    subject.open();
    refuses(&mut subject);
    subject.pass(ms(3000));
    refuses(&mut subject);
    subject.pass(ms(3000));
    probes(&mut subject);
    subject.calls("F");
    subject.pass(ms(6000));
    refuses(&mut subject);
    subject.pass(ms(5000));
    probes(&mut subject);
}

pub(crate) fn a_tick_makes_it_half_open_and_no_request_has_to_ask() {
    let mut subject = open_for(ms(2000));
    subject.wait();
    assert_eq!(subject.refused(), 0);
}

/// What differs: a request that comes between the deadline and the tick is refused.
#[test]
fn a_request_before_the_tick_is_refused() {
    let mut subject = open_for(ms(5000));
    subject.now = subject.now.after(ms(6000));
    assert!(subject.ask().is_none(), "the tick is part of the step and comes after the request");
    assert_eq!(subject.state(), CircuitState::HalfOpen);
    assert!(subject.ask().is_some());
}
