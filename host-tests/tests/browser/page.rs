//! What stands on the page, read through the `data-testid` hooks, and what the page was answered.

use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::Browser;
use plimsoll_snapshot::Snapshot;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const ROWS: &str = r#"
    const text = (row, name) => {
        const cell = row.querySelector(`[data-testid="${name}"]`);
        return cell === null ? "" : cell.textContent.replace(/\s+/g, " ").trim();
    };
    return [...document.querySelectorAll('[data-testid="endpoint-row"]')].map(row => ({
        endpoint: row.dataset.endpoint, data_status: row.dataset.status, data_circuit: row.dataset.circuit,
        text: row.textContent.replace(/\s+/g, " "), pool: row.closest('[data-testid="pool"]').dataset.pool,
        status: text(row, "status"), score: text(row, "score"), circuit: text(row, "circuit"),
        share: text(row, "share"), in_flight: text(row, "in-flight"), rate: text(row, "rate"),
        failure: text(row, "failure"), p50: text(row, "p50"), p90: text(row, "p90"), p99: text(row, "p99"),
        transition: text(row, "transition"),
    }));"#;

const EVENTS: &str = r#"
    return [...document.querySelectorAll('[data-testid="events"] [data-testid="event"]')].map(event => ({
        seq: Number(event.dataset.seq), text: event.textContent.replace(/\s+/g, " ").trim(),
    }));"#;

pub(crate) const BANNER: &str = r#"
    const banner = document.querySelector('[data-testid="banner"]');
    const main = getComputedStyle(document.querySelector("main"));
    return {
        state: banner === null ? null : banner.dataset.state,
        text: banner === null ? "" : banner.textContent.replace(/\s+/g, " ").trim(),
        opacity: Number(main.opacity), rows: document.querySelectorAll('[data-testid="endpoint-row"]').length,
    };"#;

const CHART: &str = r#"
    const canvas = document.querySelector(`canvas[data-place="${arguments[0]}"]`);
    // It comes after the first figures.
    if (canvas === null) return { width: 0, height: 0, ink: 0, hash: 0, colours: 0, words: "", kind: "", reading: "" };
    // What is not on the screen is not drawn.
    canvas.scrollIntoView({ block: "center" });
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    let ink = 0, hash = 0;
    for (let at = 0; at < pixels.length; at += 4) {
        if (pixels[at + 3] === 0) continue;
        ink += 1;
        const colour = (pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]) >>> 0;
        if (pixels[at + 3] === 255) colours.add(colour);
        hash = (Math.imul(hash, 31) + colour + at) | 0;
    }
    return {
        width: canvas.width, height: canvas.height, ink, hash, colours: colours.size,
        words: canvas.getAttribute("aria-label"), kind: canvas.dataset.kind,
        reading: canvas.parentElement.querySelector('[data-testid="reading"]').innerText.replace(/\s+/g, " ").trim(),
    };"#;

/// The open card.
const WHY: &str = r#"
    const card = document.querySelector('[data-testid="why"]');
    if (card === null) return null;
    const text = hook => card.querySelector(`[data-testid="${hook}"]`).textContent.replace(/\s+/g, " ").trim();
    const facts = [...card.querySelectorAll("[data-fact]")];
    return {
        endpoint: card.dataset.endpoint, state: text("why-state"), change: text("why-change"),
        sentence: text("why-sentence"), next: text("why-next"),
        facts: Object.fromEntries(facts.map(fact => [fact.dataset.fact, fact.querySelector("dd").textContent])),
        traces: [...card.querySelectorAll('[data-testid="trace"] code')].map(trace => trace.textContent),
    };"#;

/// The overview's rows.
const POOLS: &str = r#"
    const shapes = canvas => {
        const cell = canvas.width / (canvas.clientWidth / 8), context = canvas.getContext("2d");
        const cells = [];
        for (let left = 0; left + cell <= canvas.width; left += cell) {
            cells.push(context.getImageData(left, 0, cell, canvas.height).data.join());
        }
        return new Set(cells).size;
    };
    const text = (row, name) => row.querySelector(`[data-testid="${name}"]`).textContent.replace(/\s+/g, " ").trim();
    return [...document.querySelectorAll('[data-testid="pool-row"]')].map(row => ({
        pool: row.dataset.pool, alerts: Number(row.dataset.alerts), states: text(row, "strip"), score: text(row, "score"),
        rate: text(row, "rate"), failure: text(row, "failure"), p99: text(row, "p99"), spare: text(row, "spare"),
        marks: shapes(row.querySelector('[data-testid="strip"] canvas')),
    }));"#;

/// What fires.
const ALERTS: &str = r#"
    return [...document.querySelectorAll('[data-testid="alert"]')].map(alert => ({
        key: alert.dataset.key, text: alert.textContent.replace(/\s+/g, " ").trim(),
        query: alert.querySelector("button").title,
    }));"#;

/// Listens to the answers that the page gets, and lets a test change them on their way.
const LISTEN: &str = r#"
    const ask = window.fetch;
    window.heard = [];
    window.change = text => text;
    window.fetch = async (...question) => {
        const answer = await ask(...question);
        if (!String(question[0]).includes("/v1/snapshot")) return answer;
        const text = window.change(await answer.text());
        window.heard.push(text);
        return new Response(text, { status: answer.status });
    };"#;

