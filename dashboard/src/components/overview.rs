//! The overview: all pools, a row each, what is wrong with them, and what has happened.

use leptos::prelude::*;

use super::events::EventList;
use super::parts::{El, el, list, when, words};
use super::sheet::sheet;
use super::table::{head, search, table};
use crate::alerts::{Alert, critical_first, firing as firing_of};
use crate::app::Page;
use crate::browser;
use crate::format::Quantity;
use crate::overview::{FORM, PoolRow, System};
use crate::route::Route;
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
    let rows = move || {
        let wanted = page.chosen("q");
        let fits = |name: &str| wanted.split_whitespace().all(|word| holds(name, word));
        let lines = page.model.with(|model| {
            let pools = model.snapshot.pools.iter().filter(|pool| fits(&pool.name));
            pools.map(|pool| PoolRow::of(pool, model.history.pool(&pool.name)).line(&pool.name)).collect()
        });
        (FORM.to_owned(), lines)
    };
    let empty = move || page.model.with(|model| !model.is_empty() && model.snapshot.pools.is_empty());
    let hint = || {
        let text = "No pools yet: the proxy answers, but no picker has a configuration in force. \
                    Look at the picker's configuration and Envoy's log.";
        el("p", "hint").text(text).view()
    };
    let search = search(page, "pool  ( / )", "Search pools");
    let heads = COLUMNS.map(|(class, name, title)| head(class, title).text(name));
    el("section", "overview")
        .test("overview")
        .set("aria-label", "All pools")
        .with(system(page))
        .with(el("div", "tools").with(search))
        .with(table("pools", "Pools".into(), el("tr", "").all(heads), [sheet("rows", rows).set("role", "rowgroup")]))
        .and(when(empty, hint))
        .with(el("div", "detail").with(alerts(page)).and(EventList(page, None)))
        .view()
}

fn system(page: Page) -> El {
    let system = Memo::new(move |_| page.model.with(|model| System::of(&model.snapshot, &model.history)));
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
fn alerts(page: Page) -> El {
    let firing = Memo::new(move |_| {
        page.model.with(|model| {
            let of = |pool: &plimsoll_snapshot::Pool| {
                let alerts = firing_of(pool, model.history.pool(&pool.name));
                alerts.into_iter().map(|alert| (pool.name.clone(), alert)).collect::<Vec<_>>()
            };
            let all: Vec<_> = model.snapshot.pools.iter().flat_map(of).collect();
            critical_first(all, |(_, alert)| alert.critical)
        })
    });
    let named = move || {
        firing.with(|all| {
            all.iter().enumerate().map(|(at, (pool, alert))| (at, format!("{pool} {}", alert.key))).collect()
        })
    };
    let one = move |at: usize, _: String| {
        let text = move |text: fn(&(String, Alert)) -> String| {
            words(move || firing.with(|all| all.get(at).map(text).unwrap_or_default()))
        };
        let pool = firing.with_untracked(|all| all.get(at).map(|(pool, _)| pool.clone()).unwrap_or_default());
        let query = text(|(_, alert)| alert.query.clone());
        el("li", "")
            .test("alert")
            .bind("data-key", move || firing.with(|all| all.get(at).map_or("", |(_, alert)| alert.key).into()))
            .bind("class", move || {
                let critical = firing.with(|all| all.get(at).is_some_and(|(_, alert)| alert.critical));
                if critical { "critical".into() } else { String::new() }
            })
            .with(el("a", "id").set("href", Route::pool(&pool).link()).text(pool))
            .with(el("b", "").words(text(|(_, alert)| alert.name.into())))
            .with(el("span", "").words(text(|(_, alert)| alert.value.clone())))
            .with(
                el("button", "copy")
                    .bind("title", move || query.get())
                    .text("Copy PromQL")
                    .on("click", move |_| browser::copy(&query.get_untracked())),
            )
            .view()
    };
    let quiet = move || if firing.with(Vec::is_empty) { "Nothing fires.".into() } else { String::new() };
    el("section", "panel")
        .set("aria-label", "Alerts")
        .with(el("h3", "").text("Alerts"))
        .with(el("ul", "alerts").test("alerts").set("aria-live", "polite").and(list(named, one)))
        .with(el("p", "hint").says(quiet))
}
