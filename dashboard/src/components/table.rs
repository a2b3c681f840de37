//! Cells that tables share. On a narrow screen style.css turns each row into a card, so roles are spelled out: a table that
//! is not laid out as one would lose its meaning for assistive programs.

use leptos::prelude::*;

use super::parts::{El, el};
use crate::app::Page;
use crate::browser;
use crate::format::Quantity;

/// Where to type what the rows are searched for; `/` leads to it.
pub(super) fn search(page: Page, placeholder: &'static str, label: &'static str) -> El {
    el("input", "")
        .test("search")
        .set("type", "search")
        .set("placeholder", placeholder)
        .set("aria-label", label)
        .set("value", page.route.with_untracked(|route| route.get("q").to_owned()))
        .on("input", move |event| page.choose("q", &browser::typed(&event)))
}

/// A table with this row of heads and this body.
pub(super) fn table(class: &'static str, label: String, heads: El, body: El) -> El {
    el("table", class)
        .set("role", "table")
        .set("aria-label", label)
        .with(el("thead", "").set("role", "rowgroup").with(heads.set("role", "row")))
        .with(body.set("role", "rowgroup"))
}

/// A column's head.
pub(super) fn head(class: &'static str, title: &'static str) -> El {
    el("th", class).set("role", "columnheader").set("scope", "col").set("title", title)
}

/// A cell, by the hook for tests and the name that it has on a card.
pub(super) fn cell(class: &'static str, hook: &'static str, label: &'static str) -> El {
    el("td", class).set("role", "cell").test(hook).set("data-label", label)
}

/// The cell that names its row.
pub(super) fn row_head(class: &'static str) -> El {
    el("th", class).set("role", "rowheader").set("scope", "row")
}

/// A figure with its unit beside it.
pub(super) fn figure(
    hook: &'static str,
    label: &'static str,
    figure: impl Fn() -> (String, &'static str) + Copy + Send + Sync + 'static,
) -> El {
    cell("num", hook, label).says(move || figure().0).with(el("span", "unit").says(move || match figure().1 {
        "" => String::new(),
        unit => format!(" {unit}"),
    }))
}

/// A quantity's digits and unit.
pub(super) fn parts(quantity: &Quantity) -> (String, &'static str) {
    (quantity.value.clone(), quantity.unit)
}
