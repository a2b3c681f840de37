//! The endpoint table: sorted and searched as the address says, and of a long one only the rows around the screen.

use leptos::prelude::*;

use super::mark::state_mark;
use super::parts::{El, Words, el, list, words};
use super::table::{cell, figure, head, parts, row_head, table};
use crate::app::Page;
use crate::browser;
use crate::format;
use crate::palette;
use crate::past::Column;
use crate::rows::{Change, EndpointRow};
use crate::spark;
use crate::table::{Key, Order, on_screen, places};

type Row = Memo<Option<EndpointRow>>;

/// Class, name, what it means, and what a press on it sorts by.
const COLUMNS: [(&str, &str, &str, Key); 13] = [
    ("endpoint", "Endpoint", "name, address and zone", Key::Name),
    ("state", "State", "what it is allowed to do now", Key::State),
    ("num score", "Score", "health, 0 to 1", Key::Score),
    (
        "share",
        "Share",
        "part of the pool's attempts in the last 10 s; the tick is what its weight would give",
        Key::Rate,
    ),
    ("num", "Weight", "in force now, of the configured one", Key::Weight),
    ("num in-flight", "In flight", "attempts now under way", Key::InFlight),
    ("num", "Rate", "finished attempts per second, last 10 s", Key::Rate),
    ("num", "Failed", "failed part of the attempts, last 10 s", Key::Failed),
    ("num", "p50", "latency, the last 5 to 10 s", Key::P50),
    ("num", "p90", "latency, the last 5 to 10 s", Key::P90),
    ("num", "p99", "latency, the last 5 to 10 s", Key::P99),
    ("spark", "10 min", "p99 in the last ten minutes, from 0 to its highest", Key::P99),
    ("transition", "Circuit", "its state, its last change, and why", Key::Change),
];

/// What the rows of a table have in common.
#[derive(Clone, Copy)]
struct Rows {
    page: Page,
    pool: StoredValue<String>,
    /// Attempts per second and weights of the whole pool: what an endpoint's share is a part of.
    whole: Memo<(f64, f64)>,
    /// Up to when the small lines go; 0 before the past is known.
    lines_ms: Memo<u64>,
}

/// The small lines follow in steps: they are many, and a second of ten minutes cannot be seen.
const LINES_EVERY_MS: u64 = 10_000;
/// How far back they go.
const LINES_MS: u64 = 600_000;

pub(super) fn EndpointTable(page: Page, pool: String) -> AnyView {
    let name = StoredValue::new(pool.clone());
    let whole = Memo::new(move |_| {
        let whole = page.with_pool(&name.get_value(), |model, pool| {
            let rate = model.history.pool(&pool.name).map_or(0.0, |past| past.recent_rate());
            (rate, pool.endpoints.iter().map(|endpoint| endpoint.effective_weight).sum::<f64>())
        });
        whole.unwrap_or_default()
    });
    let shown = Memo::new(move |_| {
        let (wanted, order) = (page.chosen("q"), Order::parse(&page.chosen("sort")));
        let find = |model: &crate::model::Model, pool: &plimsoll_snapshot::Pool| {
            let places = places(pool, model.history.pool(&pool.name), &wanted, order);
            let named = |place: usize| (place, pool.endpoints.get(place).map(|e| e.id.clone()).unwrap_or_default());
            places.into_iter().map(named).collect::<Vec<_>>()
        };
        page.with_pool(&name.get_value(), find).unwrap_or_default()
    });
    let lines_ms = Memo::new(move |_| {
        let known = page.past.with(|past| name.with_value(|pool| past.begin_ms(pool).is_some()));
        if known { page.proxy_now.get() / LINES_EVERY_MS * LINES_EVERY_MS } else { 0 }
    });
    let rows = Rows { page, pool: name, whole, lines_ms };
    let body = on_screen_only(page, shown, move |place, id| endpoint_row(rows, place, id));
    let heads = COLUMNS.map(|column| column_head(page, column));
    let label = format!("Endpoints of {pool}");
    el("div", "")
        .with(tools(page, shown, name))
        .with(table("endpoints", label, heads.into(), body))
        .with(el("p", "hint").says(move || nothing(page, shown, name)))
        .view()
}

