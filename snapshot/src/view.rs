//! What the admin API answers under `/plimsoll/v1/`, as JSON: [`Snapshot`], [`Workers`], [`Events`],
//! [`Health`].
//!
//! Field names are a contract with other programs. Fields may be added within one [`VERSION`]; readers ignore
//! fields that they do not know. Times are Unix milliseconds of the proxy's clock, durations are milliseconds.

mod evidence;
mod reason;
mod workers;

pub use evidence::{Evidence, Level, Window};
pub use reason::{FailureKind, FailuresBy, Reason, Signal, Transition};
pub use workers::{WorkerCounts, Workers, hexadecimal};

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Version of the JSON documents. It grows when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The whole state of all pools, merged over the workers: the answer to `GET snapshot`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// When this was put together.
    pub at_ms: u64,
    /// Workers publish at least this often, with `tick: auto` up to ten times as often; one older than ten times this is
    /// stale.
    pub tick_ms: u64,
    /// Highest sequence number of the event log: who has read that far need not ask for events. Absent from older filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// Every worker that has carried traffic, with the age of its part.
    pub workers: Vec<Worker>,
    /// The pools, in the order of the configuration.
    pub pools: Vec<Pool>,
}

/// One worker's part in a [`Snapshot`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Names the worker as long as it lives.
    pub id: String,
    /// How long ago it last published.
    pub age_ms: u64,
    /// Older than ten times `tick_ms`: its counts are shown but decide nothing.
    pub stale: bool,
}

/// One pool, merged over the workers. Counts are cumulative since the proxy started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Name from the configuration.
    pub name: String,
    /// The proxy's cluster that this pool steers.
    pub cluster: String,
    /// Strategy as written in the configuration.
    pub strategy: String,
    /// Mean of the endpoints' scores by weight, 0 to 1; absent while every endpoint is unknown.
    pub score: Option<f64>,
    /// The circuit of the pool as a whole; absent where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<Circuit>,
    /// Fewer endpoints than the panic threshold are eligible, so ejections are ignored.
    pub panic: bool,
    /// Requests the picker steered.
    pub picks: u64,
    /// Requests refused at once because no endpoint may be called.
    pub refused: u64,
    /// Finished attempts, all endpoints.
    pub requests: u64,
    /// Failed attempts, all endpoints.
    pub failures: u64,
    /// The same by kind, together with those of endpoints that have left since.
    #[serde(default)]
    pub failures_by: FailuresBy,
    /// Attempts now under way, all endpoints.
    pub in_flight: u64,
    /// Endpoints whose circuit is not closed.
    pub ejected: u32,
    /// How many endpoints may be ejected at once.
    pub max_ejected: u32,
    /// Endpoints that may get ordinary traffic now: neither draining nor forced open, and with a circuit that passes, which
    /// in panic does not count.
    #[serde(default)]
    pub eligible: u32,
    /// With fewer eligible ones than this, ejections are ignored: the panic threshold of those that are neither draining
    /// nor forced open, rounded up. 0 where no number says so: the threshold is 0, or there are several tiers, each of which
    /// is judged by itself and only while all together cannot carry the traffic.
    #[serde(default)]
    pub panic_below: u32,
    /// Percentiles over all endpoints, of the last 5 to 10 s.
    pub latency_ms: Option<LatencyMs>,
    /// One letter per endpoint, in the order of the configuration, see [`Status::letter`]. It is there for all pools.
    #[serde(default)]
    pub strip: String,
    /// In the order of the configuration; empty if others were asked for.
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint, merged over the workers. Counts are cumulative since the proxy started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Identifier from the configuration; the address where none was given.
    pub id: String,
    /// `ip:port`.
    pub address: String,
    /// Zone from the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What this endpoint is allowed to do now.
    pub status: Status,
    /// 0 to 1; absent below the minimum of samples.
    pub score: Option<f64>,
    /// Its circuit.
    pub circuit: Circuit,
    /// Weight from the configuration.
    pub weight: u32,
    /// Weight in force: 0 while ejected or draining, else the configured one, scaled by the score where degraded and by how
    /// far it has warmed up.
    pub effective_weight: f64,
    /// Attempts now under way.
    pub in_flight: u64,
    /// Finished attempts.
    pub requests: u64,
    /// Failed attempts.
    pub failures: u64,
    /// Answers that took more than 2.5 times the middle of the endpoints' mean latencies.
    pub slow: u64,
    /// Answers that said "too much" (429, 503 with `retry-after`): neither success nor failure.
    #[serde(default)]
    pub overloads: u64,
    /// Attempts that say nothing about the endpoint: the client left, or it was the client's mistake (other 4xx).
    #[serde(default)]
    pub ignored: u64,
    /// Failures in a row, the worst worker's.
    pub consecutive_failures: u32,
    /// Percentiles of the last 5 to 10 s; absent without traffic.
    pub latency_ms: Option<LatencyMs>,
    /// The circuit's last change and why.
    pub last_transition: Option<Transition>,
    /// How near it is to the next one: as the worker sees it that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// What an endpoint is allowed to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Takes its full share.
    Healthy,
    /// Takes a reduced share.
    Degraded,
    /// Takes probes only.
    Unhealthy,
    /// Too few samples to judge; takes its full share.
    #[default]
    Unknown,
    /// Takes sessions that stick to it, and nothing else.
    Draining,
    /// New or recovered: its share is growing.
    Warming,
}

