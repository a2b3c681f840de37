//! The chart that the page drew before there was a history to ask for: one line per endpoint, labelled at its right
//! end. It goes when the page draws [`super::Chart`].
//!
//! [`draw`] takes plain data and any plotters drawing area: a canvas in the browser, SVG in tests. Axes and
//! grid are drawn here and not by plotters' mesh, for round marks, quiet ink and half the code in the .wasm.
//! Labels that would lie on each other are moved apart; those that find no room are left to the table, whose
//! rows carry the same marks. Circuits that opened or closed are marked on the time axis with a shape each.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::labels;
use crate::palette::{self, Rgb, Theme};
use crate::ticks::{self, Scale};

/// One endpoint's line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Endpoint's identifier.
    pub label: String,
    /// Place in the table: gives colour and dash.
    pub place: usize,
    /// Seconds before now and value, oldest first; `None` breaks the line.
    pub points: Vec<(f64, Option<f64>)>,
    /// Seconds before now at which the circuit opened (`true`) or closed (`false`).
    pub circuit: Vec<(f64, bool)>,
}

impl Line {
    /// The newest value and when it was, if there is one.
    pub fn last(&self) -> Option<(f64, f64)> {
        self.points.iter().rev().find_map(|&(before_s, value)| Some((before_s, value.filter(|v| v.is_finite())?)))
    }

    /// Unbroken runs of points.
    fn runs(&self) -> impl Iterator<Item = Vec<(f64, f64)>> {
        let runs = self.points.split(|(_, value)| !value.is_some_and(f64::is_finite));
        runs.filter(|run| !run.is_empty())
            .map(|run| run.iter().map(|&(before_s, value)| (before_s, value.unwrap_or(0.0).max(0.0))).collect())
    }
}

/// Everything that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// In the order of the table.
    pub lines: Vec<Line>,
    /// Unit of the values, as the axis shows it.
    pub unit: &'static str,
    /// The time axis goes back this far, seconds.
    pub span_s: f64,
    /// The line to stand out, by place; the others step back.
    pub highlight: Option<usize>,
    /// Said in place of lines when there are none.
    pub empty: &'static str,
    /// Colours.
    pub theme: Theme,
    /// Pixels of the drawing area per pixel of the page.
    pub scale: f64,
}

/// As in style.css.
const FONT: &str = "Inter, system-ui, sans-serif";
const TEXT: f64 = 11.5;
const LEFT: f64 = 58.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Below this width there is no room for labels at the lines' ends.
const LABELS_FROM: f64 = 520.0;
/// Lines that end within this many seconds of the newest end are named; the others have stopped.
const ENDS_TOGETHER_S: f64 = 4.0;

/// Where the data lies on the drawing area, in pixels.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    span_s: f64,
    values: Scale,
    pixel: f64,
}

impl Frame {
    fn new(plot: &Plot, (width, height): (u32, u32)) -> Frame {
        let pixel = if plot.scale.is_finite() && plot.scale > 0.0 { plot.scale } else { 1.0 };
        let (width, height) = (f64::from(width), f64::from(height));
        let values = plot.lines.iter().flat_map(Line::runs).flatten();
        let largest = values
            .filter(|(before_s, _)| *before_s <= plot.span_s)
            .fold(0.0_f64, |largest, (_, value)| largest.max(value));
        let label_room = if width >= LABELS_FROM * pixel {
            8.0 + labels::room(plot.lines.iter().map(|line| line.label.as_str()))
        } else {
            12.0
        };
        Frame {
            left: LEFT * pixel,
            right: (width - label_room * pixel).max(LEFT * pixel + 1.0),
            top: TOP * pixel,
            bottom: (height - BOTTOM * pixel).max(TOP * pixel + 1.0),
            span_s: plot.span_s.max(1.0),
            values: Scale::holding(largest),
            pixel,
        }
    }

    fn x(&self, before_s: f64) -> i32 {
        (self.right - (self.right - self.left) * (before_s / self.span_s)).round() as i32
    }

