//! How long it takes until the page is of use, on a slow processor and with nothing in the cache.

use crate::page::{self, Moments, WATCH};
use anyhow::Result;
use plimsoll_host_tests::bed::Browser;
use serde_json::json;

/// What phones are slower by.
pub(crate) const SLOWER: u32 = 4;

/// Several loads.
pub(crate) struct Loads {
    pub(crate) moments: Vec<Moments>,
    /// Why there are not as many as were asked for: the page did not come in time.
    pub(crate) failure: Option<anyhow::Error>,
    /// On the slowed processor, milliseconds.
    pub(crate) yardstick: Vec<f64>,
}

/// Loads the page so many times in a browser of its own, which does not record.
pub(crate) async fn measure(url: &str, times: u32) -> Result<Loads> {
    let browser = Browser::start().await?;
    browser.viewport(1440, 900).await?;
    browser.before_every_page(WATCH).await?;
    browser.tools("Emulation.setCPUThrottlingRate", json!({"rate": SLOWER})).await?;
    let mut loads = Loads { moments: Vec::new(), failure: None, yardstick: Vec::new() };
    for _ in 0..times {
        browser.tools("Network.clearBrowserCache", json!({})).await?;
        match page::open(&browser, url).await {
            Ok(moments) => loads.moments.push(moments),
            Err(error) => {
                loads.failure = Some(error);
                break;
            }
        }
        loads.yardstick.extend(page::yardstick(&browser).await?);
    }
    Ok(loads)
}
