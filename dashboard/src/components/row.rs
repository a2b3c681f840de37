//! The rows of a pool's endpoints.

use leptos::prelude::*;
use std::collections::BTreeMap;

use super::sheet::Content;
use crate::app::Page;
use crate::past::Column;
use crate::rows::{EndpointRow, FORM};
use crate::spark;

/// The small lines follow in steps: they are many, and a second of ten minutes cannot be seen.
const LINES_EVERY_MS: u64 = 10_000;
/// How far back they go.
const LINES_MS: u64 = 600_000;

/// The small lines as they were last drawn.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    /// Up to when they go; 0 before the past is known.
    to_ms: Memo<u64>,
    drawn: StoredValue<(u64, BTreeMap<String, String>)>,
}

impl Lines {
    pub(super) fn new(page: Page, pool: StoredValue<String>) -> Lines {
        let to_ms = Memo::new(move |_| {
            let known = page.past.with(|past| pool.with_value(|pool| past.begin_ms(pool).is_some()));
            if known { page.proxy_now.get() / LINES_EVERY_MS * LINES_EVERY_MS } else { 0 }
        });
        Lines { to_ms, drawn: StoredValue::default() }
    }

    /// How an endpoint's p99 went.
    fn of(self, page: Page, pool: &str, id: &str) -> String {
        let to_ms = self.to_ms.get();
        let draw = || {
            page.past.with_untracked(|past| {
                let table = past.table(pool, to_ms.saturating_sub(LINES_MS), to_ms)?;
                let row = table.endpoints().iter().find(|row| row.name == id)?;
                Some(spark::svg(&table.column(row, Column::P99)))
            })
        };
        let mut line = String::new();
        self.drawn.update_value(|(drawn_ms, lines)| {
            if *drawn_ms != to_ms {
                (*drawn_ms, *lines) = (to_ms, BTreeMap::new());
            }
            line.clone_from(lines.entry(id.to_owned()).or_insert_with(|| draw().unwrap_or_default()));
        });
        line
    }
}

/// The rows of these endpoints.
pub(super) fn rows(page: Page, pool: StoredValue<String>, lines: Lines, endpoints: &[(usize, String)]) -> Content {
    let (now_ms, theme, open) = (page.proxy_now.get(), page.theme.get(), page.chosen("endpoint"));
    let filled = page.with_pool(&pool.get_value(), |model, pool| {
        let past = model.history.pool(&pool.name);
        let rate = past.map_or(0.0, |past| past.recent_rate());
        let weight = pool.endpoints.iter().map(|endpoint| endpoint.effective_weight).sum();
        let there = endpoints.iter().filter_map(|(place, id)| Some((*place, id, pool.endpoints.get(*place)?)));
        // Between an answer and what is made of it, places may be those of the answer before.
        let there = there.filter(|(_, id, endpoint)| endpoint.id == **id);
        let line = |(place, id, endpoint): (usize, &String, _)| {
            let row = EndpointRow::of(endpoint, past, rate, weight, now_ms);
            row.line(id, place, open == *id, theme, lines.of(page, &pool.name, id))
        };
        there.map(line).collect()
    });
    (FORM.to_owned(), filled.unwrap_or_default())
}
