//! The trial: run, how far it is, and what came of it; and what is assumed.

use leptos::prelude::*;

use super::{Bench, play};
use crate::components::parts::{El, el, list};
use crate::components::sheet::sheet;
use crate::components::table::{head, table};
use crate::lab::{self, FORM};

const COLUMNS: [(&str, &str, &str); 5] = [
    ("figure", "Figure", "as clients see it"),
    ("num", "Present", "mean over the seeds"),
    ("num", "Changed", "mean over the seeds"),
    ("num wide", "Difference", "changed minus present, seed by seed, and half of its 95 % interval"),
    ("verdict", "So it is", "what the difference means"),
];

pub(super) fn panel(bench: Bench) -> El {
    let heads = COLUMNS.map(|(class, name, title)| head(class, title).text(name));
    let rows = move || (FORM.to_owned(), bench.lab.with(lab::Lab::lines));
    let body = sheet("tbody", "both", rows).set("role", "rowgroup");
    let table = table("result", "Result".into(), el("tr", "").all(heads), [body]);
    el("section", "panel")
        .set("aria-label", "Result")
        .with(controls(bench))
        .with(el("p", "quiet").test("size").words(bench.says("size")))
        .with(table.flag("hidden", move || bench.lab.with(|lab| lab.lines().is_empty())))
        .with(bench.flagged(
            el("p", "hint").test("outdated").text("This came out before the last change; run again."),
            "hidden",
            "outdated",
            false,
        ))
        .with(buttons(bench))
}

fn controls(bench: Bench) -> El {
    let run = el("button", "run")
        .test("run")
        .says(move || if bench.lab.with(|lab| lab.holds("playing")) { "Stop".into() } else { "Run".into() })
        .flag("disabled", move || !bench.lab.with(lab::Lab::is_right))
        .on("click", move |_| play::run_or_stop(bench));
    let progress = el("progress", "").set("max", "1000").set("aria-label", "Progress");
    let state = el("span", "").test("progress").set("role", "status").set("aria-live", "polite");
    el("div", "bar")
        .with(run)
        .with(progress.bind("value", move || bench.lab.with(lab::Lab::permille).to_string()))
        .with(state.words(bench.says("progress")))
}

fn buttons(bench: Bench) -> El {
    let save = move |hook: &'static str, what: &'static str, name: &'static str| {
        el("button", "").test(hook).text(name).on("click", move |_| bench.ask(&lab::ask("save", &[("what", what)])))
    };
    let copy = el("button", "").test("copy-link").text("Copy link").on("click", move |_| play::copy_link(bench));
    let note = el("span", "quiet").test("note").set("role", "status");
    el("div", "bar")
        .with(copy)
        .with(bench.flagged(save("save-result", "result", "Save result"), "disabled", "saved", false))
        .with(save("save-scenario", "scenario", "Save scenario").set("title", "A file for cargo xtask simulate"))
        .with(note.says(move || bench.lab.with(|lab| lab.note.clone())))
}

pub(super) fn assumed(bench: Bench) -> El {
    let all = move || bench.lab.with(|lab| lab.list("assumptions").into_iter().enumerate().collect());
    let one = |_: usize, text: String| el("li", "").text(text).view();
    el("section", "panel assumed")
        .set("aria-label", "What is assumed")
        .with(el("h3", "").text("What is assumed"))
        .with(el("ul", "").test("assumptions").and(list(all, one)))
}
