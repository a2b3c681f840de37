//! Envoy's own metrics say the same as the snapshot.

use super::support::{Bed, until};
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_snapshot::{CircuitState, Snapshot};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A flush period of one second, and as much for a busy machine.
const FLUSHED: Duration = Duration::from_secs(2);
const PREFIX: &str = "wasmcustom.plimsoll.pool.demo";

/// What the metrics should be, by the snapshot of a pool at rest. Counters that never counted do not exist.
fn expected(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let pool = &snapshot.pools[0];
    let out = |state: CircuitState| u64::from(state != CircuitState::Closed);
    let eligible = pool.endpoints.iter().filter(|endpoint| endpoint.circuit.state == CircuitState::Closed).count();
    let mut metrics = BTreeMap::from([
        (format!("{PREFIX}.picks"), pool.picks),
        (format!("{PREFIX}.requests"), pool.requests),
        (format!("{PREFIX}.failures"), pool.failures),
        (format!("{PREFIX}.in_flight"), 0),
        (format!("{PREFIX}.endpoints"), pool.endpoints.len() as u64),
        (format!("{PREFIX}.eligible"), eligible as u64),
    ]);
    for endpoint in &pool.endpoints {
        let prefix = format!("{PREFIX}.endpoint.{}", endpoint.id);
        metrics.insert(format!("{prefix}.requests"), endpoint.requests);
        metrics.insert(format!("{prefix}.in_flight"), 0);
        metrics.insert(format!("{prefix}.ejected"), out(endpoint.circuit.state));
        if endpoint.failures > 0 {
            metrics.insert(format!("{prefix}.failures"), endpoint.failures);
        }
    }
    metrics
}

#[tokio::test]
async fn envoys_metrics_equal_the_snapshot_and_reach_prometheus() {
    let circuit = json!({"circuit": {"open_for": "300s"}});
    let bed = Bed::start(3, 2, |config| config.pool(circuit)).await;
    bed.upstream(1).set(Behaviour::Failing { status: 500, fraction: 1.0 }).await.unwrap();
    bed.load(200.0, Duration::from_secs(3)).start().unwrap().finish().await.unwrap();
    let snapshot = bed.settled().await;
    assert_eq!(snapshot.pools[0].ejected, 1);
    let expected = expected(&snapshot);
    until(FLUSHED, "metrics as in the snapshot", async || {
        let stats = bed.envoy.stats().await.map_err(|error| error.to_string())?;
        let found: BTreeMap<_, _> = stats.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        if found == expected { Ok(()) } else { Err(format!("{found:#?}, wanted {expected:#?}")) }
    })
    .await;

    let prometheus = bed.envoy.get("/stats/prometheus").await.unwrap();
    let value = |name: &str| {
        let line = prometheus.lines().find(|line| line.split(['{', ' ']).next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
    };
    let pool = &snapshot.pools[0];
    assert_eq!(value("plimsoll_pool_demo_requests"), Some(pool.requests));
    assert_eq!(value("plimsoll_pool_demo_endpoint_order_1_failures"), Some(pool.endpoints[0].failures));
    assert_eq!(value("plimsoll_pool_demo_endpoint_order_1_ejected"), Some(1));
}
