//! The page: its signals, its frame, and what follows the browser (address, clock, colour scheme, keys).

use leptos::prelude::*;
use plimsoll_snapshot::Pool;
use web_sys::js_sys::Function;

use crate::chart::{Limits, Window};
use crate::components::parts::{el, switch};
use crate::components::{Banner, Help, Lab, Overview, PoolPage, Top};
use crate::freshness::Freshness;
use crate::model::Model;
use crate::past::Past;
use crate::route::{Place, Route};
use crate::workers::Workers;
use crate::{browser, keys, palette::Theme, poll};

/// The length of the charts' window, in seconds: in the address, and as the browser remembers it.
pub(crate) const WINDOW: &str = "window";

/// The page's signals, handed to every component.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    /// Everything the polls brought, but for the past.
    pub(crate) model: RwSignal<Model>,
    /// What the proxy remembers, for the charts.
    pub(crate) past: RwSignal<Past>,
    /// The pool worker by worker, while that is shown.
    pub(crate) workers: RwSignal<Workers>,
    /// The browser's monotonic clock when a chart was last drawn on the screen, and when the past was last asked for.
    pub(crate) charts_ms: StoredValue<u64>,
    pub(crate) past_ms: StoredValue<u64>,
    /// Ends the pause between two polls.
    pub(crate) wake: StoredValue<Option<Function>, LocalStorage>,
    /// The browser's monotonic clock.
    pub(crate) now: RwSignal<u64>,
    /// The proxy's time now, Unix milliseconds, rounded up to seconds.
    pub(crate) proxy_now: RwSignal<u64>,
    /// How often the page polls now.
    pub(crate) poll_ms: RwSignal<u64>,
    /// How far the page may be trusted.
    pub(crate) freshness: Memo<Freshness>,
    /// What the reader wants: `light`, `dark`, or nothing for what the system has.
    pub(crate) scheme: RwSignal<String>,
    /// The system is dark.
    dark: RwSignal<bool>,
    /// Light or dark, as it is in force.
    pub(crate) theme: Signal<Theme>,
    /// Where the page is.
    pub(crate) route: RwSignal<Route>,
    /// The help is open.
    pub(crate) help: RwSignal<bool>,
    /// The first figures are on the screen: what stands below them can be made.
    pub(crate) settled: RwSignal<bool>,
    /// Told when the screen shows another part of the page.
    pub(crate) scrolled: RwSignal<()>,
    /// The page is being printed: on light paper, and with what is off the screen.
    pub(crate) printing: RwSignal<bool>,
}

impl Page {
    fn new() -> Page {
        let model = RwSignal::new(Model::default());
        let (now, poll_ms) = (RwSignal::new(poll::now_ms()), RwSignal::new(1000));
        let freshness = Memo::new(move |_| {
            let (now, poll_ms) = (now.get(), poll_ms.get());
            model.with(|model| model.freshness(now, poll_ms))
        });
        let scheme = RwSignal::new(browser::remembered("scheme").unwrap_or_default());
        let (dark, printing) = (RwSignal::new(false), RwSignal::new(false));
        let theme = Signal::derive(move || Theme {
            dark: match in_force(scheme, printing).as_str() {
                "light" => false,
                "dark" => true,
                _ => dark.get(),
            },
        });
        Page {
            model,
            past: RwSignal::new(Past::default()),
            workers: RwSignal::new(Workers::default()),
            charts_ms: StoredValue::new(0),
            past_ms: StoredValue::new(0),
            wake: StoredValue::new_local(None),
            now,
            proxy_now: RwSignal::new(0),
            poll_ms,
            freshness,
            scheme,
            dark,
            theme,
            route: RwSignal::new(Route::parse(&browser::hash())),
            help: RwSignal::new(false),
            settled: RwSignal::new(false),
            scrolled: RwSignal::new(()),
            printing,
        }
    }

    /// The name of the pool whose page this is: the chosen one, or the only one.
    pub(crate) fn pool_name(self) -> Option<String> {
        self.route.with(|route| match route.place {
            Place::Pool => Some(route.pool.clone()),
            Place::Home => self.model.with(|model| match model.snapshot.pools.as_slice() {
                [only] => Some(only.name.clone()),
                _ => None,
            }),
            Place::Pools | Place::Lab => None,
        })
    }

    /// The pool whose endpoints are asked for: the one that is shown, or that the lab is about to take.
    pub(crate) fn watched(self) -> Option<String> {
        let taken = self.route.with(|route| (route.place == Place::Lab).then(|| route.get("pool").to_owned()));
        taken.filter(|name| !name.is_empty()).or_else(|| self.pool_name())
    }

    /// Looks at a pool of the last snapshot.
    pub(crate) fn with_pool<T>(self, name: &str, look: impl FnOnce(&Model, &Pool) -> T) -> Option<T> {
        self.model.with(|model| model.pool(name).map(|pool| look(model, pool)))
    }