impl Status {
    /// An endpoint in [`Pool::strip`]. Of several that hold, the first of: `f` forced open, `e` ejected (its circuit is open),
    /// `p` half-open (probing), `n` draining, `w` warming, `d` degraded, `u` unknown, `h` healthy.
    #[must_use]
    pub fn letter(self, circuit: CircuitState) -> char {
        match (circuit, self) {
            (CircuitState::ForcedOpen, _) => 'f',
            (CircuitState::HalfOpen, _) => 'p',
            (CircuitState::Open, _) | (_, Self::Unhealthy) => 'e',
            (_, Self::Draining) => 'n',
            (_, Self::Warming) => 'w',
            (_, Self::Degraded) => 'd',
            (_, Self::Unknown) => 'u',
            (_, Self::Healthy) => 'h',
        }
    }
}

/// One endpoint's circuit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// Closed passes, open refuses, half-open probes.
    pub state: CircuitState,
    /// Grows with every change; results of an older generation count for nothing.
    pub generation: u64,
    /// How often it has opened since it was last healthy for long: the back-off step.
    pub openings: u32,
    /// Open: when probing may start. Half-open: when unused permits expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Half-open: probes that may still be sent, over all workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permits_left: Option<u32>,
}

/// ```text
///              an alarm                       deadline passed
///   closed ────────────────────▶ open ─────────────────────▶ half_open
///      ▲                          ▲          a probe failed      │ │
///      │                          └──────────────────────────────┘ │
///      └───────────────────────────────────────────────────────────┘
///                           every probe passed
/// ```
/// `forced_open` and `disabled` are set by an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Passes.
    #[default]
    Closed,
    /// Refuses.
    Open,
    /// Lets a counted number of probes pass.
    HalfOpen,
    /// Refuses until an operator says otherwise.
    ForcedOpen,
    /// Passes whatever happens.
    Disabled,
}

impl CircuitState {
    /// The name in JSON and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }
}

/// Percentiles in milliseconds, from merged histograms; a value is off by at most 1/33 (3.03 %) for a pool and 1/17
/// (5.88 %) for an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Answer to `GET events?since=SEQ`: transitions with a sequence number above SEQ, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// When this was put together.
    pub at_ms: u64,
    /// Highest sequence number given out so far; ask with `since` = this next time.
    pub last_seq: u64,
    /// The log is bounded: events up to this sequence number are no longer in it (0: none was dropped).
    pub dropped_through: u64,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// One entry of the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the log, from 1, without gaps.
    pub seq: u64,
    /// Pool's name.
    pub pool: String,
    /// Endpoint's identifier; empty for the circuit of the pool as a whole.
    pub endpoint: String,
    /// Endpoint's address; empty alike.
    pub address: String,
    /// What changed.
    #[serde(flatten)]
    pub transition: Transition,
}

/// Answer to `GET healthz`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Every pool has an endpoint that may be called, and a configuration is in force.
    pub ok: bool,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}
