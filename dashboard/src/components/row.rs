//! One endpoint's row in the table.

use leptos::prelude::*;

use super::mark::state_mark;
use super::parts::{El, Words, el, words};
use super::table::{cell, figure, parts, row_head};
use crate::app::Page;
use crate::format;
use crate::palette;
use crate::past::Column;
use crate::rows::{Change, EndpointRow};
use crate::spark;

type Row = Memo<Option<EndpointRow>>;

/// What the rows of a table have in common.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) page: Page,
    pub(super) pool: StoredValue<String>,
    /// Attempts per second and weights of the whole pool: what an endpoint's share is a part of.
    pub(super) whole: Memo<(f64, f64)>,
    /// Up to when the small lines go; 0 before the past is known.
    pub(super) lines_ms: Memo<u64>,
}

/// The small lines follow in steps: they are many, and a second of ten minutes cannot be seen.
pub(super) const LINES_EVERY_MS: u64 = 10_000;
/// How far back they go.
const LINES_MS: u64 = 600_000;

pub(super) fn endpoint_row(rows: Rows, place: usize, id: String) -> AnyView {
    let Rows { page, pool, whole, .. } = rows;
    let row: Row = Memo::new(move |_| {
        let ((rate, weight), now_ms) = (whole.get(), page.proxy_now.get());
        page.with_pool(&pool.get_value(), |model, pool| {
            let past = model.history.pool(&pool.name);
            pool.endpoints.get(place).map(|endpoint| EndpointRow::of(endpoint, past, rate, weight, now_ms))
        })?
    });
    let number = move |hook, label, text: Figure| {
        figure(hook, label, move || row.with(|row| row.as_ref().map(text).unwrap_or_default()))
    };
    let notable =
        move || if row.with(|row| row.as_ref().is_some_and(|row| row.failing)) { "num notable" } else { "num" };
    el("tr", "")
        .set("role", "row")
        .test("endpoint-row")
        .set("data-endpoint", id.clone())
        .bind("data-state", move || row.with(|row| row.as_ref().map_or("", |row| row.state.tone()).into()))
        .bind("data-status", move || of(row, |row| format::status(row.status).into()))
        .bind("data-circuit", move || of(row, |row| format::circuit_key(row.circuit).into()))
        .with(name_cell(page, place, id.clone(), row))
        .with(state_cell(row))
        .with(number("score", "Score", |row| (row.score.clone(), "")))
        .with(share_cell(row))
        .with(number("weight", "Weight", |row| (row.weight.clone(), "")))
        .with(number("in-flight", "In flight", |row| (row.in_flight.clone(), "")))
        .with(number("rate", "Rate", |row| parts(&row.rate)))
        .with(number("failure", "Failed", |row| parts(&row.failure)).bind("class", move || notable().into()))
        .with(number("p50", "p50", |row| parts(&row.p50)))
        .with(number("p90", "p90", |row| parts(&row.p90)))
        .with(number("p99", "p99", |row| parts(&row.p99)))
        .with(line_cell(rows, id))
        .with(transition_cell(row))
        .view()
}

type Figure = fn(&EndpointRow) -> (String, &'static str);

/// Text made of a row; empty while there is none.
fn of(row: Row, text: fn(&EndpointRow) -> String) -> String {
    row.with(|row| row.as_ref().map(text).unwrap_or_default())
}

fn of_row(row: Row, text: fn(&EndpointRow) -> String) -> Words {
    words(move || of(row, text))
}

/// Name, address and the chart's swatch; pressing it opens the card that says why.
fn name_cell(page: Page, place: usize, id: String, row: Row) -> El {
    let own = StoredValue::new(id.clone());
    let open = move || own.with_value(|id| page.route.with(|route| route.get("endpoint") == id));
    let press = move |_| {
        let next = if open() { String::new() } else { own.get_value() };
        page.choose("endpoint", &next);
    };
    let dash = if palette::dashed(place) { "5 3" } else { "none" };
    let swatch = el("span", "swatch").set("aria-hidden", "true").drawing(words(move || {
        let colour = palette::css(page.theme.get().line(place));
        format!(r#"<svg viewBox="0 0 16 16"><path d="M0 8h16" stroke="{colour}" stroke-width="3" stroke-dasharray="{dash}"/></svg>"#)
    }));
    let button = el("button", "")
        .set("data-row", "")
        .bind("aria-expanded", move || open().to_string())
        .set("title", format!("{id}: why it stands as it does"))
        .on("click", press)
        .with(swatch)
        .with(el("span", "id").text(id))
        .with(el("span", "address").words(of_row(row, |row| row.place.clone())));
    row_head("endpoint").with(button)
}

/// How its p99 went.
fn line_cell(rows: Rows, id: String) -> El {
    let line = Memo::new(move |_| {
        let to_ms = rows.lines_ms.get();
        rows.page.past.with_untracked(|past| {
            let table = rows.pool.with_value(|pool| past.table(pool, to_ms.saturating_sub(LINES_MS), to_ms));
            let values = table.and_then(|table| {
                let row = table.endpoints().iter().find(|row| row.name == id)?;
                Some(table.column(row, Column::P99))
            });
            values.map(|values| spark::svg(&values)).unwrap_or_default()
        })
    });
    cell("spark", "spark", "10 min").set("aria-hidden", "true").drawing(line.into())
}

fn state_cell(row: Row) -> El {
    let mark = state_mark(move || row.with(|row| row.as_ref().map(|row| row.state)));
    let word = el("span", "").with(mark).words(of_row(row, |row| row.state.word().into()));
    cell("state", "status", "State").bind("title", move || of(row, |row| row.state.meaning().into())).with(word)
}

fn share_cell(row: Row) -> El {
    let bar = el("span", "bar")
        .set("aria-hidden", "true")
        .with(
            el("span", "fill")
                .bind("style", move || of(row, |row| format!("width:{}%", (100.0 * row.share_part) as u32))),
        )
        .with(
            el("span", "due").bind("style", move || of(row, |row| format!("left:{}%", (100.0 * row.due_part) as u32))),
        );
    let figure = el("span", "figure").words(of_row(row, |row| row.share.to_string()));
    cell("share", "share", "Share").with(bar).with(figure)
}

fn transition_cell(row: Row) -> El {
    let of_change = move |text: fn(&Change) -> String| {
        words(move || row.with(|row| row.as_ref()?.change.as_ref().map(text)).unwrap_or_default())
    };
    let circuit = el("span", "circuit")
        .test("circuit")
        .with(el("b", "").words(of_row(row, |row| format::circuit(row.circuit).into())))
        .with(el("span", "next").words(of_row(row, |row| row.circuit_next.clone())));
    let what = of_change(|change| format!("{} → {}", format::circuit(change.from), format::circuit(change.to)));
    let none = of_row(row, |row| if row.change.is_none() { "none yet".into() } else { String::new() });
    let change = el("span", "change")
        .test("transition")
        .with(el("span", "none").words(none))
        .with(el("span", "what").words(what))
        .text(" ")
        .with(el("span", "ago").words(of_change(|change| change.ago.clone())))
        .text(" ")
        .with(el("span", "why").words(of_change(|change| change.why.clone())));
    el("td", "transition").set("role", "cell").set("data-label", "Circuit").with(circuit).with(change)
}
