//! The headless run's table.

use crate::judge::{Verdict, verdicts};
use crate::run::Seen;
use plimsoll_host_tests::bed::Summary;
use std::time::Duration;

/// Prints one line per fault and one for the whole run.
pub(crate) fn print(seen: &Seen) {
    println!();
    println!(
        "{:<10} {:<9} {:>8} {:>8} {:>8} {:>8}  {:<26} back after",
        "fault", "endpoint", "requests", "ok %", "p50 ms", "p99 ms", "noticed after"
    );
    for verdict in verdicts(seen) {
        let (noticed, back) = reaction(&verdict);
        let figures = figures(&verdict.clients);
        println!("{:<10} {:<9} {figures}  {noticed:<26} {back}", verdict.fault.name, verdict.endpoint);
    }
    println!("{:<10} {:<9} {}", "whole run", "all", figures(&Summary::of(&seen.records)));
}

fn figures(clients: &Summary) -> String {
    let ok = clients.ok_percent().map_or_else(|| "-".to_owned(), percent);
    let (p50, p99) = (milliseconds(clients.latency(0.5)), milliseconds(clients.latency(0.99)));
    format!("{:>8} {ok:>8} {p50:>8} {p99:>8}", clients.requests)
}

/// Cut, not rounded: 100.00 means all of them.
fn percent(value: f64) -> String {
    format!("{:.2}", (value * 100.0).floor() / 100.0)
}

fn milliseconds(latency: Option<Duration>) -> String {
    latency.map_or_else(|| "-".to_owned(), |latency| format!("{:.1}", latency.as_secs_f64() * 1_000.0))
}

/// When the filter noticed and when the endpoint was back. A slow endpoint is steered around, not ejected.
fn reaction(verdict: &Verdict<'_>) -> (String, String) {
    if !verdict.fault.ejects() && verdict.noticed.is_none() {
        let (before, during) = verdict.share;
        return (format!("share {:.1} % -> {:.1} %", before * 100.0, during * 100.0), "-".to_owned());
    }
    let ms =
        |time: Option<Duration>| time.map_or_else(|| "never".to_owned(), |time| format!("{} ms", time.as_millis()));
    (ms(verdict.noticed), ms(verdict.back))
}
