//! One pool: its head figures, its endpoint table, and, for the chosen pool, chart and events.

use leptos::prelude::*;

use super::chart::ChartPanel;
use super::events::EventList;
use super::parts::{when, words};
use super::row::EndpointRows;
use crate::app::Page;
use crate::format::Quantity;
use crate::rows::PoolHead;

#[component]
pub(crate) fn PoolSection(page: Page, place: usize, name: String, several: Memo<bool>) -> impl IntoView {
    let head =
        Memo::new(move |_| page.with_pool(place, |model, pool| PoolHead::of(pool, model.history.pool(&pool.name))));
    let chosen = move || page.charted() == place;
    let steering = words(move || head.with(|head| head.as_ref().map(|head| head.steering.clone()).unwrap_or_default()));
    let panic = move || head.with(|head| head.as_ref().is_some_and(|head| head.panic));
    let detail =
        move || view! { <div class="detail"><ChartPanel page place /><EventList page several /></div> }.into_any();
    view! {
        <section class="pool" data-testid="pool" data-pool=name.clone() aria-label=format!("pool {name}")>
            <div class="head">
                <h2>{name.clone()}<small>{steering}</small></h2>
                {when(panic, panic_mark)}
                <Figures head />
                {when(move || several.get(), move || choose(page, place))}
            </div>
            <EndpointRows page place />
            {when(chosen, detail)}
        </section>
    }
}

fn panic_mark() -> AnyView {
    let title = "Too few endpoints are eligible: ejections are ignored";
    view! { <span class="panic" data-testid="panic" title=title>"▲ panic: ejections ignored"</span> }.into_any()
}

fn choose(page: Page, place: usize) -> AnyView {
    let pressed = words(move || (page.charted() == place).to_string());
    let choose = move |_| {
        page.chosen.set(place);
        page.highlight.set(None);
    };
    view! { <button class="choose" aria-pressed=pressed on:click=choose>"Chart"</button> }.into_any()
}

#[component]
fn Figures(head: Memo<Option<PoolHead>>) -> impl IntoView {
    let ejected = move || head.with(|head| head.as_ref().is_some_and(|head| head.ejected > 0));
    let figure = move |key: &'static str, name: &'static str, text: fn(&PoolHead) -> (String, String)| {
        let both = move || head.with(|head| head.as_ref().map(text).unwrap_or_default());
        let bad = Signal::derive(move || key == "refused" || key == "ejected" && ejected());
        view! {
            <div data-testid=format!("pool-{key}") class:bad=bad>
                <dt>{name}</dt>
                <dd>{words(move || both().0)}<span class="unit">{words(move || both().1)}</span></dd>
            </div>
        }
        .into_any()
    };
    let refuses = move || head.with(|head| head.as_ref().is_some_and(|head| head.refused.is_some()));
    let refused = move || figure("refused", "✕ Refused", |h| h.refused.as_ref().map(parts).unwrap_or_default());
    view! {
        <dl class="figures">
            {figure("score", "Score", |h| (h.score.clone(), String::new()))}
            {figure("rate", "Requests", |h| parts(&h.rate))}
            {figure("failure", "Failed attempts", |h| parts(&h.failure))}
            {when(refuses, refused)}
            {figure("in-flight", "In flight", |h| (h.in_flight.clone(), String::new()))}
            {figure("p99", "p99", |h| parts(&h.p99))}
            {figure("ejected", "Ejected", |h| (h.ejected.to_string(), format!("of at most {}", h.max_ejected)))}
        </dl>
    }
}

fn parts(figure: &Quantity) -> (String, String) {
    (figure.value.clone(), figure.unit.into())
}
