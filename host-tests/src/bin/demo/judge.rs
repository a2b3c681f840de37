//! From what happened to what it means: when each fault was noticed, when its endpoint was back, and which
//! promises were broken. Pure, so the verdict itself has tests.

use crate::run::Seen;
use crate::schedule::Fault;
use plimsoll_host_tests::bed::{Record, Summary};
use plimsoll_snapshot::{CircuitState, Event};
use std::time::Duration;

/// One fault and what came of it.
pub(crate) struct Verdict<'a> {
    pub(crate) fault: &'a Fault,
    pub(crate) endpoint: &'a str,
    /// Requests that were due while the fault lasted.
    pub(crate) clients: Summary,
    /// The endpoint's part of the answers before and during the fault, 0 to 1.
    pub(crate) share: (f64, f64),
    /// From the start of the fault to the circuit's opening.
    pub(crate) noticed: Option<Duration>,
    /// From the end of the fault to the circuit's closing; absent as well if it was never open.
    pub(crate) back: Option<Duration>,
}

/// What came of every fault.
pub(crate) fn verdicts(seen: &Seen) -> Vec<Verdict<'_>> {
    seen.schedule.faults.iter().enumerate().map(|(number, fault)| verdict(seen, number, fault)).collect()
}

fn verdict<'a>(seen: &'a Seen, number: usize, fault: &'a Fault) -> Verdict<'a> {
    let endpoint = seen.names[fault.endpoint].as_str();
    let clients = Summary::of(due(&seen.records, fault.from, fault.until));
    // Before the first fault every endpoint had its fair share.
    let quiet = Summary::of(due(&seen.records, Duration::ZERO, seen.schedule.faults[0].from));
    let share = (quiet.share(endpoint).unwrap_or(0.0), clients.share(endpoint).unwrap_or(0.0));
    let times = seen.times[number];
    let length_ms = u64::try_from((seen.schedule.recovery_end(number) - fault.from).as_millis()).unwrap_or(u64::MAX);
    let own: Vec<&Event> = seen
        .events
        .iter()
        .filter(|event| event.endpoint == endpoint)
        .filter(|event| (times.from_ms..times.from_ms.saturating_add(length_ms)).contains(&event.transition.at_ms))
        .collect();
    let opened = own.iter().find(|event| event.transition.to == CircuitState::Open);
    let last = own.last().filter(|event| event.transition.to == CircuitState::Closed);
    let since = |event: &Event, from: u64| Duration::from_millis(event.transition.at_ms.saturating_sub(from));
    Verdict {
        fault,
        endpoint,
        clients,
        share,
        noticed: opened.map(|event| since(event, times.from_ms)),
        back: last.map(|event| since(event, times.until_ms)),
    }
}

fn due(records: &[Record], from: Duration, until: Duration) -> impl Iterator<Item = &Record> {
    records.iter().filter(move |record| (from..until).contains(&record.intended))
}

/// Every broken promise, one line each; none if the run showed what it should.
pub(crate) fn complaints(seen: &Seen) -> Vec<String> {
    let mut complaints = Vec::new();
    let whole = Summary::of(&seen.records);
    if whole.requests == 0 {
        complaints.push("no request was sent".to_owned());
    }
    for (outcome, count) in &whole.errors {
        complaints.push(format!(
            "{count} of {} requests ended with an error that a retry could have avoided: {outcome}",
            whole.requests
        ));
    }
    for verdict in verdicts(seen).iter().filter(|verdict| verdict.fault.ejects()) {
        let Verdict { fault, endpoint, .. } = verdict;
        if verdict.noticed.is_none() {
            complaints.push(format!("{endpoint} was not ejected while {}", fault.name));
        } else if verdict.back.is_none() {
            complaints.push(format!("{endpoint} was not readmitted after {}", fault.name));
        }
    }
    complaints
}

#[cfg(test)]
mod tests;