/// Why there is no row.
fn nothing(page: Page, shown: Memo<Vec<(usize, String)>>, pool: StoredValue<String>) -> String {
    let all = page.with_pool(&pool.get_value(), |_, pool| pool.endpoints.len()).unwrap_or(0);
    match (all, shown.with(Vec::len)) {
        (0, _) => "This pool has no endpoints.".into(),
        (_, 0) => "No endpoint fits what was typed.".into(),
        _ => String::new(),
    }
}

/// The search, and how many of how many it leaves.
fn tools(page: Page, shown: Memo<Vec<(usize, String)>>, pool: StoredValue<String>) -> El {
    let count = move || {
        let all = page.with_pool(&pool.get_value(), |_, pool| pool.endpoints.len()).unwrap_or(0);
        match shown.with(Vec::len) {
            some if some == all => format!("{} endpoints", format::grouped(all as u64)),
            some => format!("{} of {}", format::grouped(some as u64), format::grouped(all as u64)),
        }
    };
    let search = el("input", "")
        .test("search")
        .set("type", "search")
        .set("placeholder", "name, address, zone or state  ( / )")
        .set("aria-label", "Search endpoints")
        .set("value", page.route.with_untracked(|route| route.get("q").to_owned()))
        .on("input", move |event| page.choose("q", &browser::typed(&event)));
    el("div", "tools").with(search).with(el("span", "quiet").set("aria-live", "polite").says(count))
}

fn column_head(page: Page, (class, name, title, key): (&'static str, &'static str, &'static str, Key)) -> El {
    let order = move || Order::parse(&page.chosen("sort"));
    // Where several columns sort by the same, one says so.
    let sorted =
        move || if order().key == key && !matches!(name, "Share" | "10 min") { Some(order().reversed) } else { None };
    let arrow = move || match sorted() {
        None => String::new(),
        Some(false) => " ▾".into(),
        Some(true) => " ▴".into(),
    };
    let aria = move || match sorted() {
        None => "none".to_owned(),
        Some(false) => "descending".into(),
        Some(true) => "ascending".into(),
    };
    let press = move |_| page.choose("sort", &order().pressed(key).text());
    head(class, title).bind("aria-sort", aria).with(el("button", "").text(name).says(arrow).on("click", press))
}

/// The rows around the screen, with empty space for the others.
fn on_screen_only(
    page: Page,
    shown: Memo<Vec<(usize, String)>>,
    row: impl Fn(usize, String) -> AnyView + Send + Sync + 'static,
) -> El {
    let range = Memo::new(move |_| {
        page.scrolled.track();
        let count = shown.with(Vec::len);
        let row_px = browser::find("tbody.rows tr[data-endpoint]").map_or(44.0, |row| f64::from(row.offset_height()));
        let above_px = browser::find("tbody.rows").map_or(0.0, |body| -body.get_bounding_client_rect().top());
        let screen_px = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(1000.0);
        let range = on_screen(count, above_px, screen_px, row_px);
        (range.start, range.end, row_px as usize)
    });
    let made = move || {
        let (start, end, _) = range.get();
        shown.with(|all| all.get(start..end.min(all.len())).unwrap_or_default().to_vec())
    };
    let space = move |rows: fn(usize, usize, usize) -> usize| {
        el("tr", "space").set("aria-hidden", "true").bind("style", move || {
            let (start, end, row_px) = range.get();
            format!("height:{}px", rows(start, end, shown.with(Vec::len)) * row_px)
        })
    };
    el("tbody", "rows")
        .with(space(|start, _, _| start))
        .and(list(made, row))
        .with(space(|_, end, all| all.saturating_sub(end)))
}

fn endpoint_row(rows: Rows, place: usize, id: String) -> AnyView {
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
