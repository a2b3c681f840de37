//! Every part of the page is reached, seen to be reached, and used with the keyboard alone.

use crate::page::Row;
use crate::stage::{ENDPOINTS, SOON, Stage};
use anyhow::{Context, Result, bail, ensure};
use plimsoll_host_tests::bed::browser::{Key, until};
use plimsoll_host_tests::bed::{Behaviour, Browser};
use serde::Deserialize;
use serde_json::json;

/// More than there are places on a page that take the focus.
const MOST_TABS: usize = 120;

/// What has the keyboard: a name for it, its hook, and whether it looks so.
const FOCUS: &str = r#"
    const focus = document.activeElement;
    if (focus === null || focus === document.body) return null;
    const row = focus.closest("[data-seq], [data-key], tr[data-endpoint], tr[data-pool]");
    const of = row === null ? "" : ` of ${Object.values(row.dataset).join(" ")}`;
    const label = focus.getAttribute("aria-label") ?? focus.dataset.testid ?? focus.textContent.trim();
    const style = getComputedStyle(focus);
    const place = focus.dataset.place === undefined ? "" : `-${focus.dataset.place}`;
    const hook = focus.dataset.testid === undefined ? null : focus.dataset.testid + place;
    return { name: label + of, hook, seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 };"#;

/// A place that takes the focus.
#[derive(Clone, Debug, Deserialize)]
struct Stop {
    name: String,
    hook: Option<String>,
    seen: bool,
}

/// From the top of the page to its end.
async fn stops(browser: &Browser) -> Result<Vec<Stop>> {
    browser.run::<()>("document.activeElement?.blur(); scrollTo(0, 0);", vec![]).await?;
    let mut stops = Vec::new();
    for _ in 0..MOST_TABS {
        browser.press(Key::Tab).await?;
        match browser.run::<Option<Stop>>(FOCUS, vec![]).await? {
            Some(stop) => stops.push(stop),
            None if stops.is_empty() => {}
            None => return Ok(stops),
        }
    }
    bail!("after {MOST_TABS} times Tab the page has no end: {stops:#?}")
}

/// Tab leads to everything of this, in this order, and each is seen.
fn lead(stops: &[Stop], wanted: &[&str]) {
    let unseen: Vec<_> = stops.iter().filter(|stop| !stop.seen).collect();
    assert!(unseen.is_empty(), "nobody sees that these have the focus: {unseen:?}");
    let mut rest = stops.iter();
    for name in wanted {
        assert!(rest.any(|stop| stop.name.starts_with(name)), "no {name:?} in its place in {stops:#?}");
    }
}

/// Presses Tab until this has the focus: the beginning of a name, or a hook.
pub(crate) async fn tab_to(browser: &Browser, what: &str) -> Result<()> {
    let mut seen = Vec::new();
    for _ in 0..MOST_TABS {
        browser.press(Key::Tab).await?;
        let stop: Option<Stop> = browser.run(FOCUS, vec![]).await?;
        if stop.as_ref().is_some_and(|stop| stop.hook.as_deref() == Some(what) || stop.name.starts_with(what)) {
            return Ok(());
        }
        seen.push(stop);
    }
    bail!("{MOST_TABS} times Tab did not lead to {what}, but to {seen:?}")
}

#[tokio::test]
async fn every_part_of_a_pools_page_is_reached_and_used() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}})).await?;
    stage.upstreams[1].set(Behaviour::Refusing).await?;
    until("an event", SOON, async || stage.events().await, |events| !events.is_empty()).await?;
    let browser = &stage.browser;
    lead(
        &stops(browser).await?,
        &[
            "Pools",
            "scheme",
            "Export",
            "Help",
            "Search endpoints",
            "view",
            "view",
            "Endpoint",
            "Score",
            "p99",
            "order-1",
            "order-2",
            "order-4",
            "How much time",
            "pause",
            "Earlier",
            "Later",
            "Zoom out",
            "Zoom in",
            "Time that",
            "Save chart as SVG",
            "Save chart as CSV",
            "What this chart shows",
            "Event list",
        ],
    );

    tab_to(browser, "Score").await?;
    browser.press(Key::Enter).await?;
    let first = async || Ok(stage.rows().await?.swap_remove(0));
    until("the worst score first", SOON, first, |row: &Row| row.endpoint == "order-2").await?;

    tab_to(browser, "Event list").await?;
    browser.press(Key::Tab).await?;
    browser.press(Key::Enter).await?;
    let card = until("the card of the event's endpoint", SOON, async || stage.why().await, Option::is_some).await?;
    assert_eq!(card.map(|card| card.endpoint).as_deref(), Some("order-2"));
    tab_to(browser, "Close").await?;
    browser.press(Key::Enter).await?;
    until("no card", SOON, async || stage.why().await, Option::is_none).await?;

    let address = async || stage.address().await;
    tab_to(browser, "pause").await?;
    browser.press(Key::Enter).await?;
    until("charts that stand still", SOON, address, |address| address.contains("end=")).await?;
    tab_to(browser, "Zoom in").await?;
    browser.press(Key::Enter).await?;
    until("half the time", SOON, address, |address| address.contains("window=300")).await?;

    // The second of the two views, then what it shows.
    tab_to(browser, "view").await?;
    browser.press(Key::Tab).await?;
    browser.press(Key::Enter).await?;
    tab_to(browser, "What is shown of each worker").await?;
    browser.press(Key::Down).await?;
    until("another measure", SOON, address, |address| address.contains("measure=failures")).await?;
    stage.finish().await
}

