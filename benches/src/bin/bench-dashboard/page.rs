//! What is asked of the page itself, by scripts in it.

use anyhow::{Context, Result, bail};
use plimsoll_host_tests::bed::Browser;
use plimsoll_host_tests::bed::browser::until;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// A page with a thousand rows on a slowed processor of a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(90);

/// So long nobody asks the page: every answer is work of the same, slowed thread, in the midst of what is timed.
const UNDISTURBED: Duration = Duration::from_secs(3);

/// Runs before the page's own scripts: notes when the first row with figures is painted, and keeps the wasm's memory at
/// hand. A message that is sent while a frame is made arrives after its paint.
pub(crate) const WATCH: &str = r#"
    for (const name of ["instantiate", "instantiateStreaming"]) {
        const instantiate = WebAssembly[name];
        WebAssembly[name] = async (...given) => {
            const made = await instantiate(...given);
            window.watchedMemory = (made.instance ?? made).exports.memory;
            window.watchedStart = performance.now();
            return made;
        };
    }
    const hasFigures = row => {
        const cells = [...row.querySelectorAll('td, [role="cell"], [role="gridcell"]')];
        const text = cells.length > 0 ? cells.map(cell => cell.textContent).join(" ")
            : row.textContent.replaceAll(row.dataset.pool ?? row.dataset.endpoint, "");
        return row.getBoundingClientRect().height > 0 && /\d/.test(text);
    };
    const look = () => {
        const row = document.querySelector('[data-testid="pool-row"], [data-testid="endpoint-row"]');
        if (row === null || !hasFigures(row)) return requestAnimationFrame(look);
        const channel = new MessageChannel();
        channel.port1.onmessage = () => { window.watchedUseful = performance.now(); };
        channel.port2.postMessage("painted");
    };
    requestAnimationFrame(look);"#;

const MOMENTS: &str = r#"
    const asked = performance.getEntriesByType("resource");
    const of = part => asked.find(entry => entry.name.includes(part));
    return {
        useful: window.watchedUseful ?? null, started: window.watchedStart ?? null,
        loaded: of(".wasm")?.responseEnd ?? null, asked: of("/plimsoll/v1/snapshot")?.startTime ?? null,
        answered: of("/plimsoll/v1/snapshot")?.responseEnd ?? null,
    };"#;

const SIZE: &str = r#"
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
    let nodes = 1;
    while (walker.nextNode() !== null) nodes += 1;
    return {
        nodes, elements: document.getElementsByTagName("*").length,
        rows: document.querySelectorAll('[data-testid="pool-row"], [data-testid="endpoint-row"]').length,
        wasm: window.watchedMemory?.buffer.byteLength ?? null,
    };"#;

/// So much integer arithmetic takes some ten milliseconds; what else the machine does makes it longer.
const YARDSTICK: &str = r#"
    const times = [];
    for (let round = 0; round < 25; round += 1) {
        const start = performance.now();
        let state = 1;
        for (let step = 0; step < 4_000_000; step += 1) {
            state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
        }
        times.push(performance.now() - start);
        window.watchedState = state;
    }
    return times.slice(5);"#;

/// Moments of a load, in milliseconds from the start of its navigation.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Moments {
    /// The last byte of the wasm.
    pub(crate) loaded: Option<f64>,
    /// The wasm is compiled and starts.
    pub(crate) started: Option<f64>,
    /// The first snapshot is asked for.
    pub(crate) asked: Option<f64>,
    /// The last byte of the first snapshot.
    pub(crate) answered: Option<f64>,
    /// The first row with figures is painted.
    pub(crate) useful: Option<f64>,
}

/// How large a page is.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Size {
    /// All nodes of the document, texts included.
    pub(crate) nodes: u64,
    pub(crate) elements: u64,
    /// Of pools or endpoints.
    pub(crate) rows: u64,
    /// Bytes of the wasm's memory.
    pub(crate) wasm: Option<f64>,
    /// Bytes on the heap of JavaScript after its garbage was collected.
    #[serde(default)]
    pub(crate) heap: f64,
}

/// Opens an address from a page that is not ours, and waits until the first row is painted.
pub(crate) async fn open(browser: &Browser, url: &str) -> Result<Moments> {
    browser.open("about:blank").await?;
    browser.open(url).await?;
    tokio::time::sleep(UNDISTURBED).await;
    let look = async || browser.run::<Moments>(MOMENTS, vec![]).await;
    until(&format!("a row with figures at {url}"), PATIENCE, look, |moments| moments.useful.is_some()).await
}

/// Weighs the page; takes a moment in which it stands still.
pub(crate) async fn size(browser: &Browser) -> Result<Size> {
    browser.tools("HeapProfiler.collectGarbage", json!({})).await?;
    browser.tools("Performance.enable", json!({})).await?;
    let metrics = browser.tools("Performance.getMetrics", json!({})).await?;
    let metrics = metrics["metrics"].as_array().context("no metrics")?;
    let heap =
        metrics.iter().find(|metric| metric["name"] == "JSHeapUsedSize").and_then(|metric| metric["value"].as_f64());
    let Some(heap) = heap else { bail!("the browser does not tell the size of its heap") };
    let size: Size = browser.run(SIZE, vec![]).await?;
    Ok(Size { heap, ..size })
}

/// Milliseconds that the same work took, time after time.
pub(crate) async fn yardstick(browser: &Browser) -> Result<Vec<f64>> {
    browser.run(YARDSTICK, vec![]).await
}
