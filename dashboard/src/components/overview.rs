//! The overview: all pools, a row each, what is wrong with them, and what has happened.

use leptos::prelude::*;

use super::events::EventList;
use super::parts::{El, el, when};
use super::sheet::{pressed, sheet};
use super::table::{head, search, table};
use crate::alerts;
use crate::app::Page;
use crate::browser;
use crate::format::Quantity;
use crate::overview::{Summary, System, form};
use crate::table::holds;

const COLUMNS: [(&str, &str, &str); 10] = [
    ("pool-name", "Pool", "name, strategy and cluster"),
    ("strip", "Endpoints", "a mark for each, in the order of the configuration; its shape tells the state"),
    ("num", "Score", "health, 0 to 1"),
    ("num", "Requests", "steered per second, last 10 s"),
    ("num", "Failed", "failed part of the attempts, last 10 s"),
    ("num", "p50", "latency, the last 5 to 10 s"),
    ("num", "p90", "latency, the last 5 to 10 s"),
    ("num", "p99", "latency, the last 5 to 10 s"),
    ("num", "In flight", "attempts now under way"),
    ("num", "Spare", "how many endpoints may still fail before ejections are ignored"),
];

pub(crate) fn Overview(page: Page) -> AnyView {
    let summary = Memo::new(move |_| page.model.with(|model| Summary::of(&model.snapshot, &model.history)));
    // Figures first: to make a canvas takes longer than to fill a row. Told anew when the page is zoomed.
    let density = Memo::new(move |_| {
        page.scrolled.track();
        page.settled.get().then(|| window().device_pixel_ratio())
    });
    let rows = move || {
        let wanted = page.chosen("q");
        let (theme, density) = (page.theme.get(), density.get());
        let fits = |name: &str| wanted.split_whitespace().all(|word| holds(name, word));
        let lines = summary.with(|summary| {
            let pools = summary.pools.iter().filter(|(name, _)| fits(name));
            pools.map(|(name, row)| row.line(name, theme, density)).collect()
        });
        (form(), lines)
    };
    let empty = move || page.model.with(|model| !model.is_empty() && model.snapshot.pools.is_empty());
    let hint = || {
        let text = "No pools yet: the proxy answers, but no picker has a configuration in force. \
                    Look at the picker's configuration and Envoy's log.";
        el("p", "hint").text(text).view()
    };
    let detail = move || el("div", "detail").with(alert_list(summary)).and(EventList(page, None)).view();
    let search = search(page, "pool  ( / )", "Search pools");
    let heads = COLUMNS.map(|(class, name, title)| head(class, title).text(name));
    el("section", "overview")
        .test("overview")
        .set("aria-label", "All pools")
        .with(system(summary))
        .with(el("div", "tools").with(search))
        .with(table(
            "pools",
            "Pools".into(),
            el("tr", "").all(heads),
            [sheet("tbody", "rows", rows).set("role", "rowgroup")],
        ))
        .and(when(empty, hint))
        .and(when(move || page.settled.get(), detail))
        .view()
}

fn system(summary: Memo<Summary>) -> El {
    let system = Memo::new(move |_| summary.with(|summary| summary.system.clone()));
    let figure = move |hook: &'static str, name: &'static str, text: fn(&System) -> Quantity| {
        el("div", "").test(hook).with(el("dt", "").text(name)).with(
            el("dd", "")
                .says(move || system.with(text).value)
                .with(el("span", "unit").says(move || system.with(text).unit.into())),
        )
    };
    el("div", "head")
        .with(el("h2", "").text("All pools").with(el("small", "").says(move || system.with(|s| s.endpoints.clone()))))
        .with(
            el("dl", "figures")
                .with(figure("system-score", "Score", |s| Quantity { value: s.score.clone(), unit: "" }))
                .with(figure("system-rate", "Requests", |s| s.rate.clone()))
                .with(figure("system-failure", "Failed attempts", |s| s.failure.clone()))
                .with(figure("system-alerts", "Alerts", |s| Quantity { value: s.alerts.to_string(), unit: "" }).bind(
                    "class",
                    move || if system.with(|system| system.critical) { "bad".into() } else { String::new() },
                )),
        )
}

/// What fires, of all pools; each with the query for Prometheus.
fn alert_list(summary: Memo<Summary>) -> El {
    let rows = move || {
        let lines =
            summary.with(|summary| summary.alerts().into_iter().map(|(pool, alert)| alert.line(pool)).collect());
        (alerts::FORM.to_owned(), lines)
    };
    let copy = move |event: web_sys::Event| {
        if let Some(query) = pressed(&event).and_then(|button| button.get_attribute("title")) {
            browser::copy(&query);
        }
    };
    let list = sheet("ul", "alerts", rows).test("alerts").set("aria-live", "polite").on("click", copy);
    let quiet = move || {
        if summary.with(|summary| summary.system.alerts == 0) { "Nothing fires.".into() } else { String::new() }
    };
    el("section", "panel")
        .set("aria-label", "Alerts")
        .with(el("h3", "").text("Alerts"))
        .with(list)
        .with(el("p", "hint").says(quiet))
}
