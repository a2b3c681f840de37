//! The chart's panel: the choice of metric, the canvas, and the same in words for who cannot see it.

use leptos::html;
use leptos::prelude::*;
use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::app::Page;
use crate::chart::{self, Plot};
use crate::series;

/// Drawn at least this fine: plotters counts whole pixels, and half ones make lines smooth.
const FINEST: f64 = 2.0;

#[component]
pub(super) fn ChartPanel(page: Page, place: usize) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let size = RwSignal::new(());
    let resized = window_event_listener(leptos::ev::resize, move |_| size.set(()));
    on_cleanup(move || resized.remove());
    // Once a second is enough: the plot follows the time, not the polls.
    let plot = move || {
        let (now_ms, metric) = (page.proxy_now.get(), page.metric.get());
        let (highlight, theme) = (page.highlight.get(), page.theme.get());
        page.model.with_untracked(|model| {
            let pool = model.pool(place)?;
            let past = model.history.pool(&pool.name);
            let plot = Plot {
                lines: series::lines(pool, past, &model.events, metric, now_ms),
                unit: series::unit(metric),
                span_s: series::span_s(model.history.span_ms(&pool.name)),
                highlight,
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
        if let (Some(canvas), Some((plot, words))) = (canvas.get(), plot()) {
            paint(&canvas, &plot);
            text.set(words);
        }
    });
    view! {
        <section class="panel" aria-label="Chart">
            <div class="bar">
                <h3>"Per endpoint"</h3>
                <Metrics page />
                <p class="legend">"✕ circuit opened  ○ closed"</p>
            </div>
            <canvas node_ref=canvas data-testid="chart" role="img" aria-label=text></canvas>
        </section>
    }
}

#[component]
fn Metrics(page: Page) -> impl IntoView {
    let choices = series::METRICS.map(|(metric, key, name)| {
        view! { <option value=key selected=Signal::derive(move || page.metric.get() == metric)>{name}</option> }
    });
    view! {
        <select
            data-testid="chart-metric"
            aria-label="What the chart shows"
            on:change=move |event| page.metric.set(series::metric(&event_target_value(&event)))
        >
            {choices.into_iter().collect_view()}
        </select>
    }
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
