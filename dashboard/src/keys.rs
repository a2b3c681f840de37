//! The keyboard: what a key does anywhere on the page, unless somebody is typing.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Event, KeyboardEvent};

use crate::app::Page;
use crate::browser;
use crate::components::CLOSE;
use crate::route::{Place, Route};

/// What the help says: keys and what they do.
pub(crate) const KEYS: [(&str, &str); 7] = [
    ("/", "search"),
    ("j  k", "next and previous row"),
    ("Enter", "why: opens the row's card, or its pool"),
    ("Esc", "closes the card or the help; leaves the search"),
    ("p", "all pools"),
    ("t", "light, dark or as the system"),
    ("?", "this help"),
];

/// Rows of whatever table there is, by what takes the keyboard in them.
pub(crate) const ROWS: &str = "[data-row]";

pub(crate) fn pressed(page: Page, event: &Event) {
    let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let key = event.key();
    let focused = browser::focused();
    let typing =
        focused.as_ref().is_some_and(|element| ["INPUT", "SELECT", "TEXTAREA"].contains(&element.tag_name().as_str()));
    if key == "Escape" {
        escape(page, typing);
        return;
    }
    if key == "Tab" && page.help.get_untracked() {
        // Nothing else that is to be seen takes the focus.
        browser::focus(CLOSE);
        event.prevent_default();
        return;
    }
    if typing || page.help.get_untracked() && key != "?" {
        return;
    }
    match key.as_str() {
        "/" => browser::focus("[type=search]"),
        "j" => step(1),
        "k" => step(-1),
        "p" => page.go(Route::to(Place::Pools)),
        "t" => page.next_scheme(),
        "?" => page.help.update(|open| *open = !*open),
        _ => return,
    }
    event.prevent_default();
}

fn escape(page: Page, typing: bool) {
    if page.help.get_untracked() {
        page.help.set(false);
    } else if typing {
        if let Some(element) = browser::focused() {
            let _ = element.blur();
        }
    } else {
        page.choose("endpoint", "");
    }
}

/// Gives the keyboard to the row after or before the one that has it.
fn step(by: i32) {
    let Ok(rows) = document().query_selector_all(ROWS) else { return };
    let at = |place: u32| rows.item(place).and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok());
    let focused = browser::focused();
    let place = (0..rows.length()).find(|place| focused.is_some() && at(*place) == focused);
    let next = match place {
        Some(place) => place.saturating_add_signed(by).min(rows.length().saturating_sub(1)),
        None => 0,
    };
    if let Some(row) = at(next) {
        let _ = row.focus();
    }
}
