//! What is played: a scenario, how long and how often, and what goes wrong besides.

use leptos::prelude::*;

use super::{Bench, field, options};
use crate::components::parts::{El, el, list};
use crate::lab::texts;

pub(super) fn panel(bench: Bench) -> El {
    let fault = labelled("A fault besides", fault(bench));
    let parts = ["fault.size", "fault.who", "fault.from", "fault.to"].map(|name| part(bench, name));
    el("section", "panel")
        .set("aria-label", "Scenario")
        .with(el("h3", "").text("Scenario"))
        .with(el("div", "fields").with(labelled("From", source(bench))))
        .with(el("p", "quiet").test("about").words(bench.says("about")))
        .with(
            el("div", "fields")
                .with(input("length", "Measured"))
                .with(input("seeds", "Seeds, 1 to 20"))
                .with(input("workers", "Workers")),
        )
        .with(el("div", "fields").with(fault).all(parts))
        .with(alert(bench, 0))
}

fn source(bench: Bench) -> El {
    let known = bench.lab.with_untracked(|lab| texts(&lab.hello["built_in"]));
    let known = options(known.iter().map(|name| (name.as_str(), name.as_str())));
    let pools =
        move || bench.page.model.with(|model| model.snapshot.pools.iter().map(|pool| (0, pool.name.clone())).collect());
    let pool = |_: usize, name: String| el("option", "").set("value", format!("live/{name}")).text(name).view();
    let live = move || bench.lab.with(|lab| lab.says("live"));
    let kept = el("option", "").set("value", "kept").says(move || format!("{}, as it was", live()));
    field("select", "source", "Scenario")
        .test("source")
        .with(kept.flag("hidden", move || live().is_empty()))
        .with(el("optgroup", "").set("label", "Live pools, as they are now").and(list(pools, pool)))
        .with(el("optgroup", "").set("label", "Built in").all(known))
}

fn fault(bench: Bench) -> El {
    let faults = bench.lab.with_untracked(|lab| lab.hello["faults"].as_array().cloned().unwrap_or_default());
    let faults: Vec<[String; 2]> = faults.iter().filter_map(|fault| texts(fault).try_into().ok()).collect();
    field("select", "fault", "A fault besides")
        .all(options(faults.iter().map(|[value, name]| (value.as_str(), name.as_str()))))
}

fn part(bench: Bench, name: &'static str) -> El {
    let label = match name {
        "fault.size" => "How bad: % of answers, or times as long",
        "fault.who" => "Endpoints, or all",
        "fault.from" => "From",
        _ => "To, or to the end",
    };
    bench.flagged(input(name, label), "hidden", "fault", false)
}

fn input(name: &'static str, label: &'static str) -> El {
    labelled(label, field("input", name, label).set("autocomplete", "off"))
}

fn labelled(label: &'static str, element: El) -> El {
    el("label", "").with(el("span", "quiet").text(label)).with(element)
}

/// What is wrong with a part of the form.
pub(super) fn alert(bench: Bench, place: usize) -> El {
    let problem = move || bench.lab.with(|lab| lab.list("problems").get(place).cloned().unwrap_or_default());
    el("p", "bad problem").test("problem").set("role", "alert").says(problem)
}
