//! What is told of a run, as numbers.

use crate::balancer::Change;
use crate::report::Report;
use std::time::Duration;

/// A number that a run is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// In JSON; its last word is the unit.
    pub name: &'static str,
    /// In a table.
    pub head: &'static str,
    /// Decimals in a table.
    pub decimals: usize,
    /// Of a run.
    pub of: fn(&Report) -> f64,
}

/// All of them, in the order of a table. Latencies are those of good answers, from the time at which a request was meant
/// to be sent; shares are of all measured requests.
pub const METRICS: [Metric; 9] = [
    Metric { name: "mean_ms", head: "mean ms", decimals: 2, of: |report| ms(report.mean()) },
    Metric { name: "p50_ms", head: "p50 ms", decimals: 2, of: |report| ms(report.quantile(0.5)) },
    Metric { name: "p99_ms", head: "p99 ms", decimals: 1, of: |report| ms(report.quantile(0.99)) },
    Metric { name: "p999_ms", head: "p99.9 ms", decimals: 1, of: |report| ms(report.quantile(0.999)) },
    Metric { name: "ok_percent", head: "ok %", decimals: 3, of: |report| percent(report.outcomes.ok, report) },
    Metric { name: "retries_percent", head: "retries %", decimals: 3, of: |report| percent(report.retries, report) },
    Metric {
        name: "refused_percent",
        head: "refused %",
        decimals: 3,
        of: |report| percent(report.outcomes.refused, report),
    },
    Metric { name: "ejections", head: "ejections", decimals: 2, of: ejections },
    Metric { name: "false_ejections", head: "false", decimals: 2, of: |report| report.false_ejections() as f64 },
];

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Per hundred requests; 0 where there was none.
fn percent(count: u64, report: &Report) -> f64 {
    match report.outcomes.total() {
        0 => 0.0,
        total => count as f64 * 100.0 / total as f64,
    }
}

fn ejections(report: &Report) -> f64 {
    report.verdicts.iter().filter(|verdict| verdict.change == Change::Ejected).count() as f64
}
