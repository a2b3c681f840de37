//! Rates, failure shares and chart lines from successive snapshots.
//!
//! The proxy reports cumulative counts. A rate is the difference of two of them over the proxy's own time
//! between them, so a late or lost poll makes no spike. A count that went down means that the proxy or a worker
//! restarted: that one step says nothing and is left out, time and all. Memory is bounded by [`KEEP_MS`] and
//! [`KEEP_SAMPLES`] per endpoint.

use std::collections::VecDeque;

use plimsoll_snapshot::{LatencyMs, Snapshot};

use crate::named::Named;

/// How far back samples are kept: what the chart can show.
pub const KEEP_MS: u64 = 300_000;
/// Upper bound of samples per endpoint, should a proxy's clock crawl.
pub const KEEP_SAMPLES: usize = 600;
/// The span that figures in the table look back on: long enough to be calm, short enough to be now.
pub const RECENT_MS: u64 = 10_000;
/// The span behind each point of the traffic chart: evens out the jitter of polls.
pub const SMOOTH_MS: u64 = 4_000;
/// Samples further apart than this are not joined by a line: nobody was looking in between.
pub const GAP_MS: u64 = 15_000;

/// Counts and percentiles at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Proxy's clock, Unix milliseconds.
    pub at_ms: u64,
    /// Cumulative count of finished attempts.
    pub requests: u64,
    /// Cumulative count of failed attempts.
    pub failures: u64,
    /// Percentiles, absent without traffic.
    pub latency: Option<LatencyMs>,
}

/// What happened between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delta {
    /// Time covered, milliseconds; steps across a restart are not in it.
    pub ms: u64,
    /// Attempts that finished.
    pub requests: u64,
    /// Attempts that failed.
    pub failures: u64,
}

impl Delta {
    /// Finished attempts per second.
    pub fn rate(&self) -> f64 {
        if self.ms == 0 { 0.0 } else { self.requests as f64 * 1000.0 / self.ms as f64 }
    }

    /// Failed attempts per second.
    pub fn failure_rate(&self) -> f64 {
        if self.ms == 0 { 0.0 } else { self.failures as f64 * 1000.0 / self.ms as f64 }
    }

    /// Failed part of the finished attempts, 0 to 1; absent without attempts.
    pub fn failed(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.failures as f64 / self.requests as f64).min(1.0))
    }
}

/// What a chart line shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// 99th percentile of the latency, milliseconds.
    #[default]
    LatencyP99,
    /// Median of the latency, milliseconds.
    LatencyP50,
    /// Finished attempts per second.
    Traffic,
}

/// The recent past of one endpoint or pool.
#[derive(Clone, Debug, Default)]
pub struct Track {
    samples: VecDeque<Sample>,
}

impl Track {
    fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        while self.samples.len() > KEEP_SAMPLES
            || self.samples.front().is_some_and(|first| first.at_ms + KEEP_MS < sample.at_ms)
        {
            self.samples.pop_front();
        }
    }

    /// The samples, oldest first.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// What happened in the last [`RECENT_MS`]; absent before the second sample.
    pub fn recent(&self) -> Option<Delta> {
        self.delta_before(self.samples.len().checked_sub(1)?, RECENT_MS)
    }

    /// What happened in the `span_ms` before sample `last`. One step is always looked at, however long it is.
    fn delta_before(&self, last: usize, span_ms: u64) -> Option<Delta> {
        let from_ms = self.samples.get(last)?.at_ms.saturating_sub(span_ms);
        let mut sum = Delta::default();
        for index in (1..=last).rev() {
            let (before, after) = (self.samples[index - 1], self.samples[index]);
            if before.at_ms < from_ms && sum.ms > 0 {
                break;
            }
            if after.requests >= before.requests && after.failures >= before.failures {
                sum.ms += after.at_ms - before.at_ms;
                sum.requests += after.requests - before.requests;
                sum.failures += after.failures - before.failures;
            } else if before.at_ms < from_ms {
                break;
            }
        }
        (sum.ms > 0).then_some(sum)
    }

    /// The line of a chart: time and value, with `None` where there is nothing to show or nobody looked.
    pub fn line(&self, metric: Metric) -> Vec<(u64, Option<f64>)> {
        let mut line = Vec::with_capacity(self.samples.len() + 1);
        let mut previous_ms = None;
        for (index, sample) in self.samples.iter().enumerate() {
            if previous_ms.is_some_and(|before| sample.at_ms > before + GAP_MS) {
                line.push((sample.at_ms, None));
            }
            previous_ms = Some(sample.at_ms);
            let value = match metric {
                Metric::LatencyP99 => sample.latency.map(|l| l.p99),
                Metric::LatencyP50 => sample.latency.map(|l| l.p50),
                Metric::Traffic => self.delta_before(index, SMOOTH_MS).map(|d| d.rate()),
            };
            line.push((sample.at_ms, value.filter(|v| v.is_finite())));
        }
        line
    }
}

