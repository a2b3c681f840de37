//! A real Chromium without a window, steered through chromedriver: opens a page, runs scripts in it, presses
//! keys, sets size and colour scheme, takes pictures, and tells what the page logged and asked for.
//!
//! Both programs are children of this process, and chromedriver is attached to the browser instead of starting
//! it: so nothing is left behind on a panic or a kill. Start it from a thread that lives as long as it should
//! (see `process`). What it lacks on purpose: any knowledge of the dashboard.

mod commands;
mod picture;
mod programs;
mod traffic;

use anyhow::{Context, Result, bail};
use commands::{DevTools, Log};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
pub use fantoccini::key::Key;
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use programs::Programs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, timeout};
pub use traffic::{Ending, Exchange};

/// A page from loopback, and every script in it, is done long before: also one with a thousand rows on a slowed
/// processor, and so is reading what a tab did for half a minute.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often [`until`] looks.
const POLL: Duration = Duration::from_millis(100);

/// A running browser with one page.
pub struct Browser {
    client: Client,
    _programs: Programs,
}

/// One line of the page's console, or of the browser about the page.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ConsoleLine {
    /// `SEVERE`, `WARNING`, `INFO`, `DEBUG`.
    pub level: String,
    /// Who says it: `console-api`, `javascript`, `network`, `security` and so on.
    pub source: String,
    /// What.
    pub message: String,
}

impl ConsoleLine {
    /// Something went wrong.
    pub fn is_severe(&self) -> bool {
        self.level == "SEVERE"
    }

    /// The browser reports a request that failed, which is no fault of the page.
    pub fn is_network(&self) -> bool {
        self.source == "network"
    }
}

impl Browser {
    /// Starts Chromium and chromedriver: those that `CHROMIUM` and `CHROMEDRIVER` name, or those on the PATH.
    pub async fn start() -> Result<Self> {
        Self::with(None).await
    }

    /// The same, and Chromium records these categories of its own tracing from now on; see [`Browser::trace`].
    pub async fn start_tracing(categories: &[&str]) -> Result<Self> {
        Self::with(Some(categories.join(","))).await
    }

    async fn with(categories: Option<String>) -> Result<Self> {
        let programs = Programs::start().await?;
        let client = timeout(PATIENCE, connect(&programs, categories)).await.context("no session in time");
        let client = client.and_then(|inner| inner);
        let client =
            client.with_context(|| format!("chromedriver has no session; logs end with\n{}", programs.tail()))?;
        Ok(Self { client, _programs: programs })
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&self, url: &str) -> Result<()> {
        let opened = timeout(PATIENCE, self.client.goto(url)).await;
        opened.with_context(|| format!("{url} has not loaded in {PATIENCE:?}"))?.with_context(|| url.to_owned())
    }

    /// Runs a script (the body of a function, `arguments` as given) and reads what it returns.
    pub async fn run<T: DeserializeOwned>(&self, script: &str, arguments: Vec<Value>) -> Result<T> {
        let ran = timeout(PATIENCE, self.client.execute(script, arguments)).await;
        let value = ran.with_context(|| format!("still running after {PATIENCE:?}:\n{script}"))?;
        let value = value.with_context(|| format!("this script failed:\n{script}"))?;
        serde_json::from_value(value.clone()).with_context(|| format!("{value} is not as expected, from\n{script}"))
    }

    /// Presses and releases a key; it goes to the element with the focus.
    pub async fn press(&self, key: Key) -> Result<()> {
        self.strike(char::from(key)).await.with_context(|| format!("cannot press {key:?}"))
    }

