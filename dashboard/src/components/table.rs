//! What tables share around their rows.

use leptos::prelude::*;

use super::parts::{El, el};
use crate::app::Page;
use crate::browser;

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

/// A table with this row of heads and these bodies.
pub(super) fn table(class: &'static str, label: String, heads: El, bodies: impl IntoIterator<Item = El>) -> El {
    el("table", class)
        .set("role", "table")
        .set("aria-label", label)
        .with(el("thead", "").set("role", "rowgroup").with(heads.set("role", "row")))
        .all(bodies)
}

/// A column's head.
pub(super) fn head(class: &'static str, title: &'static str) -> El {
    el("th", class).set("role", "columnheader").set("scope", "col").set("title", title)
}
