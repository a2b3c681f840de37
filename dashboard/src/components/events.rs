//! The event list: every transition of a circuit that the proxy still knows, newest first.

use leptos::prelude::*;
use plimsoll_snapshot::Event;

use super::mark::circuit_mark;
use super::parts::{el, list};
use crate::app::Page;
use crate::browser::west_minutes;
use crate::{format, reason, why};

/// Of one pool, or of all.
pub(super) fn EventList(page: Page, pool: Option<String>) -> AnyView {
    let own = StoredValue::new(pool);
    let fits = move |event: &Event| own.with_value(|pool| pool.as_ref().is_none_or(|pool| *pool == event.pool));
    // Sequence number and time name an event; a proxy that restarted counts from one again.
    let events = move || {
        let name = |event: &Event| (event.seq as usize, event.transition.at_ms.to_string());
        page.model.with(|model| model.events.newest_first().filter(|event| fits(event)).map(name).collect())
    };
    let one = move |seq, _: String| {
        let event = page
            .model
            .with_untracked(|model| model.events.newest_first().find(|event| event.seq == seq as u64).cloned());
        event.map_or_else(|| ().into_any(), |event| item(page, event, own.with_value(Option::is_none)))
    };
    let note = move || {
        let any = page.model.with(|model| model.events.newest_first().any(fits));
        match (any, page.model.with(|model| model.events.missed())) {
            (false, 0) => "Nothing yet: every circuit is as it started.".into(),
            (_, 0) => String::new(),
            (_, n) => format!("{} older events are no longer in the proxy's log.", format::grouped(n)),
        }
    };
    let scroll = el("div", "scroll")
        .set("tabindex", "0")
        .set("role", "region")
        .set("aria-label", "Event list")
        .with(el("ol", "events").test("events").and(list(events, one)))
        .with(el("p", "hint").says(note));
    el("section", "panel").set("aria-label", "Events").with(el("h3", "").text("Events")).with(scroll).view()
}

fn item(page: Page, event: Event, with_pool: bool) -> AnyView {
    let transition = event.transition;
    let to = transition.to;
    let whose = match (with_pool, event.endpoint.as_str()) {
        (true, "") => format!("{} (pool)", event.pool),
        (true, endpoint) => format!("{} / {endpoint}", event.pool),
        (false, "") => "the pool".into(),
        (false, endpoint) => endpoint.to_owned(),
    };
    let seq = event.seq;
    let chosen = move || page.route.with(|route| route.get("event").parse() == Ok(seq));
    let text = el("div", "")
        .with(el("button", "id").set("title", event.address).text(whose).on("click", move |_| page.choose_event(seq)))
        .text(" ")
        .with(el("span", "what").text(why::change(&transition)))
        .text(" ")
        .with(el("span", "why").text(reason::sentence(&transition.reason)));
    el("li", "")
        .test("event")
        .set("data-seq", event.seq.to_string())
        .bind("aria-current", move || chosen().to_string())
        .set("data-to", format::circuit_key(to))
        .set("title", transition.reason.trace_ids.join(" "))
        .with(el("time", "").text(format::clock(transition.at_ms, west_minutes())))
        .with(circuit_mark(to))
        .with(text)
        .view()
}
