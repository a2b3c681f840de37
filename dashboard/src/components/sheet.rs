//! A table's body, or a list, that is filled in by one effect: see [`crate::sheet`].

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, FocusOptions, HtmlCanvasElement, HtmlElement, HtmlTemplateElement, Node};

use super::parts::{El, el};
use super::strip;
use crate::browser;
use crate::keys::ROWS;
use crate::sheet::{Line, SLOTS, Slot, slots};

/// What the body has to show: the form of its rows, and the rows.
pub(super) type Content = (String, Vec<Line>);

/// A row that is there.
struct Row {
    key: String,
    element: Element,
    places: Vec<Place>,
    values: Vec<String>,
}

/// Where a value goes.
enum Place {
    Text(Node),
    Drawing(Element),
    Strip(HtmlCanvasElement),
    Attribute(Element, String),
}

/// What is in a body.
#[derive(Default)]
struct Filled {
    body: Option<Element>,
    form: String,
    /// In the order of the page.
    rows: Vec<Row>,
    /// The row that had the keyboard when it went.
    lost: Option<String>,
}

/// An element with this class, of which there is one on the page.
pub(super) fn sheet(tag: &'static str, class: &'static str, content: impl Fn() -> Content + 'static) -> El {
    fill_always(format!("{tag}.{class}"), Box::new(content));
    el(tag, class)
}

fn fill_always(selector: String, content: Box<dyn Fn() -> Content>) {
    Effect::new(move |filled: Option<Filled>| {
        let (form, lines) = content();
        let mut filled = filled.unwrap_or_default();
        if let Some(body) = browser::find(&selector) {
            filled.fill(body.into(), form, lines);
        }
        filled
    });
}

/// The button of a row that was pressed.
pub(super) fn pressed(event: &Event) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest("button").ok()?
}

/// An attribute of the row in which a button was pressed.
pub(super) fn pressed_in(event: &Event, attribute: &str) -> Option<String> {
    pressed(event)?.closest(&format!("[{attribute}]")).ok()??.get_attribute(attribute)
}

impl Filled {
    fn fill(&mut self, body: Element, form: String, lines: Vec<Line>) {
        if self.form != form || !self.body.as_ref().is_some_and(|known| known.is_same_node(Some(&body))) {
            body.set_text_content(None);
            *self = Filled { body: Some(body.clone()), form, ..Filled::default() };
        }
        let focused = browser::focused().filter(|element| body.contains(Some(element)));
        let mut known: Vec<Option<Row>> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        for (at, line) in lines.into_iter().enumerate() {
            let has_key = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.key == line.key);
            // Most of the time rows stay where they are.
            let place = if known.get(at).is_some_and(has_key) { Some(at) } else { known.iter().position(has_key) };
            let row = place.and_then(|place| known[place].take()).or_else(|| made(&self.form, line.key));
            let Some(mut row) = row else { return };
            row.put(line.values);
            self.rows.push(row);
        }
        for row in known.into_iter().flatten() {
            if focused.as_ref().is_some_and(|focused| row.element.contains(Some(focused))) {
                self.lost = Some(row.key);
            }
            row.element.remove();
        }
        let mut next = body.first_element_child();
        for row in &self.rows {
            if next.as_ref().is_some_and(|next| next.is_same_node(Some(&row.element))) {
                next = row.element.next_element_sibling();
            } else {
                let _ = body.insert_before(&row.element, next.as_deref());
            }
        }
        if let Some(focused) = focused {
            self.keep(&body, focused);
        }
    }

    /// Leaves the keyboard where it was: a row that is moved loses it. If its row has gone, of a long table one that was
    /// scrolled or sorted out of sight, the body has it until the row is there again: from nowhere, the way back would be
    /// through the whole page, and another row would answer for it.
    fn keep(&self, body: &Element, focused: HtmlElement) {
        let was_lost = |row: &&Row| Some(&row.key) == self.lost.as_ref();
        let element = if focused.is_same_node(Some(body)) {
            let found = self.rows.iter().find(was_lost).and_then(|row| row.element.query_selector(ROWS).ok()?);
            found.and_then(|element| element.dyn_into().ok())
        } else if focused.is_connected() {
            Some(focused)
        } else {
            let _ = body.set_attribute("tabindex", "-1");
            body.dyn_ref::<HtmlElement>().cloned()
        };
        if let Some(element) = element.filter(|element| browser::focused().as_ref() != Some(element)) {
            let stay = FocusOptions::new();
            stay.set_prevent_scroll(true);
            let _ = element.focus_with_options(&stay);
        }
    }
}

impl Row {
    fn put(&mut self, values: Vec<String>) {
        for (at, place) in self.places.iter().enumerate() {
            let Some(value) = values.get(at) else { break };
            if self.values.get(at) == Some(value) {
                continue;
            }
            match place {
                Place::Text(text) => text.set_node_value(Some(value)),
                Place::Drawing(element) => element.set_inner_html(value),
                Place::Strip(canvas) => strip::draw(canvas, self.values.get(at), value),
                Place::Attribute(element, name) => {
                    let _ = element.set_attribute(name, value);
                }
            }
        }
        self.values = values;
    }
}

/// A new row of this form.
fn made(form: &str, key: String) -> Option<Row> {
    let template: HtmlTemplateElement = document().create_element("template").ok()?.unchecked_into();
    template.set_inner_html(form);
    let content = template.content();
    let element = content.first_element_child()?;
    let marked = content.query_selector_all(&format!("[{SLOTS}]")).ok()?;
    let mut places = Vec::new();
    for at in 0..marked.length() {
        let part: Element = marked.item(at)?.unchecked_into();
        for slot in slots(&part.get_attribute(SLOTS)?) {
            places.push(match slot {
                Slot::Text => Place::Text(part.first_child()?),
                Slot::Drawing => Place::Drawing(part.clone()),
                Slot::Strip => Place::Strip(part.clone().unchecked_into()),
                Slot::Attribute(name) => Place::Attribute(part.clone(), name),
            });
        }
        let _ = part.remove_attribute(SLOTS);
    }
    Some(Row { key, element, places, values: Vec::new() })
}