/// One endpoint's row; the texts as a reader sees them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) pool: String,
    pub(crate) endpoint: String,
    pub(crate) data_status: String,
    pub(crate) data_circuit: String,
    pub(crate) text: String,
    pub(crate) status: String,
    pub(crate) score: String,
    pub(crate) circuit: String,
    pub(crate) share: String,
    pub(crate) in_flight: String,
    pub(crate) rate: String,
    pub(crate) failure: String,
    pub(crate) p50: String,
    pub(crate) p90: String,
    pub(crate) p99: String,
    pub(crate) transition: String,
}

impl Row {
    /// The state is this word.
    pub(crate) fn is(&self, state: &str) -> bool {
        self.status == state
    }
}

/// One item of the event list.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct EventItem {
    pub(crate) seq: u64,
    pub(crate) text: String,
}

/// The banner, if there is one, and how the data below it looks.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Banner {
    pub(crate) state: Option<String>,
    pub(crate) text: String,
    pub(crate) opacity: f64,
    pub(crate) rows: usize,
}

impl Banner {
    /// It says so, and the data looks old.
    pub(crate) fn is(&self, state: &str) -> bool {
        self.state.as_deref() == Some(state) && self.opacity < 0.8
    }

    /// There is none, and the data looks new.
    pub(crate) fn is_absent(&self) -> bool {
        self.state.is_none() && self.opacity > 0.99
    }
}

/// The chart's canvas.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Chart {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Pixels that are not transparent.
    pub(crate) ink: u64,
    /// Of all of those.
    pub(crate) hash: i64,
    /// Different opaque colours.
    pub(crate) colours: u32,
    /// What a screen reader is told.
    pub(crate) words: String,
    /// What it shows.
    pub(crate) kind: String,
    /// The values where the pointer is.
    pub(crate) reading: String,
}

/// The card that says why.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WhyCard {
    pub(crate) endpoint: String,
    pub(crate) state: String,
    pub(crate) change: String,
    pub(crate) sentence: String,
    pub(crate) next: String,
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) traces: Vec<String>,
}

/// One pool's row in the overview.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PoolRow {
    pub(crate) pool: String,
    pub(crate) alerts: usize,
    pub(crate) states: String,
    pub(crate) score: String,
    pub(crate) rate: String,
    pub(crate) failure: String,
    pub(crate) p99: String,
    pub(crate) spare: String,
    pub(crate) marks: usize,
}

/// One alert.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alert {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) query: String,
}

impl Stage {
    pub(crate) async fn rows(&self) -> Result<Vec<Row>> {
        self.browser.run(ROWS, vec![]).await
    }

    /// Newest first.
    pub(crate) async fn events(&self) -> Result<Vec<EventItem>> {
        self.browser.run(EVENTS, vec![]).await
    }

    pub(crate) async fn banner(&self) -> Result<Banner> {
        self.browser.run(BANNER, vec![]).await
    }

    /// The chart at this place, from 0.
    pub(crate) async fn chart(&self, place: usize) -> Result<Chart> {
        self.browser.run(CHART, vec![json!(place)]).await
    }

    pub(crate) async fn why(&self) -> Result<Option<WhyCard>> {
        self.browser.run(WHY, vec![]).await
    }

    /// Presses the mouse on the first element that this CSS selector finds.
    pub(crate) async fn click(&self, selector: &str) -> Result<()> {
        let script = "const found = document.querySelector(arguments[0]); found?.click(); return found !== null;";
        let found: bool = self.browser.run(script, vec![json!(selector)]).await?;
        ensure!(found, "nothing on the page is {selector}");
        Ok(())
    }

    /// What stands behind `#` in the address.
    pub(crate) async fn address(&self) -> Result<String> {
        self.browser.run("return location.hash;", vec![]).await
    }

    /// From now on [`Stage::heard`] has the page's last answer, and [`Stage::change_answers`] works.
    pub(crate) async fn listen(&self) -> Result<()> {
        self.browser.run::<()>(LISTEN, vec![]).await
    }

    /// The last snapshot that the page got.
    pub(crate) async fn heard(&self) -> Result<Option<Snapshot>> {
        let text: Option<String> = self.browser.run("return window.heard.at(-1) ?? null;", vec![]).await?;
        text.map(|text| serde_json::from_str(&text).context("the page got no snapshot")).transpose()
    }

    /// Puts every further answer through this JavaScript function, from text to text.
    pub(crate) async fn change_answers(&self, function: &str) -> Result<()> {
        self.browser.run::<()>(&format!("window.change = {function};"), vec![]).await
    }
}

/// The overview's rows.
pub(crate) async fn pools(browser: &Browser) -> Result<Vec<PoolRow>> {
    browser.run(POOLS, vec![]).await
}

/// What fires, as the overview says it.
pub(crate) async fn alerts(browser: &Browser) -> Result<Vec<Alert>> {
    browser.run(ALERTS, vec![]).await
}

/// The number that a cell begins with; absent where it shows a dash.
pub(crate) fn number(cell: &str) -> Option<f64> {
    let digits = cell.trim_start_matches(['<', '>']).replace(' ', "");
    let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(digits.len());
    digits[..end].parse().ok()
}
