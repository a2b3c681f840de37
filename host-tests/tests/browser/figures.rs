//! Rows and numbers.
//!
//! Fields that the page only passes on must equal those of its last answer, but for rounding. Rates, which the
//! page works out, are held against counts that the test takes from the admin API over the same ten seconds:
//! the two windows lie up to a second and a half apart, and arrivals are random.

use crate::page::{Row, number};
use crate::stage::{ENDPOINTS, LATENCY, RATE, SOON, Stage};
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_host_tests::bed::browser::until;
use plimsoll_snapshot::{Endpoint, Pool, Snapshot};
use serde_json::json;
use std::time::Duration;

/// The page's rates look back on this.
const WINDOW_S: u64 = 10;
/// Part of the answers of `order-3` that fail.
const FAILING: f64 = 0.1;
/// `order-4` is slower by this; from three times the others' latency on, its score would fall.
const SLOWER: f64 = 2.5;

#[tokio::test]
async fn every_endpoint_has_a_row_with_its_numbers() -> Result<()> {
    // In turn and without ejection: then every figure is known beforehand.
    let stage = Stage::start(json!({"strategy": "round_robin", "circuit": {"consecutive_failures": 1000, "outliers": false, "relative": false}})).await?;
    stage.upstreams[2].set(Behaviour::Failing { status: 503, fraction: FAILING }).await?;
    stage.upstreams[3].set(Behaviour::Slow { factor: SLOWER }).await?;
    stage.listen().await?;

    let first = stage.envoy.admin().snapshot().await?;
    let mut in_flight = Vec::new();
    // One epoch more than the window: percentiles then know nothing of the time before the faults.
    for _ in 0..WINDOW_S + 1 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        in_flight.push(stage.rows().await?.iter().filter_map(|row| number(&row.in_flight)).sum::<f64>());
    }
    let rows = equal_to_the_last_answer(&stage).await?;
    let last = stage.envoy.admin().snapshot().await?;

    names_are_the_configured_ones(&stage, &rows);
    rates_are_those_counted_beside(&rows, &first, &last)?;
    latencies_are_the_upstreams_own(&rows);
    // Little's law: requests under way = arrivals per second × seconds each takes. A busy machine only adds.
    let expected = RATE * LATENCY.as_secs_f64() * (3.0 + SLOWER) / 4.0;
    let mean = in_flight.iter().sum::<f64>() / in_flight.len() as f64;
    assert!((0.6 * expected..4.0 * expected).contains(&mean), "{mean} in flight, expected {expected}: {in_flight:?}");
    stage.finish().await
}

/// Waits until what the page shows is its last answer: in between it may be drawing.
async fn equal_to_the_last_answer(stage: &Stage) -> Result<Vec<Row>> {
    let look = async || {
        let rows = stage.rows().await?;
        let heard = stage.heard().await?.context("the page has not polled")?;
        let pool = heard.pools.first().context("no pool")?;
        let differences = rows.iter().zip(&pool.endpoints).flat_map(|(row, endpoint)| differences(row, endpoint, pool));
        Ok((differences.collect::<Vec<_>>(), rows))
    };
    let (_, rows) = until("the rows to equal the page's last answer", SOON, look, |(d, _)| d.is_empty()).await?;
    Ok(rows)
}