    /// The same with the key of a character.
    pub async fn strike(&self, value: char) -> Result<()> {
        let keys = KeyActions::new("keyboard".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.with_context(|| format!("cannot press the key of {value:?}"))
    }

    /// Size of the page's window in CSS pixels.
    pub async fn viewport(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tools("Emulation.setDeviceMetricsOverride", metrics).await.map(drop)
    }

    /// What the reader's system asks for: `dark` or `light`.
    pub async fn colour_scheme(&self, scheme: &str) -> Result<()> {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tools("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Puts the window out of sight, so that its page is hidden, or back.
    pub async fn minimise(&self, away: bool) -> Result<()> {
        let window = self.tools("Browser.getWindowForTarget", json!({})).await?["windowId"].take();
        let state = if away { "minimized" } else { "normal" };
        let bounds = json!({"windowId": window, "bounds": {"windowState": state}});
        self.tools("Browser.setWindowBounds", bounds).await.map(drop)
    }

    /// Lets every request take at least this long, as over a poor line.
    pub async fn line_delay(&self, delay: Duration) -> Result<()> {
        let conditions = json!({
            "offline": false, "latency": delay.as_millis(), "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.tools("Network.emulateNetworkConditions", conditions).await.map(drop)
    }

    /// Runs a script in every document that is opened from now on, before its own scripts.
    pub async fn before_every_page(&self, script: &str) -> Result<()> {
        self.tools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await.map(drop)
    }

    /// A PNG of what the window shows.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        timeout(PATIENCE, self.client.screenshot()).await.context("no picture in time")?.context("no picture")
    }

    /// A PNG of the whole page, however long it is.
    pub async fn full_page(&self) -> Result<Vec<u8>> {
        let metrics = self.tools("Page.getLayoutMetrics", json!({})).await?;
        let size = &metrics["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let how = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.tools("Page.captureScreenshot", how).await?;
        picture::from_base64(picture["data"].as_str().context("no picture")?)
    }

    /// What was logged since the last call.
    pub async fn console(&self) -> Result<Vec<ConsoleLine>> {
        let lines = self.client.issue_cmd(Log("browser")).await.context("cannot read the console")?;
        serde_json::from_value(lines).context("the console's lines are not as expected")
    }

    /// The address of every request that was sent since the last call, redirected ones included. It and
    /// [`Browser::exchanges`] read the same log.
    pub async fn requests(&self) -> Result<BTreeSet<String>> {
        Ok(self.exchanges().await?.into_iter().map(|exchange| exchange.url).collect())
    }

    /// Every request that was sent since the last call, in order.
    pub async fn exchanges(&self) -> Result<Vec<Exchange>> {
        traffic::exchanges(&self.events().await?)
    }

    /// What Chromium has recorded since the last call, as its own trace events, in no order. A moment is lost at
    /// each call. Empty unless the browser was started to trace.
    pub async fn trace(&self) -> Result<Vec<Value>> {
        // After a log that had trace events, chromedriver hands over one without them first.
        for _ in 0..2 {
            let events = self.events().await?.into_iter().filter(|event| event["method"] == "Tracing.dataCollected");
            let events: Vec<Value> = events.map(|mut event| event["params"].take()).collect();
            if !events.is_empty() {
                return Ok(events);
            }
        }
        Ok(Vec::new())
    }

    /// A method of the DevTools protocol, for what has no method here.
    pub async fn tools(&self, method: &'static str, parameters: Value) -> Result<Value> {
        self.client.issue_cmd(DevTools { method, parameters }).await.with_context(|| method.to_owned())
    }

    /// Events of the DevTools protocol since the last call.
    async fn events(&self) -> Result<Vec<Value>> {
        let log = timeout(PATIENCE, self.client.issue_cmd(Log("performance"))).await;
        let lines = log.context("no events in time")?.context("cannot read the events")?;
        let lines: Vec<LogEntry> = serde_json::from_value(lines).context("the log is not as expected")?;
        let event = |line: LogEntry| Ok(serde_json::from_str::<Value>(&line.message)?["message"].take());
        lines.into_iter().map(event).collect::<Result<_>>().context("an event is not JSON")
    }
}

/// A log entry of which only the text matters.
#[derive(Deserialize)]
struct LogEntry {
    message: String,
}

async fn connect(programs: &Programs, categories: Option<String>) -> Result<Client> {
    let mut options = json!({
        "goog:chromeOptions": {"debuggerAddress": programs.devtools().to_string()},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    });
    if let Some(categories) = categories {
        // Requests are among the trace events too, so telling each of them twice would only cost time.
        options["goog:chromeOptions"]["perfLoggingPrefs"] =
            json!({"traceCategories": categories, "enableNetwork": false, "enablePage": false});
    }
    let Value::Object(options) = options else { bail!("capabilities are an object") };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let client = builder.capabilities(options).connect(&format!("http://{}", programs.driver())).await?;
    let limits = TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), Some(Duration::ZERO));
    client.update_timeouts(limits).await?;
    Ok(client)
}

/// Looks again and again until what it sees is accepted; the error tells what was waited for and what was seen
/// last. A probe that fails ends the wait.
pub async fn until<S: Debug>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Result<S>,
    accept: impl Fn(&S) -> bool,
) -> Result<S> {
    let deadline = Instant::now() + within;
    loop {
        let seen = probe().await.with_context(|| format!("while waiting for: {what}"))?;
        if accept(&seen) {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            bail!("waited {within:?} for: {what}; last seen: {seen:#?}");
        }
        tokio::time::sleep(POLL).await;
    }
}
