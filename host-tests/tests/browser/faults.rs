//! A fault is injected, and the page says what the filter does about it, and why; then it is over.

use crate::page::{EventItem, Row};
use crate::stage::{SOON, Stage};
use anyhow::Result;
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_host_tests::bed::browser::until;
use serde_json::json;
use std::time::Duration;

/// The way back leads through one half-open phase and a ramp of 10 s, and the score looks back on 5 to 10 s.
const RECOVERY: Duration = Duration::from_secs(45);

#[tokio::test]
async fn a_failing_endpoint_is_shown_as_ejected_and_later_as_back() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let all_quiet = stage.events().await?;
    assert!(all_quiet.is_empty(), "events before any fault: {all_quiet:?}");
    let other = stage.row("order-1").await?;
    assert_eq!(other.transition, "none yet");

    stage.upstreams[1].set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    let row = async || stage.row("order-2").await;
    let out = |row: &Row| row.is("ejected") && row.data_circuit == "open";
    let ejected = until("order-2 to be ejected", SOON, row, out).await?;
    assert!(ejected.circuit.starts_with("open"), "{ejected:?}");
    for word in ["closed → open", "5xx answer", "others then"] {
        assert!(ejected.transition.contains(word), "no {word:?} in {:?}", ejected.transition);
    }
    // Whichever detector has seen enough first.
    let says_why = ["in a row", "attempts failed"].iter().any(|word| ejected.transition.contains(word));
    assert!(says_why, "no reason in {:?}", ejected.transition);
    let failed = |row: &Row| row.failure != "–" && !row.failure.starts_with('0');
    until("failures in the row of order-2", SOON, row, failed).await?;
    event(&stage, "closed → open").await?;
    for bystander in stage.rows().await?.iter().filter(|row| row.endpoint != "order-2") {
        assert!(bystander.is("healthy") && bystander.data_circuit == "closed", "{bystander:?}");
    }

    stage.upstreams[1].set(Behaviour::Healthy).await?;
    let well = |row: &Row| row.is("healthy") && row.data_circuit == "closed";
    let back = until("order-2 to be back", RECOVERY, row, well).await?;
    assert!(back.transition.contains("half-open → closed"), "{:?}", back.transition);
    assert!(back.transition.contains("probes passed"), "{:?}", back.transition);
    event(&stage, "half-open → closed").await?;
    newest_first(&stage.events().await?);
    stage.finish().await
}

/// Waits for an event of `order-2` with these words.
async fn event(stage: &Stage, words: &str) -> Result<()> {
    let look = async || stage.events().await;
    let there = |events: &Vec<EventItem>| events.iter().any(|e| e.text.contains("order-2") && e.text.contains(words));
    until(&format!("an event: order-2 {words}"), SOON, look, there).await.map(drop)
}

fn newest_first(events: &[EventItem]) {
    assert!(events.windows(2).all(|pair| pair[0].seq > pair[1].seq), "{events:#?}");
    assert_eq!(events.last().map(|event| event.seq), Some(1), "{events:#?}");
}
