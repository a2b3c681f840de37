//! The endpoints of a pool: sorted and searched as the address says, in a table or worker by worker, and of a long list only
//! the rows around the screen.

use leptos::prelude::*;

use super::matrix;
use super::parts::{El, el, switch};
use super::row::{self, Lines};
use super::sheet::{Content, pressed_in, sheet};
use super::table::{head, search, table};
use crate::app::Page;
use crate::browser;
use crate::format;
use crate::table::{Key, Order, WHOLE, on_screen, places};

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

pub(super) fn EndpointTable(page: Page, pool: String) -> AnyView {
    let name = StoredValue::new(pool.clone());
    let shown = Memo::new(move |_| {
        let (wanted, order) = (page.chosen("q"), Order::parse(&page.chosen("sort")));
        let find = |model: &crate::model::Model, pool: &plimsoll_snapshot::Pool| {
            let places = places(pool, model.history.pool(&pool.name), &wanted, order);
            let named = |place: usize| (place, pool.endpoints.get(place).map(|e| e.id.clone()).unwrap_or_default());
            places.into_iter().map(named).collect::<Vec<_>>()
        };
        page.with_pool(&name.get_value(), find).unwrap_or_default()
    });
    let lines = Lines::new(page, name);
    let label = format!("Endpoints of {pool}");
    let body = move |by_worker: usize| {
        if by_worker == 1 {
            let body = on_screen_only(page, shown, move |endpoints| matrix::rows(page, endpoints));
            table("matrix", format!("{label} by worker"), matrix::heads(page), body).view()
        } else {
            let body = on_screen_only(page, shown, move |endpoints| row::rows(page, name, lines, endpoints));
            let body = body.map(|part| part.on("click", move |event| open(page, &event)));
            let heads = COLUMNS.map(|column| column_head(page, column));
            table("endpoints", label.clone(), el("tr", "").all(heads), body).view()
        }
    };
    el("div", "")
        .with(tools(page, shown, name))
        .and(switch(move || usize::from(page.by_worker()), body))
        .with(el("p", "hint").says(move || nothing(page, shown, name)))
        .view()
}

/// Shows the card of the endpoint that was pressed, or takes it away.
fn open(page: Page, event: &web_sys::Event) {
    let Some(id) = pressed_in(event, "data-endpoint") else { return };
    let open = page.route.with_untracked(|route| route.get("endpoint") == id);
    page.choose("endpoint", if open { "" } else { &id });
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
    let search = search(page, "name, address, zone or state  ( / )", "Search endpoints");
    let tab = move |name: &'static str, view: &'static str| {
        el("button", "")
            .test("view")
            .bind("aria-pressed", move || (page.by_worker() == (view == "workers")).to_string())
            .text(name)
            .on("click", move |_| page.choose("view", view))
    };
    let measure = move |by_worker| if by_worker == 1 { matrix::choice(page).view() } else { ().into_any() };
    el("div", "tools")
        .with(search)
        .with(tab("By endpoint", ""))
        .with(tab("By worker", "workers"))
        .with(el("span", "quiet").set("aria-live", "polite").says(count))
        .and(switch(move || usize::from(page.by_worker()), measure))
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
    rows: impl Fn(&[(usize, String)]) -> Content + 'static,
) -> [El; 3] {
    let count = Memo::new(move |_| shown.with(Vec::len));
    let range = Memo::new(move |_| {
        page.scrolled.track();
        let count = count.get();
        if count <= WHOLE || page.printing.get() {
            return (0, count, 0);
        }
        // The first has no rule above it.
        let row = browser::find("tbody.rows tr + tr").or_else(|| browser::find("tbody.rows tr"));
        let row_px = row.map_or(44.0, |row| f64::from(row.offset_height()));
        let above_px = browser::find("tbody.above").map_or(0.0, |body| -body.get_bounding_client_rect().top());
        let screen_px = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(1000.0);
        let range = on_screen(count, above_px, screen_px, row_px);
        (range.start, range.end, row_px as usize)
    });
    // Now nobody knows yet where on the screen the table is.
    request_animation_frame(move || page.scrolled.set(()));
    let made = move || {
        let (start, end, _) = range.get();
        shown.with(|all| rows(all.get(start..end.min(all.len())).unwrap_or_default()))
    };
    let space = move |class: &'static str, rows: fn(usize, usize, usize) -> usize| {
        el("tbody", class).set("aria-hidden", "true").with(el("tr", "space").bind("style", move || {
            let (start, end, row_px) = range.get();
            format!("height:{}px", rows(start, end, count.get()) * row_px)
        }))
    };
    [
        space("above", |start, _, _| start),
        sheet("tbody", "rows", made).set("role", "rowgroup"),
        space("below", |_, end, all| all.saturating_sub(end)),
    ]
}
