//! What the filter makes of each way in which an attempt ends, in the real Envoy: the kind of failure in the event, or
//! nobody's fault.

use super::support::{Bed, SOON, prepare, route};
use plimsoll_host_tests::bed::{Behaviour, EnvoyConfig, Failure, Outcome, ports};
use plimsoll_snapshot::FailureKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// One failure opens a circuit, any number may be open, and none closes again: one event for each endpoint that fails.
fn hair_trigger() -> Value {
    json!({
        "strategy": "round_robin", "max_ejected_percent": 100, "panic_threshold_percent": 0,
        "circuit": {"consecutive_failures": 1, "open_for": "300s", "outliers": false, "relative": false},
    })
}

/// A port on which connections are neither accepted nor refused: its queue is full.
struct BlackHole {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    async fn open() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(ports::free().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut queued = Vec::new();
        let connect = || TcpStream::connect(listener.local_addr().unwrap());
        while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), connect()).await {
            queued.push(stream.unwrap());
        }
        Self { listener, _queued: queued }
    }
}

/// Sends a request to each of five broken endpoints and a good one until every broken one is out, and says with which
/// kind of failure each went.
async fn kinds_of_failure(configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> BTreeMap<String, Option<FailureKind>> {
    let (config, upstreams) = prepare(5).await;
    let hole = BlackHole::open().await;
    let mut endpoints: Vec<_> =
        upstreams.iter().map(|upstream| (upstream.name().to_owned(), upstream.address())).collect();
    endpoints.push(("black-hole".into(), hole.listener.local_addr().unwrap()));
    let config = configure(config.named_endpoints(endpoints).pool(hair_trigger()));
    let bed = Bed::with(&config, 1, upstreams).await;
    let faults = [
        Behaviour::Failing { status: 500, fraction: 1.0 },
        Behaviour::Refusing,
        Behaviour::Resetting,
        Behaviour::Hanging,
    ];
    for (number, fault) in (1..).zip(faults) {
        bed.upstream(number).set(fault).await.unwrap();
    }
    bed.burst(24, 1).run().await.unwrap();
    let events = bed.events_within(SOON, "five circuits open", |events| events.len() >= 5).await;
    assert_eq!(events.len(), 5, "{events:?}");
    events.into_iter().map(|event| (event.endpoint, event.transition.reason.failure)).collect()
}

fn expected() -> BTreeMap<String, Option<FailureKind>> {
    let kinds = [
        ("order-1", FailureKind::Status),
        ("order-2", FailureKind::Connect),
        ("order-3", FailureKind::Reset),
        ("order-4", FailureKind::Timeout),
        ("black-hole", FailureKind::ConnectTimeout),
    ];
    kinds.into_iter().map(|(id, kind)| (id.to_owned(), Some(kind))).collect()
}

#[tokio::test]
async fn attempts_fail_by_kind_where_retries_follow() {
    assert_eq!(kinds_of_failure(|config| config).await, expected());
}

#[tokio::test]
async fn attempts_fail_by_kind_where_none_follow() {
    let no_retries = |config: EnvoyConfig| config.edit(|file| drop(route(file)["retry_policy"].take()));
    let with_timeout = |config: EnvoyConfig| no_retries(config).edit(|file| route(file)["timeout"] = json!("0.5s"));
    assert_eq!(kinds_of_failure(with_timeout).await, expected());
}

#[tokio::test]
async fn final_answers_fail_by_kind_where_requests_are_observed() {
    let no_retries = |config: EnvoyConfig| config.edit(|file| route(file)["retry_policy"]["num_retries"] = json!(0));
    assert_eq!(kinds_of_failure(|config| no_retries(config).observe_requests()).await, expected());
}

/// Answers every client with something that is no HTTP.
async fn babble(listener: TcpListener) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        assert!(client.read(&mut [0; 4096]).await.unwrap() > 0, "no request");
        client.write_all(b"what?\r\n\r\n").await.unwrap();
    }
}

/// Only where requests are observed does Envoy tell it from a connection that broke.
#[tokio::test]
async fn what_is_no_http_is_a_protocol_error_or_a_broken_connection() {
    for (observe_requests, kind) in [(false, FailureKind::Reset), (true, FailureKind::Protocol)] {
        let listener = TcpListener::bind(ports::free().unwrap()).await.unwrap();
        let endpoints = vec![("babbler".to_owned(), listener.local_addr().unwrap())];
        let babbler = tokio::spawn(babble(listener));
        let (config, upstreams) = prepare(0).await;
        let config = config.named_endpoints(endpoints).pool(hair_trigger());
        let config = config.edit(|file| route(file)["retry_policy"]["num_retries"] = json!(0));
        let config = if observe_requests { config.observe_requests() } else { config };
        let bed = Bed::with(&config, 1, upstreams).await;
        bed.burst(1, 1).run().await.unwrap();
        let events = bed.events_within(SOON, "an open circuit", |events| !events.is_empty()).await;
        assert_eq!(events[0].transition.reason.failure, Some(kind), "{events:?}");
        babbler.abort();
    }
}

