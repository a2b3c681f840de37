//! One chart: drawn when what it shows has changed and it is on the screen; read by pointer or keys; saved as SVG or CSV.

use leptos::prelude::*;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, Event, HtmlCanvasElement, KeyboardEvent, MouseEvent};

use super::Charts;
use crate::browser::{self, west_minutes};
use crate::chart::{Chart, Fine, Kind, nearest, paint};
use crate::components::parts::{El, el, list, words};
use crate::{format, palette, poll};

/// Drawn at least this fine: plotters counts whole pixels, and half ones make lines smooth.
const FINEST: f64 = 2.0;
/// Height of a chart without rows, pixels of the page.
const HEIGHT: f64 = 190.0;
/// Width of a chart on paper, where two stand side by side and are scaled to fit.
const ON_PAPER: f64 = 460.0;
/// An event this near to the pointer is meant, pixels.
const NEAR: f64 = 8.0;
/// A pointer that moves less than this between down and up has clicked, pixels.
const CLICK: f64 = 5.0;

/// One chart's state.
#[derive(Clone, Copy)]
struct Slot {
    charts: Charts,
    place: usize,
    kind: Signal<Kind>,
    /// What was drawn last.
    drawn: StoredValue<Option<Chart>>,
    /// It is on the screen.
    seen: RwSignal<bool>,
    /// It will be drawn with the next frame.
    due: StoredValue<bool>,
    /// The pointer is here: its values are told.
    pointed: RwSignal<Option<f64>>,
    /// Where the pointer went down.
    pressed: StoredValue<Option<f64>>,
}

pub(super) fn slot(charts: Charts, place: usize, kinds: &'static [Kind]) -> El {
    // A choice is kept under the key of the first.
    let key = kinds[0].key();
    let kind = Signal::derive(move || {
        let chosen = Kind::of(&charts.page.chosen(key));
        chosen.filter(|chosen| kinds.contains(chosen)).unwrap_or(kinds[0])
    });
    let slot = Slot {
        charts,
        place,
        kind,
        drawn: StoredValue::new(None),
        seen: RwSignal::new(false),
        due: StoredValue::new(false),
        pointed: RwSignal::new(None),
        pressed: StoredValue::new(None),
    };
    let text = RwSignal::new(String::new());
    Effect::new(move |_| text.set(look_again(slot)));
    // It may come onto the screen because the reader scrolls, or because what is above it gets shorter.
    Effect::new(move |_| {
        charts.page.scrolled.track();
        charts.page.proxy_now.track();
        draw_soon(slot);
    });
    let canvas = el("canvas", "")
        .test("chart")
        .set("data-place", place.to_string())
        .bind("data-kind", move || kind.get().key().into())
        .set("role", "img")
        .set("tabindex", "0")
        .bind("aria-label", move || text.get())
        .on("pointermove", move |event| point(slot, &event))
        .on("pointerleave", move |_| unpoint(slot))
        .on("blur", move |_| unpoint(slot))
        .on("pointerdown", move |event| slot.pressed.set_value(x_of(&event)))
        .on("pointerup", move |event| release(slot, &event))
        .on("dblclick", move |_| charts.look_at(charts.window.get_untracked().follow()))
        .on("keydown", move |event| key_pressed(slot, &event));
    el("figure", "").with(head(slot, kinds, key)).with(el("div", "plot").with(canvas).with(reading(slot)))
}

fn head(slot: Slot, kinds: &'static [Kind], key: &'static str) -> El {
    let page = slot.charts.page;
    let title = if let [only] = kinds {
        el("span", "").text(only.title())
    } else {
        let choices = kinds.iter().map(|kind| {
            let kind = *kind;
            el("option", "")
                .set("value", kind.key())
                .flag("selected", move || slot.kind.get() == kind)
                .text(kind.title())
        });
        el("select", "")
            .test("chart-metric")
            .set("data-chart", key)
            .set("aria-label", "What this chart shows")
            .on("change", move |event| page.choose(key, &browser::typed(&event)))
            .all(choices)
    };
    let save = move |label: &'static str, what: fn(&Chart) -> (&'static str, String)| {
        el("button", "copy").set("aria-label", format!("Save chart as {label}")).text(label).on("click", move |_| {
            let chart = untrack(|| chart(slot));
            let (mime, text) = what(&chart);
            browser::save(&format!("{}.{}", chart.file_name(), label.to_ascii_lowercase()), mime, &text);
        })
    };
    el("figcaption", "")
        .with(title)
        .with(el("span", "quiet").says(move || slot.kind.get().unit().into()))
        .with(save("SVG", |chart| ("image/svg+xml", chart.svg(900.0, chart.natural_height().unwrap_or(300.0)))))
        .with(save("CSV", |chart| ("text/csv", chart.csv())))
}

