use super::*;
use crate::cell::CellEndpoint;
use crate::history::Identity;
use crate::view::Status;
use alloc::vec::Vec;

fn line(score: Option<f64>, status: Status, state: CircuitState) -> Line<'static> {
    let identity = Identity { id: "e", address: "10.0.0.1:80" };
    Line {
        level: Level { identity, weight: 2, score, status, circuit: state },
        zone: None,
        effective_weight: 2.0,
        circuit: Circuit { state, ..Circuit::default() },
        last_transition: None,
        evidence: None,
    }
}

fn merged(requests: u64, failures: u64) -> MergedEndpoint {
    let counts = CellEndpoint { requests, failures, in_flight: 1, ..CellEndpoint::default() };
    MergedEndpoint { counts, sketch: None }
}

fn pool(listed: bool) -> Pool {
    let mut draft = Draft::new(listed);
    draft.endpoint(line(Some(0.5), Status::Degraded, CircuitState::Closed), &merged(10, 4));
    draft.endpoint(line(Some(1.0), Status::Unhealthy, CircuitState::Open), &merged(5, 5));
    draft.endpoint(line(None, Status::Unknown, CircuitState::Closed), &merged(1, 0));
    let mut merged = MergedPool::default();
    merged.picks = 15;
    draft.finish(&merged)
}

#[test]
fn a_pool_sums_up_its_endpoints_whether_they_are_listed_or_not() {
    let (listed, unlisted) = (pool(true), pool(false));
    assert_eq!((listed.requests, listed.failures, listed.in_flight, listed.ejected, listed.picks), (16, 9, 3, 1, 15));
    assert_eq!(listed.endpoints.len(), 3);
    assert_eq!(listed.strip, "deu");
    // One that is out counts as 0, one that is unknown not at all.
    assert_eq!(listed.score, Some(0.25));
    assert_eq!(unlisted, Pool { endpoints: Vec::new(), ..listed });
}

#[test]
fn a_letter_tells_the_first_of_all_that_holds() {
    let letter = |circuit, status: Status| status.letter(circuit);
    let (closed, open) = (CircuitState::Closed, CircuitState::Open);
    let usual = [Status::Healthy, Status::Degraded, Status::Unknown, Status::Warming, Status::Draining];
    assert_eq!(usual.map(|status| letter(closed, status)), ['h', 'd', 'u', 'w', 'n']);
    assert_eq!(usual.map(|status| letter(CircuitState::Disabled, status)), ['h', 'd', 'u', 'w', 'n']);
    for status in usual.into_iter().chain([Status::Unhealthy]) {
        assert_eq!(
            [CircuitState::ForcedOpen, open, CircuitState::HalfOpen].map(|state| letter(state, status)),
            ['f', 'e', 'p']
        );
    }
}
