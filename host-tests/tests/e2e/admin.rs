//! The private listener: the JSON that programs read, and the dashboard's files.

use super::support::{Answer, Bed, SOON, ask, changes, endpoint, picker, until};
use hyper::Method;
use plimsoll_host_tests::bed::{Behaviour, EnvoyConfig, workspace_root};
use plimsoll_snapshot::CircuitState;
use serde_json::json;

async fn admin(bed: &Bed, method: Method, path: &str) -> Answer {
    ask(bed.envoy.dashboard(), method, path, &[]).await
}

#[tokio::test]
async fn wrong_requests_are_refused_in_json() {
    let bed = Bed::start(1, 1, |config| config).await;
    let cases = [
        (Method::GET, "/plimsoll/v1/nothing", 404, "snapshot, workers, events, history, config and healthz"),
        (Method::GET, "/plimsoll/", 404, "snapshot, workers, events, history, config and healthz"),
        (Method::POST, "/plimsoll/v1/snapshot", 405, "GET"),
        (Method::DELETE, "/plimsoll/v1/config", 405, "GET"),
        (Method::GET, "/plimsoll/v1/events?since=yesterday", 400, "since: \"yesterday\""),
        (Method::GET, "/plimsoll/v1/events?since=-1", 400, "since: \"-1\""),
    ];
    for (method, path, status, reason) in cases {
        let answer = admin(&bed, method.clone(), path).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{method} {path}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason), "{method} {path}: {error}");
        assert_eq!(answer.header("allow"), if status == 405 { "GET, HEAD" } else { "" });
    }
    let head = admin(&bed, Method::HEAD, "/plimsoll/v1/healthz").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn answers_are_fresh_json() {
    let bed = Bed::start(2, 1, |config| config).await;
    bed.burst(20, 2).run().await.unwrap();
    for path in ["snapshot", "snapshot?endpoints=none", "workers", "events", "events?since=0", "config", "healthz"] {
        let answer = admin(&bed, Method::GET, &format!("/plimsoll/v1/{path}")).await;
        let kind = (answer.header("content-type"), answer.header("cache-control"));
        assert_eq!((answer.status, kind), (200, ("application/json", "no-store")), "{path}");
        assert!(answer.json().is_object(), "{path}");
    }
    let snapshot = bed.settled().await;
    let pool = &snapshot.pools[0];
    assert_eq!((pool.name.as_str(), pool.cluster.as_str(), pool.strategy.as_str()), ("demo", "demo", "peak_ewma"));
    assert_eq!((snapshot.workers.len(), snapshot.tick_ms), (1, 100));
}

#[tokio::test]
async fn the_configuration_in_force_reads_back() {
    let pool = json!({
        "strategy": "least_request", "candidates": 2, "minimum_samples": 7, "panic_threshold_percent": 20,
        "circuit": {"open_for": "1500ms", "backoff": 2.5},
    });
    let bed = Bed::start(2, 1, |config| config.pool(pool).picker(json!({"tick": "50ms"}))).await;
    let shown = bed.envoy.admin().config().await.unwrap();
    assert_eq!(shown["tick"], "50ms");
    assert_eq!(shown["pools"][0]["circuit"]["open_for"], "1500ms");
    assert_eq!(shown["pools"][0]["circuit"]["consecutive_failures"], 5, "defaults are filled in");
    // What is shown is a configuration.
    let config = EnvoyConfig::from_repo().unwrap().edit(|file| *picker(file) = shown.clone());
    let again = Bed::with(&config, 1, Vec::new()).await;
    assert_eq!(again.envoy.admin().config().await.unwrap(), shown);
}

