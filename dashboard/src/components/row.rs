//! The endpoint table. On a narrow screen style.css turns each row into a card, so roles are spelled out:
//! a table that is not laid out as one would lose its meaning for assistive programs.

use leptos::prelude::*;

use super::mark::{circuit_mark, status_mark};
use super::parts::{Words, list, words};
use crate::app::Page;
use crate::format::{self, Quantity};
use crate::palette::{self, Theme};
use crate::rows::{Change, EndpointRow};

type Row = Memo<Option<EndpointRow>>;

const COLUMNS: [(&str, &str, &str); 12] = [
    ("endpoint", "Endpoint", ""),
    ("status", "Status", "what it is allowed to do now"),
    ("num score", "Score", "health, 0 to 1"),
    ("circuit", "Circuit", "closed passes, open refuses, half-open probes"),
    ("share", "Share", "part of the pool's attempts in the last 10 s; the tick is what its weight would give"),
    ("num in-flight", "In flight", "attempts now under way"),
    ("num", "Rate", "finished attempts per second, last 10 s"),
    ("num", "Failed", "failed part of the attempts, last 10 s"),
    ("num", "p50", "latency, the last 5 to 10 s"),
    ("num", "p90", "latency, the last 5 to 10 s"),
    ("num", "p99", "latency, the last 5 to 10 s"),
    ("transition", "Last transition", "the circuit's last change, and why"),
];

#[component]
pub(super) fn EndpointRows(page: Page, place: usize) -> impl IntoView {
    let endpoints = move || {
        let ids = page.with_pool(place, |_, pool| pool.endpoints.iter().map(|e| e.id.clone()).enumerate().collect());
        ids.unwrap_or_default()
    };
    // What every row's share is a part of, worked out once for all rows.
    let whole = Memo::new(move |_| {
        let whole = page.with_pool(place, |model, pool| {
            let rate = model.history.pool(&pool.name).map_or(0.0, |past| past.recent_rate());
            (rate, pool.endpoints.iter().map(|endpoint| endpoint.effective_weight).sum::<f64>())
        });
        whole.unwrap_or_default()
    });
    let heads = COLUMNS.map(|(class, name, title)| {
        view! { <th role="columnheader" scope="col" class=class title=title>{name}</th> }
    });
    view! {
        <table role="table" class="endpoints">
            <thead role="rowgroup"><tr role="row">{heads.into_iter().collect_view()}</tr></thead>
            <tbody role="rowgroup">
                {list(endpoints, move |index, id| endpoint_row(page, place, index, id, whole))}
            </tbody>
        </table>
    }
}

fn endpoint_row(page: Page, place: usize, index: usize, id: String, whole: Memo<(f64, f64)>) -> AnyView {
    let row: Row = Memo::new(move |_| {
        let ((rate, weight), now_ms) = (whole.get(), page.proxy_now.get());
        page.with_pool(place, |model, pool| {
            let past = model.history.pool(&pool.name);
            pool.endpoints.get(index).map(|endpoint| EndpointRow::of(endpoint, past, rate, weight, now_ms))
        })?
    });
    let number = move |testid, label, figure| number_cell(testid, label, row, figure);
    let cells = [
        name_cell(page, place, index, id.clone(), row),
        status_cell(row),
        number("score", "Score", |row| (row.score.clone(), "")),
        circuit_cell(row),
        share_cell(row),
        number("in-flight", "In flight", |row| (row.in_flight.clone(), "")),
        number("rate", "Rate", |row| parts(&row.rate)),
        number("failure", "Failed", |row| parts(&row.failure)),
        number("p50", "p50", |row| parts(&row.p50)),
        number("p90", "p90", |row| parts(&row.p90)),
        number("p99", "p99", |row| parts(&row.p99)),
        transition_cell(row),
    ];
    view! {
        <tr
            role="row"
            data-testid="endpoint-row"
            data-endpoint=id
            data-status=of(row, |row| format::status(row.status).into())
            data-circuit=of(row, |row| format::circuit_key(row.circuit).into())
        >
            {cells.into_iter().collect_view()}
        </tr>
    }
    .into_any()
}

/// Text made of a row; empty while there is none.
fn of(row: Row, text: fn(&EndpointRow) -> String) -> Words {
    words(move || row.with(|row| row.as_ref().map(text).unwrap_or_default()))
}

