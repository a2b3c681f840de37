//! What every component is put together from: elements, text, lists, conditions.
//!
//! There is one type of element, one of attribute and one of list. Leptos' `view!` gives every element a type of its own,
//! and compiles building, changing and removing it anew for each: that was more than half of the program that travels.

use leptos::ev;
use leptos::prelude::*;
use leptos::tachys::html::attribute::any_attribute::{AnyAttribute, IntoAnyAttribute};
use leptos::tachys::html::attribute::custom::custom_attribute;
use leptos::tachys::html::element::{custom, inner_html};
use leptos::tachys::html::event::on;
use web_sys::Event;

/// Text that follows what it is made of.
pub(crate) type Words = Signal<String>;

/// Text from a closure.
pub(crate) fn words(text: impl Fn() -> String + Send + Sync + 'static) -> Words {
    Signal::derive(text)
}

/// An element that is being put together. It is moved from call to call, so it is one pointer: as a struct of its parts,
/// moving it was a good part of the code.
pub(crate) struct El(Box<Parts>);

struct Parts {
    tag: &'static str,
    attributes: Vec<AnyAttribute>,
    children: Vec<AnyView>,
}

/// An element with a class; no class where it is empty.
#[inline(never)]
pub(crate) fn el(tag: &'static str, class: &'static str) -> El {
    let element = El(Box::new(Parts { tag, attributes: Vec::new(), children: Vec::new() }));
    if class.is_empty() { element } else { element.set("class", class) }
}

impl El {
    /// An attribute that stays.
    pub(crate) fn set(self, name: &'static str, value: impl AsRef<str>) -> El {
        self.stays(name, value.as_ref())
    }

    #[inline(never)]
    fn stays(self, name: &'static str, value: &str) -> El {
        self.attribute(name, Signal::stored(Some(value.to_owned())))
    }

    /// An attribute that follows what it is made of.
    pub(crate) fn bind(self, name: &'static str, value: impl Fn() -> String + Send + Sync + 'static) -> El {
        self.attribute(name, Signal::derive(move || Some(value())))
    }

    /// An attribute without a value that is there while a condition holds.
    pub(crate) fn flag(self, name: &'static str, holds: impl Fn() -> bool + Send + Sync + 'static) -> El {
        self.attribute(name, Signal::derive(move || holds().then(String::new)))
    }

    #[inline(never)]
    fn attribute(mut self, name: &'static str, value: Signal<Option<String>>) -> El {
        self.0.attributes.push(custom_attribute(name, value).into_any_attr());
        self
    }

    /// What an event does.
    pub(crate) fn on(self, event: &'static str, act: impl FnMut(Event) + 'static) -> El {
        self.acts(event, Box::new(act))
    }

    #[inline(never)]
    fn acts(mut self, event: &'static str, act: Box<dyn FnMut(Event)>) -> El {
        self.0.attributes.push(on(ev::Custom::<Event>::new(event), act).into_any_attr());
        self
    }

    /// The hook by which tests find the element.
    pub(crate) fn test(self, name: &'static str) -> El {
        self.stays("data-testid", name)
    }

    /// Text that stays.
    pub(crate) fn text(self, text: impl AsRef<str>) -> El {
        self.reads(text.as_ref())
    }

    #[inline(never)]
    fn reads(self, text: &str) -> El {
        self.and(text.to_owned().into_any())
    }

    /// Text that follows what it is made of.
    #[inline(never)]
    pub(crate) fn words(self, text: Words) -> El {
        self.and(text.into_any())
    }

    /// Text from a closure.
    pub(crate) fn says(self, text: impl Fn() -> String + Send + Sync + 'static) -> El {
        self.words(words(text))
    }

    /// A drawing: SVG text of our own, never anything that came from outside.
    #[inline(never)]
    pub(crate) fn drawing(mut self, svg: Words) -> El {
        self.0.attributes.push(inner_html(svg).into_any_attr());
        self
    }

    /// An element inside.
    #[inline(never)]
    pub(crate) fn with(self, child: El) -> El {
        self.and(child.view())
    }

    /// Whatever inside.
    #[inline(never)]
    pub(crate) fn and(mut self, child: AnyView) -> El {
        self.0.children.push(child);
        self
    }

    /// Elements inside.
    pub(crate) fn all(mut self, children: impl IntoIterator<Item = El>) -> El {
        for child in children {
            self = self.with(child);
        }
        self
    }

    /// The finished element.
    #[inline(never)]
    pub(crate) fn view(self) -> AnyView {
        let Parts { tag, attributes, children } = *self.0;
        // A tag is static, so that the element's type is always the same.
        custom(tag).child(children).add_any_attr(attributes).into_any()
    }
}

/// One view per item, kept as long as the item stays; an item is a number and a name.
pub(crate) fn list(
    items: impl Fn() -> Vec<(usize, String)> + Send + Sync + 'static,
    item: impl Fn(usize, String) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    boxed_list(Signal::derive(items), StoredValue::new(Box::new(item)))
}

type Item = Box<dyn Fn(usize, String) -> AnyView + Send + Sync>;

fn boxed_list(items: Signal<Vec<(usize, String)>>, item: StoredValue<Item>) -> AnyView {
    let items = Memo::new(move |_| items.get());
    let one = move |(number, name)| item.with_value(|item| item(number, name));
    let each = ForProps::builder().each(move || items.get()).key(Clone::clone).children(one).build();
    For(each).into_any()
}

/// A view that is there while a condition holds.
pub(crate) fn when(
    condition: impl Fn() -> bool + Send + Sync + 'static,
    view: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    switch(move || usize::from(condition()), move |holds| if holds == 1 { view() } else { ().into_any() })
}

/// One of several views, made anew when the choice changes.
pub(crate) fn switch(
    choice: impl Fn() -> usize + Send + Sync + 'static,
    view: impl Fn(usize) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    boxed_switch(Signal::derive(choice), Box::new(view))
}

fn boxed_switch(choice: Signal<usize>, view: Box<dyn Fn(usize) -> AnyView + Send + Sync>) -> AnyView {
    let choice = Memo::new(move |_| choice.get());
    (move || view(choice.get())).into_any()
}
