//! Takes the picture of the dashboard for the README: `docs/dashboard.png`.
//!
//! ```sh
//! cargo xtask build && cargo run --release -p plimsoll-host-tests --bin screenshot
//! ```
//!
//! Eight sample upstreams under load, of which one has been slow, one has refused and come back, and one fails and
//! is ejected when the picture is taken. Needs an Envoy, a Chromium and a chromedriver: `cargo xtask doctor`.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::{Behaviour, Browser, Envoy, EnvoyConfig, Latency, Load, Upstream, workspace_root};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Mean latencies in milliseconds; different, so that the chart's lines lie apart, and long enough that some
/// requests are under way in the moment of the picture.
const LATENCIES_MS: [f64; 8] = [15.0, 18.0, 12.0, 24.0, 16.0, 21.0, 28.0, 13.0];
const RATE: f64 = 200.0;
/// The slow one is slower by this; more would press the other lines flat.
const SLOWER: f64 = 3.0;
/// Second, upstream from 0, and what it does from then on. An ejection lasts 10 s at first and 15 s after a failed
/// probe, so `order-5` is out from second 24 to 49, but for a moment at 34.
const STORY: [(u64, usize, Behaviour); 5] = [
    (6, 6, Behaviour::Refusing),
    (10, 6, Behaviour::Healthy),
    (14, 1, Behaviour::Slow { factor: SLOWER }),
    (24, 4, Behaviour::Failing { status: 503, fraction: 1.0 }),
    (28, 1, Behaviour::Healthy),
];
/// Then the chart holds enough.
const PICTURE_AT: Duration = Duration::from_secs(44);
/// Everything is over by then, whatever happens.
const LONGEST: Duration = Duration::from_secs(120);
/// Most that a picture is high, in pixels.
const TALLEST: u32 = 4_000;
/// Enough for [`fit_to_page`]: each step leaves a third of the error.
const STEPS: usize = 8;
/// What the repository is willing to carry.
const LARGEST: usize = 300 * 1024;

/// Takes the picture of the dashboard.
#[derive(Parser)]
#[command(name = "screenshot")]
struct Options {
    /// Where to write it; docs/dashboard.png of this repository unless given
    #[arg(long)]
    out: Option<PathBuf>,
    /// Width of the page in pixels
    #[arg(long, default_value_t = 1440, value_parser = clap::value_parser!(u32).range(320..=4_000))]
    width: u32,
    /// Colour scheme
    #[arg(long, default_value = "light", value_parser = ["light", "dark"])]
    scheme: String,
}

// One thread: Envoy and the browser end with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let picture = tokio::time::timeout(LONGEST, take(&options)).await.context("this takes too long")??;
    let out = options.out.unwrap_or_else(|| workspace_root().join("docs/dashboard.png"));
    let size = picture.len();
    ensure!(size <= LARGEST, "the picture has {size} bytes, more than {LARGEST}");
    std::fs::write(&out, picture).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{}: {size} bytes", out.display());
    Ok(())
}

async fn take(options: &Options) -> Result<Vec<u8>> {
    let mut upstreams = Vec::new();
    for (number, milliseconds) in (1..).zip(LATENCIES_MS) {
        let latency = Latency::Exponential(Duration::from_secs_f64(milliseconds / 1000.0));
        upstreams.push(Upstream::start(&format!("order-{number}"), latency, number).await?);
    }
    let addresses: Vec<SocketAddr> = upstreams.iter().map(Upstream::address).collect();
    let config = EnvoyConfig::from_repo()?.endpoints(&addresses).pool(json!({"strategy": "peak_ewma"}));
    let envoy = Envoy::start(&config, 2).await?;
    let browser = Browser::start().await?;
    browser.colour_scheme(&options.scheme).await?;
    browser.viewport(options.width, 1000).await?;
    let _load = Load::new(envoy.public(), RATE, LONGEST).start()?;
    browser.open(&format!("http://{}/", envoy.dashboard())).await?;
    let start = Instant::now();
    for (second, upstream, behaviour) in STORY {
        sleep_until(start + Duration::from_secs(second)).await;
        upstreams[upstream].set(behaviour).await?;
    }
    sleep_until(start + PICTURE_AT).await;
    let circuit = r#"return document.querySelector('[data-endpoint="order-5"]')?.dataset.circuit ?? "no row";"#;
    let look = async || browser.run::<String>(circuit, vec![]).await;
    until("order-5 to be ejected", Duration::from_secs(20), look, |circuit| circuit == "open").await?;
    fit_to_page(&browser, options.width).await?;
    let picture = browser.screenshot().await?;
    let lines = browser.console().await?;
    ensure!(!lines.iter().any(|line| line.is_severe()), "the page logged errors: {lines:#?}");
    Ok(picture)
}

/// Makes the window as tall as the page, and waits for the next poll to draw the chart at its new size.
async fn fit_to_page(browser: &Browser, width: u32) -> Result<()> {
    // The chart is a part of the window's height, so the height is found step by step; from above, because in a
    // window that is too low a scroll bar takes some of the width.
    let mut height = TALLEST;
    for _ in 0..STEPS {
        browser.viewport(width, height).await?;
        let page: u32 = browser.run("return Math.ceil(document.body.getBoundingClientRect().height);", vec![]).await?;
        height = page.clamp(400, TALLEST);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    Ok(())
}
