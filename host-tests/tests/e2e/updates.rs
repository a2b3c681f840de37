//! Configurations that are refused, and updates while traffic goes on.

use super::support::{Bed, SOON, Traffic, all_ok, all_workers_know, endpoint, named, prepare, until};
use plimsoll_host_tests::bed::envoy::Update;
use plimsoll_host_tests::bed::{Behaviour, Envoy, EnvoyConfig};
use plimsoll_snapshot::{CircuitState, Snapshot};
use serde_json::{Value, json};

/// What is wrong, and what the log must say about it: key, value, what is allowed.
fn bad_pools() -> [(Value, [&'static str; 3]); 3] {
    [
        (json!({"circuit": {"open_for": "10 parsecs"}}), ["pools[0].circuit.open_for", "10 parsecs", "\"10s\""]),
        (json!({"max_ejected_percent": 150}), ["pools[0].max_ejected_percent", "150", "100"]),
        (json!({"strategey": "random"}), ["pools[0]", "strategey", "strategy"]),
    ]
}

#[tokio::test]
async fn envoy_refuses_to_start_with_a_bad_configuration_and_says_why() {
    for (bad, wanted) in bad_pools() {
        let (config, _upstreams) = prepare(1).await;
        let Err(error) = Envoy::start(&config.pool(bad.clone()), 1).await else { panic!("Envoy took {bad}") };
        let error = format!("{error:#}");
        for part in wanted {
            assert!(error.contains(part), "no {part:?} for {bad} in: {error}");
        }
    }
}

#[tokio::test]
async fn a_bad_update_leaves_the_old_configuration_serving_and_says_why() {
    let (config, upstreams) = prepare(2).await;
    let config = config.dynamic_listener();
    let mut bed = Bed::with(&config, 1, upstreams).await;
    bed.burst(50, 2).run().await.unwrap();
    let in_force = bed.envoy.admin().config().await.unwrap();
    for (bad, wanted) in bad_pools() {
        let update = bed.envoy.update(&config.clone().pool(bad.clone())).await.unwrap();
        assert_eq!(update, Update::Rejected, "{bad}");
        let log = bed.envoy.log();
        let refusals: Vec<&str> = log.lines().filter(|line| line.contains("configuration refused")).collect();
        let last = refusals.last().unwrap_or_else(|| panic!("no refusal in the log:\n{log}"));
        assert!(wanted.iter().all(|part| last.contains(part)), "{wanted:?} not in: {last}");
    }
    assert_eq!(bed.envoy.admin().config().await.unwrap(), in_force);
    bed.burst(50, 2).run().await.unwrap();
    assert_eq!(bed.settled().await.pools[0].picks, 100);
}

/// Endpoints of the pool; the cluster knows all upstreams.
fn pool_of(bed: &Bed, members: &[(usize, u32)]) -> Value {
    let member = |(number, weight): &(usize, u32)| {
        let upstream = bed.upstream(*number);
        json!({"address": upstream.address().to_string(), "id": upstream.name(), "weight": weight})
    };
    json!({"endpoints": members.iter().map(member).collect::<Vec<_>>()})
}

fn steady(config: EnvoyConfig) -> EnvoyConfig {
    config.dynamic_listener().pool(json!({"strategy": "round_robin", "ramp": "0s", "circuit": {"open_for": "300s"}}))
}

/// Counts of an endpoint equal what arrived there.
fn counts_are_right(bed: &Bed, snapshot: &Snapshot, numbers: &[usize]) -> bool {
    let right = |number: &usize| endpoint(snapshot, *number).requests == bed.upstream(*number).stats().requests;
    numbers.iter().all(right) && snapshot.pools[0].in_flight == 0
}

#[tokio::test]
async fn an_update_under_load_keeps_counts_and_circuits() {
    let (config, upstreams) = prepare(5).await;
    let config = steady(config);
    let mut bed = Bed::with(&config, 2, upstreams).await;
    let first = pool_of(&bed, &[(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(bed.envoy.update(&config.clone().pool(first)).await.unwrap(), Update::Accepted);

    // So much that, where counts went with the endpoint that leaves, a sum over the pool would go back.
    bed.burst(1_200, 4).run().await.unwrap();
    let traffic = Traffic::start(&bed, 200.0);
    bed.upstream(1).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    bed.snapshot_when("an open circuit", |snapshot| endpoint(snapshot, 1).circuit.state == CircuitState::Open).await;
    let before = bed.envoy.admin().snapshot().await.unwrap();

    // order-2 weighs more, order-3 goes, order-5 comes.
    let second = pool_of(&bed, &[(1, 1), (2, 3), (4, 1), (5, 1)]);
    assert_eq!(bed.envoy.update(&config.clone().pool(second)).await.unwrap(), Update::Accepted);
    let shown = |snapshot: &Snapshot| snapshot.pools[0].endpoints.iter().any(|endpoint| endpoint.id == "order-5");
    let after = bed.snapshot_when("the new endpoint", shown).await;
    assert_eq!(endpoint(&after, 2).weight, 3);
    assert!(after.pools[0].endpoints.iter().all(|endpoint| endpoint.id != "order-3"));
    for number in [1, 2, 4] {
        let (old, new) = (endpoint(&before, number), endpoint(&after, number));
        assert!(new.requests >= old.requests && new.failures >= old.failures, "{old:?} became {new:?}");
    }
    assert_eq!(endpoint(&after, 1).circuit, endpoint(&before, 1).circuit);

    all_workers_know(after.at_ms).await;
    shares_are_new(&bed).await;
    all_ok(&traffic.stop().await);
    let events = bed.envoy.admin().events(0).await.unwrap().events;
    assert_eq!(events.len(), 1, "{events:?}");

    // Two roots tick now on each worker: nothing is counted twice, neither in the snapshot nor in Envoy's metrics.
    let counted = bed.snapshot_when("counts as at the upstreams", |s| counts_are_right(&bed, s, &[2, 4, 5])).await;
    metrics_count_once(&bed, &counted).await;
}

/// What the endpoint that left has had since the last flush may be missing from the pool's counter; nothing is in it
/// twice.
async fn metrics_count_once(bed: &Bed, counted: &Snapshot) {
    let arrived = bed.arrived();
    let all: u64 = arrived.iter().sum();
    let of_order_5 = named(&counted.pools[0], "order-5").requests;
    until(SOON, "the same in Envoy's metrics", async || {
        let stats = bed.envoy.stats().await.map_err(|error| error.to_string())?;
        let metric = |name: &str| stats.get(&format!("wasmcustom.plimsoll.pool.demo.{name}")).copied().unwrap_or(0);
        let (pool, order_5) = (metric("requests"), metric("endpoint.order-5.requests"));
        let right = order_5 == of_order_5 && (all - arrived[2]..=all).contains(&pool);
        if right { Ok(()) } else { Err(format!("{pool} and {order_5}, arrived were {arrived:?}")) }
    })
    .await;
}

/// The heavier endpoint gets three times what the others do, those that are out get nothing. One in five is room for
/// two workers that each begin their round somewhere.
async fn shares_are_new(bed: &Bed) {
    let before = bed.arrived();
    let since = until(2 * SOON, "500 requests under the new configuration", async || {
        let since: Vec<u64> = bed.arrived().iter().zip(&before).map(|(now, before)| now - before).collect();
        if since.iter().sum::<u64>() >= 500 { Ok(since) } else { Err(format!("{since:?}")) }
    })
    .await;
    assert_eq!((since[0], since[2]), (0, 0), "ejected and removed endpoints, {since:?}");
    let light = (since[3] + since[4]) as f64 / 2.0;
    assert!((since[1] as f64 / light / 3.0 - 1.0).abs() < 0.2, "{since:?}");
}
