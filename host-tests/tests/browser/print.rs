//! What the browser hands to the printer: light paper, and all charts and rows, whatever of the page was on the screen.

use crate::stage::{SOON, Stage};
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::{Browser, Fleet, FleetSpec};
use serde::Deserialize;
use serde_json::json;

/// More rows than are made where they cannot be seen.
const MANY: usize = 60;
/// Lightness of what a chart has mostly: on a page that has just begun, the time that nobody recorded.
const LIGHT: f64 = 200.0;
const DARK: f64 = 100.0;

/// Looks at the page at the last moment before it is printed: when everything that the page itself does on being told so
/// has run, and no frame has come. The page has to be there: who listens first is told first.
const WATCH: &str = r#"
    const lightness = canvas => {
        const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const light = [];
        for (let at = 0; at < points.length; at += 4) if (points[at + 3] === 255) light.push(points[at + 1]);
        return light.length === 0 ? null : light.sort((a, b) => a - b)[light.length >> 1];
    };
    const look = () => ({
        scheme: document.documentElement.dataset.scheme, dark: getComputedStyle(document.body).colorScheme === "dark",
        charts: [...document.querySelectorAll("canvas[data-place]")].map(lightness),
        rows: document.querySelectorAll('[data-testid="endpoint-row"]').length,
    });
    window.look = look;
    addEventListener("beforeprint", () => {
        let turns = 100;
        const turn = () => { if (turns-- > 0) queueMicrotask(turn); else window.onPaper = look(); };
        turn();
    });"#;

const ROWS: &str = r#"return document.querySelectorAll('[data-testid="endpoint-row"]').length;"#;

#[derive(Debug, Deserialize)]
struct Look {
    scheme: String,
    dark: bool,
    /// The middle lightness of what is drawn of each, 0 to 255; none where there is nothing.
    charts: Vec<Option<f64>>,
    rows: usize,
}

/// Prints; the page as it was on paper.
async fn print(browser: &Browser) -> Result<Look> {
    let pdf = browser.tools("Page.printToPDF", json!({})).await?;
    assert!(pdf["data"].as_str().is_some_and(|data| data.len() > 10_000), "no print");
    let on_paper = browser.run::<Option<Look>>("return window.onPaper ?? null;", vec![]).await?;
    on_paper.context("the page was not told that it is printed")
}

#[tokio::test]
async fn a_print_is_light_and_has_every_chart() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    browser.viewport(1400, 700).await?;
    browser.open("about:blank").await?;
    browser.open(&format!("http://{}/", stage.envoy.dashboard())).await?;
    until("the rows", SOON, async || stage.rows().await, |rows| !rows.is_empty()).await?;
    browser.run::<()>(WATCH, vec![]).await?;
    let look = async || browser.run::<Look>("return window.look();", vec![]).await;
    until("the charts", SOON, look, |look| look.charts.len() == 6).await?;
    for _ in ["light", "dark"] {
        stage.click("[data-testid=scheme]").await?;
    }
    let is_dark = |look: &Look| look.dark && look.charts[0].is_some_and(|lightness| lightness < DARK);
    let before = until("a dark chart", SOON, look, is_dark).await?;
    assert!(before.charts.contains(&None), "nothing of it was off the screen: {before:?}");

    let on_paper = print(browser).await?;
    assert!(on_paper.scheme == "light" && !on_paper.dark, "{on_paper:?}");
    let light = |chart: &&Option<f64>| chart.is_some_and(|lightness| lightness > LIGHT);
    assert_eq!(on_paper.charts.iter().filter(light).count(), 6, "{on_paper:?}");
    until("the dark page again", SOON, look, is_dark).await?;
    stage.finish().await
}

#[tokio::test]
async fn a_print_has_the_rows_that_were_off_the_screen() -> Result<()> {
    let fleet = Fleet::start(&FleetSpec::numbered(1, MANY, 0.2)).await?;
    let browser = Browser::start().await?;
    browser.viewport(1400, 700).await?;
    browser.open(&format!("http://{}/", fleet.envoy.dashboard())).await?;
    let rows = async || browser.run::<usize>(ROWS, vec![]).await;
    let few = |rows: &usize| *rows > 0 && *rows < MANY;
    until("the rows on the screen", SOON, rows, few).await?;
    browser.run::<()>(WATCH, vec![]).await?;
    assert_eq!(print(&browser).await?.rows, MANY);
    until("the rows on the screen again", SOON, rows, few).await?;
    Ok(())
}
