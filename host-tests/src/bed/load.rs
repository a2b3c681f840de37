//! Open-loop load: requests leave when they are due, whether or not earlier ones were answered, as from many
//! independent users. A closed loop would slow down with the system and so hide what it does to them.
//!
//! Arrivals are Poisson from a seed. Latency counts from the intended time; tokio's timer adds up to a
//! millisecond to it. The number under way is bounded, and what does not fit is recorded, not forgotten.

use super::connection::{Pool, get};
use super::summary::{Failure, Outcome, Record};
use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// What to send.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to.
    pub target: SocketAddr,
    /// Requests per second, on average.
    pub rate: f64,
    /// For how long requests leave; those under way then are waited for.
    pub duration: Duration,
    /// A client's patience, from the intended time on.
    pub timeout: Duration,
    /// Same seed, same arrival times.
    pub seed: u64,
    /// Path of every request.
    pub path: String,
    /// Extra headers of every request.
    pub headers: Vec<(String, String)>,
    /// At most this many under way; more are recorded as [`Failure::NotSent`].
    pub max_in_flight: usize,
}

impl Load {
    /// GET `/` at this rate for this long; a client's patience is 5 s.
    pub fn new(target: SocketAddr, rate: f64, duration: Duration) -> Self {
        Self {
            target,
            rate,
            duration,
            timeout: Duration::from_secs(5),
            seed: 1,
            path: "/".into(),
            headers: Vec::new(),
            // Far above what a healthy system holds, and below the usual limit of open files.
            max_in_flight: 800,
        }
    }

    /// Starts it on the current runtime. Dropping the run stops it and closes its connections.
    pub fn start(self) -> Result<LoadRun> {
        ensure!(self.rate > 0.0 && self.rate <= 100_000.0, "rate {} is not within (0, 100000]", self.rate);
        let records = Arc::new(Mutex::new(Vec::new()));
        let started = Instant::now();
        let task = tokio::spawn(drive(self, started, Arc::clone(&records)));
        Ok(LoadRun { started, records, task })
    }
}

/// A load under way.
pub struct LoadRun {
    started: Instant,
    records: Arc<Mutex<Vec<Record>>>,
    task: JoinHandle<()>,
}

impl LoadRun {
    /// The start from which `intended` counts.
    pub fn started(&self) -> std::time::Instant {
        self.started.into_std()
    }

    /// Records of the requests that have ended so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end of the load and of the requests under way.
    pub async fn finish(mut self) -> Result<Vec<Record>> {
        (&mut self.task).await?;
        Ok(std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for LoadRun {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends every request when it is due, then waits for the answers.
async fn drive(load: Load, started: Instant, records: Arc<Mutex<Vec<Record>>>) {
    let pool = Arc::new(Pool::new(load.target));
    let room = Arc::new(Semaphore::new(load.max_in_flight));
    let mut requests = JoinSet::new();
    for intended in Arrivals::new(load.rate, load.seed).take_while(|at| *at < load.duration) {
        tokio::time::sleep_until(started + intended).await;
        while requests.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            let outcome = Outcome::Failed(Failure::NotSent);
            note(&records, Record { intended, latency: Duration::ZERO, outcome, upstream: None });
            continue;
        };
        let (pool, records) = (Arc::clone(&pool), Arc::clone(&records));
        let request = get(load.target, &load.path, &load.headers);
        let deadline = started + intended + load.timeout;
        requests.spawn(async move {
            let answer = tokio::time::timeout_at(deadline, pool.send(request)).await;
            let (outcome, upstream) = answer.unwrap_or((Outcome::Failed(Failure::Timeout), None));
            let latency = (started + intended).elapsed();
            note(&records, Record { intended, latency, outcome, upstream });
            drop(permit);
        });
    }
    while requests.join_next().await.is_some() {}
}

fn note(records: &Mutex<Vec<Record>>, record: Record) {
    records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
}

/// Arrival times of a Poisson process, from its start.
struct Arrivals {
    rng: fastrand::Rng,
    mean_gap: f64,
    at: f64,
}

impl Arrivals {
    fn new(rate: f64, seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), mean_gap: 1.0 / rate, at: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // 1 - u is in (0, 1], so its logarithm is finite.
        self.at += -self.mean_gap * (1.0 - self.rng.f64()).ln();
        Some(Duration::from_secs_f64(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_poisson_at_the_rate() {
        let times: Vec<f64> = Arrivals::new(500.0, 7).take(50_000).map(|at| at.as_secs_f64()).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The error of the mean of 50,000 exponential gaps is 0.45 %; these are about five of those.
        assert!((mean * 500.0 - 1.0).abs() < 0.025, "mean gap {mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "coefficient of variation {}", variance.sqrt() / mean);
    }

    #[test]
    fn same_seed_same_arrivals() {
        let times = |seed| Arrivals::new(100.0, seed).take(100).collect::<Vec<_>>();
        assert_eq!(times(3), times(3));
        assert_ne!(times(3), times(4));
    }

    #[test]
    fn an_impossible_rate_is_refused() {
        let load = Load::new(SocketAddr::from(([127, 0, 0, 1], 1)), 0.0, Duration::from_secs(1));
        assert!(load.start().is_err());
    }
}
