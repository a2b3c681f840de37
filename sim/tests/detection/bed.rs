//! Who is tried, and what is told of a run. The pool and the watch are [`plimsoll_sim::trial`]'s.

use plimsoll_engine::{PoolConfig, Strategy};
use plimsoll_sim::trial::{self, Found, Watched};
use plimsoll_sim::{Change, Engine, Envoy, FaultKind, Outlier, Report, Scenario, Subject, VerdictReport};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use plimsoll_sim::trial::{RATE, errors, fault, onset, pool};

/// What the filter has where answers take 20 ms.
pub(crate) const TICK: Duration = Duration::from_millis(20);
pub(crate) const WORKERS: [u32; 3] = [1, 4, 16];

pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(crate) fn slow(factor: f64) -> FaultKind {
    FaultKind::Slow { factor }
}

pub(crate) fn engine(strategy: Strategy, workers: u32, tick: Duration) -> Subject {
    let pool = PoolConfig { strategy, ..PoolConfig::default() };
    Subject::Engine(Box::new(Engine { pool, workers, tick }))
}

/// The engine with all defaults.
pub(crate) fn plimsoll(workers: u32) -> Subject {
    engine(Strategy::default(), workers, TICK)
}

/// What a good engineer sets up today.
pub(crate) fn envoy_tuned() -> Subject {
    Subject::Envoy(Envoy::least_request(Some(Outlier {
        interval: Duration::from_secs(1),
        max_ejection_percent: 50,
        base_ejection_time: Duration::from_secs(5),
        ..Outlier::default()
    })))
}

pub(crate) fn envoy_default() -> Subject {
    Subject::Envoy(Envoy::least_request(Some(Outlier::default())))
}

/// Plays a scenario.
pub(crate) fn play(scenario: &Scenario, subject: &Subject) -> Watched {
    trial::play(scenario, subject.balancer(scenario).as_mut())
}

/// Plays until the first endpoint is ejected after `from`.
pub(crate) fn find(scenario: &Scenario, subject: &Subject, from: Duration) -> Found {
    trial::find(scenario, subject.balancer(scenario).as_mut(), from)
}

/// Most endpoints that were out at once.
pub(crate) fn most_out(report: &Report) -> usize {
    let mut out = vec![false; report.endpoints.len()];
    let mut most = 0;
    for verdict in &report.verdicts {
        out[verdict.endpoint as usize] = verdict.change != Change::Returned;
        most = most.max(out.iter().filter(|out| **out).count());
    }
    most
}

pub(crate) fn ejections(report: &Report, of: impl Fn(u32) -> bool) -> usize {
    let counts = |verdict: &&VerdictReport| verdict.change == Change::Ejected && of(verdict.endpoint);
    report.verdicts.iter().filter(counts).count()
}

/// Which signals ejected anybody, and how often.
pub(crate) fn signals<'a>(reports: impl IntoIterator<Item = &'a Report>) -> String {
    let mut counts = BTreeMap::new();
    for verdict in reports.into_iter().flat_map(|report| &report.verdicts) {
        if verdict.change == Change::Ejected {
            *counts.entry(verdict.why.split(' ').next().unwrap_or_default()).or_insert(0) += 1;
        }
    }
    let parts: Vec<String> = counts.iter().map(|(signal, count)| format!("{signal} {count}")).collect();
    parts.join(", ")
}
