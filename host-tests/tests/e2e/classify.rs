//! What the filter takes answers for in the real Envoy: statuses of HTTP, and of gRPC over HTTP/2, in headers or trailers.

use super::support::{Bed, SOON, cluster, named, route};
use plimsoll_host_tests::bed::{Behaviour, EnvoyConfig};
use plimsoll_snapshot::{Endpoint, FailureKind};
use serde_json::{Value, json};

/// One failure opens a circuit, any number may be open, and none closes again: an event for each endpoint that fails.
fn hair_trigger(classify: Value) -> Value {
    json!({
        "strategy": "round_robin", "max_ejected_percent": 100, "panic_threshold_percent": 0, "classify": classify,
        "circuit": {"consecutive_failures": 1, "open_for": "300s", "outliers": false, "relative": false},
    })
}

/// Where only final answers are seen, a retry would blame whoever answered before it.
fn no_retries(file: &mut Value) {
    route(file)["retry_policy"]["num_retries"] = json!(0);
}

fn http2(file: &mut Value) {
    let options = &mut cluster(file, "demo")["typed_extension_protocol_options"];
    options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["explicit_http_config"] =
        json!({"http2_protocol_options": {}});
}

/// What an endpoint's answers were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Success,
    Failure,
    Overload,
    Ignored,
}

fn taken_for(endpoint: &Endpoint) -> Is {
    match (endpoint.requests, endpoint.failures, endpoint.overloads, endpoint.ignored) {
        (1.., 0, 0, 0) => Is::Success,
        // More than one if another came before the tick that ejects.
        (all, failures, 0, 0) if all == failures && all > 0 => Is::Failure,
        (all, 0, overloads, 0) if all == overloads && all > 1 => Is::Overload,
        (0, 0, 0, 2..) => Is::Ignored,
        other => panic!("{}: {other:?}", endpoint.id),
    }
}

/// Lets each endpoint answer in its way and says which of them were taken for what and ejected for which kind.
async fn play(rows: &[(Behaviour, Is)], kind: FailureKind, configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig) {
    let bed = Bed::start(rows.len(), 1, configure).await;
    for (number, (behaviour, _)) in (1..).zip(rows) {
        bed.upstream(number).set(*behaviour).await.unwrap();
    }
    bed.burst(10 * rows.len(), 1).run().await.unwrap();
    let failing = rows.iter().filter(|(_, is)| *is == Is::Failure).count();
    let events = bed.events_within(SOON, "an event for each failure", |events| events.len() >= failing).await;
    let arrived = bed.arrived();
    let counted = |endpoint: &Endpoint| endpoint.requests + endpoint.ignored;
    let snapshot = bed.snapshot_when("all that arrived is counted", |snapshot| {
        snapshot.pools[0].in_flight == 0 && snapshot.pools[0].endpoints.iter().map(counted).eq(arrived.iter().copied())
    });
    let pool = &snapshot.await.pools[0];
    for (number, (behaviour, want)) in (1..).zip(rows) {
        let id = format!("order-{number}");
        assert_eq!(taken_for(named(pool, &id)), *want, "{behaviour:?}");
        let kinds: Vec<_> = events.iter().filter(|event| event.endpoint == id).collect();
        let kinds: Vec<_> = kinds.into_iter().map(|event| event.transition.reason.failure).collect();
        let wanted = if *want == Is::Failure { vec![Some(kind)] } else { Vec::new() };
        assert_eq!(kinds, wanted, "{behaviour:?}");
    }
}

fn status(status: u16) -> Behaviour {
    Behaviour::Failing { status, fraction: 1.0 }
}

const HTTP: [(u16, Is); 5] =
    [(429, Is::Overload), (404, Is::Ignored), (500, Is::Failure), (503, Is::Failure), (200, Is::Success)];

fn http_rows() -> Vec<(Behaviour, Is)> {
    let rows = HTTP.iter().map(|(code, is)| (status(*code), *is));
    rows.chain([(Behaviour::Overloaded, Is::Overload)]).collect()
}

#[tokio::test]
async fn http_statuses_are_taken_for_what_they_are() {
    play(&http_rows(), FailureKind::Status, |config| config.pool(hair_trigger(json!({})))).await;
}

