//! Endpoints that break are taken out, and back in when they have recovered, and no client notices.

use super::support::{Bed, SOON, TICK, all_ok, all_workers_know, changes, endpoint, until};
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_snapshot::{CircuitState, Event, FailureKind, Signal};
use serde_json::json;
use std::time::{Duration, Instant};

const PERMITS: u64 = 3;
const BROKEN: &str = "order-2";

/// Attempts on the broken endpoint: as it counts them itself, or, when nothing can arrive, as the filter does.
async fn attempts(bed: &Bed) -> u64 {
    if bed.upstream(2).behaviour() != Behaviour::Refusing {
        return bed.upstream(2).stats().requests;
    }
    endpoint(&bed.envoy.admin().snapshot().await.unwrap(), 2).requests
}

/// The same, once the circuit is open, nothing is under way there, and the count has stood still for two ticks.
async fn attempts_at_rest(bed: &Bed) -> u64 {
    let mut last = (u64::MAX, Instant::now());
    until(SOON, "no more attempts on the broken endpoint", async || {
        let snapshot = bed.envoy.admin().snapshot().await.map_err(|error| error.to_string())?;
        let (broken, count) = (endpoint(&snapshot, 2), attempts(bed).await);
        let at_rest = broken.circuit.state == CircuitState::Open && broken.in_flight == 0;
        if !at_rest || count != last.0 {
            last = (count, Instant::now());
        }
        if last.1.elapsed() >= 2 * TICK { Ok(count) } else { Err(format!("{count} attempts, {:?}", broken.circuit)) }
    })
    .await
}

fn half_openings(events: &[Event]) -> u64 {
    events.iter().filter(|event| event.endpoint == BROKEN && event.transition.to == CircuitState::HalfOpen).count()
        as u64
}

fn last_state(events: &[Event]) -> Option<CircuitState> {
    changes(events, BROKEN).last().map(|(_, to)| *to)
}

async fn is_ejected_and_readmitted(fault: Behaviour, kind: FailureKind) {
    let circuit = json!({"open_for": "1500ms", "backoff": 1, "half_open_permits": PERMITS, "half_open_max": "2s"});
    let bed = Bed::start(4, 2, |config| config.pool(json!({"circuit": circuit}))).await;
    let load = bed.load(150.0, Duration::from_secs(60)).start().unwrap();
    bed.snapshot_when("traffic", |snapshot| snapshot.pools[0].requests > 100).await;

    bed.upstream(2).set(fault).await.unwrap();
    let events = bed.events_within(SOON, "an open circuit", |events| !events.is_empty()).await;
    let reason = &events[0].transition.reason;
    assert_eq!(changes(&events, BROKEN), [(CircuitState::Closed, CircuitState::Open)], "{events:?}");
    // Whichever has seen enough first; silence has no failure to name.
    let blames = [Signal::ConsecutiveFailures, Signal::Failures].contains(&reason.signal);
    let silent = kind == FailureKind::Timeout && reason.signal == Signal::Silence;
    assert!(silent || blames && reason.failure == Some(kind), "{reason:?}");
    assert!(reason.observed >= reason.threshold && reason.samples >= 3, "{reason:?}");

    let before = attempts_at_rest(&bed).await;
    let twice = "two half-openings that failed";
    bed.events_within(3 * SOON, twice, |events| {
        half_openings(events) >= 2 && last_state(events) == Some(CircuitState::Open)
    })
    .await;
    let probes = attempts(&bed).await - before;
    let allowed = PERMITS * half_openings(&bed.envoy.admin().events(0).await.unwrap().events);
    assert!((1..=allowed).contains(&probes), "{probes} probes, allowed were {allowed}");

    bed.upstream(2).set(Behaviour::Healthy).await.unwrap();
    let events =
        bed.events_within(3 * SOON, "closed again", |events| last_state(events) == Some(CircuitState::Closed)).await;
    follows_the_diagram(&events);
    let healed = bed.upstream(2).stats().requests;
    until(3 * SOON, "warmed up, the endpoint's share of the traffic", async || {
        let new = bed.upstream(2).stats().requests - healed;
        if new > 30 { Ok(()) } else { Err(format!("{new} requests since")) }
    })
    .await;
    all_ok(&load.records());
}

/// Nobody but the broken endpoint changed, each change begins where the last one ended, and all of them exist.
fn follows_the_diagram(events: &[Event]) {
    use CircuitState::{Closed, HalfOpen, Open};
    assert!(events.iter().all(|event| event.endpoint == BROKEN), "{events:?}");
    let changes = changes(events, BROKEN);
    assert_eq!((changes.first(), changes.last()), (Some(&(Closed, Open)), Some(&(HalfOpen, Closed))), "{changes:?}");
    assert!(changes.windows(2).all(|pair| pair[0].1 == pair[1].0), "{changes:?}");
    // Half-open to half-open: permits that nobody used are handed out again.
    let known = [(Closed, Open), (Open, HalfOpen), (HalfOpen, HalfOpen), (HalfOpen, Open), (HalfOpen, Closed)];
    assert!(changes.iter().all(|change| known.contains(change)), "{changes:?}");
    assert!(events.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq), "{events:?}");
}

#[tokio::test]
async fn an_endpoint_that_answers_503_is_ejected_and_readmitted() {
    is_ejected_and_readmitted(Behaviour::Failing { status: 503, fraction: 1.0 }, FailureKind::Status).await;
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_ejected_and_readmitted() {
    is_ejected_and_readmitted(Behaviour::Refusing, FailureKind::Connect).await;
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_ejected_and_readmitted() {
    is_ejected_and_readmitted(Behaviour::Hanging, FailureKind::Timeout).await;
}

#[tokio::test]
async fn an_endpoint_that_resets_is_ejected_and_readmitted() {
    is_ejected_and_readmitted(Behaviour::Resetting, FailureKind::Reset).await;
}

#[tokio::test]
async fn both_workers_stop_at_one_event() {
    let bed = Bed::start(4, 2, |config| config.pool(json!({"strategy": "round_robin"}))).await;
    let load = bed.load(300.0, Duration::from_secs(60)).start().unwrap();
    bed.snapshot_when("two workers with traffic", |snapshot| {
        snapshot.workers.len() == 2 && snapshot.workers.iter().all(|worker| !worker.stale)
    })
    .await;
    bed.upstream(2).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    let events = bed.events_within(SOON, "an open circuit", |events| !events.is_empty()).await;
    all_workers_know(events[0].transition.at_ms).await;

    let before = (bed.upstream(2).stats().requests, load.records().len());
    until(SOON, "500 requests more", async || {
        let records = load.records().len();
        if records >= before.1 + 500 { Ok(()) } else { Err(format!("{records}")) }
    })
    .await;
    assert_eq!(bed.upstream(2).stats().requests, before.0, "requests after both workers should know");
    let events = bed.envoy.admin().events(0).await.unwrap().events;
    assert_eq!(changes(&events, BROKEN), [(CircuitState::Closed, CircuitState::Open)], "{events:?}");
    all_ok(&load.records());
}
