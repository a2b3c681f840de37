//! A run as JSON: figures, outcomes, endpoints, decisions, timeline. The same run gives the same bytes: whole numbers
//! wherever there are any, keys in the alphabet's order, and nothing of the machine.

use crate::balancer::Change;
use crate::report::{Bucket, Outcomes, Report, VerdictReport};
use serde_json::{Value, json};
use std::time::Duration;

/// Shares of the requests whose latencies are told.
const QUANTILES: [(&str, f64); 7] =
    [("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

/// Times in nanoseconds from the start of the run.
#[must_use]
pub fn report_json(report: &Report) -> Value {
    let quantiles = QUANTILES.map(|(name, q)| (name.to_owned(), json!(nanos(report.quantile(q)))));
    let endpoints = report.endpoints.iter().map(|endpoint| {
        json!({
            "attempts": endpoint.attempts,
            "ok": endpoint.ok,
            "failed": endpoint.failed,
            "overflowed": endpoint.overflowed,
            "busy_ns": nanos(endpoint.busy),
        })
    });
    json!({
        "latency_ns": quantiles.into_iter().collect::<serde_json::Map<_, _>>(),
        "mean_ns": nanos(report.mean()),
        "failed_mean_ns": nanos(report.failed_latencies.mean()),
        "outcomes": outcomes(&report.outcomes),
        "attempts": report.attempts,
        "retries": report.retries,
        "over_budget": report.over_budget,
        "endpoints": endpoints.collect::<Vec<_>>(),
        "verdicts": report.verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "timeline": report.timeline.iter().map(bucket).collect::<Vec<_>>(),
        "ended_ns": nanos(report.ended),
        "events": report.events,
        // In hexadecimal: readers of JSON may lose digits of so great a number.
        "fingerprint": format!("{:016x}", report.fingerprint),
    })
}

fn outcomes(outcomes: &Outcomes) -> Value {
    json!({
        "ok": outcomes.ok,
        "status": outcomes.status,
        "connect": outcomes.connect,
        "timeout": outcomes.timeout,
        "refused": outcomes.refused,
        "throttled": outcomes.throttled,
        "unanswered": outcomes.unanswered,
    })
}

fn verdict(verdict: &VerdictReport) -> Value {
    json!({
        "at_ns": nanos(verdict.at),
        "endpoint": verdict.endpoint,
        "change": match verdict.change {
            Change::Ejected => "ejected",
            Change::Probed => "probed",
            Change::Returned => "returned",
        },
        "why": verdict.why,
        "troubled": verdict.troubled,
    })
}

fn bucket(bucket: &Bucket) -> Value {
    json!({
        "outcomes": outcomes(&bucket.outcomes),
        "attempts": bucket.attempts,
        "p50_us": bucket.latencies.quantile(0.5),
        "p99_us": bucket.latencies.quantile(0.99),
        "served": bucket.served,
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