#[tokio::test]
async fn http_statuses_are_taken_for_what_they_are_where_requests_are_observed() {
    let configure = |config: EnvoyConfig| config.pool(hair_trigger(json!({}))).edit(no_retries).observe_requests();
    play(&http_rows(), FailureKind::Status, configure).await;
}

#[tokio::test]
async fn http_statuses_are_taken_for_what_is_configured() {
    let rules = json!({"failure": [404], "overload": ["5xx"], "ignore": [429], "retry_after": false});
    let rows = [
        (status(404), Is::Failure),
        (status(500), Is::Overload),
        (status(429), Is::Ignored),
        (Behaviour::Overloaded, Is::Overload),
        (status(403), Is::Success),
    ];
    play(&rows, FailureKind::Status, |config| config.pool(hair_trigger(rules)).edit(no_retries)).await;
}

fn grpc_rows() -> Vec<(Behaviour, Is)> {
    let call = |status, trailers_only| Behaviour::Grpc { status, trailers_only };
    vec![
        (call(14, false), Is::Failure),
        (call(14, true), Is::Failure),
        (call(8, false), Is::Overload),
        (call(8, true), Is::Overload),
        (call(5, false), Is::Ignored),
        (call(5, true), Is::Ignored),
        (call(0, false), Is::Success),
        (call(0, true), Is::Success),
        // A 200 without any gRPC status.
        (Behaviour::Healthy, Is::Failure),
    ]
}

#[tokio::test]
async fn grpc_calls_are_taken_for_what_their_status_says() {
    let configure = |config: EnvoyConfig| config.pool(hair_trigger(json!({"grpc": true}))).edit(http2);
    play(&grpc_rows(), FailureKind::Grpc, configure).await;
}

#[tokio::test]
async fn grpc_calls_are_taken_for_what_their_status_says_where_requests_are_observed() {
    let pool = hair_trigger(json!({"grpc": true}));
    play(&grpc_rows(), FailureKind::Grpc, |config| config.pool(pool).edit(http2).edit(no_retries).observe_requests())
        .await;
}

/// Envoy answers gRPC requests that it cannot serve with a 200 and a gRPC status of its own.
#[tokio::test]
async fn a_refused_call_is_a_refused_connection() {
    for observe_requests in [false, true] {
        let bed = Bed::start(1, 1, |config| {
            let config = config.pool(hair_trigger(json!({"grpc": true}))).edit(http2).edit(no_retries);
            if observe_requests { config.observe_requests() } else { config }
        });
        let bed = bed.await;
        bed.upstream(1).set(Behaviour::Refusing).await.unwrap();
        let answer = bed.get("/", &[("content-type", "application/grpc"), ("te", "trailers")]).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (200, "14"));
        let events = bed.events_within(SOON, "an open circuit", |events| !events.is_empty()).await;
        assert_eq!(events[0].transition.reason.failure, Some(FailureKind::Connect), "{events:?}");
    }
}

/// The traces of the last three failures, and a line in Envoy's log, tell why an endpoint is out.
#[tokio::test]
async fn an_event_names_traces_and_is_in_envoys_log() {
    for observe_requests in [false, true] {
        let pool = json!({"max_ejected_percent": 100, "circuit": {"outliers": false, "relative": false}});
        let bed = Bed::start(1, 1, |config| {
            let config = config.pool(pool).edit(no_retries);
            if observe_requests { config.observe_requests() } else { config }
        });
        let bed = bed.await;
        bed.upstream(1).set(status(500)).await.unwrap();
        let id = |number: u32| format!("4bf92f3577b34da6a3ce929d0e0e{number:04x}");
        for number in 1..=5 {
            let traceparent = format!("00-{}-00f067aa0ba902b7-01", id(number));
            assert_eq!(bed.get("/", &[("traceparent", &traceparent)]).await.status, 500);
        }
        let events = bed.events_within(SOON, "an open circuit", |events| !events.is_empty()).await;
        assert_eq!(events[0].transition.reason.trace_ids, [5, 4, 3].map(id));
        let line = format!(
            "pool demo endpoint order-1 ({}): closed -> open, consecutive_failures 5 of 5, samples 5, last failure status, \
             trace {}",
            bed.upstream(1).address(),
            id(5)
        );
        assert!(bed.envoy.log().contains(&line), "{}", bed.envoy.log());
    }
}
