//! What the metrics of a pool should be, for tests in the modelled proxy and in a real Envoy.

use plimsoll_snapshot::{CircuitState, Snapshot};
use std::collections::BTreeMap;

/// By the snapshot of a pool at rest, none of whose circuits has changed twice; names begin with `prefix`. Counters that
/// never counted are not defined.
pub(crate) fn expected(prefix: &str, snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let pool = &snapshot.pools[0];
    let eligible = pool.endpoints.iter().filter(|endpoint| endpoint.circuit.state == CircuitState::Closed).count();
    let mut metrics = BTreeMap::from([
        (format!("{prefix}.picks"), pool.picks),
        (format!("{prefix}.requests"), pool.requests),
        (format!("{prefix}.failures"), pool.failures),
        (format!("{prefix}.in_flight"), 0),
        (format!("{prefix}.endpoints"), pool.endpoints.len() as u64),
        (format!("{prefix}.eligible"), eligible as u64),
    ]);
    for endpoint in &pool.endpoints {
        let prefix = format!("{prefix}.endpoint.{}", endpoint.id);
        metrics.insert(format!("{prefix}.requests"), endpoint.requests);
        metrics.insert(format!("{prefix}.in_flight"), 0);
        metrics.insert(format!("{prefix}.ejected"), u64::from(endpoint.circuit.state != CircuitState::Closed));
        if endpoint.failures > 0 {
            metrics.insert(format!("{prefix}.failures"), endpoint.failures);
        }
    }
    for transition in pool.endpoints.iter().filter_map(|endpoint| endpoint.last_transition.as_ref()) {
        *metrics.entry(format!("{prefix}.transitions.{}", transition.reason.signal.name())).or_default() += 1;
    }
    metrics
}
