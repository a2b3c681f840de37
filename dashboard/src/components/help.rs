//! The help: keys, and what the states mean, with their marks.

use leptos::prelude::*;
use web_sys::HtmlElement;

use super::mark::state_mark;
use super::parts::{el, when};
use crate::app::Page;
use crate::browser;
use crate::keys::KEYS;
use crate::state::State;

/// What closes it: the only thing in it that takes the focus.
pub(crate) const CLOSE: &str = ".help button";

pub(crate) fn Help(page: Page) -> AnyView {
    // Who opens it goes on reading in it, and who closes it where they were.
    Effect::new(move |before: Option<Option<HtmlElement>>| {
        if page.help.get() {
            let focused = browser::focused();
            browser::focus(CLOSE);
            return focused;
        }
        if let Some(before) = before.flatten() {
            let _ = before.focus();
        }
        None
    });
    when(move || page.help.get(), move || dialog(page))
}

fn dialog(page: Page) -> AnyView {
    let keys = KEYS.map(|(key, meaning)| {
        el("div", "").with(el("dt", "").with(el("kbd", "").text(key))).with(el("dd", "").text(meaning))
    });
    let states = State::ALL.map(|state| {
        el("div", "")
            .with(el("dt", state.tone()).with(state_mark(move || Some(state))).text(state.word()))
            .with(el("dd", "").text(state.meaning()))
    });
    el("div", "help panel")
        .test("help")
        .set("role", "dialog")
        .set("aria-modal", "true")
        .set("aria-label", "Help")
        .with(el("div", "bar").with(el("h3", "").text("Keys")).with(
            el("button", "close").set("aria-label", "Close (Esc)").text("✕").on("click", move |_| page.help.set(false)),
        ))
        .with(el("dl", "").all(keys))
        .with(el("h3", "").text("States"))
        .with(el("dl", "").all(states))
        .view()
}
