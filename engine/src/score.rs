//! Health as one number from 0 to 1: the share of attempts that succeeded, times a factor below 1 where the endpoint
//! is much slower than its pool. A pure function of merged counts, so every worker and every reader agrees.

use plimsoll_snapshot::cell::CellEndpoint;
use plimsoll_snapshot::{CircuitState, Status};

/// An endpoint may be this many times slower than the pool's middle before its score falls. Three: pools with mixed
/// hardware differ by less, and a replica in trouble by more.
const TOLERATED_SLOWNESS: f64 = 3.0;
/// Slowness alone never pushes the score below this: a slow answer is still an answer.
const SLOWEST_FACTOR: f64 = 0.5;
/// Part of a failure that an answer "too much" counts as: with nothing else the endpoint keeps half of its share.
const OVERLOAD_COUNTS_AS: f64 = 0.5;
/// At and above: takes its full share.
const HEALTHY: f64 = 0.8;

/// What was seen of an endpoint lately, all workers together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Attempts finished.
    pub requests: u64,
    /// Attempts failed.
    pub failures: u64,
    /// Answers that said "too much".
    pub overloads: u64,
    /// Sum of the successes' latencies, microseconds.
    pub latency_us: u64,
}

impl From<&CellEndpoint> for Sample {
    /// The windowed part of what was published.
    fn from(counts: &CellEndpoint) -> Self {
        Self {
            requests: u64::from(counts.recent_requests),
            failures: u64::from(counts.recent_failures),
            overloads: u64::from(counts.recent_overloads),
            latency_us: counts.recent_latency_us,
        }
    }
}

impl Sample {
    /// Mean latency of the successes in microseconds.
    #[must_use]
    pub fn mean_us(&self) -> Option<f64> {
        let successes = self.requests.saturating_sub(self.failures).saturating_sub(self.overloads);
        (successes > 0).then(|| self.latency_us as f64 / successes as f64)
    }
}

/// The score of an endpoint whose pool has this middle (median of the endpoints' mean latencies, microseconds);
/// `None` below `minimum` attempts.
#[must_use]
pub fn score(sample: &Sample, pool_us: Option<f64>, minimum: u32) -> Option<f64> {
    if sample.requests == 0 || sample.requests < u64::from(minimum) {
        return None;
    }
    // An endpoint that says "too much" is not ill, but should have less: half a failure.
    let bad = sample.failures as f64 + OVERLOAD_COUNTS_AS * sample.overloads as f64;
    let success = 1.0 - (bad / sample.requests as f64).min(1.0);
    let latency = match (sample.mean_us(), pool_us) {
        (Some(own), Some(pool)) if own > 0.0 => (TOLERATED_SLOWNESS * pool / own).clamp(SLOWEST_FACTOR, 1.0),
        _ => 1.0,
    };
    Some(success * latency)
}

/// What an endpoint is allowed to do. With a closed circuit even the lowest score leaves a reduced share: only an
/// ejection, which is capped, takes all of it away.
#[must_use]
pub fn status(circuit: CircuitState, score: Option<f64>) -> Status {
    match (circuit, score) {
        (CircuitState::Open | CircuitState::HalfOpen | CircuitState::ForcedOpen, _) => Status::Unhealthy,
        (_, None) => Status::Unknown,
        (_, Some(score)) if score >= HEALTHY => Status::Healthy,
        (_, Some(_)) => Status::Degraded,
    }
}

/// How far an endpoint is into its service, whatever its circuit and its score say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Takes its share.
    #[default]
    Serving,
    /// New or recovered: its share grows.
    Warming,
    /// Takes sessions that stick to it, and nothing else.
    Draining,
}

impl Stage {
    /// What an endpoint in this stage is allowed to do: as [`status`], but that an endpoint whose circuit passes is called
    /// after its stage while that is not the usual one.
    #[must_use]
    pub fn status(self, circuit: CircuitState, score: Option<f64>) -> Status {
        match (status(circuit, score), self) {
            (Status::Unhealthy, _) => Status::Unhealthy,
            (_, Self::Warming) => Status::Warming,
            (_, Self::Draining) => Status::Draining,
            (usual, Self::Serving) => usual,
        }
    }
}

/// The share of its configured weight that an endpoint gets.
pub(crate) fn weight_factor(score: Option<f64>) -> f64 {
    // One twentieth keeps evidence coming: an endpoint without traffic could never show that it is well again.
    score.filter(|score| *score < HEALTHY).map_or(1.0, |score| score.max(0.05))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_cases() {
        let sample = |requests, failures, mean_us: u64| Sample {
            requests,
            failures,
            overloads: 0,
            latency_us: (requests - failures) * mean_us,
        };
        let busy = Sample { overloads: 100, latency_us: 0, ..sample(100, 0, 0) };
        let cases = [
            // sample, pool's middle, score, status, why
            (sample(100, 0, 5000), Some(5000.0), Some(1.0), Status::Healthy, "as the others"),
            (sample(9, 0, 5000), Some(5000.0), None, Status::Unknown, "too few"),
            (sample(0, 0, 0), None, None, Status::Unknown, "none"),
            (sample(100, 20, 5000), Some(5000.0), Some(0.8), Status::Healthy, "one in five fails"),
            (sample(100, 30, 5000), Some(5000.0), Some(0.7), Status::Degraded, "three in ten fail"),
            (sample(100, 0, 15_000), Some(5000.0), Some(1.0), Status::Healthy, "three times slower is tolerated"),
            (sample(100, 0, 20_000), Some(5000.0), Some(0.75), Status::Degraded, "four times slower"),
            (sample(100, 0, 500_000), Some(5000.0), Some(0.5), Status::Degraded, "slowness has a floor"),
            (sample(100, 100, 0), Some(5000.0), Some(0.0), Status::Degraded, "all fail, not ejected yet"),
            (sample(100, 0, 5000), None, Some(1.0), Status::Healthy, "nothing to compare with"),
            (busy, Some(5000.0), Some(0.5), Status::Degraded, "all are too much for it"),
        ];
        for (sample, pool, want, want_status, why) in cases {
            let got = score(&sample, pool, 10);
            let close = match (got, want) {
                (Some(got), Some(want)) => (got - want).abs() < 1e-9,
                (got, want) => got == want,
            };
            assert!(close, "{why}: {got:?}, want {want:?}");
            assert_eq!(status(CircuitState::Closed, got), want_status, "{why}");
        }
        assert_eq!(status(CircuitState::Open, Some(1.0)), Status::Unhealthy);
        let stages = [Stage::Serving, Stage::Warming, Stage::Draining];
        let closed = [Status::Degraded, Status::Warming, Status::Draining];
        assert_eq!(stages.map(|stage| stage.status(CircuitState::Closed, Some(0.5))), closed);
        assert_eq!(stages.map(|stage| stage.status(CircuitState::Open, Some(1.0))), [Status::Unhealthy; 3]);
    }
}
