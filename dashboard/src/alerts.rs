//! What is wrong enough to be told of: limits on what a pool did in the last ten seconds, each with the query by which
//! Prometheus watches the same.

use plimsoll_snapshot::{CircuitState, Pool};

use crate::format;
use crate::history::{Delta, PoolHistory};
use crate::route::Route;
use crate::sheet::Line;

/// An alert in a list, for [`Alert::line`].
pub const FORM: &str = concat!(
    r#"<li data-testid="alert" data-s="data-key class"><a class="id" data-s="href .">-</a><b data-s=".">-</b>"#,
    r#"<span data-s=".">-</span><button class="copy" data-s="title">Copy PromQL</button></li>"#,
);

/// Less than this part of what was asked for was served.
const LEAST_AVAILABLE: f64 = 0.95;
/// More than this part of the attempts failed.
const MOST_FAILED: f64 = 0.05;
/// The 99th percentile took longer, milliseconds.
const LONGEST_MS: f64 = 1000.0;
/// Less than this part of the endpoints may be called.
const LEAST_ELIGIBLE: f64 = 0.5;

/// One thing that is wrong with a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Names the rule for programs.
    pub key: &'static str,
    /// What it is about.
    pub name: &'static str,
    /// Somebody should look at once.
    pub critical: bool,
    /// What it is, and what it should be: `91.2 %, should be at least 95 %`.
    pub value: String,
    /// The same for Prometheus.
    pub query: String,
}

impl Alert {
    /// The values for [`FORM`], with the name of the pool.
    pub fn line(&self, pool: &str) -> Line {
        let mut line = Line::new(&format!("{} {pool}", self.key));
        line.put(self.key)
            .put(if self.critical { "critical" } else { "" })
            .put(&Route::pool(pool).link())
            .put(pool)
            .put(self.name)
            .put(&self.value)
            .put(&self.query);
        line
    }
}

/// What is wrong with a pool, critical first.
pub fn firing(pool: &Pool, past: Option<&PoolHistory>) -> Vec<Alert> {
    let mut alerts = of_traffic(pool, past);
    alerts.extend(of_endpoints(pool));
    critical_first(alerts, |alert| alert.critical)
}

/// The same, critical ones before the others.
pub fn critical_first<T>(alerts: Vec<T>, critical: impl Fn(&T) -> bool) -> Vec<T> {
    let (mut first, others): (Vec<T>, Vec<T>) = alerts.into_iter().partition(critical);
    first.extend(others);
    first
}

fn of_traffic(pool: &Pool, past: Option<&PoolHistory>) -> Vec<Alert> {
    let attempts = past.and_then(|past| past.attempts.recent()).unwrap_or_default();
    let steered = past.and_then(|past| past.steered.recent()).unwrap_or_default();
    let metric = metric(&pool.name);
    let mut alerts = Vec::new();
    if let Some(part) = available(&attempts, &steered).filter(|part| *part < LEAST_AVAILABLE) {
        alerts.push(Alert {
            key: "availability",
            name: "Availability",
            critical: true,
            value: format!("{}, should be at least 95 %", format::percent(Some(part))),
            query: format!(
                "1 - (rate({metric}_failures[1m]) + rate({metric}_refused[1m])) / \
                 (rate({metric}_requests[1m]) + rate({metric}_refused[1m])) < 0.95"
            ),
        });
    }
    if let Some(part) = attempts.failed().filter(|part| *part > MOST_FAILED) {
        alerts.push(Alert {
            key: "failures",
            name: "Failed attempts",
            critical: false,
            value: format!("{}, should be at most 5 %", format::percent(Some(part))),
            query: format!("rate({metric}_failures[1m]) / rate({metric}_requests[1m]) > 0.05"),
        });
    }
    if let Some(latency) = pool.latency_ms.filter(|latency| latency.p99 > LONGEST_MS) {
        alerts.push(Alert {
            key: "latency",
            name: "Latency, p99",
            critical: false,
            value: format!("{}, should be at most 1 s", format::latency(Some(latency.p99))),
            query: format!(
                "histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket\
                 {{envoy_cluster_name=\"{}\"}}[1m]))) > 1000",
                pool.cluster
            ),
        });
    }
    alerts
}

/// Of what was asked for, the part that did not fail and was not refused.
fn available(attempts: &Delta, steered: &Delta) -> Option<f64> {
    let refused = steered.failure_rate();
    let asked = attempts.rate() + refused;
    (asked > 0.0).then(|| (1.0 - (attempts.failure_rate() + refused) / asked).clamp(0.0, 1.0))
}

fn of_endpoints(pool: &Pool) -> Vec<Alert> {
    let metric = metric(&pool.name);
    let count = pool.strip.len();
    let mut alerts = Vec::new();
    let mut tell = |key, name, critical, value, query| alerts.push(Alert { key, name, critical, value, query });
    if pool.panic {
        let value = format!("{} of {count} endpoints may be called: ejections are ignored", pool.eligible);
        tell("panic", "Panic", true, value, format!("{metric}_eligible < {}", pool.panic_below));
    }
    if f64::from(pool.eligible) < LEAST_ELIGIBLE * count as f64 {
        let value = format!("{} of {count}, should be at least half", pool.eligible);
        let query = format!("{metric}_eligible / {metric}_endpoints < 0.5");
        tell("eligible", "Endpoints that may be called", true, value, query);
    }
    if pool.circuit.as_ref().is_some_and(|circuit| circuit.state == CircuitState::Open) {
        let query = format!("rate({metric}_refused[1m]) > 0");
        tell("circuit", "Circuit of the pool", true, "open".into(), query);
    }
    if pool.max_ejected > 0 && pool.ejected >= pool.max_ejected {
        let value = format!("{} ejected, no more may be", pool.ejected);
        let query = format!("sum({{__name__=~\"{metric}_endpoint_.+_ejected\"}}) >= {}", pool.max_ejected);
        tell("ejected", "Ejections", false, value, query);
    }
    alerts
}

/// How Prometheus names what Envoy publishes of a pool.
fn metric(pool: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("plimsoll_pool_{}", pool.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests;
