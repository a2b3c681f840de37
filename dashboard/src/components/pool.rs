//! One pool's page: its head figures, its endpoint table, the card of the chosen endpoint, charts and events.

use leptos::prelude::*;

use super::charts::ChartPanel;
use super::endpoints::EndpointTable;
use super::events::EventList;
use super::parts::{El, el, list, when};

use super::why::WhyCard;
use crate::app::Page;
use crate::format::Quantity;
use crate::route::{Place, Route};
use crate::rows::PoolHead;

/// The page of whatever pool the address names.
pub(crate) fn PoolPage(page: Page) -> AnyView {
    // The page is made anew for another pool, and kept while only choices change.
    let pools = move || page.pool_name().map(|name| (0, name)).into_iter().collect();
    list(pools, move |_, name| pool(page, name))
}

fn pool(page: Page, name: String) -> AnyView {
    let own = StoredValue::new(name.clone());
    let head = Memo::new(move |_| {
        page.with_pool(&own.get_value(), |model, pool| PoolHead::of(pool, model.history.pool(&pool.name)))
    });
    let there = move || head.with(Option::is_some);
    let asked = move || page.model.with(|model| !model.is_empty());
    let chosen = move || page.chosen("endpoint");
    let card = move || chosen().is_empty().then(Vec::new).unwrap_or_else(|| vec![(0, chosen())]);
    let body = move || {
        let name = own.get_value();
        let detail = move || {
            let name = own.get_value();
            el("div", "detail").and(ChartPanel(page, name.clone())).and(EventList(page, Some(name))).view()
        };
        el("div", "body")
            .and(EndpointTable(page, name))
            .and(list(card, move |_, id| WhyCard(page, own.get_value(), id)))
            .and(when(move || page.settled.get(), detail))
            .view()
    };
    let missing = move || {
        let text = format!("There is no pool {} in the configuration in force. ", own.get_value());
        el("p", "hint").test("no-pool").text(text).with(el("a", "").set("href", "#/pools").text("All pools")).view()
    };
    el("section", "pool")
        .test("pool")
        .set("data-pool", name.clone())
        .set("aria-label", format!("pool {name}"))
        .with(top(page, name, head))
        .and(when(there, body))
        .and(when(move || asked() && !there(), missing))
        .view()
}

fn top(page: Page, name: String, head: Memo<Option<PoolHead>>) -> El {
    let several = move || page.model.with(|model| model.snapshot.pools.len() > 1);
    let up = || el("a", "up").set("href", "#/pools").text("All pools").view();
    let steering = move || head.with(|head| head.as_ref().map(|head| head.steering.clone()).unwrap_or_default());
    let panic = move || head.with(|head| head.as_ref().is_some_and(|head| head.panic));
    let lab = Route::to(Place::Lab).with("pool", &name).link();
    let lab =
        el("a", "button").test("to-lab").set("href", lab).set("title", "What other settings would do for this pool");
    let title = el("h2", "").text(name).with(el("small", "").says(steering));
    el("div", "head")
        .with(el("div", "").and(when(several, up)).with(title))
        .with(lab.text("Try in the lab"))
        .and(when(panic, panic_mark))
        .with(figures(head))
}

pub(super) fn panic_mark() -> AnyView {
    el("span", "panic")
        .test("panic")
        .set("title", "Too few endpoints are eligible: ejections are ignored")
        .text("▲ panic: ejections ignored")
        .view()
}

fn figures(head: Memo<Option<PoolHead>>) -> El {
    let ejected = move || head.with(|head| head.as_ref().is_some_and(|head| head.ejected > 0));
    let figure = move |hook: &'static str, name: &'static str, text: fn(&PoolHead) -> (String, String)| {
        let both = move || head.with(|head| head.as_ref().map(text).unwrap_or_default());
        let bad = move || hook == "pool-refused" || hook == "pool-ejected" && ejected();
        el("div", "")
            .test(hook)
            .bind("class", move || if bad() { "bad".into() } else { String::new() })
            .with(el("dt", "").text(name))
            .with(el("dd", "").says(move || both().0).with(el("span", "unit").says(move || both().1)))
    };
    let refuses = move || head.with(|head| head.as_ref().is_some_and(|head| head.refused.is_some()));
    let refused =
        move || figure("pool-refused", "✕ Refused", |h| h.refused.as_ref().map(parts).unwrap_or_default()).view();
    el("dl", "figures")
        .with(figure("pool-score", "Score", |h| (h.score.clone(), String::new())))
        .with(figure("pool-rate", "Requests", |h| parts(&h.rate)))
        .with(figure("pool-failure", "Failed attempts", |h| parts(&h.failure)))
        .and(when(refuses, refused))
        .with(figure("pool-in-flight", "In flight", |h| (h.in_flight.clone(), String::new())))
        .with(figure("pool-p99", "p99", |h| parts(&h.p99)))
        .with(figure("pool-ejected", "Ejected", |h| (h.ejected.to_string(), format!("of at most {}", h.max_ejected))))
}

fn parts(figure: &Quantity) -> (String, String) {
    (figure.value.clone(), figure.unit.into())
}
