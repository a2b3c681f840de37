//! Latencies as colours: a row for each endpoint, a colour for each tenth of the range on a logarithmic scale.
//!
//! A row is at most one area per colour: its cells of that colour, joined along their lower ends, where they have no
//! height. A canvas that fills 500 areas a second has nothing to do; with 30,000 boxes it would.

use super::frame::Frame;
use super::shape::{Align, Place, Shape, ink};
use super::{Chart, Series, labels};
use crate::palette::{LEVELS, Theme};
use crate::ticks::{self, Scale};

/// A range of values, as logarithms.
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// The smallest range with round ends that holds everything; `None` if there is nothing.
    fn of(chart: &Chart) -> Option<Range> {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in chart.series.iter().flat_map(|series| &series.values).filter(|value| **value > 0.0) {
            low = low.min(f64::from(*value));
            high = high.max(f64::from(*value));
        }
        // At least a factor of ten, so that nothing looks like much.
        let low = ticks::round_down(low);
        (high > 0.0).then(|| Range { low: low.ln(), high: ticks::round_up(high.max(low * 9.9)).ln() })
    }

    fn level(&self, value: f32) -> usize {
        let part = (f64::from(value).ln() - self.low) / (self.high - self.low);
        (part.clamp(0.0, 1.0) * LEVELS as f64) as usize
    }

    /// The value at a part of the range.
    fn at(&self, part: f64) -> f64 {
        (self.low + (self.high - self.low) * part).exp()
    }
}

/// False if there was nothing to draw.
pub(super) fn draw(chart: &Chart, frame: &Frame, list: &mut Vec<Shape>) -> bool {
    frame.name_rows(chart, list);
    let Some(range) = Range::of(chart) else { return false };
    for (row, series) in chart.series.iter().enumerate() {
        // A pixel of paper between rows where there is room.
        let (upper, lower) = frame.row(row, chart.series.len());
        let lower = if lower - upper > 4.0 { lower - 1.0 } else { lower };
        let opacity = if chart.steps_back(series) { 0.3 } else { 1.0 };
        let cells = cells(chart, frame, series, &range);
        for level in 0..LEVELS {
            let mut around: Vec<Place> = Vec::new();
            for (_, left, right) in cells.iter().filter(|(own, ..)| *own == level) {
                around.extend([(*left, lower), (*left, upper), (*right, upper), (*right, lower)]);
            }
            if !around.is_empty() {
                list.push(Shape::Area(around, ink(chart.look.theme.level(level)).faint(opacity)));
            }
        }
    }
    legend(chart.look.theme, frame, &range, list);
    true
}

/// Level, left and right end of a row's cells; of several within a pixel, the worst.
fn cells(chart: &Chart, frame: &Frame, series: &Series, range: &Range) -> Vec<(usize, f64, f64)> {
    let mut cells: Vec<(usize, f64, f64)> = Vec::new();
    for (span, value) in chart.spans.iter().zip(&series.values).filter(|(_, value)| **value > 0.0) {
        let level = range.level(*value).min(LEVELS - 1);
        let (left, right) = frame.ends(*span);
        let (left, right) = (left.floor(), right.floor());
        match cells.last_mut() {
            // It ends within the pixel in which the last cell began.
            Some(last) if right <= last.1 + 1.0 && right == last.2 => last.0 = last.0.max(level),
            Some(last) if last.0 == level && last.2 >= left => last.2 = right,
            _ => cells.push((level, left, right.max(left + 1.0))),
        }
    }
    cells
}

fn legend(theme: Theme, frame: &Frame, range: &Range, list: &mut Vec<Shape>) {
    let y = frame.top / 2.0;
    let mut x = frame.axis.left;
    let text = |x: &mut f64, part: f64, list: &mut Vec<Shape>| {
        let value = range.at(part);
        let text = ticks::value_label(Scale { top: value, step: value }, value, "ms");
        let width = labels::width(&text);
        list.push(Shape::Text((*x, y), text, Align::Left, ink(theme.quiet())));
        *x += width + 6.0;
    };
    for half in 0..2 {
        text(&mut x, f64::from(half) / 2.0, list);
        for level in (0..LEVELS / 2).map(|level| level + half as usize * LEVELS / 2) {
            list.push(Shape::Box((x, y - 5.0), (x + 13.0, y + 5.0), ink(theme.level(level))));
            x += 13.0;
        }
        x += 6.0;
    }
    text(&mut x, 1.0, list);
}
