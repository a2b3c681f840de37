//! The event list: every transition of a circuit that the proxy still knows, newest first.

use leptos::prelude::*;
use plimsoll_snapshot::Event;

use super::mark::circuit_mark;
use super::parts::{list, words};
use super::top::west_minutes;
use crate::app::Page;
use crate::{format, reason};

#[component]
pub(super) fn EventList(page: Page, several: Memo<bool>) -> impl IntoView {
    // Sequence number and time name an event; a proxy that restarted counts from one again.
    let events = move || {
        let name = |event: &Event| (event.seq as usize, event.transition.at_ms.to_string());
        page.model.with(|model| model.events.newest_first().map(name).collect())
    };
    let one = move |seq, _| {
        let event = page
            .model
            .with_untracked(|model| model.events.newest_first().find(|event| event.seq == seq as u64).cloned());
        event.map_or_else(|| ().into_any(), |event| item(event, several))
    };
    let note = words(move || {
        page.model.with(|model| match (model.events.newest_first().next(), model.events.missed()) {
            (None, 0) => "Nothing yet: every circuit is as it started.".into(),
            (_, 0) => String::new(),
            (_, n) => format!("{} older events are no longer in the proxy's log.", format::grouped(n)),
        })
    });
    view! {
        <section class="panel" aria-label="Events">
            <h3>"Events"</h3>
            <div class="scroll" tabindex="0" role="region" aria-label="Event list">
                <ol class="events" data-testid="events">{list(events, one)}</ol>
                <p class="hint">{note}</p>
            </div>
        </section>
    }
}

fn item(event: Event, several: Memo<bool>) -> AnyView {
    let transition = event.transition;
    let pool = event.pool;
    let pool = words(move || if several.get() { format!("{pool} / ") } else { String::new() });
    let to = transition.to;
    let what = format!("{} → {}", format::circuit(transition.from), format::circuit(to));
    let traces = transition.reason.trace_ids.join(" ");
    view! {
        <li data-testid="event" data-seq=event.seq.to_string() data-to=format::circuit_key(to) title=traces>
            <time>{format::clock(transition.at_ms, west_minutes())}</time>
            {circuit_mark(move || Some(to))}
            <div>
                <span class="id" title=event.address>{pool}{event.endpoint}</span>
                " "
                <span class="what">{what}</span>
                " "
                <span class="why">{reason::sentence(&transition.reason)}</span>
            </div>
        </li>
    }
    .into_any()
}
