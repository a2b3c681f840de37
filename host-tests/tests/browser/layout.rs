//! The page fits a phone and a wide screen, by day and by night.

use crate::stage::{SOON, Stage};
use anyhow::Result;
use plimsoll_host_tests::bed::Behaviour;
use plimsoll_host_tests::bed::browser::until;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Widths in CSS pixels: phone, tablet, desktop.
const WIDTHS: [u32; 3] = [390, 820, 1440];
/// The same for the lab, from the narrowest phone to a very wide screen.
const LAB_WIDTHS: [u32; 5] = [360, 390, 820, 1440, 2560];
/// A trial on a busy machine.
const PLAYED: Duration = Duration::from_secs(60);
/// WCAG 2.2, level AA, for text of ordinary size.
const LEAST_CONTRAST: f64 = 4.5;

/// Width of the document; what sticks out of it; the least contrast of a text with what is behind it.
const MEASURE: &str = r#"
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = colour => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data].map(part => part / 255);
    };
    const over = (front, back) => front.slice(0, 3).map((part, i) => part * front[3] + back[i] * (1 - front[3]));
    const paper = element => {
        const behind = element.parentElement ? paper(element.parentElement)
            : matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [1, 1, 1];
        return over(rgba(getComputedStyle(element).backgroundColor), behind);
    };
    const light = colour => {
        const [r, g, b] = colour.map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = element => {
        const back = paper(element);
        const [a, b] = [light(over(rgba(getComputedStyle(element).color), back)), light(back)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const outside = [], faint = [];
    for (const element of document.querySelectorAll("main [data-testid]")) {
        const box = element.getBoundingClientRect();
        if (box.width > 0 && (box.left < -0.5 || box.right > innerWidth + 0.5)) outside.push(element.dataset.testid);
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
        if (text === "" || element.tagName === "NOSCRIPT" || element.getClientRects().length === 0) continue;
        const value = contrast(element);
        if (value < arguments[0]) faint.push(`${text}: ${value.toFixed(2)}`);
    }
    return { inner: innerWidth, scroll: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
             paper: light(paper(document.body)), outside, faint };"#;

#[derive(Debug, Deserialize)]
struct Measured {
    inner: u32,
    scroll: u32,
    /// Luminance of the page's background, 0 to 1.
    paper: f64,
    outside: Vec<String>,
    faint: Vec<String>,
}

#[tokio::test]
async fn the_page_fits_every_screen_by_day_and_by_night() -> Result<()> {
    // With the longest texts that there are: an open circuit, its reason, an event.
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}})).await?;
    stage.upstreams[3].set(Behaviour::Refusing).await?;
    let row = async || stage.row("order-4").await;
    until("order-4 to be ejected", SOON, row, |row| row.is("ejected")).await?;
    until("its event", SOON, async || stage.events().await, |events| !events.is_empty()).await?;
    for scheme in ["light", "dark"] {
        stage.browser.colour_scheme(scheme).await?;
        for width in WIDTHS {
            stage.browser.viewport(width, 844).await?;
            let page = measure(&stage, width).await?;
            assert!(page.scroll <= width, "{scheme}, {width} px: the page is {} px wide", page.scroll);
            assert!(page.outside.is_empty(), "{scheme}, {width} px: sticking out: {:?}", page.outside);
            assert!(page.faint.is_empty(), "{scheme}, {width} px: hard to read: {:#?}", page.faint);
            let fits = if scheme == "dark" { page.paper < 0.1 } else { page.paper > 0.7 };
            assert!(fits, "{scheme}, {width} px: the background's luminance is {}", page.paper);
        }
    }
    stage.finish().await
}

/// With the longest texts that it has: figures, a fault, a mistake; and for the narrowest phone.
#[tokio::test]
async fn the_lab_fits_every_screen_by_day_and_by_night() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    stage.browser.run::<()>("location.hash = '#/lab';", vec![]).await?;
    let there = "return document.querySelector('[data-testid=\"run\"]') !== null;";
    until("the lab", SOON, async || stage.browser.run::<bool>(there, vec![]).await, |there| *there).await?;
    let fill = r#"for (const [name, value] of [["source", "errors"], ["seeds", "2"], ["length", "10s"], ["fault", "slow"]]) {
        const field = document.querySelector(`[data-field="${name}"]`);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
    }"#;
    stage.browser.run::<()>(fill, vec![]).await?;
    stage.click("[data-testid=run]").await?;
    let ended = r#"return document.querySelector('[data-testid="progress"]').textContent === "2 seeds played";"#;
    until("figures", PLAYED, async || stage.browser.run::<bool>(ended, vec![]).await, |ended| *ended).await?;
    let mistake = r#"const json = document.querySelector('[data-field="changed"]');
        json.value = '{"strateg":"random"}';
        json.dispatchEvent(new Event("input", { bubbles: true }));"#;
    stage.browser.run::<()>(mistake, vec![]).await?;
    for scheme in ["light", "dark"] {
        stage.browser.colour_scheme(scheme).await?;
        for width in LAB_WIDTHS {
            stage.browser.viewport(width, 844).await?;
            let page = measure(&stage, width).await?;
            assert!(page.scroll <= width, "{scheme}, {width} px: the lab is {} px wide", page.scroll);
            assert!(page.outside.is_empty(), "{scheme}, {width} px: sticking out: {:?}", page.outside);
            assert!(page.faint.is_empty(), "{scheme}, {width} px: hard to read: {:#?}", page.faint);
        }
    }
    stage.finish().await
}

/// Measures once the window has taken its size.
async fn measure(stage: &Stage, width: u32) -> Result<Measured> {
    let look = async || stage.browser.run::<Measured>(MEASURE, vec![json!(LEAST_CONTRAST)]).await;
    until(&format!("a window {width} px wide"), SOON, look, |page| page.inner == width).await
}
