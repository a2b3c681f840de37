//! A real Chromium without a window, steered through chromedriver: opens a page, runs scripts in it, presses
//! keys, sets size and colour scheme, takes pictures, and tells what the page logged and asked for.
//!
//! Both programs are children of this process, and chromedriver is attached to the browser instead of starting
//! it: so nothing is left behind on a panic or a kill. Start it from a thread that lives as long as it should
//! (see `process`). What it lacks on purpose: any knowledge of the dashboard.

mod commands;
mod programs;

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

/// A page from loopback, and every script in it, is done long before.
const PATIENCE: Duration = Duration::from_secs(20);
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
        let programs = Programs::start().await?;
        let client = timeout(PATIENCE, connect(&programs)).await.context("no session in time");
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
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.with_context(|| format!("cannot press {key:?}"))
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

    /// A PNG of what the window shows.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        timeout(PATIENCE, self.client.screenshot()).await.context("no picture in time")?.context("no picture")
    }

    /// What was logged since the last call.
    pub async fn console(&self) -> Result<Vec<ConsoleLine>> {
        let lines = self.client.issue_cmd(Log("browser")).await.context("cannot read the console")?;
        serde_json::from_value(lines).context("the console's lines are not as expected")
    }

    /// The address of every request that was sent since the last call, redirected ones included.
    pub async fn requests(&self) -> Result<BTreeSet<String>> {
        let lines = self.client.issue_cmd(Log("performance")).await.context("cannot read the requests")?;
        let lines: Vec<LogEntry> = serde_json::from_value(lines).context("requests are not as expected")?;
        let mut addresses = BTreeSet::new();
        for line in lines {
            let event: Value = serde_json::from_str(&line.message).context("an event is not JSON")?;
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let address = event.pointer("/params/request/url").and_then(Value::as_str);
                addresses.insert(address.context("a request without an address")?.to_owned());
            }
        }
        Ok(addresses)
    }

    async fn tools(&self, method: &'static str, parameters: Value) -> Result<Value> {
        self.client.issue_cmd(DevTools { method, parameters }).await.with_context(|| method.to_owned())
    }
}

/// A log entry of which only the text matters.
#[derive(Deserialize)]
struct LogEntry {
    message: String,
}

async fn connect(programs: &Programs) -> Result<Client> {
    let options = json!({
        "goog:chromeOptions": {"debuggerAddress": programs.devtools().to_string()},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    });
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