    fn y(&self, value: f64) -> i32 {
        (self.bottom - (self.bottom - self.top) * (value / self.values.top)).round() as i32
    }

    fn size(&self, page_pixels: f64) -> i32 {
        (page_pixels * self.pixel).round() as i32
    }
}

type Outcome<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;
type Area<B> = DrawingArea<B, Shift>;

/// Draws the whole chart. The area is not cleared first: the paper is the page's.
pub fn draw<B: DrawingBackend>(area: &Area<B>, plot: &Plot) -> Outcome<B> {
    let frame = Frame::new(plot, area.dim_in_pixel());
    axes(area, plot, &frame)?;
    let (front, back): (Vec<_>, Vec<_>) = plot.lines.iter().partition(|line| plot.highlight == Some(line.place));
    // The first rows of the table lie on top, and above all the line that was asked for.
    for line in back.into_iter().rev().chain(front) {
        let ink = ink(plot, line.place);
        marks(area, &frame, line, ink)?;
        path(area, &frame, line, ink)?;
    }
    if plot.lines.iter().all(|line| line.last().is_none()) {
        let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
        let at = (middle.0 as i32, middle.1 as i32);
        write(area, &frame, plot.empty, at, plot.theme.quiet(), (HPos::Center, VPos::Center))?;
    }
    if frame.right < f64::from(area.dim_in_pixel().0) - 20.0 * frame.pixel {
        labels(area, plot, &frame)?;
    }
    area.present()
}

/// Colour, opacity and width of a line.
#[derive(Clone, Copy)]
struct Ink {
    color: Rgb,
    opacity: f64,
    width: f64,
}

fn ink(plot: &Plot, place: usize) -> Ink {
    let color = plot.theme.line(place);
    match plot.highlight {
        None if place >= palette::DISTINCT => Ink { color, opacity: 0.35, width: 1.0 },
        None => Ink { color, opacity: 1.0, width: 1.75 },
        Some(highlight) if highlight == place => Ink { color, opacity: 1.0, width: 2.5 },
        Some(_) => Ink { color, opacity: 0.22, width: 1.25 },
    }
}

fn style(frame: &Frame, ink: Ink) -> ShapeStyle {
    let (red, green, blue) = ink.color;
    let width = (ink.width * frame.pixel).round().max(1.0) as u32;
    RGBColor(red, green, blue).mix(ink.opacity).stroke_width(width)
}

fn axes<B: DrawingBackend>(area: &Area<B>, plot: &Plot, frame: &Frame) -> Outcome<B> {
    let quiet = plot.theme.quiet();
    let grid = style(frame, Ink { color: plot.theme.grid(), opacity: 1.0, width: 1.0 });
    let base = style(frame, Ink { color: quiet, opacity: 0.6, width: 1.0 });
    let (left, right) = (frame.x(frame.span_s), frame.x(0.0));
    for mark in frame.values.marks() {
        let y = frame.y(mark);
        area.draw(&PathElement::new(vec![(left, y), (right, y)], if mark == 0.0 { base } else { grid }))?;
        let label = if mark == 0.0 { "0".into() } else { format!("{} {}", frame.values.label(mark), plot.unit) };
        write(area, frame, &label, (left - frame.size(8.0), y), quiet, (HPos::Right, VPos::Center))?;
    }
    let step = ticks::time_step(frame.span_s);
    let count = (frame.span_s / step).floor() as u32;
    for before_s in (0..=count).map(|index| f64::from(index) * step) {
        let (x, y) = (frame.x(before_s), frame.y(0.0));
        area.draw(&PathElement::new(vec![(x, y), (x, y + frame.size(4.0))], base))?;
        let at = (x, y + frame.size(8.0));
        write(area, frame, &ticks::time_label(before_s), at, quiet, (HPos::Center, VPos::Top))?;
    }
    Ok(())
}

