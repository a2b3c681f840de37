//! The page: its signals, its frame, and what follows the browser (clock, colour scheme).

// Leptos' macro writes `pub` items for each component's properties, in modules that are private here.
#![allow(unreachable_pub)]

use leptos::prelude::*;
use plimsoll_snapshot::Pool;
use wasm_bindgen::{JsCast, closure::Closure};

use crate::components::{Banner, PoolSection, Top, list, when};
use crate::freshness::Freshness;
use crate::history::Metric;
use crate::model::Model;
use crate::{palette::Theme, poll};

/// The page's signals, handed to every component.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    /// Everything the polls brought.
    pub(crate) model: RwSignal<Model>,
    /// The browser's monotonic clock.
    pub(crate) now: RwSignal<u64>,
    /// The proxy's time now, Unix milliseconds, rounded up to seconds: ages need no more, and a thousand rows
    /// follow it.
    pub(crate) proxy_now: Memo<u64>,
    /// How often the page polls now.
    pub(crate) poll_ms: RwSignal<u64>,
    /// How far the page may be trusted.
    pub(crate) freshness: Memo<Freshness>,
    /// Light or dark.
    pub(crate) theme: RwSignal<Theme>,
    /// What the chart shows.
    pub(crate) metric: RwSignal<Metric>,
    /// Place of the pool whose chart was asked for; see [`Page::charted`].
    pub(crate) chosen: RwSignal<usize>,
    /// Place of the endpoint whose line stands out.
    pub(crate) highlight: RwSignal<Option<usize>>,
}

impl Page {
    fn new() -> Page {
        let model = RwSignal::new(Model::default());
        let (now, poll_ms) = (RwSignal::new(poll::now_ms()), RwSignal::new(1000));
        let freshness = Memo::new(move |_| {
            let (now, poll_ms) = (now.get(), poll_ms.get());
            model.with(|model| model.freshness(now, poll_ms))
        });
        let proxy_now = Memo::new(move |_| {
            let now = now.get();
            model.with(|model| model.proxy_now(now)).next_multiple_of(1000)
        });
        Page {
            model,
            now,
            proxy_now,
            poll_ms,
            freshness,
            theme: RwSignal::new(Theme { dark: false }),
            metric: RwSignal::new(Metric::default()),
            chosen: RwSignal::new(0),
            highlight: RwSignal::new(None),
        }
    }

    /// The place of the pool with the chart; the last pool where the chosen one has left the configuration.
    pub(crate) fn charted(self) -> usize {
        let pools = self.model.with(|model| model.snapshot.pools.len());
        self.chosen.get().min(pools.saturating_sub(1))
    }

    /// Looks at one pool of the last snapshot.
    pub(crate) fn with_pool<T>(self, place: usize, look: impl FnOnce(&Model, &Pool) -> T) -> Option<T> {
        self.model.with(|model| model.pool(place).map(|pool| look(model, pool)))
    }
}

/// Puts the page into the document's body and starts polling.
pub fn mount() {
    console_error_panic_hook::set_once();
    mount_to_body(|| {
        let page = Page::new();
        follow_colour_scheme(page.theme);
        wasm_bindgen_futures::spawn_local(poll::run(page));
        view! { <App page /> }
    });
}

fn follow_colour_scheme(theme: RwSignal<Theme>) {
    let Ok(Some(query)) = window().match_media("(prefers-color-scheme: dark)") else { return };
    theme.set(Theme { dark: query.matches() });
    let asked = query.clone();
    let change = Closure::<dyn Fn()>::new(move || theme.set(Theme { dark: asked.matches() }));
    query.set_onchange(Some(change.as_ref().unchecked_ref()));
    // The listener lives as long as the page.
    change.forget();
}

#[component]
fn App(page: Page) -> impl IntoView {
    let pools = move || {
        page.model.with(|model| model.snapshot.pools.iter().map(|pool| pool.name.clone()).enumerate().collect())
    };
    let several = Memo::new(move |_| page.model.with(|model| model.snapshot.pools.len() > 1));
    let nothing = move || page.model.with(|model| !model.is_empty() && model.snapshot.pools.is_empty());
    let hint = || {
        view! {
            <p class="hint">
                "No pools yet: the proxy answers, but no picker has a configuration in force. "
                "Look at the picker's configuration and Envoy's log."
            </p>
        }
        .into_any()
    };
    view! {
        <Top page />
        <Banner page />
        <main class:old=Signal::derive(move || page.freshness.with(Freshness::is_old))>
            {list(pools, move |place, name| view! { <PoolSection page place name several /> }.into_any())}
            {when(nothing, hint)}
        </main>
    }
}