fn canvas_of(slot: Slot) -> Option<HtmlCanvasElement> {
    browser::find(&format!("canvas[data-place='{}']", slot.place))?.dyn_into().ok()
}

/// Works out what the chart shows, has it drawn with the next frame, and says it in words. Off the screen that follows the
/// past only, which is asked for seldom then.
fn look_again(slot: Slot) -> String {
    let printing = slot.charts.page.printing.get();
    let chart = if slot.seen.get() || printing {
        chart(slot)
    } else {
        let _ = (slot.kind.get(), slot.charts.window.get());
        slot.charts.page.past.track();
        untrack(|| chart(slot))
    };
    let words = chart.words();
    slot.drawn.set_value(Some(chart));
    // Paper waits for no frame.
    if printing {
        draw(slot)
    } else {
        draw_soon(slot)
    }
    words
}

/// The chart as it should be now.
fn chart(slot: Slot) -> Chart {
    let order = slot.charts.order();
    let (kind, look) = (slot.kind.get(), slot.charts.look(&order));
    let past = slot.charts.page.past;
    past.with(|past| slot.charts.pool.with_value(|pool| Chart::new(kind, past, pool, &order, look)))
}

/// Before the frame the browser would lay out the page for us, and once more for what is changed after us.
fn draw_soon(slot: Slot) {
    if slot.due.try_update_value(|due| std::mem::replace(due, true)) == Some(false) {
        request_animation_frame(move || {
            slot.due.set_value(false);
            draw(slot);
        });
    }
}

/// Draws, if it is on the screen, or on paper, and was before: what comes onto it is worked out first.
fn draw(slot: Slot) {
    // The page may have been left before the frame came.
    let (Some(before), Some(canvas)) = (slot.seen.try_get_untracked(), canvas_of(slot)) else { return };
    let seen = browser::is_on_screen(&canvas);
    if before != seen {
        slot.seen.set(seen);
    }
    slot.drawn.with_value(|chart| {
        let Some(chart) = chart else { return };
        let height = chart.natural_height().unwrap_or(HEIGHT);
        let style = format!("height:{}px", height as u32);
        if canvas.get_attribute("style").as_ref() != Some(&style) {
            let _ = canvas.set_attribute("style", &style);
        }
        let printing = slot.charts.page.printing.get_untracked();
        if seen || printing {
            slot.charts.page.charts_ms.set_value(poll::now_ms());
            fill(&canvas, chart, if printing { ON_PAPER } else { f64::from(canvas.client_width()) }, height);
        }
    });
}

/// Fits the bitmap to so many pixels of the page and paints.
fn fill(canvas: &HtmlCanvasElement, chart: &Chart, width: f64, height: f64) {
    let scale = window().device_pixel_ratio().max(FINEST);
    let size = ((width * scale).round() as u32, (height * scale).round() as u32);
    let Ok(Some(context)) = canvas.get_context("2d") else { return };
    let context: CanvasRenderingContext2d = context.unchecked_into();
    // Setting the size clears the bitmap too, but has the browser lay out the page once more.
    if (canvas.width(), canvas.height()) == size {
        context.clear_rect(0.0, 0.0, size.0.into(), size.1.into());
    } else {
        canvas.set_width(size.0);
        canvas.set_height(size.1);
        context.set_line_join("round");
    }
    // plotters leaves the context as the last shape needed it.
    context.save();
    if let Some(mut backend) = CanvasBackend::with_canvas_object(canvas.clone()) {
        // A canvas refuses nothing that was drawn natively in tests; what it refused would be missing, no more.
        paint(&mut backend, &chart.shapes(width, height), Fine::canvas(scale));
    }
    context.restore();
}

/// Where on the canvas an event of the pointer is.
fn x_of(event: &Event) -> Option<f64> {
    event.dyn_ref::<MouseEvent>().map(|event| f64::from(event.offset_x()))
}

fn time_at(slot: Slot, x: f64) -> Option<u64> {
    let width = f64::from(canvas_of(slot)?.client_width());
    slot.drawn.with_value(|chart| chart.as_ref().map(|chart| chart.axis(width).time_at(x)))
}

fn point(slot: Slot, event: &Event) {
    let Some(x) = x_of(event) else { return };
    slot.pointed.set(Some(x));
    slot.charts.cursor.set(time_at(slot, x));
}

