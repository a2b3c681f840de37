//! A trap in the filter's VM, by a build of the filter that traps on request: traffic goes on, steered by nobody.
//!
//! With one worker there is one VM that carries traffic. It takes picker, observer and admin with it, and they stay
//! away until Envoy restarts; with two, the other worker goes on as before.

use super::support::{Bed, HEADER, SOON, endpoint, until};
use plimsoll_host_tests::bed::{Behaviour, Envoy, EnvoyConfig, Outcome, workspace_root};
use plimsoll_snapshot::{CircuitState, Health, Snapshot};
use serde_json::json;
use std::time::Duration;

const TRAP: &str = "x-plimsoll-test-trap";

/// With the filter that traps.
fn trapping(config: EnvoyConfig) -> EnvoyConfig {
    let wasm = workspace_root().join("target/test/plimsoll-trap.wasm");
    assert!(wasm.is_file(), "{} is missing: run `cargo xtask test`", wasm.display());
    config.wasm(wasm)
}

fn random(config: EnvoyConfig) -> EnvoyConfig {
    config.pool(json!({"strategy": "random"}))
}

async fn trap(bed: &Bed) {
    let answer = bed.get("/", &[(TRAP, "now")]).await;
    assert_eq!(answer.status, 200, "the request that hits the trap is served, too");
    let logged = bed.envoy.log();
    assert!(logged.contains("unreachable"), "no trap in Envoy's log:\n{logged}");
}

/// 800 requests that all ask for order-1 by themselves. By chance it gets 200 of them, with a standard deviation of 12;
/// five of those are 60. (The fallback policy, LEAST_REQUEST, is closer to even than chance.)
async fn nobody_obeys_the_client(bed: &Bed) {
    let before = bed.arrived();
    let mut burst = bed.burst(800, 8);
    burst.headers = vec![(HEADER.into(), bed.upstream(1).address().to_string())];
    let report = burst.run().await.unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&800), "{report:?}");
    let arrived: Vec<u64> = bed.arrived().iter().zip(before).map(|(now, before)| now - before).collect();
    assert!(arrived.iter().all(|count| (140..=260).contains(count)), "{arrived:?}");
    for upstream in &bed.upstreams {
        assert!(!upstream.last_headers().unwrap().contains_key(HEADER), "{} got the header", upstream.name());
    }
}

#[tokio::test]
async fn a_clients_own_header_steers_nothing() {
    let bed = Bed::start(4, 1, random).await;
    nobody_obeys_the_client(&bed).await;
    assert_eq!(bed.settled().await.pools[0].picks, 800, "all were steered");
}

#[tokio::test]
async fn a_clients_own_header_steers_nothing_while_the_filter_is_failed_open() {
    let bed = Bed::start(4, 1, |config| trapping(random(config))).await;
    trap(&bed).await;
    nobody_obeys_the_client(&bed).await;
}

#[tokio::test]
async fn requests_under_way_and_new_ones_survive_a_trap() {
    let bed = Bed::start(4, 1, trapping).await;
    for upstream in &bed.upstreams {
        // 2 ms times 150.
        upstream.set(Behaviour::Slow { factor: 150.0 }).await.unwrap();
    }
    let under_way = tokio::spawn(bed.burst(20, 20).run());
    until(SOON, "20 requests under way", async || {
        let busy: u64 = bed.upstreams.iter().map(|upstream| upstream.stats().in_flight).sum();
        if busy == 20 { Ok(()) } else { Err(format!("{busy}")) }
    })
    .await;
    trap(&bed).await;
    let report = under_way.await.unwrap().unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&20), "{report:?}");
    for upstream in &bed.upstreams {
        upstream.set(Behaviour::Healthy).await.unwrap();
    }
    let report = bed.burst(400, 8).run().await.unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&400), "{report:?}");
}

#[tokio::test]
async fn the_admin_api_of_a_trapped_worker_is_gone_not_wrong() {
    let bed = Bed::start(2, 1, trapping).await;
    assert_eq!(bed.envoy.admin().health().await.unwrap().0, 200);
    trap(&bed).await;
    // The admin filter is failed open as well, so the listener's own routes answer: no file of this name.
    for path in ["snapshot", "healthz"] {
        let (status, kind, _) =
            bed.envoy.admin().raw(hyper::Method::GET, &format!("/plimsoll/v1/{path}")).await.unwrap();
        assert_eq!(status, 404, "{path}");
        assert!(!kind.contains("json"), "{path}: {kind}");
    }
}

/// Whichever worker a connection meets: the one that trapped has no admin API, the other one tells the truth.
#[tokio::test]
async fn the_other_worker_goes_on_and_shows_the_trapped_one_as_stale() {
    let bed = Bed::start(4, 2, trapping).await;
    bed.burst(400, 16).run().await.unwrap();
    let counted = |snapshot: &Snapshot| snapshot.workers.len() == 2 && snapshot.pools[0].requests == 400;
    bed.snapshot_when("two workers with 400 requests", counted).await;
    trap(&bed).await;
    let stale = "one worker stale, the other one not";
    let snapshot = bed
        .snapshot_within(2 * SOON, stale, |snapshot| {
            snapshot.workers.iter().filter(|worker| worker.stale).count() == 1 && snapshot.workers.len() == 2
        })
        .await;
    assert_eq!(snapshot.pools[0].requests, 400, "what the trapped worker published is still there");

    // The survivor's circuits work as before.
    bed.upstream(1).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    bed.load(200.0, Duration::from_secs(2)).start().unwrap().finish().await.unwrap();
    let opened = |snapshot: &Snapshot| endpoint(snapshot, 1).circuit.state == CircuitState::Open;
    bed.snapshot_within(2 * SOON, "an open circuit", opened).await;
    let health = healthy_answer(&bed.envoy).await;
    assert!(health.ok, "{health:?}");
}

/// What the surviving worker says of its health.
async fn healthy_answer(envoy: &Envoy) -> Health {
    until(SOON, "an answer of the surviving worker", async || {
        envoy.admin().health().await.map(|(_, health)| health).map_err(|error| format!("{error:#}"))
    })
    .await
}