/// Cells that do not say what the endpoint's JSON says.
fn differences(row: &Row, endpoint: &Endpoint, pool: &Pool) -> Vec<String> {
    let latency = |pick: fn(&plimsoll_snapshot::LatencyMs) -> f64| endpoint.latency_ms.as_ref().map(pick);
    let figures = [
        ("in-flight", &row.in_flight, Some(endpoint.in_flight as f64), 0.0),
        ("score", &row.score, endpoint.score, 0.005_1),
        ("p50", &row.p50, latency(|l| l.p50), 0.05_1),
        ("p90", &row.p90, latency(|l| l.p90), 0.05_1),
        ("p99", &row.p99, latency(|l| l.p99), 0.05_1),
    ];
    let mut differences = Vec::new();
    for (name, cell, expected, rounding) in figures {
        // From ten on the page shows no decimals.
        let rounding = if expected.is_some_and(|value| value >= 9.95) { 0.501 } else { rounding };
        let same = match (number(cell), expected) {
            (Some(shown), Some(expected)) => (shown - expected).abs() <= rounding,
            (shown, expected) => shown.is_none() && expected.is_none(),
        };
        if !same {
            differences.push(format!("{} {name}: {cell} instead of {expected:?}", endpoint.id));
        }
    }
    let words = [
        ("pool", &row.pool, json!(pool.name)),
        ("endpoint", &row.endpoint, json!(endpoint.id)),
        ("status", &row.data_status, json!(endpoint.status)),
        ("circuit", &row.data_circuit, json!(endpoint.circuit.state)),
    ];
    for (name, shown, expected) in words {
        if expected != **shown {
            differences.push(format!("{} {name}: {shown} instead of {expected}", endpoint.id));
        }
    }
    differences
}

fn names_are_the_configured_ones(stage: &Stage, rows: &[Row]) {
    let ids: Vec<&str> = rows.iter().map(|row| row.endpoint.as_str()).collect();
    assert_eq!(ids, ["order-1", "order-2", "order-3", "order-4"]);
    for (row, upstream) in rows.iter().zip(&stage.upstreams) {
        assert_eq!(row.pool, "demo");
        let address = upstream.address().to_string();
        assert!(row.text.contains(&row.endpoint) && row.text.contains(&address), "{address} is not in {}", row.text);
    }
}

fn rates_are_those_counted_beside(rows: &[Row], first: &Snapshot, last: &Snapshot) -> Result<()> {
    let seconds = (last.at_ms - first.at_ms) as f64 / 1000.0;
    let (before, after) = (&first.pools[0].endpoints, &last.pools[0].endpoints);
    assert_eq!(after.len(), ENDPOINTS);
    let mut whole = 0.0;
    let mut shares = 0.0;
    for ((row, before), after) in rows.iter().zip(before).zip(after) {
        let requests = (after.requests - before.requests) as f64;
        let failed = 100.0 * (after.failures - before.failures) as f64 / requests;
        let rate = number(&row.rate).with_context(|| format!("no rate in {row:?}"))?;
        let failure = number(&row.failure).with_context(|| format!("no failure share in {row:?}"))?;
        let counted = requests / seconds;
        // Six standard deviations of the requests that only one of the windows holds.
        assert!((rate - counted).abs() < 0.2 * counted, "{}: {rate} /s shown, {counted} counted", row.endpoint);
        assert!((failure - failed).abs() < 4.0, "{}: {failure} % shown, {failed} % counted", row.endpoint);
        match row.endpoint.as_str() {
            "order-3" => assert!((2.0..20.0).contains(&failure), "{failure} % of order-3 fail"),
            other => assert!(failure < 1.0, "{failure} % of {other} fail"),
        }
        whole += rate;
        shares += number(&row.share).with_context(|| format!("no share in {row:?}"))?;
    }
    // Retries of the failures come on top of the load.
    let expected = RATE * (1.0 + FAILING / ENDPOINTS as f64);
    assert!((whole / expected - 1.0).abs() < 0.15, "{whole} /s in all, expected {expected}");
    assert!((shares - 100.0).abs() < 0.5, "the shares make {shares} %");
    Ok(())
}

fn latencies_are_the_upstreams_own(rows: &[Row]) {
    for row in rows {
        let percentiles = [&row.p50, &row.p90, &row.p99].map(|cell| number(cell).unwrap_or(f64::NAN));
        let [p50, p90, p99] = percentiles;
        assert!(p50 <= p90 && p90 <= p99, "{row:?}");
        let fastest = LATENCY.as_secs_f64() * 1000.0 * if row.endpoint == "order-4" { SLOWER } else { 1.0 };
        // The histogram's error below; what a busy machine adds above.
        let median = if row.endpoint == "order-3" { p90 } else { p50 };
        assert!((0.94 * fastest..2.0 * fastest).contains(&median), "{percentiles:?} of {}", row.endpoint);
    }
}