fn parts(figure: &Quantity) -> (String, &'static str) {
    (figure.value.clone(), figure.unit)
}

/// Name, address and the chart's swatch; pressing it makes the endpoint's line stand out.
fn name_cell(page: Page, place: usize, index: usize, id: String, row: Row) -> AnyView {
    let marked = move || page.charted() == place && page.highlight.get() == Some(index);
    let press = move |_| {
        let next = if marked() { None } else { Some(index) };
        page.chosen.set(place);
        page.highlight.set(next);
    };
    let colour = words(move || palette::css(page.theme.with(|theme: &Theme| theme.line(index))));
    let dash = if palette::dashed(index) { "5 3" } else { "none" };
    let off = Signal::derive(move || page.charted() != place);
    let pressed = words(move || marked().to_string());
    let title = format!("{id}: make its line in the chart stand out");
    view! {
        <th role="rowheader" scope="row" class="endpoint">
            <button aria-pressed=pressed on:click=press title=title>
                <svg class="swatch" class:off=off viewBox="0 0 16 16" aria-hidden="true">
                    <path d="M0 8h16" stroke=colour stroke-width="3" stroke-dasharray=dash />
                </svg>
                <span class="id">{id}</span>
                <span class="address">{of(row, |row| row.place.clone())}</span>
            </button>
        </th>
    }
    .into_any()
}

fn status_cell(row: Row) -> AnyView {
    let meaning = of(row, |row| format::status_meaning(row.status).into());
    view! {
        <td role="cell" class="status" data-testid="status" data-label="Status" title=meaning>
            <span>
                {status_mark(move || row.with(|row| row.as_ref().map(|row| row.status)))}
                {of(row, |row| format::status(row.status).into())}
            </span>
        </td>
    }
    .into_any()
}

fn circuit_cell(row: Row) -> AnyView {
    view! {
        <td role="cell" class="circuit" data-testid="circuit" data-label="Circuit">
            <span>
                {circuit_mark(move || row.with(|row| row.as_ref().map(|row| row.circuit)))}
                {of(row, |row| format::circuit(row.circuit).into())}
            </span>
            <small>{of(row, |row| row.circuit_next.clone())}</small>
        </td>
    }
    .into_any()
}

fn share_cell(row: Row) -> AnyView {
    let fill = of(row, |row| format!("width:{:.1}%", 100.0 * row.share_part));
    let due = of(row, |row| format!("left:{:.1}%", 100.0 * row.due_part));
    view! {
        <td role="cell" class="share" data-testid="share" data-label="Share">
            <span class="bar" aria-hidden="true">
                <span class="fill" style=fill></span>
                <span class="due" style=due></span>
            </span>
            <span class="figure">{of(row, |row| row.share.to_string())}</span>
        </td>
    }
    .into_any()
}

type Figure = fn(&EndpointRow) -> (String, &'static str);

fn number_cell(testid: &'static str, label: &'static str, row: Row, figure: Figure) -> AnyView {
    let both = move || row.with(|row| row.as_ref().map(figure).unwrap_or_default());
    let unit = words(move || match both().1 {
        "" => String::new(),
        unit => format!(" {unit}"),
    });
    let notable = move || testid == "failure" && row.with(|row| row.as_ref().is_some_and(|row| row.failing));
    view! {
        <td role="cell" class="num" class:notable=Signal::derive(notable) data-testid=testid data-label=label>
            {words(move || both().0)}
            <span class="unit">{unit}</span>
        </td>
    }
    .into_any()
}

fn transition_cell(row: Row) -> AnyView {
    let of_change = move |text: fn(&Change) -> String| {
        words(move || row.with(|row| row.as_ref()?.change.as_ref().map(text)).unwrap_or_default())
    };
    let what = of_change(|change| format!("{} → {}", format::circuit(change.from), format::circuit(change.to)));
    let none = of(row, |row| if row.change.is_none() { "none yet".into() } else { String::new() });
    view! {
        <td
            role="cell"
            class="transition"
            data-testid="transition"
            data-label="Last transition"
            title=of_change(|change| change.traces.clone())
        >
            <span class="none">{none}</span>
            <span class="what">{what}</span>
            " "
            <span class="ago">{of_change(|change| change.ago.clone())}</span>
            " "
            <span class="why">{of_change(|change| change.why.clone())}</span>
        </td>
    }
    .into_any()
}