#[tokio::test]
async fn the_help_keeps_the_keyboard_and_gives_it_back() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    tab_to(browser, "Help").await?;
    browser.press(Key::Enter).await?;
    let inside = async || {
        browser.run::<bool>("return document.activeElement.closest('[data-testid=\"help\"]') !== null;", vec![]).await
    };
    until("the focus in the help", SOON, inside, |inside| *inside).await?;
    browser.press(Key::Tab).await?;
    ensure!(inside().await?, "Tab leads out of the help to what it covers");
    browser.strike('j').await?;
    ensure!(inside().await?, "j leads out of the help to what it covers");
    browser.press(Key::Escape).await?;
    let focus = async || browser.run::<Option<Stop>>(FOCUS, vec![]).await;
    let back = until("the focus where it was", SOON, focus, |stop| {
        stop.as_ref().is_some_and(|stop| stop.name.starts_with("Help"))
    })
    .await?;
    ensure!(back.context("no focus")?.seen, "the focus is back and nobody sees it");
    stage.finish().await
}

#[tokio::test]
async fn a_row_that_changes_its_place_keeps_the_keyboard() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let focus = async || stage.browser.run::<Option<Stop>>(FOCUS, vec![]).await;
    // Neither the first nor the last: rows are put before those that stay.
    let name = "order-3";
    for (sort, first) in [("-name", "order-4"), ("name", "order-1")] {
        tab_to(&stage.browser, name).await?;
        stage.browser.run::<()>("location.hash = `#/?sort=${arguments[0]}`;", vec![json!(sort)]).await?;
        let order = async || Ok(stage.rows().await?.swap_remove(0));
        until("the other order", SOON, order, |row: &Row| row.endpoint == first).await?;
        let stop = focus().await?.context("nothing has the keyboard")?;
        assert!(stop.name.starts_with(name), "the keyboard went from {name} to {stop:?}");
    }
    stage.finish().await
}

#[tokio::test]
async fn a_row_that_goes_has_the_keyboard_when_it_comes_back() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    let focus = async || browser.run::<Option<Stop>>(FOCUS, vec![]).await;
    let show = async |query: &str, rows: usize| {
        browser.run::<()>("location.hash = `#/?q=${arguments[0]}`;", vec![json!(query)]).await?;
        until("the rows that were asked for", SOON, async || stage.rows().await, |shown| shown.len() == rows).await
    };
    tab_to(browser, "order-3").await?;
    for (query, rows) in [("order-1", 1), ("nobody", 0)] {
        show(query, rows).await?;
        let stop = focus().await?.context("the keyboard is at the page's beginning")?;
        assert!(stop.seen && stop.hook.is_none(), "another row answers: {stop:?}");
    }
    show("", ENDPOINTS).await?;
    let stop = focus().await?.context("nothing has the keyboard")?;
    assert!(stop.seen && stop.name.starts_with("order-3"), "the keyboard went to {stop:?}");

    // Who has gone elsewhere meanwhile stays there.
    show("order-1", 1).await?;
    browser.strike('j').await?;
    show("", ENDPOINTS).await?;
    let stop = focus().await?.context("nothing has the keyboard")?;
    assert!(stop.name.starts_with("order-1"), "the keyboard went from order-1 to {stop:?}");
    stage.finish().await
}
