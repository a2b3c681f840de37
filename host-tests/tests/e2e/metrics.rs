//! Envoy's own metrics say the same as the snapshot.

use super::support::{Bed, until};
use crate::pool_metrics::expected;
use plimsoll_host_tests::bed::Behaviour;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A flush period of one second, and as much for a busy machine.
const FLUSHED: Duration = Duration::from_secs(2);
const PREFIX: &str = "wasmcustom.plimsoll.pool.demo";

#[tokio::test]
async fn envoys_metrics_equal_the_snapshot_and_reach_prometheus() {
    let circuit = json!({"circuit": {"open_for": "300s"}});
    let bed = Bed::start(3, 2, |config| config.pool(circuit)).await;
    bed.upstream(1).set(Behaviour::Failing { status: 500, fraction: 1.0 }).await.unwrap();
    bed.load(200.0, Duration::from_secs(3)).start().unwrap().finish().await.unwrap();
    let snapshot = bed.settled().await;
    assert_eq!(snapshot.pools[0].ejected, 1);
    let expected = expected(PREFIX, &snapshot);
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