#[tokio::test]
async fn healthz_is_503_while_no_endpoint_may_be_called_and_clients_are_told_to_wait() {
    let circuit = json!({"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "2s"});
    let pool = json!({"max_ejected_percent": 100, "panic_threshold_percent": 0, "circuit": circuit});
    let bed = Bed::start(1, 1, |config| config.pool(pool)).await;
    assert_eq!(bed.envoy.admin().health().await.unwrap().0, 200);
    bed.upstream(1).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    bed.get("/", &[]).await;
    let health = until(SOON, "503", async || match bed.envoy.admin().health().await {
        Ok((503, health)) => Ok(health),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(!health.ok && health.problems[0].contains("demo"), "{health:?}");
    let arrived = bed.arrived();
    let refused = bed.get("/", &[]).await;
    assert_eq!((refused.status, refused.header("x-plimsoll-refused")), (503, "no_endpoint"));
    assert!((1..=3).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{refused:?}");
    bed.snapshot_when("a refusal", |snapshot| snapshot.pools[0].refused == 1).await;
    assert_eq!(bed.arrived(), arrived, "no attempt where none is allowed");

    bed.upstream(1).set(Behaviour::Healthy).await.unwrap();
    until(2 * SOON, "served again", async || {
        // Requests are needed: without traffic nobody probes.
        let answer = bed.get("/", &[]).await;
        let health = bed.envoy.admin().health().await.unwrap();
        if answer.status == 200 && health.0 == 200 { Ok(()) } else { Err(format!("{} {health:?}", answer.status)) }
    })
    .await;
}

#[tokio::test]
async fn events_continue_where_the_reader_was() {
    let circuit =
        json!({"open_for": "500ms", "consecutive_failures": 1, "outliers": false, "relative": false, "backoff": 1});
    let bed = Bed::start(2, 1, |config| config.pool(json!({"circuit": circuit, "strategy": "round_robin"}))).await;
    let none = bed.envoy.admin().events(0).await.unwrap();
    assert_eq!((none.last_seq, none.dropped_through, none.events.len()), (0, 0, 0));
    bed.upstream(1).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    let load = bed.load(100.0, std::time::Duration::from_secs(60)).start().unwrap();
    let first = bed.events_within(SOON, "three events", |events| events.len() >= 3).await;
    bed.upstream(1).set(Behaviour::Healthy).await.unwrap();
    let last = |events: &[plimsoll_snapshot::Event]| changes(events, "order-1").last().copied();
    let closed = |events: &[plimsoll_snapshot::Event]| last(events).is_some_and(|(_, to)| to == CircuitState::Closed);
    let all = bed.events_within(2 * SOON, "closed", closed).await;
    drop(load);
    let rest = bed.envoy.admin().events(first.len() as u64).await.unwrap();
    assert_eq!(rest.events, all[first.len()..], "since = {}", first.len());
    assert_eq!(rest.last_seq, all.len() as u64);
    assert!(all.iter().zip(1..).all(|(event, seq)| event.seq == seq && event.pool == "demo"), "{all:?}");
    let snapshot = bed.envoy.admin().snapshot().await.unwrap();
    let shown = endpoint(&snapshot, 1).last_transition.as_ref();
    assert_eq!(shown, all.last().map(|event| &event.transition));
}

#[tokio::test]
async fn the_dashboard_is_served_typed_and_compressed() {
    let bed = Bed::start(8, 1, |config| config).await;
    let files = [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8"),
        ("/dashboard_bg.wasm", "dashboard_bg.wasm", "application/wasm"),
        ("/style.css", "style.css", "text/css; charset=utf-8"),
        ("/worker.js", "worker.js", "text/javascript; charset=utf-8"),
        ("/lab.js", "lab.js", "text/javascript; charset=utf-8"),
        ("/lab_bg.wasm", "lab_bg.wasm", "application/wasm"),
    ];
    for (path, name, kind) in files {
        let content = std::fs::read(workspace_root().join("dist/dashboard").join(name)).unwrap();
        let plain = admin(&bed, Method::GET, path).await;
        assert_eq!((plain.status, plain.header("content-type")), (200, kind), "{path}");
        assert_eq!((plain.header("cache-control"), plain.header("content-encoding")), ("no-cache", ""), "{path}");
        assert!(plain.body == content, "{path} is not {name}: {} and {} bytes", plain.body.len(), content.len());
        let zipped = ask(bed.envoy.dashboard(), Method::GET, path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((zipped.status, zipped.header("content-type")), (200, kind), "{path}");
        let smaller = zipped.header("content-encoding") == "gzip" && zipped.body.len() < content.len();
        assert!(smaller || content.len() < 512, "{path}: {} of {} bytes", zipped.body.len(), content.len());
    }
    let snapshot =
        ask(bed.envoy.dashboard(), Method::GET, "/plimsoll/v1/snapshot", &[("accept-encoding", "gzip")]).await;
    assert_eq!((snapshot.status, snapshot.header("content-encoding")), (200, "gzip"));
    assert_eq!(admin(&bed, Method::GET, "/nothing").await.status, 404);
}
