//! Worker by worker: a column for each worker, with the age of its part, a row for each endpoint, and where they differ.

use leptos::prelude::*;

use super::parts::{El, el, list, words};
use super::table::{cell, head, row_head};
use crate::app::Page;
use crate::browser;
use crate::format;
use crate::workers::{Measure, Worker, Workers};

/// What the matrix shows.
fn measure(page: Page) -> Measure {
    Measure::of(&page.chosen("measure"))
}

/// The choice of what it shows, and what a difference is.
pub(super) fn choice(page: Page) -> El {
    let choices = Measure::ALL.map(|(one, key, name)| {
        el("option", "").set("value", key).flag("selected", move || measure(page) == one).text(name)
    });
    el("span", "tools")
        .with(
            el("select", "")
                .test("measure")
                .set("aria-label", "What is shown of each worker")
                .on("change", move |event| page.choose("measure", &browser::typed(&event)))
                .all(choices),
        )
        .with(el("span", "quiet").text("of the last 5 to 10 s; ≠ where a worker sees something else than the others"))
}

/// The row of heads: the endpoint, then every worker that there is.
pub(super) fn heads(page: Page) -> El {
    let workers = move || page.workers.with(named);
    let one = move |place: usize, id: String| worker_head(page, place, id).view();
    el("tr", "").with(head("endpoint", "name").text("Endpoint")).and(list(workers, one))
}

fn named(workers: &Workers) -> Vec<(usize, String)> {
    workers.workers.iter().map(|worker| worker.id.clone()).enumerate().collect()
}

fn worker_head(page: Page, place: usize, id: String) -> El {
    let of = move |text: fn(&Worker) -> String| {
        words(move || page.workers.with(|workers| workers.workers.get(place).map(text)).unwrap_or_default())
    };
    let note = |worker: &Worker| match (worker.stale, worker.current) {
        (true, _) => format!("✕ stale, {}", format::duration(worker.age_ms)),
        (false, false) => "▲ other configuration".into(),
        (false, true) => format!("{} old", format::duration(worker.age_ms)),
    };
    head("num", "worker, and the age of its part")
        .test("worker-head")
        .text(format!("worker {id}"))
        .with(el("span", "address").words(of(note)))
}

/// One endpoint's row.
pub(super) fn matrix_row(page: Page, _: usize, id: String) -> AnyView {
    let own = StoredValue::new(id.clone());
    let cells = Memo::new(move |_| page.workers.with(|workers| own.with_value(|id| workers.row(id, measure(page)))));
    let workers = move || page.workers.with(named);
    let one = move |place: usize, worker: String| {
        let differs = move || cells.with(|cells| cells.get(place).is_some_and(|cell| cell.differs));
        cell("num", "worker-cell", "")
            .set("data-worker", worker)
            .bind("data-differs", move || differs().to_string())
            .says(move || if differs() { "≠ ".into() } else { String::new() })
            .says(move || cells.with(|cells| cells.get(place).map(|cell| cell.text.clone())).unwrap_or_default())
            .view()
    };
    el("tr", "")
        .set("role", "row")
        .test("worker-row")
        .set("data-endpoint", id.clone())
        .with(row_head("endpoint").with(el("span", "id").text(id)))
        .and(list(workers, one))
        .view()
}
