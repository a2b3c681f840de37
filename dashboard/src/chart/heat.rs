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
    /// Where the second level begins, the third, and so on: a logarithm for each would take longer than all the rest.
    limits: [f32; LEVELS - 1],
}

impl Range {
    /// The smallest range with round ends that holds everything; `None` if there is nothing.
    fn of(chart: &Chart) -> Option<Range> {
        let (mut low, mut high) = (f32::INFINITY, 0.0_f32);
        for value in chart.series.iter().flat_map(|series| &series.values).filter(|value| **value > 0.0) {
            low = low.min(*value);
            high = high.max(*value);
        }
        if high <= 0.0 {
            return None;
        }
        // At least a factor of ten, so that nothing looks like much.
        let low = ticks::round_down(low.into());
        let high = ticks::round_up(f64::from(high).max(low * 9.9));
        let mut range = Range { low: low.ln(), high: high.ln(), limits: [0.0; LEVELS - 1] };
        for level in 1..LEVELS {
            range.limits[level - 1] = range.at(level as f64 / LEVELS as f64) as f32;
        }
        Some(range)
    }

    fn level(&self, value: f32) -> usize {
        self.limits.iter().filter(|limit| value >= **limit).count()
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
        let mut around: [Vec<Place>; LEVELS] = Default::default();
        for (level, left, right) in cells(frame, series, &range) {
            around[level].extend([(left, lower), (left, upper), (right, upper), (right, lower)]);
        }
        for (level, around) in around.into_iter().enumerate().filter(|(_, around)| !around.is_empty()) {
            list.push(Shape::Area(around, ink(chart.look.theme.level(level)).faint(opacity)));
        }
    }
    legend(chart.look.theme, frame, &range, list);
    true
}

/// Level, left and right end of a row's cells; of several within a pixel, the worst.
fn cells(frame: &Frame, series: &Series, range: &Range) -> Vec<(usize, f64, f64)> {
    let mut cells: Vec<(usize, f64, f64)> = Vec::new();
    for ((left, right), value) in frame.ends.iter().zip(&series.values).filter(|(_, value)| **value > 0.0) {
        let level = range.level(*value);
        let (left, right) = (left.floor(), right.floor());
        match cells.last_mut() {
            // It ends within the pixel in which the last cell began.
            Some(last) if right <= last.1 + 1.0 && right == last.2 => last.0 = last.0.max(level),
            Some(last) if last.0 == level && last.2 >= left => last.2 = right.max(last.2),
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
