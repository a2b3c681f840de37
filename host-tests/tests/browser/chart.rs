//! The chart is drawn, moves, and can be used without a mouse.

use crate::page::Chart;
use crate::stage::{ENDPOINTS, SOON, Stage};
use anyhow::{Result, bail};
use plimsoll_host_tests::bed::browser::{Key, until};
use serde_json::json;

/// What has the keyboard: its hook, else the hook of the row around it.
const FOCUS: &str = r#"
    const focus = document.activeElement;
    return focus?.dataset.testid ?? focus?.closest('[data-testid="endpoint-row"]')?.dataset.endpoint ?? null;"#;
/// More than there are places on the page that take the focus.
const MOST_TABS: usize = 40;

#[tokio::test]
async fn the_chart_is_drawn_and_moves() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let look = async || stage.chart().await;
    // A tenth of a per cent of the pixels: axes alone are less, and have fewer colours than there are lines.
    let drawn =
        |chart: &Chart| chart.ink * 1000 > u64::from(chart.width * chart.height) && chart.colours as usize > ENDPOINTS;
    let first = until("the chart to have lines", SOON, look, drawn).await?;
    assert!(first.words.contains("order-1"), "the chart in words: {}", first.words);
    until("the chart to move", SOON, look, |chart| chart.hash != first.hash && drawn(chart)).await?;
    stage.finish().await
}

#[tokio::test]
async fn the_keyboard_reaches_the_metric_and_the_rows() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let look = async || stage.chart().await;

    tab_to(&stage, "chart-metric").await?;
    let before = stage.chart().await?;
    stage.browser.press(Key::Down).await?;
    let after = until("another metric", SOON, look, |chart| chart.metric != before.metric).await?;
    let redrawn = |chart: &Chart| chart.words != before.words && chart.hash != before.hash;
    until("the chart of the other metric", SOON, look, redrawn).await?;
    stage.browser.press(Key::Up).await?;
    until("the first metric again", SOON, look, |chart| chart.metric == before.metric).await?;
    assert_ne!(after.metric, before.metric);

    tab_to(&stage, "order-3").await?;
    stage.browser.press(Key::Enter).await?;
    let pressed = r#"return [...document.querySelectorAll('[data-testid="endpoint-row"]')]
        .filter(row => row.querySelector('[aria-expanded="true"]')).map(row => row.dataset.endpoint);"#;
    let marked = async || stage.browser.run::<Vec<String>>(pressed, vec![]).await;
    until("the line of order-3 to stand out", SOON, marked, |rows| rows == &["order-3"]).await?;
    stage.finish().await
}

/// Presses Tab until this has the focus.
async fn tab_to(stage: &Stage, hook: &str) -> Result<()> {
    let mut seen = Vec::new();
    for _ in 0..MOST_TABS {
        stage.browser.press(Key::Tab).await?;
        let focus: Option<String> = stage.browser.run(FOCUS, vec![]).await?;
        if focus.as_deref() == Some(hook) {
            return Ok(());
        }
        seen.push(focus);
    }
    bail!("{MOST_TABS} times Tab did not lead to {hook}, but to {seen:?}")
}
