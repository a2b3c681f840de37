//! The proxy's metrics say the same as the snapshot.

use super::{MS, TICK, load, settled, setup};
use crate::filter_bed::{address, picker};
use crate::pool_metrics::expected;
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A flush period.
const FLUSHED: Duration = Duration::from_millis(1_100);
const PREFIX: &str = "plimsoll.pool.demo";

fn found(proxy: &Proxy) -> BTreeMap<String, u64> {
    let store = proxy.world().store();
    let value = |name: &str| store.metrics.counter(name).or(store.metrics.gauge(name)).unwrap_or(u64::MAX);
    store.metrics.names().map(|name| (name.to_owned(), value(name))).collect()
}

#[test]
fn metrics_equal_the_snapshot() {
    for workers in [1, 2, 4] {
        let circuit = json!({"circuit": {"open_for": "300s"}});
        let mut proxy = setup(3, &circuit).workers(workers).start().expect("starts");
        proxy.set_behaviour(&address(0), Behaviour::status(500, 1));
        load(&mut proxy, workers, 600, 5 * MS);
        proxy.run_until_idle();
        proxy.run_for(FLUSHED);
        let snapshot = settled(&mut proxy);
        assert_eq!(snapshot.pools[0].ejected, 1, "{workers} workers");
        assert_eq!(found(&proxy), expected(PREFIX, &snapshot), "{workers} workers");
    }
}

/// Two roots tick on each worker after an update, and an endpoint leaves with its counts: nothing is counted twice.
#[test]
fn metrics_count_once_over_an_update() {
    let circuit = json!({"strategy": "round_robin"});
    let mut proxy = setup(4, &circuit).workers(2).start().expect("starts");
    load(&mut proxy, 2, 400, 5 * MS);
    proxy.run_for(FLUSHED);
    proxy.update(&picker(3, &circuit)).expect("accepted");
    load(&mut proxy, 2, 600, 5 * MS);
    proxy.run_until_idle();
    proxy.run_for(FLUSHED + TICK);
    let arrived = super::arrived(&proxy, 4);
    let metrics = found(&proxy);
    for n in 0..4 {
        let counted = metrics[&format!("{PREFIX}.endpoint.e{n}.requests")];
        assert_eq!(counted, arrived[n], "endpoint {n}: {arrived:?}, {metrics:#?}");
        assert_eq!(metrics[&format!("{PREFIX}.endpoint.e{n}.in_flight")], 0);
    }
    assert_eq!(metrics[&format!("{PREFIX}.requests")], 1_000);
}
