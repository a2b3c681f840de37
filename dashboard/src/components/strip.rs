//! Puts a pool's strip of marks on its canvas.

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::palette;
use crate::strip::{CELL, Piece, Strip};

/// Width of lines, pixels of the page.
const LINE: f64 = 1.3;

/// Draws what a text says, see [`Strip::text`]; where another is drawn already, only the marks that have changed; of an empty
/// text nothing.
pub(super) fn draw(canvas: &HtmlCanvasElement, before: Option<&String>, text: &str) {
    if text.is_empty() {
        return;
    }
    let Ok(Some(context)) = canvas.get_context("2d") else { return };
    let context: CanvasRenderingContext2d = context.unchecked_into();
    let (before, strip) = (before.map(|text| Strip::read(text)), Strip::read(text));
    let before = before.filter(|before| before.looks_as(&strip)).map(|before| before.marks).unwrap_or_default();
    let (width, height) = strip.size();
    let points = [width, height].map(|length| (length as f64 * strip.density).ceil() as u32);
    if before.is_empty() {
        // This clears it, and forgets how to draw.
        canvas.set_width(points[0]);
        canvas.set_height(points[1]);
        // Points are whole: the element is as large as they are, or marks would be blurred.
        let [width, height] = points.map(|length| f64::from(length) / strip.density);
        let _ = canvas.set_attribute("style", &format!("width:{width:.2}px;height:{height:.2}px"));
        let _ = context.scale(strip.density, strip.density);
        context.set_line_width(LINE);
    }
    let mut last = None;
    for (place, (left, colour, pieces)) in strip.pieces().enumerate() {
        if before.get(place) == strip.marks.get(place) {
            continue;
        }
        context.clear_rect(left, 0.0, CELL.0 as f64, height as f64);
        if last != Some(colour) {
            last = Some(colour);
            let colour = palette::css(colour);
            context.set_fill_style_str(&colour);
            context.set_stroke_style_str(&colour);
        }
        for piece in pieces {
            put(&context, left, *piece);
        }
    }
}

fn put(context: &CanvasRenderingContext2d, left: f64, piece: Piece) {
    let points = match piece {
        Piece::Box([x, y, width, height]) => return context.fill_rect(left + x, y, width, height),
        Piece::Frame([x, y, width, height]) => return context.stroke_rect(left + x, y, width, height),
        Piece::Line(points) | Piece::Area(points) => points,
    };
    context.begin_path();
    for (x, y) in points {
        // The first begins it.
        context.line_to(left + x, *y);
    }
    if matches!(piece, Piece::Line(_)) { context.stroke() } else { context.fill() }
}
