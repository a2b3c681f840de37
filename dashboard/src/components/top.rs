//! The page's head: name, whether the data is live, and the proxy's workers with the age of their parts.

use leptos::prelude::*;

use super::parts::{list, words};
use crate::app::Page;
use crate::format;
use crate::freshness::Freshness;

#[component]
pub(crate) fn Top(page: Page) -> impl IntoView {
    let state = words(move || page.freshness.with(|freshness| freshness.state().into()));
    let word = words(move || match page.freshness.get() {
        Freshness::Connecting => "connecting".to_string(),
        Freshness::Live if page.poll_ms.get() > 1000 => "live, polled slowly".into(),
        other => other.state().into(),
    });
    let time = words(move || {
        page.model.with(|model| match model.is_empty() {
            true => String::new(),
            false => format::clock(model.snapshot.at_ms, west_minutes()),
        })
    });
    view! {
        <header class="top">
            <h1>
                <svg class="plimsoll" viewBox="0 0 32 32" aria-hidden="true">
                    <circle cx="16" cy="16" r="10" fill="none" stroke="currentColor" stroke-width="2.5" />
                    <path d="M1 16h30" stroke="currentColor" stroke-width="2.5" />
                </svg>
                "Plimsoll"
            </h1>
            <Workers page />
            <p class="live" data-testid="freshness" data-state=state>
                <span class="dot" aria-hidden="true"></span>
                <span>{word}</span>
                <time>{time}</time>
            </p>
        </header>
    }
}

#[component]
fn Workers(page: Page) -> impl IntoView {
    let label = words(move || {
        page.model.with(|model| match model.snapshot.workers.len() {
            0 if model.is_empty() => String::new(),
            0 => "no worker has carried traffic yet".into(),
            1 => "1 worker".into(),
            n => format!("{n} workers"),
        })
    });
    let workers = move || {
        page.model.with(|model| model.snapshot.workers.iter().map(|worker| worker.id.clone()).enumerate().collect())
    };
    view! {
        <div class="workers">
            <span>{label}</span>
            <ul>{list(workers, move |place, id| worker(page, place, id))}</ul>
        </div>
    }
}

fn worker(page: Page, place: usize, id: String) -> AnyView {
    let worker = move || page.model.with(|model| model.snapshot.workers.get(place).cloned().unwrap_or_default());
    let stale = Signal::derive(move || worker().stale);
    let text = words(move || match worker() {
        worker if worker.stale => format!("✕ {} stale", format::duration(worker.age_ms)),
        worker => format::duration(worker.age_ms),
    });
    let title = format!("worker {id}: age of its part");
    view! { <li data-testid="worker" class:stale=stale title=title>{text}</li> }.into_any()
}

/// The reader's time zone, as JavaScript counts it.
pub(super) fn west_minutes() -> i64 {
    web_sys::js_sys::Date::new_0().get_timezone_offset() as i64
}
