//! A pool's charts: one time for all of them, chosen above, and a chart for each question.
//!
//! - `slot`: one chart, its choice of what to show, and what the pointer and the keys do on it
//! - `tools`: the choice of the time

mod slot;
mod tools;

use leptos::prelude::*;

use super::parts::el;
use crate::app::{Page, WINDOW};
use crate::chart::{Kind, Limits, Look, Mark, Window};
use crate::{browser, events};

/// What stands below each other, and what each place may show.
const SLOTS: [&[Kind]; 6] = [
    &[Kind::Traffic],
    &[Kind::Latency, Kind::EndpointP99, Kind::EndpointP50],
    &[Kind::Failures],
    &[Kind::HeatP99, Kind::HeatP50],
    &[Kind::Circuits],
    &[Kind::Scores],
];

/// What all charts of a pool have in common.
#[derive(Clone, Copy)]
struct Charts {
    page: Page,
    pool: StoredValue<String>,
    /// Where the reader points, in any of the charts.
    cursor: RwSignal<Option<u64>>,
    window: Signal<Window>,
}

pub(super) fn ChartPanel(page: Page, pool: String) -> AnyView {
    let window = Signal::derive(move || page.window());
    let charts = Charts { page, pool: StoredValue::new(pool), cursor: RwSignal::new(None), window };
    el("section", "panel charts")
        .set("aria-label", "Charts")
        .with(tools::tools(charts))
        .with(
            el("div", "slots")
                .all(SLOTS.into_iter().enumerate().map(|(place, kinds)| slot::slot(charts, place, kinds))),
        )
        .view()
}

impl Charts {
    /// What there is to look at.
    fn limits(self) -> Limits {
        let now_ms = self.page.proxy_now.get();
        let first_ms = self.page.past.with(|past| self.pool.with_value(|pool| past.begin_ms(pool)));
        Limits { first_ms: first_ms.unwrap_or(now_ms), now_ms }
    }

    /// Looks at another time.
    fn look_at(self, window: Window) {
        let seconds = (window.span_ms() / 1000).to_string();
        browser::remember(WINDOW, &seconds);
        let end = window.end_ms().map(|end| end.to_string()).unwrap_or_default();
        self.page.choose_all(&[(WINDOW, &seconds), ("end", &end)]);
    }

    /// The endpoints, in the order of the table.
    fn order(self) -> Vec<String> {
        self.page.model.with_untracked(|model| {
            let pool = self.pool.with_value(|pool| model.pool(pool));
            pool.map(|pool| pool.endpoints.iter().map(|endpoint| endpoint.id.clone()).collect()).unwrap_or_default()
        })
    }

    /// How every chart is drawn now.
    fn look(self, order: &[String]) -> Look {
        let page = self.page;
        let now_ms = page.proxy_now.get();
        let (from_ms, to_ms) = self.window.get().bounds(now_ms);
        let chosen = page.chosen("endpoint");
        let marks = page.model.with_untracked(|model| self.pool.with_value(|pool| marks(&model.events, pool, order)));
        Look {
            from_ms,
            to_ms,
            live: self.window.get().is_live(),
            west_minutes: browser::west_minutes(),
            theme: page.theme.get(),
            highlight: order.iter().position(|id| *id == chosen),
            cursor_ms: self.cursor.get(),
            selected: page.chosen("event").parse().ok(),
            marks,
        }
    }
}

fn marks(events: &events::EventLog, pool: &str, order: &[String]) -> Vec<Mark> {
    events.newest_first().filter(|event| event.pool == pool).map(|event| Mark::of(event, order)).collect()
}
