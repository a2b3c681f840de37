//! Asks the admin API, once a second while somebody looks, every five seconds while the tab is hidden.
//!
//! One question at a time: the next is asked only after the last was answered, failed, or took longer than
//! [`TIMEOUT_MS`]. Failing changes nothing in the rhythm, so the page recovers by itself.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response, js_sys};

use crate::app::Page;

const SNAPSHOT: &str = "/plimsoll/v1/snapshot";
const EVENTS: &str = "/plimsoll/v1/events?since=";
const TIMEOUT_MS: u32 = 2_000;
const VISIBLE_MS: u64 = 1_000;
const HIDDEN_MS: u64 = 5_000;
/// The loop looks this often whether it is time; a tab that becomes visible is served this soon.
const SLICE_MS: u32 = 250;

/// The browser's monotonic clock, milliseconds.
pub(crate) fn now_ms() -> u64 {
    window().performance().map_or(0, |clock| clock.now() as u64)
}

/// Polls for as long as the page lives.
pub(crate) async fn run(page: Page) {
    loop {
        let asked_ms = now_ms();
        ask(page).await;
        loop {
            let every_ms = if document().hidden() { HIDDEN_MS } else { VISIBLE_MS };
            page.poll_ms.set(every_ms);
            let now_ms = now_ms();
            page.now.set(now_ms);
            let left_ms = (asked_ms + every_ms).saturating_sub(now_ms);
            if left_ms == 0 {
                break;
            }
            TimeoutFuture::new(SLICE_MS.min(left_ms as u32)).await;
        }
    }
}

async fn ask(page: Page) {
    let answer = get(SNAPSHOT).await;
    let good = answer.is_ok();
    page.model.update(|model| model.receive(answer, now_ms()));
    if good {
        let since = page.model.with_untracked(|model| model.events.since());
        if let Ok(answer) = get(&format!("{EVENTS}{since}")).await {
            page.model.maybe_update(|model| model.receive_events(&answer));
        }
    }
}

/// The body of an answer, or what went wrong in words.
async fn get(path: &str) -> Result<String, String> {
    let options = RequestInit::new();
    options.set_cache(RequestCache::NoStore);
    options.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let answer = JsFuture::from(window().fetch_with_str_and_init(path, &options)).await.map_err(describe)?;
    let answer: Response = answer.unchecked_into();
    if !answer.ok() {
        return Err(format!("{path} answered with status {}", answer.status()));
    }
    let body = JsFuture::from(answer.text().map_err(describe)?).await.map_err(describe)?;
    Ok(body.as_string().unwrap_or_default())
}

fn describe(error: JsValue) -> String {
    let error: js_sys::Error = error.unchecked_into();
    if error.name() == "TimeoutError" {
        return format!("no answer within {} s", TIMEOUT_MS / 1000);
    }
    "cannot reach the admin listener".into()
}
