use super::*;
use alloc::vec;

const STATES: [CircuitState; 5] = [
    CircuitState::Closed,
    CircuitState::Open,
    CircuitState::HalfOpen,
    CircuitState::ForcedOpen,
    CircuitState::Disabled,
];
const STATUSES: [Status; 6] =
    [Status::Healthy, Status::Degraded, Status::Unhealthy, Status::Unknown, Status::Draining, Status::Warming];

/// A transition with nothing left out.
fn transition(index: usize) -> Transition {
    Transition {
        at_ms: 1_767_225_610_502,
        from: STATES[index % 5],
        to: STATES[(index + 1) % 5],
        reason: Reason {
            signal: Signal::ALL[index % Signal::ALL.len()],
            observed: 20.75,
            threshold: 19.5,
            samples: 8,
            share: Some(0.875),
            pool: Some(0.25),
            failure: Some(FailureKind::ALL[index % FailureKind::ALL.len()]),
            trace_ids: vec!["4bf92f3577b34da6a3ce929d0e0e4736".into(), "b".into()],
        },
    }
}

/// An endpoint with no field at its default.
fn endpoint(index: usize) -> Endpoint {
    Endpoint {
        id: format!("order-{index}"),
        address: "10.0.0.1:80".into(),
        zone: Some("a".into()),
        status: STATUSES[index % 6],
        score: Some(0.5),
        circuit: Circuit {
            state: STATES[index % 5],
            generation: 3,
            openings: 2,
            until_ms: Some(9),
            permits_left: Some(1),
        },
        weight: 3,
        effective_weight: 1.5,
        in_flight: 2,
        requests: 10_412,
        failures: 3,
        slow: 40,
        overloads: 5,
        ignored: 6,
        consecutive_failures: 7,
        latency_ms: Some(LatencyMs { p50: 4.125, p90: 9.0, p99: 21.75 }),
        evidence: Some(Evidence {
            consecutive: Some(Level { observed: 1.0, threshold: 5.0 }),
            failures: Some(Level { observed: 3.5, threshold: 19.5 }),
            slowness: Some(Level { observed: 0.25, threshold: 12.5 }),
            window: Some(Window {
                calls: 40,
                size: Some(100),
                seconds: Some(10),
                minimum: 10,
                failure_percent: Some(12.5),
                failure_threshold: 50,
                slow_percent: Some(2.5),
                slow_threshold: 100,
            }),
        }),
        last_transition: Some(transition(index)),
    }
}

/// A snapshot with no field at its default.
fn full() -> Snapshot {
    let pool = Pool {
        name: "orders".into(),
        cluster: "orders-eu".into(),
        strategy: "peak_ewma".into(),
        score: Some(0.75),
        circuit: Some(Circuit { state: CircuitState::Open, generation: 1, openings: 1, ..Circuit::default() }),
        panic: true,
        picks: 1,
        refused: 2,
        requests: 3,
        failures: 4,
        failures_by: FailuresBy([1, 2, 3, 4, 5, 6, 7, 8]),
        in_flight: 5,
        ejected: 6,
        max_ejected: 7,
        eligible: 8,
        panic_below: 9,
        strip: "hhe".into(),
        latency_ms: Some(LatencyMs { p50: 1.0, p90: 2.0, p99: 3.0 }),
        endpoints: (0..60).map(endpoint).collect(),
    };
    let workers = vec![Worker { id: "0".into(), age_ms: 12, stale: true }];
    Snapshot { version: 1, at_ms: 5_000, tick_ms: 100, last_seq: Some(7), workers, pools: vec![pool] }
}

fn tree(text: &str) -> Value {
    document(text).expect("a document").0
}

#[test]
fn a_full_snapshot_reads_as_serde_reads_it() {
    let text = serde_json::to_string(&full()).expect("JSON");
    assert_eq!(snapshot(&tree(&text)).as_ref(), Ok(&full()));
}

#[test]
fn what_may_be_absent_may_be_absent() {
    let bare = Snapshot {
        version: 1,
        pools: vec![Pool { endpoints: vec![Endpoint::default()], ..Pool::default() }],
        ..Snapshot::default()
    };
    let text = serde_json::to_string(&bare).expect("JSON");
    assert_eq!(snapshot(&tree(&text)), Ok(bare));
}

#[test]
fn full_events_read_as_serde_reads_them() {
    let event = |index: usize| Event {
        seq: index as u64 + 1,
        pool: "orders".into(),
        endpoint: "order-1".into(),
        address: "10.0.0.1:80".into(),
        transition: transition(index),
    };
    let all = Events { version: 1, at_ms: 2, last_seq: 60, dropped_through: 4, events: (0..60).map(event).collect() };
    let text = serde_json::to_string(&all).expect("JSON");
    assert_eq!(events(&tree(&text)).as_ref(), Ok(&all));
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(document("<html>").expect_err("no JSON"), "the answer was not understood (no JSON)");
    assert_eq!(document("{}").expect_err("no version"), "the answer was not understood (no `version`)");
    let error = snapshot(&tree(r#"{"version":1,"at_ms":3}"#)).expect_err("no pools");
    assert_eq!(error, "the answer was not understood (no `pools`)");
}

#[test]
fn what_is_not_known_yet_is_passed_over() {
    let text = r#"{"version":1,"last_seq":2,"events":[
        {"seq":1,"pool":"a","endpoint":"b","at_ms":1,"from":"closed","to":"open","reason":{"signal":"of_the_future"}},
        {"seq":2,"pool":"a","endpoint":"b","at_ms":1,"from":"closed","to":"open","reason":{"signal":"silence"}}]}"#;
    let read = events(&tree(text)).expect("events");
    assert_eq!(read.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2]);
    let odd = r#"{"version":1,"at_ms":1,"pools":[{"name":"a","endpoints":[{"id":"x","status":"sleepy"}]}]}"#;
    assert_eq!(snapshot(&tree(odd)).expect("a snapshot").pools[0].endpoints[0].status, Status::Unknown);
}
