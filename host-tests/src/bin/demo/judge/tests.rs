use super::*;
use crate::run::FaultTimes;
use crate::schedule::Schedule;
use plimsoll_host_tests::bed::Outcome;
use plimsoll_snapshot::{Reason, Signal, Transition};

const CLOCK: u64 = 1_000_000;

fn event(endpoint: &str, at_ms: u64, from: CircuitState, to: CircuitState) -> Event {
    let signal = Signal::ConsecutiveFailures;
    let reason = Reason {
        signal,
        observed: 5.0,
        threshold: 5.0,
        samples: 5,
        share: None,
        pool: None,
        failure: None,
        trace_ids: Vec::new(),
    };
    let transition = Transition { at_ms: CLOCK + at_ms, from, to, reason };
    Event { seq: 0, pool: "demo".into(), endpoint: endpoint.into(), address: String::new(), transition }
}

/// A minute in which everything went as it should.
fn good() -> Seen {
    let schedule = Schedule::over(Duration::from_secs(60));
    let names: Vec<String> = (1..=8).map(|number| format!("order-{number}")).collect();
    let ms = |at: Duration| u64::try_from(at.as_millis()).unwrap();
    let times = schedule.faults.iter();
    let times = times.map(|fault| FaultTimes { from_ms: CLOCK + ms(fault.from), until_ms: CLOCK + ms(fault.until) });
    let events = schedule.faults.iter().filter(|fault| fault.ejects()).flat_map(|fault| {
        let name = &names[fault.endpoint];
        let (from, until) = (ms(fault.from), ms(fault.until));
        [
            event(name, from + 120, CircuitState::Closed, CircuitState::Open),
            event(name, until + 900, CircuitState::Open, CircuitState::HalfOpen),
            event(name, until + 1_000, CircuitState::HalfOpen, CircuitState::Closed),
        ]
    });
    let events = events.collect();
    let times = times.collect();
    let records = (0..60_000).step_by(10).map(|at| Record {
        intended: Duration::from_millis(at),
        latency: Duration::from_millis(5),
        outcome: Outcome::Status(200),
        upstream: Some(names[(at as usize / 10) % 8].clone()),
    });
    let records = records.collect();
    Seen { schedule, times, names, records, events }
}

#[test]
fn a_good_run_has_no_complaint() {
    assert_eq!(complaints(&good()), Vec::<String>::new());
}

#[test]
fn noticing_counts_from_the_fault_and_return_from_its_end() {
    let seen = good();
    let failing = &verdicts(&seen)[1];
    assert_eq!(failing.noticed, Some(Duration::from_millis(120)));
    assert_eq!(failing.back, Some(Duration::from_millis(1_000)));
    assert_eq!(failing.clients.requests, 800);
    assert!((failing.share.1 - 0.125).abs() < 0.01);
}

#[test]
fn one_leaked_error_is_a_complaint() {
    let mut seen = good();
    seen.records[17].outcome = Outcome::Status(503);
    let complaints = complaints(&seen);
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].starts_with("1 of 6000 requests") && complaints[0].ends_with("status 503"), "{complaints:?}");
}

#[test]
fn an_endpoint_that_was_never_ejected_is_a_complaint() {
    let mut seen = good();
    seen.events.retain(|event| event.endpoint != "order-6");
    assert_eq!(complaints(&seen), ["order-6 was not ejected while refusing"]);
}

#[test]
fn an_endpoint_that_opened_again_is_not_back() {
    let mut seen = good();
    let until = u64::try_from(seen.schedule.faults[3].until.as_millis()).unwrap();
    seen.events.push(event("order-8", until + 1_500, CircuitState::Closed, CircuitState::Open));
    assert_eq!(complaints(&seen), ["order-8 was not readmitted after hanging"]);
}

#[test]
fn a_slow_endpoint_need_not_be_ejected() {
    assert!(verdicts(&good())[0].noticed.is_none());
}
