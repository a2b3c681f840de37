//! The card says why: its figures are those of the snapshot, and it follows the endpoint until it is back.

use crate::page::{WhyCard, number};
use crate::stage::{SOON, Stage};
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_host_tests::bed::browser::until;
use plimsoll_snapshot::{Signal, Transition};
use serde_json::json;
use std::time::Duration;

/// The way back leads through one half-open phase and a ramp of 10 s.
const RECOVERY: Duration = Duration::from_secs(45);

#[tokio::test]
async fn the_card_of_an_ejected_endpoint_has_the_snapshots_evidence() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "6s"}})).await?;
    stage.upstreams[2].set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    until("order-3 to be ejected", SOON, async || stage.row("order-3").await, |row| row.is("ejected")).await?;
    stage.click("[data-endpoint=order-3] button").await?;
    assert!(stage.address().await?.contains("endpoint=order-3"), "a link does not open the card");

    let shown = async || Ok((stage.why().await?, last_transition(&stage).await?));
    let same = |(card, last): &(Option<WhyCard>, Transition)| {
        card.as_ref().is_some_and(|card| card.state == "ejected" && last.to == plimsoll_snapshot::CircuitState::Open)
    };
    let (card, last) = until("the card beside the snapshot", SOON, shown, same).await?;
    let card = card.context("no card")?;
    assert_eq!(card.change, "closed → open");
    let expected = [
        ("observed", Some(last.reason.observed)),
        ("threshold", Some(last.reason.threshold)),
        ("samples", Some(last.reason.samples as f64)),
        ("share", last.reason.share.map(|share| share * 100.0)),
        ("pool", last.reason.pool.map(|share| share * 100.0)),
    ];
    for (fact, expected) in expected {
        let value = card.facts.get(fact).and_then(|text| number(text));
        match (value, expected) {
            (Some(shown), Some(expected)) => {
                assert!((shown - expected).abs() < 0.051, "{fact}: {shown}, not {expected}")
            }
            (shown, expected) => assert_eq!(shown, expected, "{fact} of {card:?}"),
        }
    }
    assert_eq!(card.facts.get("failure").map(String::as_str), Some("5xx answer"), "{card:?}");
    assert_eq!(card.traces, last.reason.trace_ids);
    let says = ["in a row", "attempts failed"].iter().any(|word| card.sentence.contains(word));
    assert!(says && card.next.contains("probes"), "{card:?}");

    stage.upstreams[2].set(Behaviour::Healthy).await?;
    let back = |card: &Option<WhyCard>| card.as_ref().is_some_and(|card| card.state == "healthy");
    let well =
        until("the card to say healthy", RECOVERY, async || stage.why().await, back).await?.context("no card")?;
    assert_eq!((well.change.as_str(), well.next.as_str()), ("half-open → closed", "It is watched like the others."));
    stage.finish().await
}

/// What the admin API says of order-3 itself.
async fn last_transition(stage: &Stage) -> Result<Transition> {
    let snapshot = stage.envoy.admin().snapshot().await?;
    let endpoint = snapshot.pools[0].endpoints.iter().find(|endpoint| endpoint.id == "order-3");
    endpoint.and_then(|endpoint| endpoint.last_transition.clone()).context("order-3 has no transition")
}

#[tokio::test]
async fn an_endpoint_to_which_nothing_happened_says_so_and_silence_is_told_as_such() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}})).await?;
    stage.click("[data-endpoint=order-1] button").await?;
    let quiet = until("a card", SOON, async || stage.why().await, Option::is_some).await?.context("no card")?;
    // How near it is to its limits is there; evidence of what happened is not.
    assert!(
        quiet.facts.keys().all(|fact| fact.starts_with("now-")) && quiet.sentence.contains("has not changed"),
        "{quiet:?}"
    );

    stage.upstreams[0].set(Behaviour::Hanging).await?;
    let out = |card: &Option<WhyCard>| card.as_ref().is_some_and(|card| card.state == "ejected");
    let silent = until("the card of a hanging endpoint", SOON, async || stage.why().await, out).await?;
    let silent = silent.context("no card")?;
    let last = stage.envoy.admin().snapshot().await?.pools[0].endpoints[0].last_transition.clone();
    let signal = last.context("no transition")?.reason.signal;
    if signal == Signal::Silence {
        assert_eq!(silent.facts.get("signal").map(String::as_str), Some("does not answer"));
        assert!(silent.facts["observed"].contains('s') && silent.sentence.contains("no answer for"), "{silent:?}");
    }
    stage.finish().await
}
