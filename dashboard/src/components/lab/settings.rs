//! The present and the changed configuration: what is often turned in fields, everything else as JSON.

use leptos::prelude::*;
use serde_json::Value;

use super::setup::alert;
use super::{Bench, field, options};
use crate::components::parts::{El, el};
use crate::lab::texts;

/// The setting that decides the defaults of a circuit.
const PRESET: &str = "circuit.preset";
const SIDES: [(&str, &str); 2] = [("present", "Present"), ("changed", "Changed")];

pub(super) fn panel(bench: Bench) -> El {
    let heads = SIDES.map(|(_, name)| el("b", "").text(name));
    let json = SIDES.map(|(side, name)| {
        field("textarea", side, &format!("{name} configuration: what differs from the defaults, as JSON"))
            .test(side)
            .set("rows", "5")
            .set("spellcheck", "false")
    });
    let settings = bench.lab.with_untracked(|lab| lab.hello["settings"].as_array().cloned().unwrap_or_default());
    el("section", "panel")
        .set("aria-label", "Configurations")
        .with(el("h3", "").text("Configurations"))
        .with(
            el("div", "settings")
                .with(el("span", ""))
                .all(heads)
                .all(settings.iter().flat_map(|setting| row(bench, setting)))
                .with(el("span", "quiet").text("All that differs from the defaults, as JSON"))
                .all(json),
        )
        .with(alert(bench, 1))
        .with(alert(bench, 2))
}

/// A setting: where it stands, what it is called, its default, and what there is to choose from, if not any text.
fn row(bench: Bench, setting: &Value) -> [El; 3] {
    let setting = texts(setting);
    let at = |place: usize| setting.get(place).map_or("", String::as_str);
    let (path, label) = (at(0), at(1));
    let [present, changed] = SIDES.map(|(side, name)| {
        let (place, name) = (format!("{side}:{path}"), format!("{label}, {name}"));
        match setting.get(3..) {
            Some(choices @ [_, ..]) => {
                let choices = choices.iter().map(|choice| (choice.as_str(), choice.as_str()));
                field("select", &place, &name).all(options(choices))
            }
            _ => {
                let (default, preset) = (at(2).to_owned(), format!("{side}:{PRESET}"));
                let of_circuit = path.starts_with("circuit.");
                // The default preset is the first choice; others have other defaults.
                let other = move || of_circuit && bench.lab.with(|lab| lab.field(&preset) != "adaptive");
                let default = move || if other() { "by the preset".to_owned() } else { default.clone() };
                field("input", &place, &name).bind("placeholder", default).set("autocomplete", "off")
            }
        }
    });
    [el("span", "").set("title", path).text(label), present, changed]
}
