//! What the page asks of the browser beyond its elements: the address, the colour scheme, what it remembers, the
//! clipboard, the focus. Everything that can be refused (storage, clipboard) is done without where it is.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, HtmlElement};

/// What stands behind the address, with `#`.
pub(crate) fn hash() -> String {
    window().location().hash().unwrap_or_default()
}

/// Puts another `#…` into the address, as a step that "back" undoes.
pub(crate) fn push(link: &str) {
    if let Ok(history) = window().history() {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(link));
    }
}

/// Puts another `#…` into the address, as no step of its own.
pub(crate) fn replace(link: &str) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(link));
    }
}

/// Listens to the window for as long as the page lives.
pub(crate) fn listen(event: &str, act: impl Fn(Event) + 'static) {
    let act = Closure::<dyn Fn(Event)>::new(act);
    let _ = window().add_event_listener_with_callback(event, act.as_ref().unchecked_ref());
    act.forget();
}

/// Whether the reader wants dark paper, now and from now on.
pub(crate) fn follow_colour_scheme(act: impl Fn(bool) + 'static) -> bool {
    let Ok(Some(query)) = window().match_media("(prefers-color-scheme: dark)") else { return false };
    let asked = query.clone();
    let change = Closure::<dyn Fn(Event)>::new(move |_| act(asked.matches()));
    query.set_onchange(Some(change.as_ref().unchecked_ref()));
    change.forget();
    query.matches()
}

/// What was remembered under a key.
pub(crate) fn remembered(key: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(&stored(key)).ok()?
}

/// Remembers; an empty value forgets.
pub(crate) fn remember(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ =
            if value.is_empty() { storage.remove_item(&stored(key)) } else { storage.set_item(&stored(key), value) };
    }
}

/// Other pages may be served from the same place.
fn stored(key: &str) -> String {
    format!("plimsoll:{key}")
}

/// Puts a text on the clipboard.
pub(crate) fn copy(text: &str) {
    // Refused without a secure context: the text stands on the page and can be marked.
    let _ = window().navigator().clipboard().write_text(text);
}

/// The first element that a CSS selector finds.
pub(crate) fn find(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok()??.dyn_into().ok()
}

/// Gives the keyboard to the first element that a CSS selector finds.
pub(crate) fn focus(selector: &str) {
    if let Some(element) = find(selector) {
        let _ = element.focus();
    }
}

/// The element that has the keyboard.
pub(crate) fn focused() -> Option<HtmlElement> {
    document().active_element()?.dyn_into().ok()
}

/// Whether some of an element is on the screen.
pub(crate) fn is_on_screen(element: &HtmlElement) -> bool {
    let place = element.get_bounding_client_rect();
    let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(0.0);
    place.width() > 0.0 && place.bottom() > 0.0 && place.top() < height
}

/// Lets the reader save a text as a file.
pub(crate) fn save(name: &str, mime: &str, text: &str) {
    let encoded: String = web_sys::js_sys::encode_uri_component(text).into();
    if let Ok(link) = document().create_element("a") {
        let _ = link.set_attribute("href", &format!("data:{mime};charset=utf-8,{encoded}"));
        let _ = link.set_attribute("download", name);
        link.unchecked_into::<HtmlElement>().click();
    }
}

/// What was typed into the element of an event.
pub(crate) fn typed(event: &Event) -> String {
    leptos::prelude::event_target_value(event)
}

/// The reader's time zone, as JavaScript counts it.
pub(crate) fn west_minutes() -> i64 {
    web_sys::js_sys::Date::new_0().get_timezone_offset() as i64
}