/// One pool's past.
#[derive(Clone, Debug, Default)]
pub struct PoolHistory {
    /// Attempts, all endpoints.
    pub attempts: Track,
    /// Requests that were steered; those refused count as failures here.
    pub steered: Track,
    /// Endpoints by identifier.
    pub endpoints: Named<Track>,
}

impl PoolHistory {
    /// Recent attempts per second, summed over the endpoints: the whole that an endpoint's share is a part of.
    pub fn recent_rate(&self) -> f64 {
        self.endpoints.values().filter_map(Track::recent).map(|delta| delta.rate()).sum()
    }

    /// An endpoint's part of the recent attempts, 0 to 1; absent without traffic.
    pub fn share(&self, endpoint: &str, whole: f64) -> Option<f64> {
        let part = self.endpoints.get(endpoint)?.recent()?.rate();
        (whole > 0.0).then(|| (part / whole).min(1.0))
    }
}

/// The past of all pools.
#[derive(Clone, Debug, Default)]
pub struct History {
    last_ms: Option<u64>,
    pools: Named<PoolHistory>,
}

impl History {
    /// Adds a snapshot. One seen before adds nothing; an older one means another proxy: the past is dropped.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let at_ms = snapshot.at_ms;
        match self.last_ms {
            Some(last) if at_ms == last => return,
            Some(last) if at_ms < last => self.pools.clear(),
            _ => {}
        }
        self.last_ms = Some(at_ms);
        self.pools.retain(|name, _| snapshot.pools.iter().any(|pool| pool.name == *name));
        for pool in &snapshot.pools {
            let past = self.pools.of(&pool.name);
            past.attempts.push(Sample {
                at_ms,
                requests: pool.requests,
                failures: pool.failures,
                latency: pool.latency_ms,
            });
            past.steered.push(Sample { at_ms, requests: pool.picks, failures: pool.refused, latency: None });
            for endpoint in &pool.endpoints {
                past.endpoints.of(&endpoint.id).push(Sample {
                    at_ms,
                    requests: endpoint.requests,
                    failures: endpoint.failures,
                    latency: endpoint.latency_ms,
                });
            }
            // An endpoint without a sample of this moment has left the configuration.
            past.endpoints.retain(|_, track| track.samples.back().is_some_and(|last| last.at_ms == at_ms));
        }
    }

    /// There have been two snapshots: what happened between them is known.
    pub fn is_followed(&self) -> bool {
        self.pools.values().any(|past| past.steered.samples.len() > 1)
    }

    /// One pool's past.
    pub fn pool(&self, name: &str) -> Option<&PoolHistory> {
        self.pools.get(name)
    }

    /// How much time the samples of a pool cover, milliseconds.
    pub fn span_ms(&self, pool: &str) -> u64 {
        let samples = self.pool(pool).map(|past| &past.attempts.samples);
        let ends = samples.and_then(|all| Some((all.front()?.at_ms, all.back()?.at_ms)));
        ends.map_or(0, |(first, last)| last.saturating_sub(first))
    }
}

#[cfg(test)]
mod tests;
