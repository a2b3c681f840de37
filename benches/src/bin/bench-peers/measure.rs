//! One row for some subjects at the same time, each with endpoints and load of its own: same faults, same arrivals,
//! same work, and the same machine at the same moment.

use crate::clients::{self, Load, PATIENCE, Record, WARM_UP};
use crate::rows::Row;
use crate::subjects::{Running, Subject, Told};
use crate::upstreams::{Report, Upstreams};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Above this (99th percentile), the bench itself or its machine was too busy for figures that mean anything.
const TOO_LATE_MS: f64 = 5.0;
/// Before the warm-up: threads have to start.
const LEAD_IN: Duration = Duration::from_millis(100);
/// A run that takes so much longer than it should is given up.
const GRACE: Duration = Duration::from_secs(15);

/// What was measured of one subject in one row, once.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    /// Milliseconds, of all requests; a failed one counts as [`PATIENCE`].
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// How late requests were sent, and answers by the endpoints: p99 of the worse of the two, milliseconds.
    pub(crate) late: f64,
    /// Processor time of the proxy, microseconds per request.
    pub(crate) cpu: f64,
    /// Attempts that reached each endpoint in each second.
    pub(crate) attempts: Vec<Vec<u64>>,
    pub(crate) told: Told,
    /// Milliseconds since the epoch at second zero, for the times in `told`.
    pub(crate) zero_ms: u64,
}

impl Run {
    /// The machine was too busy.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.late > TOO_LATE_MS
    }

    pub(crate) fn ok_percent(&self) -> f64 {
        100.0 * (self.requests - self.failed) as f64 / self.requests.max(1) as f64
    }
}

/// A subject that is ready.
struct Ready {
    subject: Subject,
    upstreams: Upstreams,
    running: Running,
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// What counts, without the warm-up.
    pub(crate) duration: Duration,
    /// Worker threads of each proxy.
    pub(crate) workers: u32,
}

/// Measures the subjects side by side.
pub(crate) async fn measure(row: &Row, subjects: &[Subject], plan: Plan) -> Result<Vec<(Subject, Run)>> {
    let Plan { seed, duration, workers } = plan;
    let mut ready = Vec::new();
    for subject in subjects {
        let upstreams = Upstreams::start(row, seed)?;
        let running = subject.start(&upstreams.addresses, workers).await?;
        ready.push(Ready { subject: *subject, upstreams, running });
    }
    let zero = Instant::now() + LEAD_IN + WARM_UP;
    let zero_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as u64
        + (LEAD_IN + WARM_UP).as_millis() as u64;
    let mut loads = Vec::new();
    for one in &ready {
        one.upstreams.zero.set(zero);
        let load = Load { target: one.running.target(), rate: row.rate, duration, seed, zero };
        loads.push((one.running.cpu()?, start(load)?));
    }
    let mut runs = Vec::new();
    let limit = zero + duration + PATIENCE + GRACE;
    for (one, (cpu_before, load)) in ready.into_iter().zip(loads) {
        let records = tokio::time::timeout_at(limit, load).await.context("the load did not end in time")???;
        let cpu = one.running.cpu()?.saturating_sub(cpu_before);
        let told = one.running.told(one.subject).await?;
        drop(one.running);
        let report = one.upstreams.finish()?;
        runs.push((one.subject, summarise(&records, report, cpu, told, zero_ms)?));
    }
    Ok(runs)
}

/// Starts the load on a thread of its own.
fn start(load: Load) -> Result<oneshot::Receiver<Result<Vec<Record>>>> {
    let (done, records) = oneshot::channel();
    std::thread::Builder::new().name("clients".into()).spawn(move || {
        // Nobody waits if the bench was stopped.
        let _ = done.send(clients::run(load));
    })?;
    Ok(records)
}

fn summarise(records: &[Record], report: Report, cpu: Duration, told: Told, zero_ms: u64) -> Result<Run> {
    ensure!(!records.is_empty(), "nothing was sent: the run was too short");
    let worst = PATIENCE.as_secs_f32();
    let latencies = sorted(records.iter().map(|record| if record.ok { record.latency } else { worst }));
    let at = |share| percentile_ms(&latencies, share);
    let sent_late = percentile_ms(&sorted(records.iter().map(|record| record.late)), 0.99);
    let answered_late = percentile_ms(&sorted(report.late.iter().copied()), 0.99);
    Ok(Run {
        requests: records.len(),
        failed: records.iter().filter(|record| !record.ok).count(),
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        late: sent_late.max(answered_late),
        cpu: cpu.as_secs_f64() * 1e6 / records.len() as f64,
        attempts: report.endpoints.into_iter().map(|seen| seen.attempts).collect(),
        told,
        zero_ms,
    })
}

fn sorted(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values
}

/// Of sorted seconds.
fn percentile_ms(sorted: &[f32], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |seconds| f64::from(*seconds) * 1e3)
}
