//! What a chart consists of once it is worked out: a list of shapes in pixels of the page.
//!
//! The list is what tests look at. [`paint`] gives it to any backend of plotters and is all that is compiled once for a
//! canvas and once for SVG; it goes to the backend and not through plotters' elements, which would be five more generic
//! types each time.

use plotters::backend::DrawingBackend;
use plotters::prelude::{Color, FontDesc, FontFamily, FontStyle, RGBColor, SVGBackend, ShapeStyle, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::labels::TEXT;
use crate::palette::Rgb;

/// As in style.css.
const FONT: &str = "Inter, system-ui, sans-serif";
/// An SVG counts in these parts of a pixel, since plotters counts in whole ones.
const SVG_PARTS: u32 = 4;
/// plotters' SVG makes text smaller by this.
const SVG_TEXT: f64 = 1.24;

/// A place, pixels from the left and from the top.
pub type Place = (f64, f64);

/// How a shape is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Its colour.
    pub color: Rgb,
    /// 0 to 1.
    pub opacity: f64,
    /// Of strokes, pixels.
    pub width: f64,
}

/// A stroke of one pixel.
pub(super) fn ink(color: Rgb) -> Ink {
    Ink { color, opacity: 1.0, width: 1.0 }
}

impl Ink {
    pub(super) fn faint(self, opacity: f64) -> Ink {
        Ink { opacity: self.opacity * opacity, ..self }
    }

    pub(super) fn wide(self, width: f64) -> Ink {
        Ink { width, ..self }
    }
}

/// Where a text is, as seen from its place; vertically it is in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The text begins there.
    Left,
    /// Its middle is there.
    Center,
    /// It ends there.
    Right,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A stroke through places.
    Line(Vec<Place>, Ink),
    /// What is between places.
    Area(Vec<Place>, Ink),
    /// A filled box, by upper left and lower right.
    Box(Place, Place, Ink),
    /// A circle with its radius, filled or not.
    Circle(Place, f64, bool, Ink),
    /// A text.
    Text(Place, String, Align, Ink),
}

impl Shape {
    /// The same, further down.
    fn lower(&mut self, by: f64) {
        match self {
            Shape::Line(places, _) | Shape::Area(places, _) => places.iter_mut().for_each(|place| place.1 += by),
            Shape::Box(one, other, _) => {
                one.1 += by;
                other.1 += by;
            }
            Shape::Circle(place, ..) | Shape::Text(place, ..) => place.1 += by,
        }
    }
}

/// How fine a backend draws.
#[derive(Clone, Copy, Debug)]
pub struct Fine {
    /// Its pixels per pixel of the page.
    scale: f64,
    /// What text sizes are multiplied by.
    text: f64,
}

impl Fine {
    /// A canvas whose bitmap has so many pixels per pixel of the page.
    pub fn canvas(scale: f64) -> Fine {
        Fine { scale: if scale.is_finite() && scale > 0.0 { scale } else { 1.0 }, text: 1.0 }
    }
}

/// Draws shapes in their order; the background is not cleared first. False if the backend refused one: the others are
/// drawn nevertheless.
pub fn paint<B: DrawingBackend>(backend: &mut B, shapes: &[Shape], fine: Fine) -> bool {
    let mut all = true;
    let whole = |pixels: f64| (pixels * fine.scale).round() as i32;
    let at = |place: &Place| (whole(place.0), whole(place.1));
    for shape in shapes {
        let drawn = match shape {
            Shape::Line(places, ink) => backend.draw_path(places.iter().map(at), &style(*ink, fine)),
            Shape::Area(places, ink) => backend.fill_polygon(places.iter().map(at), &style(*ink, fine)),
            Shape::Box(upper, lower, ink) => {
                // However thin, it is seen.
                let (upper, lower) = (at(upper), at(lower));
                let lower = (lower.0.max(upper.0 + 1), lower.1.max(upper.1 + 1));
                backend.draw_rect(upper, lower, &style(*ink, fine), true)
            }
            Shape::Circle(place, radius, filled, ink) => {
                backend.draw_circle(at(place), whole(*radius).max(1) as u32, &style(*ink, fine), *filled)
            }
            Shape::Text(place, text, align, ink) => {
                let horizontal = match align {
                    Align::Left => HPos::Left,
                    Align::Center => HPos::Center,
                    Align::Right => HPos::Right,
                };
                // Not from a text, which would be searched for names that plotters knows.
                let size = TEXT * fine.scale * fine.text;
                let font = FontDesc::new(FontFamily::Name(FONT), size, FontStyle::Normal);
                let color = style(*ink, fine).color;
                let style = TextStyle::from(font).color(&color).pos(Pos::new(horizontal, VPos::Center));
                backend.draw_text(text, &style, at(place))
            }
        };
        all &= drawn.is_ok();
    }
    all & backend.present().is_ok()
}

fn style(ink: Ink, fine: Fine) -> ShapeStyle {
    let (red, green, blue) = ink.color;
    let width = (ink.width * fine.scale).round().max(1.0) as u32;
    RGBColor(red, green, blue).mix(ink.opacity).stroke_width(width)
}

/// A document of shapes on paper, with a line of text above them.
pub(super) fn svg(mut shapes: Vec<Shape>, title: Shape, paper: Ink, (width, height): (f64, f64)) -> String {
    shapes.iter_mut().for_each(|shape| shape.lower(SVG_TITLE));
    shapes.insert(0, Shape::Box((0.0, 0.0), (width, height), paper));
    shapes.push(title);
    let whole = |pixels: f64| pixels.clamp(0.0, 20_000.0) as u32;
    let (width, height) = (whole(width), whole(height));
    let mut text = String::new();
    let mut backend = SVGBackend::with_string(&mut text, (width * SVG_PARTS, height * SVG_PARTS));
    let fine = Fine { scale: f64::from(SVG_PARTS), text: SVG_TEXT };
    // A string refuses nothing.
    paint(&mut backend, &shapes, fine);
    drop(backend);
    // The size on the page; the view box goes on counting in parts.
    let head = |width: u32, height: u32| {
        ["<svg width=\"", &width.to_string(), "\" height=\"", &height.to_string(), "\""].concat()
    };
    let rest = head(width * SVG_PARTS, height * SVG_PARTS).len();
    [&head(width, height), &text[rest..]].concat()
}

/// Room above the shapes of an SVG.
pub(super) const SVG_TITLE: f64 = 24.0;
