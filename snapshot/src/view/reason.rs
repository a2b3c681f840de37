//! Why circuits change, and how attempts fail.

use super::CircuitState;
use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A change of a circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at_ms: u64,
    /// State before.
    pub from: CircuitState,
    /// State after.
    pub to: CircuitState,
    /// Why.
    pub reason: Reason,
}

/// Why a circuit changed, with the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What was noticed.
    pub signal: Signal,
    /// The value seen, in the signal's unit.
    pub observed: f64,
    /// The value that it reached.
    pub threshold: f64,
    /// Attempts that the observation rests on.
    pub samples: u64,
    /// Share of those attempts that failed or were slow, 0 to 1, where the signal has another unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The same of the pool's other endpoints in the same time: a share of failures or of slow answers, 0 to 1; for
    /// `silence` the pool's 99.9th percentile, milliseconds. Absent where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<f64>,
    /// The kind of the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// Up to three traces to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace_ids: Vec<String>,
}

/// What was noticed. Where nothing else is said, the circuit opened (closed → open).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Failures in a row; observed and threshold count failures.
    ConsecutiveFailures,
    /// The time out is over (open → half-open); observed and threshold are milliseconds.
    EjectionElapsed,
    /// Every probe passed (half-open → closed); observed and threshold count probes.
    ProbesPassed,
    /// A probe failed (half-open → open); observed and threshold count failed probes.
    ProbeFailed,
    /// Permits were never settled (half-open → half-open, new permits); observed and threshold count permits.
    PermitsExpired,
    /// It fails more often than the others; observed and threshold are evidence, the logarithm of a likelihood ratio.
    Failures,
    /// It is slow more often than the others; observed and threshold are evidence as above.
    Slowness,
    /// It does not answer at all; observed and threshold are milliseconds, samples count waiting attempts.
    Silence,
    /// Share of failures in the window; observed and threshold are percent.
    FailureRate,
    /// Share of slow calls in the window; observed and threshold are percent.
    SlowRate,
    /// Most probes were slow (half-open → open); observed and threshold count slow probes.
    ProbesSlow,
    /// The configuration says so (to and from forced open and disabled).
    Operator,
}

impl Signal {
    /// All signals, in the order of their numbers in binary records.
    pub const ALL: [Self; 12] = [
        Self::ConsecutiveFailures,
        Self::EjectionElapsed,
        Self::ProbesPassed,
        Self::ProbeFailed,
        Self::PermitsExpired,
        Self::Failures,
        Self::Slowness,
        Self::Silence,
        Self::FailureRate,
        Self::SlowRate,
        Self::ProbesSlow,
        Self::Operator,
    ];

    /// The name in JSON, metrics and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::EjectionElapsed => "ejection_elapsed",
            Self::ProbesPassed => "probes_passed",
            Self::ProbeFailed => "probe_failed",
            Self::PermitsExpired => "permits_expired",
            Self::Failures => "failures",
            Self::Slowness => "slowness",
            Self::Silence => "silence",
            Self::FailureRate => "failure_rate",
            Self::SlowRate => "slow_rate",
            Self::ProbesSlow => "probes_slow",
            Self::Operator => "operator",
        }
    }
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// An answer whose status counts as a failure, 500 or above unless configured otherwise.
    Status,
    /// No connection: refused or unreachable.
    Connect,
    /// The connection broke before the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// The answer broke off in its body.
    Truncated,
    /// No connection in time.
    ConnectTimeout,
    /// What came was no answer of the protocol.
    Protocol,
    /// A gRPC status that counts as a failure, or none at the end of the call.
    Grpc,
}

impl FailureKind {
    /// All kinds, in the order of their numbers in binary records.
    pub const ALL: [Self; 8] = [
        Self::Status,
        Self::Connect,
        Self::Reset,
        Self::Timeout,
        Self::Truncated,
        Self::ConnectTimeout,
        Self::Protocol,
        Self::Grpc,
    ];

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in JSON and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::ConnectTimeout => "connect_timeout",
            Self::Protocol => "protocol",
            Self::Grpc => "grpc",
        }
    }
}

/// Failed attempts by their kind. In JSON an object with a count by the name of each kind that occurred; names that are
/// not known are passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailuresBy(pub [u64; FailureKind::ALL.len()]);

impl FailuresBy {
    /// One more failed in this way.
    pub fn count(&mut self, kind: FailureKind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// How many failed in this way.
    #[must_use]
    pub fn of(&self, kind: FailureKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&more.0) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// The kinds that occurred, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (FailureKind, u64)> + '_ {
        FailureKind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for FailuresBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (kind, count) in self.iter() {
            map.serialize_entry(kind.name(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FailuresBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = FailuresBy;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("counts by kind of failure")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FailuresBy, A::Error> {
        let mut counts = FailuresBy::default();
        while let Some(name) = map.next_key::<String>()? {
            let count = map.next_value()?;
            let kind = FailureKind::named(&name);
            if let Some(slot) = kind.and_then(|kind| counts.0.get_mut(kind as usize)) {
                *slot = count;
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_by_name_and_kinds_of_newer_versions_are_passed_over() {
        let mut counts = FailuresBy::default();
        FailureKind::ALL.iter().for_each(|kind| assert_eq!(FailureKind::ALL[*kind as usize], *kind));
        counts.count(FailureKind::Timeout);
        counts.count(FailureKind::Timeout);
        counts.count(FailureKind::Status);
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(json, r#"{"status":1,"timeout":2}"#);
        assert_eq!(serde_json::from_str::<FailuresBy>(&json).unwrap(), counts);
        let newer = serde_json::from_str::<FailuresBy>(r#"{"gremlins":7,"timeout":2,"status":1}"#).unwrap();
        assert_eq!((newer, newer.of(FailureKind::Timeout)), (counts, 2));
    }
}
