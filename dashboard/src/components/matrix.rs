//! Worker by worker: a column for each worker, with the age of its part, a row for each endpoint, and where they differ.

use leptos::prelude::*;

use super::parts::{El, el, list, words};
use super::sheet::Content;
use super::table::head;
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

/// The rows of these endpoints.
pub(super) fn rows(page: Page, endpoints: &[(usize, String)]) -> Content {
    let measure = measure(page);
    page.workers.with(|workers| {
        let lines = endpoints.iter().map(|(_, id)| workers.line(id, measure)).collect();
        (workers.form(), lines)
    })
}
