//! Asks the admin API, once a second while somebody looks, every five seconds while the tab is hidden.
//!
//! One question at a time: the next is asked only after the last was answered, failed, or took longer than
//! [`TIMEOUT_MS`]. Failing changes nothing in the rhythm, so the page recovers by itself.

use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response, js_sys};

use crate::app::Page;
use crate::model::Model;
use crate::workers::Workers;

const PREFIX: &str = "/plimsoll/v1/";
const SNAPSHOT: &str = "/plimsoll/v1/snapshot";
const WORKERS: &str = "/plimsoll/v1/workers?pool=";
pub(crate) const CONFIG: &str = "/plimsoll/v1/config";
const EVENTS: &str = "/plimsoll/v1/events?since=";
/// Names in the browser's traces.
const SHOWN: &str = "plimsoll:shown";
const UPDATE: &str = "plimsoll:update";
const TIMEOUT_MS: u32 = 2_000;
/// The listener has no filter to ask. In one of its workers that has died, and the browser keeps to the connection that is
/// this worker's; others have connections of their own.
const NOBODY: u16 = 404;
/// So many more are tried at once then: with the first, all that a browser makes to one address.
const CONNECTIONS: usize = 5;
/// Most questions about the past in one poll.
const QUESTIONS: usize = 6;
const VISIBLE_MS: u64 = 1_000;
const HIDDEN_MS: u64 = 5_000;
/// What follows the snapshot is waited for so long, so that all that changes is drawn at once.
const TOGETHER: Duration = Duration::from_millis(150);
/// The first figures are laid out and painted before anything else is asked for.
const FIRST_FRAME_MS: i32 = 50;
/// While no chart is on the screen, the past is asked for this seldom.
const UNSEEN_MS: u64 = 10_000;

/// The browser's monotonic clock, milliseconds.
pub(crate) fn now_ms() -> u64 {
    window().performance().map_or(0, |clock| clock.now() as u64)
}

/// Polls for as long as the page lives.
pub(crate) async fn run(page: Page) {
    let mut shown = None;
    loop {
        let asked_ms = now_ms();
        let asked = (page.watched(), untrack(|| page.by_worker()));
        if asked.0 != shown {
            page.past_ms.set_value(0);
            shown.clone_from(&asked.0);
        }
        ask(page, asked.0.as_deref()).await;
        // A page that shows something else than it has asked about does not wait.
        while (page.watched(), untrack(|| page.by_worker())) == asked {
            let every_ms = if document().hidden() { HIDDEN_MS } else { VISIBLE_MS };
            page.poll_ms.set(every_ms);
            let left_ms = (asked_ms + every_ms).saturating_sub(now_ms());
            if left_ms == 0 {
                break;
            }
            sleep(page, left_ms as i32).await;
        }
    }
}

/// For so long, or until somebody wakes the loop.
async fn sleep(page: Page, ms: i32) {
    let mut timer = None;
    let promise = js_sys::Promise::new(&mut |wake, _| {
        timer = window().set_timeout_with_callback_and_timeout_and_arguments_0(&wake, ms).ok();
        page.wake.set_value(Some(wake));
    });
    let _ = JsFuture::from(promise).await;
    if let Some(timer) = timer {
        window().clear_timeout_with_handle(timer);
    }
}

/// Has the loop look whether it is time to ask: the tab is seen again, or the page shows something else.
pub(crate) fn wake(page: Page) {
    if let Some(wake) = page.wake.try_update_value(Option::take).flatten() {
        let _ = wake.call0(&JsValue::NULL);
    }
}

/// The proxy's time now, rounded up to seconds: ages need no more.
fn now_on_page(page: Page) -> u64 {
    page.model.with_untracked(|model| model.proxy_now(now_ms())).next_multiple_of(1000)
}

/// Asks what the page shows and no more: with thousands of endpoints everything is half a megabyte. The page changes once
/// for all answers: each change has the browser lay out and paint anew.
async fn ask(page: Page, pool: Option<&str>) {
    let mut answer = get(&snapshot(pool)).await;
    if pool.is_some() && answer.as_ref().is_err_and(|problem| problem.contains("status 400")) {
        // A link to a pool that is not there: the page says so, with what there is.
        answer = get(&snapshot(None)).await;
    }
    let good = answer.is_ok();
    let first = page.model.with_untracked(Model::is_empty);
    page.model.update_untracked(|model| model.receive(answer, now_ms()));
    if first {
        show(page).await;
        // After the frame that this leads to.
        request_animation_frame(move || set_timeout(move || page.settled.set(true), Duration::ZERO));
        if page.watched().as_deref() == pool {
            sleep(page, FIRST_FRAME_MS).await;
        }
    }
    // Over a slow line the figures do not wait for the rest.
    let alone = set_timeout_with_handle(move || bring(page), TOGETHER);
    if good {
        if let Some(since) = page.model.with_untracked(Model::wanted_events)
            && let Ok(answer) = get(&format!("{EVENTS}{since}")).await
        {
            page.model.update_untracked(|model| model.receive_events(&answer));
        }
        if let Some(pool) = pool {
            let by_worker = untrack(|| page.by_worker());
            let workers = by_worker && ask_for_workers(page, pool).await;
            let past = is_past_wanted(page, pool) && ask_for_the_past(page, pool).await;
            if workers {
                page.workers.notify();
            }
            if past {
                page.past.notify();
            }
        }
    }
    if let Ok(alone) = alone {
        alone.clear();
    }
    show(page).await;
}

