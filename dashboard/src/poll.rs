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
use crate::workers::Workers;

const PREFIX: &str = "/plimsoll/v1/";
const SNAPSHOT: &str = "/plimsoll/v1/snapshot";
const WORKERS: &str = "/plimsoll/v1/workers?pool=";
const EVENTS: &str = "/plimsoll/v1/events?since=";
/// Names in the browser's traces.
const ANSWER: &str = "plimsoll:answer";
const UPDATE: &str = "plimsoll:update";
const TIMEOUT_MS: u32 = 2_000;
/// Most questions about the past in one poll.
const QUESTIONS: usize = 6;
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
        let asked = (page.pool_name(), untrack(|| page.by_worker()));
        ask(page, asked.0.as_deref()).await;
        // A page that shows something else than it has asked about does not wait.
        while (page.pool_name(), untrack(|| page.by_worker())) == asked {
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

/// Asks what the page shows and no more: with thousands of endpoints everything is half a megabyte.
async fn ask(page: Page, pool: Option<&str>) {
    let mut answer = get(&snapshot(pool)).await;
    if pool.is_some() && answer.as_ref().is_err_and(|problem| problem.contains("status 400")) {
        // A link to a pool that is not there: the page says so, with what there is.
        answer = get(&snapshot(None)).await;
    }
    mark_answer();
    let good = answer.is_ok();
    page.model.update(|model| model.receive(answer, now_ms()));
    measure_update().await;
    if good {
        let since = page.model.with_untracked(|model| model.events.since());
        if let Ok(answer) = get(&format!("{EVENTS}{since}")).await {
            page.model.maybe_update(|model| model.receive_events(&answer));
        }
        if let Some(pool) = pool {
            if page.route.with_untracked(|route| route.get("view") == "workers") {
                ask_for_workers(page, pool).await;
            }
            ask_for_the_past(page, pool).await;
        }
    }
}

async fn ask_for_workers(page: Page, pool: &str) {
    let Ok(answer) = get(&format!("{WORKERS}{pool}")).await else { return };
    if let Ok(workers) = Workers::read(&answer) {
        page.workers.set(workers);
    }
}

/// A few questions at most: what is still missing then is asked for with the next poll.
async fn ask_for_the_past(page: Page, pool: &str) {
    for _ in 0..QUESTIONS {
        let now_ms = page.model.with_untracked(|model| model.proxy_now(now_ms()));
        let question = page.past.with_untracked(|past| past.question(Some(pool), now_ms));
        let Some(question) = question else { return };
        let Ok(answer) = get(&format!("{PREFIX}{question}")).await else { return };
        if !page.past.try_maybe_update(|past| (past.merge(&answer).unwrap_or(false), true)).unwrap_or(false) {
            return;
        }
    }
}

/// The question for a pool with its endpoints and the others without.
fn snapshot(pool: Option<&str>) -> String {
    format!("{SNAPSHOT}?endpoints={}", pool.unwrap_or("none"))
}

/// Leaves a mark for whoever traces the page: an answer has come.
fn mark_answer() {
    if let Some(clock) = window().performance() {
        let _ = clock.mark(ANSWER);
    }
}

/// Tells whoever traces the page how long it took from the answer until all that follows from it was done.
async fn measure_update() {
    leptos::task::tick().await;
    if let Some(clock) = window().performance() {
        let _ = clock.measure_with_start_mark(UPDATE, ANSWER);
        clock.clear_marks();
        clock.clear_measures();
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
