//! The help: keys, and what the states mean, with their marks.

use leptos::prelude::*;

use super::mark::state_mark;
use super::parts::{el, when};
use crate::app::Page;
use crate::browser;
use crate::keys::KEYS;
use crate::state::State;

pub(crate) fn Help(page: Page) -> AnyView {
    // Who opens it goes on reading in it.
    Effect::new(move |_| {
        if page.help.get() {
            browser::focus(".help button");
        }
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