    /// The time that the charts show.
    pub(crate) fn window(self) -> Window {
        let remembered = browser::remembered(WINDOW);
        self.route.with(|route| Window::chosen(route.get(WINDOW), route.get("end"), remembered.as_deref()))
    }

    /// The pool is shown worker by worker.
    pub(crate) fn by_worker(self) -> bool {
        self.route.with(|route| route.get("view") == "workers")
    }

    /// What is chosen under a key.
    pub(crate) fn chosen(self, key: &str) -> String {
        self.route.with(|route| route.get(key).to_owned())
    }

    /// Light, dark, as the system, in turn; remembered.
    pub(crate) fn next_scheme(self) {
        let next = match self.scheme.get_untracked().as_str() {
            "" => "light",
            "light" => "dark",
            _ => "",
        };
        browser::remember("scheme", next);
        self.scheme.set(next.into());
    }

    /// Goes somewhere; the browser's "back" leads to where it was.
    pub(crate) fn go(self, route: Route) {
        browser::push(&route.link());
        self.route.set(route);
    }

    /// Chooses something on this page. It is no step for the browser's "back": only pages are.
    pub(crate) fn choose(self, key: &str, value: &str) {
        self.choose_all(&[(key, value)]);
    }

    /// Chooses several things at once.
    pub(crate) fn choose_all(self, choices: &[(&str, &str)]) {
        let mut route = self.route.get_untracked();
        for (key, value) in choices {
            route = route.with(key, value);
        }
        browser::replace(&route.link());
        self.route.set(route);
    }

    /// Jumps to an event: its endpoint, and its time in the charts.
    pub(crate) fn choose_event(self, seq: u64) {
        let found =
            self.model.with_untracked(|model| model.events.newest_first().find(|event| event.seq == seq).cloned());
        let Some(event) = found else { return };
        let limits = Limits { first_ms: 0, now_ms: self.proxy_now.get_untracked() };
        let end = untrack(|| self.window()).showing(event.transition.at_ms, limits).end_ms().map(|end| end.to_string());
        let seq = seq.to_string();
        let choices = [("endpoint", event.endpoint.as_str()), ("event", &seq), ("end", &end.unwrap_or_default())];
        if self.pool_name().as_ref() == Some(&event.pool) {
            self.choose_all(&choices);
        } else {
            let route =
                choices.into_iter().fold(Route::pool(&event.pool), |route, (key, value)| route.with(key, value));
            self.go(route);
        }
    }
}

/// What the reader wants, but on paper.
fn in_force(scheme: RwSignal<String>, printing: RwSignal<bool>) -> String {
    if printing.get() { "light".to_owned() } else { scheme.get() }
}

/// Puts the page into the document's body and starts polling.
pub fn mount() {
    console_error_panic_hook::set_once();
    mount_to_body(|| {
        let page = Page::new();
        follow_browser(page);
        wasm_bindgen_futures::spawn_local(poll::run(page));
        app(page)
    });
}

fn follow_browser(page: Page) {
    page.dark.set(browser::follow_colour_scheme(move |dark| page.dark.set(dark)));
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-scheme", &in_force(page.scheme, page.printing));
        }
    });
    browser::listen("hashchange", move |_| page.route.set(Route::parse(&browser::hash())));
    for event in ["scroll", "resize"] {
        browser::listen(event, move |_| page.scrolled.set(()));
    }
    for (event, printing) in [("beforeprint", true), ("afterprint", false)] {
        browser::listen(event, move |_| page.printing.set(printing));
    }
    browser::listen("visibilitychange", move |_| poll::wake(page));
    // The model changes with every poll and the route with every key, this does not.
    let asked = Memo::new(move |_| (page.watched(), page.by_worker()));
    Effect::new(move |_| {
        let _ = asked.get();
        poll::wake(page);
    });
    browser::listen("keydown", move |event| keys::pressed(page, &event));
    let place = Memo::new(move |_| {
        page.pool_name().unwrap_or_else(|| match page.route.with(|route| route.place) {
            Place::Lab => "Lab".into(),
            _ => "All pools".into(),
        })
    });
    Effect::new(move |_| document().set_title(&format!("{} – Plimsoll", place.get())));
}

/// Which page it is, by number: a change of anything else leaves the page's elements as they are.
fn place(page: Page) -> usize {
    let home = || page.model.with(|model| model.snapshot.pools.len() == 1);
    match page.route.with(|route| route.place) {
        Place::Pool => 1,
        Place::Home if home() => 1,
        Place::Lab => 2,
        _ => 0,
    }
}

fn app(page: Page) -> AnyView {
    // What the lab plays is not the proxy's.
    let old = move || place(page) != 2 && page.freshness.with(Freshness::is_old);
    let shown = move |place| match place {
        1 => PoolPage(page),
        2 => Lab(page),
        _ => Overview(page),
    };
    let main = el("main", "")
        .bind("class", move || if old() { "old".into() } else { String::new() })
        .and(switch(move || place(page), shown));
    [Top(page), Banner(page), main.view(), Help(page)].into_iter().collect::<Vec<_>>().into_any()
}
