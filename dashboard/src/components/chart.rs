//! The chart's panel: the choice of metric, the canvas, and the same in words for who cannot see it.

use leptos::prelude::*;
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::parts::{El, el};
use crate::app::Page;
use crate::browser;
use crate::chart::{self, Plot};
use crate::series;

/// Drawn at least this fine: plotters counts whole pixels, and half ones make lines smooth.
const FINEST: f64 = 2.0;

pub(super) fn ChartPanel(page: Page, pool: String) -> AnyView {
    let own = StoredValue::new(pool);
    let size = RwSignal::new(());
    let resized = window_event_listener(leptos::ev::resize, move |_| size.set(()));
    on_cleanup(move || resized.remove());
    // Once a second is enough: the plot follows the time, not the polls.
    let plot = move || {
        let (now_ms, metric) = (page.proxy_now.get(), page.metric.get());
        let (chosen, theme) = (page.chosen("endpoint"), page.theme.get());
        page.model.with_untracked(|model| {
            let pool = own.with_value(|name| model.pool(name))?;
            let past = model.history.pool(&pool.name);
            let plot = Plot {
                lines: series::lines(pool, past, &model.events, metric, now_ms),
                unit: series::unit(metric),
                span_s: series::span_s(model.history.span_ms(&pool.name)),
                highlight: pool.endpoints.iter().position(|endpoint| endpoint.id == chosen),
                empty: "collecting: no traffic yet",
                theme,
                scale: window().device_pixel_ratio().max(FINEST),
            };
            let words = series::in_words(&pool.name, &plot.lines, metric, plot.span_s);
            Some((plot, words))
        })
    };
    let text = RwSignal::new(String::new());
    Effect::new(move |_| {
        size.track();
        if let Some((plot, words)) = plot() {
            let canvas = browser::find("canvas[data-testid=chart]").and_then(|canvas| canvas.dyn_into().ok());
            if let Some(canvas) = canvas {
                paint(&canvas, &plot);
            }
            text.set(words);
        }
    });
    let bar = el("div", "bar")
        .with(el("h3", "").text("Per endpoint"))
        .with(metrics(page))
        .with(el("p", "legend").text("✕ circuit opened  ○ closed"));
    let canvas = el("canvas", "").test("chart").set("role", "img").bind("aria-label", move || text.get());
    el("section", "panel").set("aria-label", "Chart").with(bar).with(canvas).view()
}

fn metrics(page: Page) -> El {
    let choices = series::METRICS.map(|(metric, key, name)| {
        el("option", "").set("value", key).flag("selected", move || page.metric.get() == metric).text(name)
    });
    el("select", "")
        .test("chart-metric")
        .set("aria-label", "What the chart shows")
        .on("change", move |event| page.metric.set(series::metric(&browser::typed(&event))))
        .all(choices)
}

/// Fits the bitmap to the element and draws.
fn paint(canvas: &HtmlCanvasElement, plot: &Plot) {
    let pixels = |page_pixels: i32| (f64::from(page_pixels) * plot.scale).round() as u32;
    let (width, height) = (pixels(canvas.client_width()), pixels(canvas.client_height()));
    if width == 0 || height == 0 {
        return;
    }
    // Setting the size clears the bitmap too.
    canvas.set_width(width);
    canvas.set_height(height);
    if let Ok(Some(context)) = canvas.get_context("2d") {
        context.unchecked_into::<CanvasRenderingContext2d>().set_line_join("round");
    }
    if let Some(backend) = CanvasBackend::with_canvas_object(canvas.clone()) {
        // A canvas refuses nothing that was drawn natively in tests; what it refused would be missing, no more.
        let _ = chart::draw(&backend.into_drawing_area(), plot);
    }
}