fn unpoint(slot: Slot) {
    slot.pointed.set(None);
    slot.charts.cursor.set(None);
}

/// A click chooses the event that is near; a drag looks at what is between.
fn release(slot: Slot, event: &Event) {
    let charts = slot.charts;
    let (Some(from), Some(to)) = (slot.pressed.get_value(), x_of(event)) else { return };
    slot.pressed.set_value(None);
    if (to - from).abs() >= CLICK {
        if let (Some(from_ms), Some(to_ms)) = (time_at(slot, from.min(to)), time_at(slot, from.max(to))) {
            charts.look_at(crate::chart::Window::paused(to_ms.saturating_sub(from_ms), to_ms));
        }
        return;
    }
    let width = canvas_of(slot).map_or(0.0, |canvas| f64::from(canvas.client_width()));
    let near = slot.drawn.with_value(|chart| {
        let chart = chart.as_ref()?;
        nearest(&chart.look.marks, &chart.axis(width), to, NEAR).map(|mark| mark.seq)
    });
    if let Some(seq) = near {
        charts.page.choose_event(seq);
    }
}

/// The arrows move the cursor, + and − zoom around it.
fn key_pressed(slot: Slot, event: &Event) {
    let Some(key) = event.dyn_ref::<KeyboardEvent>().map(KeyboardEvent::key) else { return };
    let charts = slot.charts;
    let limits = untrack(|| charts.limits());
    let window = charts.window.get_untracked();
    let (from_ms, to_ms) = window.bounds(limits.now_ms);
    let at_ms = charts.cursor.get_untracked().unwrap_or(to_ms);
    // A sixtieth of the axis, but whole points.
    let step_ms = (window.span_ms() / 60).max(1000);
    let next_ms = match key.as_str() {
        "ArrowLeft" => at_ms.saturating_sub(step_ms),
        "ArrowRight" => at_ms + step_ms,
        "Home" => from_ms,
        "End" => to_ms,
        "+" => return charts.look_at(window.zoom(0.5, at_ms, limits)),
        "-" => return charts.look_at(window.zoom(2.0, at_ms, limits)),
        _ => return,
    };
    event.prevent_default();
    let next_ms = next_ms.clamp(from_ms, to_ms);
    charts.cursor.set(Some(next_ms));
    let width = canvas_of(slot).map_or(0.0, |canvas| f64::from(canvas.client_width()));
    let x = slot.drawn.with_value(|chart| chart.as_ref().map(|chart| chart.axis(width).x_of(next_ms)));
    slot.pointed.set(x);
}

/// What the chart shows where the pointer is.
fn reading(slot: Slot) -> El {
    let values = Memo::new(move |_| {
        let at_ms = slot.charts.cursor.get()?;
        slot.pointed.get()?;
        // What was drawn follows the past.
        slot.charts.page.past.track();
        slot.drawn.with_value(|chart| chart.as_ref().map(|chart| chart.reading(at_ms)))
    });
    let time =
        move || values.with(|reading| reading.as_ref().map(|reading| format::clock(reading.at_ms, west_minutes())));
    let rows = move || {
        values.with(|reading| {
            let values = reading.iter().flat_map(|reading| &reading.values);
            values.enumerate().map(|(place, value)| (place, value.name.clone())).collect()
        })
    };
    let row = move |place: usize, name: String| {
        let of = move |text: fn(&crate::chart::Value) -> String| {
            words(move || values.with(|reading| reading.as_ref()?.values.get(place).map(text)).unwrap_or_default())
        };
        let colour = of(|value| format!("background:{}", palette::css(value.color)));
        el("li", "")
            .with(el("i", "").bind("style", move || colour.get()))
            .with(el("span", "").text(name))
            .with(el("b", "").words(of(|value| value.text.clone())))
            .view()
    };
    // On the side where the pointer is not.
    let side = move || {
        let width = canvas_of(slot).map_or(0.0, |canvas| f64::from(canvas.client_width()));
        match slot.pointed.get() {
            Some(x) if x > width / 2.0 => format!("left:{}px", (x - 190.0) as u32),
            Some(x) => format!("left:{}px", (x + 14.0) as u32),
            None => "display:none".into(),
        }
    };
    el("div", "reading")
        .test("reading")
        .set("role", "status")
        .bind("style", side)
        .with(el("time", "").says(move || time().unwrap_or_default()))
        .with(el("ul", "").and(list(rows, row)))
}
