//! One page under observation for some time.

use crate::page::{self, Size};
use crate::trace::{BEGIN, Slice};
use crate::updates::Costs;
use anyhow::Result;
use plimsoll_host_tests::bed::Browser;
use serde_json::{Value, json};
use std::time::Duration;

/// The browser hands over what it recorded this often: more at once takes it too long.
pub(crate) const SLICE: Duration = Duration::from_secs(30);
/// Rates look back on ten seconds, and the page has its final size once they are known.
const SETTLING: Duration = Duration::from_secs(12);

/// What was seen.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) path: String,
    pub(crate) seconds: u64,
    pub(crate) costs: Costs,
    pub(crate) before: Size,
    pub(crate) after: Size,
    /// Before and after, milliseconds.
    pub(crate) yardstick: Vec<f64>,
}

/// Opens `path` of the dashboard at `origin` and watches it; what Chromium recorded goes to `events` too.
pub(crate) async fn record(
    browser: &Browser,
    origin: &str,
    (name, path): (&'static str, &str),
    seconds: u64,
    events: &mut Vec<Value>,
) -> Result<Recording> {
    page::open(browser, &format!("{origin}{path}")).await?;
    tokio::time::sleep(SETTLING).await;
    let mut yardstick = page::yardstick(browser).await?;
    let before = page::size(browser).await?;
    // What was recorded so far is not what is measured. The mark is needed too: chromedriver may keep some of it back.
    drop(browser.trace().await?);
    browser.run::<Value>("performance.mark(arguments[0]);", vec![json!(BEGIN)]).await?;
    let mut costs = Costs::default();
    let mut left = Duration::from_secs(seconds);
    while !left.is_zero() {
        let slice = left.min(SLICE);
        tokio::time::sleep(slice).await;
        let seen = browser.trace().await?;
        costs.add(&Slice::read(&seen));
        events.extend(seen);
        left -= slice;
    }
    let after = page::size(browser).await?;
    yardstick.extend(page::yardstick(browser).await?);
    Ok(Recording { name, path: path.to_owned(), seconds, costs, before, after, yardstick })
}