/// Whether somebody looks at the charts, or the small lines in the table are due.
fn is_past_wanted(page: Page, pool: &str) -> bool {
    let now_ms = now_ms();
    let proxy_ms = page.model.with_untracked(|model| model.proxy_now(now_ms));
    let loading = page.past.with_untracked(|past| past.is_loading(pool, proxy_ms));
    let (seen_ms, asked_ms) = (page.charts_ms.get_value(), page.past_ms.get_value());
    let wanted = loading || seen_ms + 3 * VISIBLE_MS > now_ms || asked_ms + UNSEEN_MS <= now_ms;
    if wanted {
        page.past_ms.set_value(now_ms);
    }
    wanted
}

/// Brings what the model has to the screen.
fn bring(page: Page) {
    page.model.notify();
    page.now.set(now_ms());
    page.proxy_now.set(now_on_page(page));
}

/// The same, and tells whoever traces the page how long it took until all that follows from it was done.
async fn show(page: Page) {
    let clock = window().performance();
    if let Some(clock) = &clock {
        let _ = clock.mark(SHOWN);
    }
    bring(page);
    leptos::task::tick().await;
    if let Some(clock) = clock {
        let _ = clock.measure_with_start_mark(UPDATE, SHOWN);
        clock.clear_marks();
        clock.clear_measures();
    }
}

/// Whether there is anything new.
async fn ask_for_workers(page: Page, pool: &str) -> bool {
    let Ok(answer) = get(&format!("{WORKERS}{pool}")).await else { return false };
    let Ok(read) = Workers::read(&answer) else { return false };
    page.workers.update_untracked(|workers| *workers = read);
    true
}

/// A few questions at most: what is still missing then is asked for with the next poll. Whether there is anything new.
async fn ask_for_the_past(page: Page, pool: &str) -> bool {
    let mut news = false;
    for _ in 0..QUESTIONS {
        let now_ms = page.model.with_untracked(|model| model.proxy_now(now_ms()));
        let question = page.past.with_untracked(|past| past.question(Some(pool), now_ms));
        let Some(question) = question else { return news };
        let Ok(answer) = get(&format!("{PREFIX}{question}")).await else { return news };
        let merged = page.past.try_update_untracked(|past| past.merge(&answer).unwrap_or(false));
        if merged != Some(true) {
            return news;
        }
        news = true;
    }
    news
}

/// The question for a pool with its endpoints and the others without.
pub(crate) fn snapshot(pool: Option<&str>) -> String {
    format!("{SNAPSHOT}?endpoints={}", pool.unwrap_or("none"))
}

/// The body of an answer, or what went wrong in words.
pub(crate) async fn get(path: &str) -> Result<String, String> {
    let mut answer = asked(fetch(path)).await?;
    if answer.status() == NOBODY {
        // All are on their way before the first is waited for, so each has a connection of its own.
        for other in [(); CONNECTIONS].map(|()| fetch(path)) {
            match asked(other).await {
                Ok(other) if other.ok() => {
                    answer = other;
                    break;
                }
                _ => {}
            }
        }
    }
    if !answer.ok() {
        return Err(format!("{path} answered with status {}", answer.status()));
    }
    let body = JsFuture::from(answer.text().map_err(describe)?).await.map_err(describe)?;
    Ok(body.as_string().unwrap_or_default())
}

fn fetch(path: &str) -> js_sys::Promise {
    let options = RequestInit::new();
    options.set_cache(RequestCache::NoStore);
    options.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    window().fetch_with_str_and_init(path, &options)
}

async fn asked(fetch: js_sys::Promise) -> Result<Response, String> {
    JsFuture::from(fetch).await.map(JsCast::unchecked_into).map_err(describe)
}

fn describe(error: JsValue) -> String {
    let error: js_sys::Error = error.unchecked_into();
    if error.name() == "TimeoutError" {
        return format!("no answer within {} s", TIMEOUT_MS / 1000);
    }
    "cannot reach the admin listener".into()
}