fn path<B: DrawingBackend>(area: &Area<B>, frame: &Frame, line: &Line, ink: Ink) -> Outcome<B> {
    let style = style(frame, ink);
    for run in line.runs() {
        let run: Vec<_> = run.iter().filter(|(before_s, _)| *before_s <= frame.span_s).collect();
        let points: Vec<_> = run.iter().map(|(before_s, value)| (frame.x(*before_s), frame.y(*value))).collect();
        match points.as_slice() {
            [] => {}
            [only] => area.draw(&Circle::new(*only, frame.size(2.5), style.filled()))?,
            _ if palette::dashed(line.place) => {
                let (dash, space) = (frame.size(5.0), frame.size(3.0));
                area.draw(&DashedPathElement::new(points, dash, space, style))?;
            }
            _ => area.draw(&PathElement::new(points, style))?,
        }
    }
    Ok(())
}

/// A cross on the axis where the circuit opened, a ring where it closed.
fn marks<B: DrawingBackend>(area: &Area<B>, frame: &Frame, line: &Line, ink: Ink) -> Outcome<B> {
    let shape = style(frame, Ink { width: 2.0, ..ink });
    let trace = style(frame, Ink { width: 1.0, opacity: ink.opacity * 0.3, ..ink });
    for &(before_s, opened) in line.circuit.iter().filter(|(before_s, _)| (0.0..=frame.span_s).contains(before_s)) {
        let (x, y, r) = (frame.x(before_s), frame.y(0.0), frame.size(4.0));
        area.draw(&PathElement::new(vec![(x, y), (x, frame.top as i32)], trace))?;
        if opened {
            area.draw(&PathElement::new(vec![(x - r, y - r), (x + r, y + r)], shape))?;
            area.draw(&PathElement::new(vec![(x - r, y + r), (x + r, y - r)], shape))?;
        } else {
            area.draw(&Circle::new((x, y), r, shape))?;
        }
    }
    Ok(())
}

fn labels<B: DrawingBackend>(area: &Area<B>, plot: &Plot, frame: &Frame) -> Outcome<B> {
    // A line that ended earlier than the others has no end here to be named at.
    let newest_s = plot.lines.iter().filter_map(Line::last).fold(f64::INFINITY, |newest, (at, _)| newest.min(at));
    let ends = plot.lines.iter().filter(|line| line.place < palette::DISTINCT).filter_map(|line| {
        let (before_s, value) = line.last()?;
        let ends_here = before_s <= frame.span_s && before_s <= newest_s + ENDS_TOGETHER_S;
        ends_here.then(|| (line, frame.x(before_s), frame.y(value)))
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort_by_key(|&(line, _, y)| (y, line.place));
    let wanted: Vec<_> = ends.iter().map(|&(_, _, y)| y).collect();
    let bounds = (frame.size(TEXT / 2.0), frame.bottom as i32);
    let placed = labels::apart(&wanted, frame.size(TEXT + 2.0), bounds);
    for ((line, x, y), label_y) in ends.into_iter().zip(placed) {
        let ink = ink(plot, line.place);
        let opacity = if ink.opacity < 1.0 { 0.35 } else { 1.0 };
        let label_x = frame.right as i32 + frame.size(14.0);
        let lead = style(frame, Ink { width: 1.0, opacity: opacity * 0.55, ..ink });
        area.draw(&PathElement::new(vec![(x + frame.size(2.0), y), (label_x - frame.size(3.0), label_y)], lead))?;
        let (red, green, blue) = ink.color;
        let text = (FONT, TEXT * frame.pixel).into_font().color(&RGBColor(red, green, blue).mix(opacity));
        let text = text.pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(labels::short(&line.label, labels::LONGEST), (label_x, label_y), text))?;
    }
    Ok(())
}

fn write<B: DrawingBackend>(
    area: &Area<B>,
    frame: &Frame,
    text: &str,
    at: (i32, i32),
    (red, green, blue): Rgb,
    (horizontal, vertical): (HPos, VPos),
) -> Outcome<B> {
    let style = (FONT, TEXT * frame.pixel).into_font().color(&RGBColor(red, green, blue));
    area.draw(&Text::new(text, at, style.pos(Pos::new(horizontal, vertical))))
}

#[cfg(test)]
#[path = "before_tests.rs"]
mod tests;
