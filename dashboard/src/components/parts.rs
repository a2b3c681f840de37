//! What every component is put together from. Each takes boxed closures and gives one type: Leptos compiles
//! every distinct closure and view anew, and that was more than half of the program that travels.

use leptos::prelude::*;

/// Text that follows what it is made of.
pub(crate) type Words = Signal<String>;

/// Text from a closure.
pub(crate) fn words(text: impl Fn() -> String + Send + Sync + 'static) -> Words {
    Signal::derive(text)
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
    view! { <For each=move || items.get() key=Clone::clone children=one /> }.into_any()
}

/// A view that is there while a condition holds.
pub(crate) fn when(
    condition: impl Fn() -> bool + Send + Sync + 'static,
    view: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    boxed_when(Signal::derive(condition), Box::new(view))
}

fn boxed_when(condition: Signal<bool>, view: Box<dyn Fn() -> AnyView + Send + Sync>) -> AnyView {
    let condition = Memo::new(move |_| condition.get());
    (move || condition.get().then(&view)).into_any()
}
