//! What the admin API answers to `GET history`, for programs that read it. The filter writes this JSON itself, from
//! [`super::columns`]; a test reads what it wrote by these types.

use crate::view::{CircuitState, FailureKind, Status};
use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value per point, in the order of [`PoolHistory::at`]; `None`: not known.
pub type Values<T> = Vec<Option<T>>;
/// A value that seldom changes: from which point on, and to what; `None`: the endpoint was not in the pool.
pub type Changes<T> = Vec<(usize, Option<T>)>;

/// Answer to `GET history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// [`crate::VERSION`] of the writer.
    pub version: u32,
    /// When this was put together.
    pub at_ms: u64,
    /// Milliseconds from point to point: 1,000 or 30,000.
    pub resolution_ms: u64,
    /// From when on points are in this answer, if there are any. Earlier ones are no longer kept, were not asked for, or
    /// are left out because of the number of pools.
    pub from_ms: u64,
    /// In the order of the configuration.
    pub pools: Vec<PoolHistory>,
}

/// One pool's points, oldest first. Counts are of the time that ends one resolution after the point's, and is `span_ms`
/// long; everything else is as it was at that end. At 30 s, counts and spans are sums of the seconds', and everything
/// else is the worst of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolHistory {
    /// Name from the configuration.
    pub name: String,
    /// When each point begins, in resolutions after [`History::from_ms`]. Points that nobody made are missing.
    pub at: Vec<u64>,
    /// How long the counts were counted, milliseconds; divide by it to get rates.
    pub span_ms: Values<u64>,
    /// Requests steered.
    pub picks: Values<u64>,
    /// Requests refused because no endpoint may be called.
    pub refused: Values<u64>,
    /// Attempts finished.
    pub requests: Values<u64>,
    /// Attempts failed.
    pub failures: Values<u64>,
    /// Attempts failed, by kind: only kinds that occur in this answer.
    #[serde(default)]
    pub failures_by: KindValues,
    /// Attempts that took more than 2.5 times the middle of the endpoints' mean latencies.
    pub slow: Values<u64>,
    /// Attempts under way.
    pub in_flight: Values<u64>,
    /// Median latency of the last 5 to 10 s, milliseconds.
    pub p50_ms: Values<f64>,
    /// 90th percentile.
    pub p90_ms: Values<f64>,
    /// 99th percentile.
    pub p99_ms: Values<f64>,
    /// Mean of the endpoints' scores by weight, 0 to 1.
    pub score: Values<f64>,
    /// Endpoints that may get ordinary traffic.
    pub eligible: Values<u64>,
    /// Endpoints whose circuit is not closed.
    pub ejected: Values<u64>,
    /// Ejections were ignored.
    pub panic: Changes<bool>,
    /// Only if asked for: the first endpoints of the pool, and those that have left since.
    #[serde(default)]
    pub endpoints: Vec<EndpointHistory>,
}

/// Values by kind of failure. In JSON an object by the kind's name; names that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KindValues(pub Vec<(FailureKind, Values<u64>)>);

impl Serialize for KindValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(kind, values)| (kind.name(), values)))
    }
}

impl<'de> Deserialize<'de> for KindValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = KindValues;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("values by kind of failure")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KindValues, A::Error> {
        let mut kinds = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let values = map.next_value()?;
            kinds.extend(FailureKind::named(&name).map(|kind| (kind, values)));
        }
        Ok(KindValues(kinds))
    }
}

/// One endpoint's points, in the order of [`PoolHistory::at`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointHistory {
    /// Identifier from the configuration.
    pub id: String,
    /// `ip:port`.
    pub address: String,
    /// Attempts finished.
    pub requests: Values<u64>,
    /// Attempts failed.
    pub failures: Values<u64>,
    /// Attempts that took more than 2.5 times the middle of the endpoints' mean latencies.
    pub slow: Values<u64>,
    /// Attempts under way.
    pub in_flight: Values<u64>,
    /// Median latency of the last 5 to 10 s, milliseconds.
    pub p50_ms: Values<f64>,
    /// 99th percentile.
    pub p99_ms: Values<f64>,
    /// 0 to 1; absent below the minimum of samples.
    pub score: Values<f64>,
    /// What it was allowed to do.
    pub status: Changes<Status>,
    /// State of its circuit.
    pub circuit: Changes<CircuitState>,
}
