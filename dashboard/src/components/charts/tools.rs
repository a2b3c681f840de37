//! The choice of the time that all charts show.

use leptos::prelude::*;

use super::Charts;
use crate::browser::{self, west_minutes};
use crate::chart::Window;
use crate::components::parts::{El, el};
use crate::format;

/// Steps of the slider.
const STEPS: u32 = 1000;

pub(super) fn tools(charts: Charts) -> El {
    let live = move || charts.window.get().is_live();
    let pause = el("button", "")
        .test("pause")
        .bind("aria-pressed", move || (!live()).to_string())
        .says(move || if live() { "Pause".into() } else { "Live".into() })
        .on("click", move |_| {
            let now_ms = charts.page.proxy_now.get_untracked();
            let window = charts.window.get_untracked();
            charts.look_at(if window.is_live() { window.pause(now_ms) } else { window.follow() });
        });
    let move_by = move |label: &'static str, name: &'static str, part: f64| {
        el("button", "").set("aria-label", name).set("title", name).text(label).on("click", move |_| {
            let window = charts.window.get_untracked();
            charts.look_at(window.pan((window.span_ms() as f64 * part) as i64, untrack(|| charts.limits())));
        })
    };
    let zoom = move |label: &'static str, name: &'static str, factor: f64| {
        el("button", "").set("aria-label", name).set("title", name).text(label).on("click", move |_| {
            let limits = untrack(|| charts.limits());
            let window = charts.window.get_untracked();
            let (from_ms, to_ms) = window.bounds(limits.now_ms);
            let around_ms = if window.is_live() { to_ms } else { from_ms + (to_ms - from_ms) / 2 };
            charts.look_at(window.zoom(factor, around_ms, limits));
        })
    };
    let slider = el("input", "")
        .test("scrub")
        .set("type", "range")
        .set("min", "0")
        .set("max", STEPS.to_string())
        .set("aria-label", "Time that the charts show")
        .bind("value", move || ((charts.window.get().scrubbed(charts.limits()) * f64::from(STEPS)) as u32).to_string())
        .on("input", move |event| {
            let part = browser::typed(&event).parse::<u32>().map_or(1.0, |step| f64::from(step) / f64::from(STEPS));
            charts.look_at(charts.window.get_untracked().scrub(part, untrack(|| charts.limits())));
        });
    el("div", "bar")
        .with(el("h3", "").text("Charts"))
        .with(spans(charts))
        .with(pause)
        .with(move_by("‹", "Earlier", -0.5))
        .with(move_by("›", "Later", 0.5))
        .with(zoom("−", "Zoom out", 2.0))
        .with(zoom("+", "Zoom in", 0.5))
        .with(slider)
        .with(el("span", "quiet").test("shown").set("aria-live", "polite").says(move || shown(charts)))
}

fn spans(charts: Charts) -> El {
    let span_ms = move || charts.window.get().span_ms();
    let choices = Window::SPANS.map(|(ms, name)| {
        el("option", "").set("value", (ms / 1000).to_string()).flag("selected", move || span_ms() == ms).text(name)
    });
    // A zoomed window has a length that is none of these.
    let other = el("option", "")
        .set("value", "")
        .flag("selected", move || Window::SPANS.iter().all(|(ms, _)| *ms != span_ms()))
        .flag("hidden", move || Window::SPANS.iter().any(|(ms, _)| *ms == span_ms()))
        .says(move || format::duration(span_ms()));
    el("select", "").test("window").set("aria-label", "How much time the charts show").all(choices).with(other).on(
        "change",
        move |event| {
            if let Ok(seconds) = browser::typed(&event).parse::<u64>() {
                let window = charts.window.get_untracked();
                charts.look_at(match window.end_ms() {
                    Some(end_ms) => Window::paused(seconds * 1000, end_ms),
                    None => Window::live(seconds * 1000),
                });
            }
        },
    )
}

/// What is shown, and whether more is on its way.
fn shown(charts: Charts) -> String {
    let now_ms = charts.page.proxy_now.get();
    let loading = charts.page.past.with(|past| charts.pool.with_value(|pool| past.is_loading(pool, now_ms)));
    let window = charts.window.get();
    let mut text = match window.end_ms() {
        None => String::new(),
        Some(end_ms) => {
            let (from_ms, _) = window.bounds(end_ms);
            let clock = |at_ms| format::clock(at_ms, west_minutes());
            format!("paused: {} to {}", clock(from_ms), clock(end_ms))
        }
    };
    if loading {
        text.push_str(" loading earlier points …");
    }
    text
}
