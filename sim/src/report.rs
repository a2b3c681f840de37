//! What a run measured.

use crate::balancer::Change;
use plimsoll_snapshot::sketch::Sketch;
use std::time::Duration;

/// The result of a run. Requests count if they came after the warm-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// From the time at which a request was meant to be sent to its good answer.
    pub latencies: Samples,
    /// The same for requests that failed in the end.
    pub failed_latencies: Samples,
    /// How requests ended.
    pub outcomes: Outcomes,
    /// Attempts of measured requests.
    pub attempts: u64,
    /// Those of them that were not the first of their request.
    pub retries: u64,
    /// Retries that the budget did not allow.
    pub over_budget: u64,
    /// By endpoint, in the scenario's order.
    pub endpoints: Vec<EndpointReport>,
    /// By time, from the start of the run, warm-up included.
    pub timeline: Vec<Bucket>,
    /// What the balancer decided about endpoints, in order, warm-up included.
    pub verdicts: Vec<VerdictReport>,
    /// From the start of the run to the last event.
    pub ended: Duration,
    /// Events played.
    pub events: u64,
    /// A hash over what happened to every request, in order: equal runs have equal ones.
    pub fingerprint: u64,
}

/// How requests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// With a good answer.
    pub ok: u64,
    /// With an error (a status of 500 or above).
    pub status: u64,
    /// Their last attempt got no connection.
    pub connect: u64,
    /// Without an answer in time.
    pub timeout: u64,
    /// The balancer had no endpoint for them.
    pub refused: u64,
    /// The throttle held them back.
    pub throttled: u64,
    /// Still waiting when nothing more could happen.
    pub unanswered: u64,
}

impl Outcomes {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.failed()
    }

    /// All but the good ones.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.status + self.connect + self.timeout + self.refused + self.throttled + self.unanswered
    }
}

/// What one endpoint did for measured requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointReport {
    /// Attempts that came.
    pub attempts: u64,
    /// Good answers that the client waited for.
    pub ok: u64,
    /// Other endings.
    pub failed: u64,
    /// Attempts that found its queue full.
    pub overflowed: u64,
    /// Slot-time spent on measured requests, wanted or not.
    pub busy: Duration,
}

/// A part of the timeline, by the time at which requests were meant to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// How requests ended.
    pub outcomes: Outcomes,
    /// Attempts, retries included.
    pub attempts: u64,
    /// Latencies of good answers in microseconds.
    pub latencies: Sketch,
    /// Good answers by endpoint.
    pub served: Vec<u32>,
}

/// A decision of the balancer about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictReport {
    /// When, from the start of the run.
    pub at: Duration,
    /// Position in the scenario.
    pub endpoint: u32,
    /// What became of it.
    pub change: Change,
    /// Why, in the balancer's words.
    pub why: String,
    /// A fault that does not hit everybody, or an antagonist, was at work there. An ejection without one is false.
    pub troubled: bool,
}

impl Report {
    /// Mean latency of good answers; zero without any.
    #[must_use]
    pub fn mean(&self) -> Duration {
        self.latencies.mean()
    }

    /// The latency that the share `q` (0 to 1) of good answers does not exceed; zero without any.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        self.latencies.quantile(q)
    }

    /// Ejections of endpoints that nothing was wrong with.
    #[must_use]
    pub fn false_ejections(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.change == Change::Ejected && !verdict.troubled).count()
    }
}

/// Exact measurements, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// From nanoseconds in any order.
    #[must_use]
    pub fn new(nanos: Vec<u64>) -> Self {
        Self(sorted(nanos))
    }

    /// Nanoseconds, ascending.
    #[must_use]
    pub fn as_nanos(&self) -> &[u64] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Zero without any.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let sum: u128 = self.0.iter().map(|nanos| u128::from(*nanos)).sum();
        let mean = sum.checked_div(self.0.len() as u128).unwrap_or_default();
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The nearest rank: what the share `q` (0 to 1) does not exceed; zero without any.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (q.clamp(0.0, 1.0) * self.0.len() as f64).ceil() as usize;
        Duration::from_nanos(self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default())
    }

    /// The share that exceeds a limit; 0 without any.
    #[must_use]
    pub fn share_above(&self, limit: Duration) -> f64 {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let above = self.0.len() - self.0.partition_point(|nanos| *nanos <= limit);
        above as f64 / self.0.len().max(1) as f64
    }
}

/// By radix, a byte at a time: linear, and a tenth of the code of the standard library's sorts. Bytes in which all are
/// alike, the high ones mostly, cost one look.
fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    let mut other = vec![0; values.len()];
    for shift in (0..u64::BITS).step_by(8) {
        let digit = |value: &u64| (value >> shift) as usize & 255;
        let mut starts = [0_usize; 256];
        values.iter().for_each(|value| starts[digit(value)] += 1);
        if starts.contains(&values.len()) {
            continue;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        for value in &values {
            let place = &mut starts[digit(value)];
            other[*place] = *value;
            *place += 1;
        }
        std::mem::swap(&mut values, &mut other);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_engine::Rng;

    #[test]
    fn samples_ascend_whatever_their_size_and_order() {
        let mut rng = Rng::new(7);
        for length in 0..70 {
            for bits in [1, 9, 31, 64] {
                let values: Vec<u64> = (0..length).map(|_| rng.next_u64() >> (64 - bits)).collect();
                let mut want = values.clone();
                want.sort_unstable();
                assert_eq!(Samples::new(values).as_nanos(), want);
            }
        }
    }

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let samples = Samples::new((1..=100).rev().map(|ms| ms * 1_000_000).collect());
        let quantiles = [0.0, 0.5, 0.99, 0.991, 1.0].map(|q| samples.quantile(q).as_millis());
        assert_eq!(quantiles, [1, 50, 99, 100, 100]);
        assert_eq!(samples.mean(), Duration::from_micros(50_500));
        assert_eq!(samples.share_above(Duration::from_millis(75)), 0.25);
        let none = Samples::default();
        assert_eq!((none.mean(), none.quantile(0.5), none.len()), (Duration::ZERO, Duration::ZERO, 0));
    }
}
