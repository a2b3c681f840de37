//! The event list: every transition of a circuit that the proxy still knows, newest first.

use leptos::prelude::*;
use plimsoll_snapshot::Event;

use super::parts::el;
use super::sheet::{pressed_in, sheet};
use crate::app::Page;
use crate::browser::west_minutes;
use crate::{events, format};

/// Of one pool, or of all.
pub(super) fn EventList(page: Page, pool: Option<String>) -> AnyView {
    let all = pool.is_none();
    let own = StoredValue::new(pool);
    let fits = move |event: &Event| own.with_value(|pool| pool.as_ref().is_none_or(|pool| *pool == event.pool));
    // The log seldom changes, and putting all of it into words every second would be work for nothing.
    let extent = Memo::new(move |_| page.model.with(|model| model.events.extent()));
    let chosen = Memo::new(move |_| page.chosen("event").parse::<u64>().ok());
    let lines = move || {
        // Tracking alone would never have it worked out.
        extent.get();
        let chosen = chosen.get();
        let line = |event: &Event| events::line(event, all, Some(event.seq) == chosen, west_minutes());
        page.model.with_untracked(|model| model.events.newest_first().filter(|event| fits(event)).map(line).collect())
    };
    let choose = move |event: web_sys::Event| {
        if let Some(seq) = pressed_in(&event, "data-seq").and_then(|seq| seq.parse().ok()) {
            page.choose_event(seq);
        }
    };
    let note = move || {
        extent.get();
        let (any, missed) =
            page.model.with_untracked(|model| (model.events.newest_first().any(fits), model.events.missed()));
        match (any, missed) {
            (false, 0) => "Nothing yet: every circuit is as it started.".into(),
            (_, 0) => String::new(),
            (_, n) => format!("{} older events are no longer in the proxy's log.", format::grouped(n)),
        }
    };
    let list = sheet("ol", "events", move || (events::FORM.to_owned(), lines())).test("events").on("click", choose);
    let scroll = el("div", "scroll")
        .set("tabindex", "0")
        .set("role", "region")
        .set("aria-label", "Event list")
        .with(list)
        .with(el("p", "hint").says(note));
    el("section", "panel").set("aria-label", "Events").with(el("h3", "").text("Events")).with(scroll).view()
}
