//! The lab: what other settings would do. A worker plays it and works out all that is shown ([`crate::lab`]); here that
//! becomes elements, and what the reader does becomes messages.
//!
//! Everything hangs on one signal. Fields are found by their names: one listener sends what is typed into any of them, one
//! effect writes them all, so a field is an element with an attribute and no code.
//!
//! - `setup`: the scenario, and what goes wrong besides
//! - `settings`: the two configurations
//! - `result`: the trial and what came of it
//! - `play`: the worker, a live pool's shape, the address

mod play;
mod result;
mod settings;
mod setup;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, js_sys::Reflect};

use super::parts::{El, Words, el, switch, words};
use crate::app::Page;
use crate::browser;
use crate::lab::{self, Lab};

/// The name of a field in the document.
const FIELD: &str = "data-field";

/// What every part of the lab has.
#[derive(Clone, Copy)]
struct Bench {
    page: Page,
    lab: RwSignal<Lab>,
    worker: StoredValue<Option<web_sys::Worker>, LocalStorage>,
    /// Messages that have no answer yet.
    waiting: RwSignal<u64>,
    /// Something was typed into the field that has the focus.
    typing: StoredValue<bool>,
    /// Told when a field loses the focus.
    left: RwSignal<()>,
}

impl Bench {
    fn says(self, key: &'static str) -> Words {
        words(move || self.lab.with(|lab| lab.says(key)))
    }

    /// An attribute that is there while the worker says so, or says not.
    fn flagged(self, element: El, name: &'static str, key: &'static str, wanted: bool) -> El {
        element.flag(name, move || self.lab.with(|lab| lab.holds(key)) == wanted)
    }

    /// Sends a message to the worker.
    fn ask(self, message: &str) {
        self.waiting.update(|waiting| *waiting += 1);
        // The reader may have left meanwhile.
        self.worker.try_with_value(|worker| {
            if let Some(worker) = worker {
                let _ = worker.post_message(&JsValue::from_str(message));
            }
        });
    }
}

pub(crate) fn Lab(page: Page) -> AnyView {
    let bench = Bench {
        page,
        lab: RwSignal::new(Lab::default()),
        worker: StoredValue::new_local(None),
        waiting: RwSignal::new(0),
        typing: StoredValue::new(false),
        left: RwSignal::new(()),
    };
    play::begin(bench);
    let intro = "What clients would see if a pool were configured otherwise: the engine of the proxy and a simulator, in this browser";
    el("section", "lab")
        .test("lab")
        .set("aria-label", "Lab")
        .bind("aria-busy", move || (bench.waiting.get() > 0).to_string())
        .on("focusin", move |_| bench.typing.set_value(false))
        .on("focusout", move |_| bench.left.set(()))
        .on("input", move |event| typed(bench, &event, false))
        .on("change", move |event| typed(bench, &event, true))
        .with(el("div", "head").with(el("h2", "").text("Lab").with(el("small", "").text(intro))))
        .and(switch(
            move || bench.lab.with(|lab| usize::from(!lab.failed.is_empty()) + 2 * usize::from(lab.hello.is_object())),
            move |there| match there {
                0 => el("p", "quiet").set("role", "status").text("Loading the simulator …").view(),
                2 => parts(bench),
                _ => failed(bench),
            },
        ))
        .view()
}

fn parts(bench: Bench) -> AnyView {
    fill(bench);
    el("div", "columns")
        .with(el("div", "").with(setup::panel(bench)).with(settings::panel(bench)))
        .with(el("div", "").with(result::panel(bench)).with(result::assumed(bench)))
        .view()
}

fn failed(bench: Bench) -> AnyView {
    let why = move || {
        let why = bench.lab.with(|lab| lab.failed.clone());
        format!(
            "The lab does not run: {why}. Reload the page; if that does not help, see whether lab.js, lab_bg.wasm and worker.js are served."
        )
    };
    el("p", "bad problem").test("lab-failed").set("role", "alert").says(why).view()
}

/// Sends what was typed or chosen in a field.
fn typed(bench: Bench, event: &Event, done: bool) {
    let field = event.target().and_then(|target| target.dyn_into::<Element>().ok()?.get_attribute(FIELD));
    let Some(field) = field else { return };
    let text = browser::typed(event);
    bench.typing.set_value(true);
    if field == "source" && done {
        // Whatever was to be taken before, it is no more.
        let pool = text.strip_prefix("live/").unwrap_or_default();
        bench.page.choose_all(&[("s", ""), ("pool", pool)]);
    }
    if field == "source" && text.starts_with("live/") {
        return;
    }
    let message = lab::ask("write", &[("field", &field), ("text", &text)]);
    bench.ask(&if done { lab::keep(message) } else { message });
}

/// Writes all fields but the one in which somebody is typing; while an answer is due, what stands there is newer.
fn fill(bench: Bench) {
    Effect::new(move |_| {
        bench.left.track();
        if bench.waiting.get() > 0 {
            return;
        }
        bench.lab.with(|lab| {
            let Ok(fields) = document().query_selector_all("[data-field]") else { return };
            let typing = bench.typing.get_value();
            let focused = browser::focused().filter(|element| typing && element.tag_name() != "SELECT");
            for place in 0..fields.length() {
                let Some(field) = fields.item(place).and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok())
                else {
                    continue;
                };
                let text = JsValue::from_str(lab.field(&field.get_attribute(FIELD).unwrap_or_default()));
                let key = JsValue::from_str("value");
                if focused.as_ref() != Some(&field) && Reflect::get(&field, &key).is_ok_and(|known| known != text) {
                    let _ = Reflect::set(&field, &key, &text);
                }
            }
        });
    });
}

/// An element that a field's name makes one, with what it is for people.
fn field(tag: &'static str, name: &str, label: &str) -> El {
    el(tag, "").set(FIELD, name).set("aria-label", label)
}

/// What there is to choose from: values, and what they are called.
fn options<'a>(choices: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<El> {
    let option = |(value, name)| el("option", "").set("value", value).text(name);
    choices.into_iter().map(option).collect()
}
