//! The card that says why an endpoint stands as it does.

use leptos::prelude::*;

use super::mark::state_mark;
use super::parts::{El, el, list, words};
use crate::app::Page;
use crate::browser::{self, west_minutes};
use crate::format;
use crate::why::{Fact, Why, step};

type Card = Memo<Option<Why>>;

pub(super) fn WhyCard(page: Page, pool: String, id: String) -> AnyView {
    let (own, endpoint) = (StoredValue::new(pool), StoredValue::new(id.clone()));
    let card: Card = Memo::new(move |_| {
        let now_ms = page.proxy_now.get();
        page.with_pool(&own.get_value(), |_, pool| {
            let found = pool.endpoints.iter().find(|known| endpoint.with_value(|id| known.id == *id));
            found.map(|endpoint| Why::of(endpoint, now_ms))
        })?
    });
    let steps = move || {
        let step = |_: &crate::model::Model, pool: &plimsoll_snapshot::Pool| {
            let found = pool.endpoints.iter().find(|known| endpoint.with_value(|id| known.id == *id));
            found.map(|endpoint| step(&endpoint.circuit)).unwrap_or_default()
        };
        page.with_pool(&own.get_value(), step).unwrap_or_default()
    };
    let close = el("button", "close")
        .set("aria-label", "Close (Esc)")
        .text("✕")
        .on("click", move |_| page.choose("endpoint", ""));
    let word = move || of(card, |card| card.state.word().into());
    let title = el("h3", "")
        .with(state_mark(move || card.with(|card| card.as_ref().map(|card| card.state))))
        .with(el("span", "id").text(id.clone()))
        .with(el("span", "").test("why-state").says(word));
    let gone = move || {
        if card.with(Option::is_none) { "This endpoint is not in the pool any more.".into() } else { String::new() }
    };
    el("aside", "why panel")
        .test("why")
        .set("data-endpoint", id.clone())
        .set("aria-label", format!("Why {id}"))
        .bind("data-state", move || card.with(|card| card.as_ref().map_or("", |card| card.state.tone()).into()))
        .with(el("div", "bar").with(title).with(close))
        .with(el("p", "hint").says(gone))
        .with(
            el("p", "when")
                .with(el("b", "").test("why-change").says(move || of(card, |card| card.change.clone())))
                .text(" ")
                .says(move || at(page, card)),
        )
        .with(el("p", "sentence").test("why-sentence").says(move || of(card, |card| card.sentence.clone())))
        .with(facts(card, |card| &card.facts))
        .with(traces(card))
        .with(el("h4", "").text("Now, on the worker that was asked"))
        .with(facts(card, |card| &card.levels))
        .with(
            el("p", "next")
                .with(el("b", "").text("Next: "))
                .with(el("span", "").test("why-next").says(move || of(card, |card| card.next.clone())))
                .text(" ")
                .with(el("span", "quiet").test("why-step").says(steps)),
        )
        .view()
}

fn of(card: Card, text: fn(&Why) -> String) -> String {
    card.with(|card| card.as_ref().map(text).unwrap_or_default())
}

/// When the circuit last changed.
fn at(page: Page, card: Card) -> String {
    let Some(at_ms) = card.with(|card| card.as_ref().and_then(|card| card.at_ms)) else { return String::new() };
    let ago = format::ago(page.proxy_now.get().saturating_sub(at_ms));
    format!("at {}, {ago}", format::clock(at_ms, west_minutes()))
}

fn facts(card: Card, which: fn(&Why) -> &Vec<Fact>) -> El {
    let all = move || card.with(|card| card.as_ref().map(|card| which(card).clone()).unwrap_or_default());
    let keys = move || all().into_iter().enumerate().map(|(place, fact)| (place, fact.key.to_owned())).collect();
    let one = move |place: usize, key: String| {
        let of = move |text: fn(&Fact) -> String| words(move || all().get(place).map(text).unwrap_or_default());
        el("div", "")
            .set("data-fact", key)
            .with(el("dt", "").words(of(|fact| fact.name.into())))
            .with(el("dd", "").words(of(|fact| fact.value.clone())))
            .view()
    };
    el("dl", "facts").and(list(keys, one))
}

fn traces(card: Card) -> El {
    let all = move || {
        card.with(|card| {
            card.as_ref().map(|card| card.traces.iter().cloned().enumerate().collect()).unwrap_or_default()
        })
    };
    let one = |_: usize, trace: String| {
        let text = trace.clone();
        el("li", "")
            .test("trace")
            .with(el("code", "").text(trace.clone()))
            .with(
                el("button", "copy")
                    .set("aria-label", format!("Copy trace {trace}"))
                    .text("Copy")
                    .on("click", move |_| browser::copy(&text)),
            )
            .view()
    };
    el("ul", "traces").set("aria-label", "Traces").and(list(all, one))
}
