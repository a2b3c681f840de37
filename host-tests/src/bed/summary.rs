//! What clients saw: one [`Record`] per request and the figures over many of them.
//!
//! Percentiles are exact (nearest rank over the sorted sample), so a bench's p99.9 is a latency that somebody
//! really had.

use std::collections::BTreeMap;
use std::time::Duration;

/// One request of a load, finished or given up.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was due, from the start of the load. Latency counts from here, not from when a busy client got
    /// round to sending it: otherwise a stall of the system hides itself.
    pub intended: Duration,
    /// From `intended` to the end of the answer's body, or to the failure.
    pub latency: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Who answered: the upstream's name from its `x-upstream` header.
    pub upstream: Option<String>,
}

/// How a request ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A whole answer with this status.
    Status(u16),
    /// No whole answer.
    Failed(Failure),
}

impl Outcome {
    /// A whole answer with status 200.
    pub fn is_ok(self) -> bool {
        self == Self::Status(200)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Failed(failure) => f.write_str(match failure {
                Failure::Connect => "no connection",
                Failure::Reset => "connection closed before the answer",
                Failure::Truncated => "answer cut off",
                Failure::Timeout => "no answer in time",
                Failure::NotSent => "not sent: too many under way",
            }),
        }
    }
}

/// Why there was no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The connection could not be made.
    Connect,
    /// The connection broke before the answer's head.
    Reset,
    /// The connection broke inside the answer's body.
    Truncated,
    /// The client's own total timeout.
    Timeout,
    /// The load's bound on requests under way was reached.
    NotSent,
}

/// Figures over a set of records.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// All of them.
    pub requests: usize,
    /// Whole answers with status 200.
    pub ok: usize,
    /// How the others ended, and how many.
    pub errors: BTreeMap<Outcome, usize>,
    /// How many each upstream answered.
    pub by_upstream: BTreeMap<String, usize>,
    /// All latencies, failed requests included, sorted.
    latencies: Vec<Duration>,
}

impl Summary {
    /// Counts and sorts.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut summary = Self::default();
        for record in records {
            summary.requests += 1;
            if record.outcome.is_ok() {
                summary.ok += 1;
            } else {
                *summary.errors.entry(record.outcome).or_default() += 1;
            }
            if let Some(upstream) = &record.upstream {
                *summary.by_upstream.entry(upstream.clone()).or_default() += 1;
            }
            summary.latencies.push(record.latency);
        }
        summary.latencies.sort_unstable();
        summary
    }

    /// Share of good answers, 0 to 100; absent without requests.
    pub fn ok_percent(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.ok as f64 * 100.0 / self.requests as f64)
    }

    /// The latency that this part of the requests (0 to 1) did not exceed; absent without requests.
    pub fn latency(&self, quantile: f64) -> Option<Duration> {
        percentile(&self.latencies, quantile)
    }

    /// The part of the answers that came from this upstream, 0 to 1; absent without answers.
    pub fn share(&self, upstream: &str) -> Option<f64> {
        let all: usize = self.by_upstream.values().sum();
        let own = self.by_upstream.get(upstream).copied().unwrap_or(0);
        (all > 0).then(|| own as f64 / all as f64)
    }
}

/// Nearest-rank percentile of a sorted sample; `quantile` from 0 to 1.
pub fn percentile(sorted: &[Duration], quantile: f64) -> Option<Duration> {
    let rank = (quantile.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ms: u64, outcome: Outcome, upstream: &str) -> Record {
        let latency = Duration::from_millis(ms);
        Record { intended: Duration::ZERO, latency, outcome, upstream: Some(upstream.into()) }
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let sample: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sample, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&sample, 0.99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&sample, 1.0), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&sample, 0.0), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn errors_count_by_kind_and_are_part_of_the_latencies() {
        let records = [
            record(1, Outcome::Status(200), "a"),
            record(2, Outcome::Status(200), "b"),
            record(3, Outcome::Status(200), "a"),
            record(900, Outcome::Status(503), "b"),
        ];
        let summary = Summary::of(&records);
        assert_eq!(summary.ok_percent(), Some(75.0));
        assert_eq!(summary.errors[&Outcome::Status(503)], 1);
        assert_eq!(summary.latency(1.0), Some(Duration::from_millis(900)));
        assert_eq!(summary.share("a"), Some(0.5));
        assert_eq!(summary.share("c"), Some(0.0));
    }

    #[test]
    fn without_requests_there_is_no_figure() {
        let summary = Summary::of(&[]);
        assert_eq!((summary.ok_percent(), summary.latency(0.5), summary.share("a")), (None, None, None));
    }
}