/// In either mode: endpoints that are given up by clients only have done nothing.
async fn is_nobodys_fault(configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig) {
    let bed = Bed::start(2, 1, |config| configure(config.pool(hair_trigger()))).await;
    for upstream in &bed.upstreams {
        upstream.set(Behaviour::Hanging).await.unwrap();
    }
    let mut burst = bed.burst(60, 6);
    burst.abort_fraction = 1.0;
    burst.abort_within = Duration::from_millis(200);
    let report = burst.run().await.unwrap();
    assert_eq!(report.aborted, 60, "{report:?}");
    let arrived: u64 = bed.arrived().iter().sum();
    assert!(arrived > 40, "{arrived} requests arrived");
    let snapshot = bed.snapshot_when("nothing in flight", |snapshot| snapshot.pools[0].in_flight == 0).await;
    assert_eq!((snapshot.pools[0].requests, snapshot.pools[0].failures), (0, 0));
    assert!(bed.envoy.admin().events(0).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_blames_nobody() {
    is_nobodys_fault(|config| config).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_blames_nobody_where_requests_are_observed() {
    is_nobodys_fault(EnvoyConfig::observe_requests).await;
}

/// Envoy's own limits: what it does not even try is not an attempt.
#[tokio::test]
async fn envoys_circuit_breaker_blames_nobody() {
    let narrow = |file: &mut Value| {
        let limits = json!({"max_connections": 1, "max_pending_requests": 1, "max_requests": 1, "max_retries": 1});
        super::support::cluster(file, "demo")["circuit_breakers"]["thresholds"][0] = limits;
    };
    let bed = Bed::start(1, 1, |config| config.pool(hair_trigger()).edit(narrow)).await;
    bed.upstream(1).set(Behaviour::Slow { factor: 100.0 }).await.unwrap();
    let report = bed.burst(16, 8).run().await.unwrap();
    assert!(report.outcomes.get(&Outcome::Status(503)).is_some_and(|count| *count > 4), "{report:?}");
    let snapshot = bed.settled().await;
    assert_eq!(snapshot.pools[0].failures, 0, "{report:?}");
    assert!(bed.envoy.admin().events(0).await.unwrap().events.is_empty());
}

/// Sends to an endpoint that cuts its answers off; returns its counts of requests and failures, and the events' kinds.
async fn truncated(configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> (u64, u64, Vec<Option<FailureKind>>) {
    let bed = Bed::start(1, 1, |config| configure(config.pool(hair_trigger()))).await;
    bed.burst(5, 1).run().await.unwrap();
    bed.upstream(1).set(Behaviour::Truncating).await.unwrap();
    let report = bed.burst(1, 1).run().await.unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Failed(Failure::Truncated)), Some(&1), "{report:?}");
    let snapshot = bed.settled().await;
    let events = bed
        .events_within(SOON, "as many events as failures", |events| events.len() as u64 == snapshot.pools[0].failures);
    let kinds = events.await.into_iter().map(|event| event.transition.reason.failure).collect();
    (snapshot.pools[0].requests, snapshot.pools[0].failures, kinds)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_only_where_that_is_asked_for() {
    assert_eq!(truncated(|config| config).await, (6, 0, vec![]));
    let told = truncated(|config| config.pool(json!({"detect_truncated": true}))).await;
    assert_eq!(told, (6, 1, vec![Some(FailureKind::Truncated)]));
}

/// Sends a head and a part of the body to every client, and no more.
async fn stall(listener: TcpListener) {
    let mut clients = Vec::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        assert!(client.read(&mut [0; 4096]).await.unwrap() > 0, "no request");
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await.unwrap();
        clients.push(client);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_within_the_answer_blames_nobody() {
    let listener = TcpListener::bind(ports::free().unwrap()).await.unwrap();
    let endpoints = vec![("staller".to_owned(), listener.local_addr().unwrap())];
    let staller = tokio::spawn(stall(listener));
    let pool = json!({"detect_truncated": true});
    let (config, upstreams) = prepare(0).await;
    let config = config.named_endpoints(endpoints).pool(hair_trigger()).pool(pool);
    let bed = Bed::with(&config, 1, upstreams).await;
    let mut burst = bed.burst(20, 4);
    burst.abort_fraction = 1.0;
    burst.abort_within = Duration::from_millis(400);
    assert_eq!(burst.run().await.unwrap().aborted, 20);
    let snapshot = bed.snapshot_when("picks, and nothing in flight", |snapshot| {
        snapshot.pools[0].in_flight == 0 && snapshot.pools[0].picks >= 15
    });
    let snapshot = snapshot.await;
    assert_eq!((snapshot.pools[0].requests, snapshot.pools[0].failures), (0, 0));
    staller.abort();
}
