//! The page's head: name, where to go, whether the data is live, and the proxy's workers with the age of their parts.

use leptos::prelude::*;

use super::parts::{El, el, list};
use crate::app::Page;
use crate::browser::west_minutes;
use crate::format;
use crate::freshness::Freshness;
use crate::route::{Place, Route};

const LOGO: &str = r#"<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.5"><circle cx="16" cy="16" r="10"/><path d="M1 16h30"/></svg>"#;

pub(crate) fn Top(page: Page) -> AnyView {
    let logo = el("span", "plimsoll").set("aria-hidden", "true").drawing(Signal::stored(LOGO.into()));
    let export = el("a", "button")
        .set("href", "/plimsoll/v1/snapshot")
        .set("download", "plimsoll-snapshot.json")
        .set("title", "Save what the proxy says now, as JSON")
        .text("Export");
    let buttons = el("div", "buttons").with(scheme(page)).with(export).with(
        el("button", "").set("title", "Keys and meanings (?)").text("Help").on("click", move |_| page.help.set(true)),
    );
    el("header", "top")
        .with(el("h1", "").with(logo).text("Plimsoll"))
        .with(pages(page))
        .with(workers(page))
        .with(live(page))
        .with(buttons)
        .view()
}

fn pages(page: Page) -> El {
    let in_lab = move || page.route.with(|route| route.place == Place::Lab);
    // A pool is one of the pools.
    let current = move |lab: bool| match in_lab() == lab {
        true if lab || page.pool_name().is_none() => "page".into(),
        here => here.to_string(),
    };
    let link = move |name: &'static str, place: Place| {
        let lab = place == Place::Lab;
        el("a", "").set("href", Route::to(place).link()).bind("aria-current", move || current(lab)).text(name)
    };
    el("nav", "").set("aria-label", "Pages").with(link("Pools", Place::Pools)).with(link("Lab", Place::Lab))
}

fn live(page: Page) -> El {
    let word = move || match page.freshness.get() {
        Freshness::Connecting => "connecting".to_string(),
        Freshness::Live if page.poll_ms.get() > 1000 => "live, polled slowly".into(),
        other => other.state().into(),
    };
    let time = move || {
        page.model.with(|model| match model.is_empty() {
            true => String::new(),
            false => format::clock(model.snapshot.at_ms, west_minutes()),
        })
    };
    el("p", "live")
        .test("freshness")
        .bind("data-state", move || page.freshness.with(|freshness| freshness.state().into()))
        .with(el("span", "dot").set("aria-hidden", "true"))
        .with(el("span", "").says(word))
        .with(el("time", "").says(time))
}

fn workers(page: Page) -> El {
    let label = move || {
        page.model.with(|model| match model.snapshot.workers.len() {
            0 if model.is_empty() => String::new(),
            0 => "no worker has carried traffic yet".into(),
            1 => "1 worker".into(),
            n => format!("{n} workers"),
        })
    };
    let workers = move || {
        page.model.with(|model| model.snapshot.workers.iter().map(|worker| worker.id.clone()).enumerate().collect())
    };
    el("div", "workers")
        .with(el("span", "").says(label))
        .with(el("ul", "").and(list(workers, move |place, id| worker(page, place, id))))
}

fn worker(page: Page, place: usize, id: String) -> AnyView {
    let worker = move || page.model.with(|model| model.snapshot.workers.get(place).cloned().unwrap_or_default());
    let text = move || match worker() {
        worker if worker.stale => format!("✕ {} stale", format::duration(worker.age_ms)),
        worker => format::duration(worker.age_ms),
    };
    el("li", "")
        .test("worker")
        .bind("class", move || if worker().stale { "stale".into() } else { String::new() })
        .set("title", format!("worker {id}: age of its part"))
        .says(text)
        .view()
}

/// The choice of light and dark.
fn scheme(page: Page) -> El {
    el("button", "")
        .test("scheme")
        .set("title", "Light, dark, or as the system (t)")
        .says(move || match page.scheme.get().as_str() {
            "light" => "Light".into(),
            "dark" => "Dark".into(),
            _ => "Auto".into(),
        })
        .on("click", move |_| page.next_scheme())
}
