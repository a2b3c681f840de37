//! The charts are drawn, move, can be read and used without a mouse, and show what was before the page was opened.

use crate::keyboard::tab_to;
use crate::page::Chart;
use crate::stage::{ENDPOINTS, SOON, Stage};
use anyhow::Result;
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_host_tests::bed::browser::{Key, until};
use serde_json::json;
use std::time::Duration;

/// Places of the charts, and those that have lines as soon as there is traffic.
const CHARTS: usize = 6;
const TRAFFIC: usize = 0;
const LATENCY: usize = 1;
const CIRCUITS: usize = 4;

/// A thousandth of the pixels: axes alone are less.
fn is_drawn(chart: &Chart) -> bool {
    chart.ink * 1000 > u64::from(chart.width * chart.height) && chart.colours > 3
}

#[tokio::test]
async fn the_charts_are_drawn_and_move() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    for place in 0..CHARTS {
        let look = async || stage.chart(place).await;
        let chart = until(&format!("chart {place} to be drawn"), SOON, look, is_drawn).await?;
        assert!(chart.words.contains("demo"), "chart {place} in words: {}", chart.words);
    }
    let look = async || stage.chart(TRAFFIC).await;
    let many = |chart: &Chart| is_drawn(chart) && chart.colours as usize > ENDPOINTS;
    let first = until("the traffic of every endpoint", SOON, look, many).await?;
    assert!(first.words.contains("order-1"), "the chart in words: {}", first.words);
    until("the chart to move", SOON, look, |chart| chart.hash != first.hash && many(chart)).await?;
    stage.finish().await
}

#[tokio::test]
async fn the_keyboard_reaches_rows_choices_and_values() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let look = async || stage.chart(LATENCY).await;

    tab_to(&stage.browser, "chart-metric").await?;
    let before = stage.chart(LATENCY).await?;
    stage.browser.press(Key::Down).await?;
    let after = until("another choice", SOON, look, |chart| chart.kind != before.kind).await?;
    let redrawn = |chart: &Chart| chart.words != before.words && chart.hash != before.hash;
    until("the chart of the other choice", SOON, look, redrawn).await?;
    stage.browser.press(Key::Up).await?;
    until("the first choice again", SOON, look, |chart| chart.kind == before.kind).await?;
    assert_ne!(after.kind, before.kind);

    tab_to(&stage.browser, "chart-1").await?;
    stage.browser.press(Key::End).await?;
    let read = until("values at the cursor", SOON, look, |chart| chart.reading.contains(" ms")).await?;
    for percentile in ["p50", "p90", "p99"] {
        assert!(read.reading.contains(percentile), "no {percentile} in {:?}", read.reading);
    }

    tab_to(&stage.browser, "order-3").await?;
    stage.browser.press(Key::Enter).await?;
    let card = until("the card of order-3", SOON, async || stage.why().await, Option::is_some).await?;
    assert_eq!(card.map(|card| card.endpoint).as_deref(), Some("order-3"));
    stage.browser.press(Key::Escape).await?;
    until("no card", SOON, async || stage.why().await, Option::is_none).await?;
    stage.finish().await
}

#[tokio::test]
async fn time_can_be_stopped_and_an_event_moves_the_charts_to_its_own() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}})).await?;
    stage.upstreams[1].set(Behaviour::Refusing).await?;
    until("an event", SOON, async || stage.events().await, |events| !events.is_empty()).await?;

    stage.click("[data-testid=pause]").await?;
    let paused = until(
        "paused charts",
        SOON,
        async || stage.chart(TRAFFIC).await,
        |chart| is_drawn(chart) && !chart.words.contains("now"),
    );
    paused.await?;
    // What belongs to the last second comes with the next polls.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let paused = stage.chart(TRAFFIC).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.chart(TRAFFIC).await?.hash, paused.hash, "a paused chart has moved");
    assert!(stage.address().await?.contains("end="), "a link does not say which time is shown");
    stage.click("[data-testid=pause]").await?;

    stage.click("[data-testid=event] button").await?;
    let card = until("the card of the event's endpoint", SOON, async || stage.why().await, Option::is_some).await?;
    assert_eq!(card.map(|card| card.endpoint).as_deref(), Some("order-2"));
    let address = stage.address().await?;
    assert!(address.contains("event=1") && address.contains("endpoint=order-2"), "{address}");
    let marked = async || {
        stage
            .browser
            .run::<usize>(
                r#"return document.querySelectorAll('[data-testid="event"][aria-current="true"]').length;"#,
                vec![],
            )
            .await
    };
    until("the event to be marked", SOON, marked, |count| *count == 1).await?;
    until(
        "the open circuit in the bands",
        SOON,
        async || stage.chart(CIRCUITS).await,
        |chart| is_drawn(chart) && chart.words.contains("open"),
    )
    .await?;
    stage.finish().await
}

#[tokio::test]
async fn a_page_that_is_opened_late_shows_how_it_began() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}})).await?;
    stage.upstreams[2].set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    until("an event", SOON, async || stage.events().await, |events| !events.is_empty()).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    stage.browser.open(&format!("http://{}/?late", stage.envoy.dashboard())).await?;
    until("its rows", SOON, async || stage.rows().await, |rows| rows.len() == ENDPOINTS).await?;
    // Before the second poll of a new page nothing but the proxy's memory can tell of failures.
    let failures = async || stage.chart(2).await;
    let told =
        until("the failures of before", SOON, failures, |chart| is_drawn(chart) && chart.words.contains("/s")).await?;
    assert!(!told.words.contains("no failures"), "{}", told.words);
    stage.finish().await
}

#[tokio::test]
async fn charts_are_saved_as_drawing_and_as_values() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    until("a chart", SOON, async || stage.chart(TRAFFIC).await, is_drawn).await?;
    let catch = r#"window.saved = [];
        HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, decodeURIComponent(this.href)]); };"#;
    browser.run::<()>(catch, vec![]).await?;
    // The table grows by a line a second; until there is one, a drawing is of nothing.
    let last = async || browser.run::<(String, String)>("return window.saved.at(-1);", vec![]).await;
    let table = async || {
        stage.click("figure button[aria-label='Save chart as CSV']").await?;
        last().await
    };
    let values = until("a line of figures for each second", SOON, table, |(_, values)| {
        let figures = |line: &&str| line.split(',').nth(2).is_some_and(|rate| !rate.is_empty());
        values.lines().skip(1).filter(figures).count() > 1
    })
    .await?;
    stage.click("figure button[aria-label='Save chart as SVG']").await?;
    let drawing = last().await?;
    assert!(drawing.0.ends_with(".svg"), "{}", drawing.0);
    assert!(drawing.1.contains("<svg") && drawing.1.contains("order-1"), "{}", drawing.1);
    assert!(values.0.ends_with(".csv") && values.1.contains("order-4"), "{values:?}");
    stage.finish().await
}
