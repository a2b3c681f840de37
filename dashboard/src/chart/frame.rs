//! What all charts have in common: margins, time axis, grid, and the grey where nothing was recorded.

use super::axis::Axis;
use super::labels::{self, TEXT};
use super::shape::{Align, Shape, ink};
use super::{Chart, Form, Kind};
use crate::format;
use crate::ticks::{self, Scale};

/// For marks of the values.
const LEFT: f64 = 58.0;
/// Right of the axis, where there is no room for names.
const RIGHT: f64 = 14.0;
/// Below this width there is no room for names at the right.
const NAMES_FROM: f64 = 520.0;
/// Above the values; with a legend.
const TOP: f64 = 10.0;
const TOP_LEGEND: f64 = 24.0;
/// Below the values: a lane for events, then times.
pub(super) const LANE: f64 = 14.0;
const BOTTOM: f64 = 32.0;
/// A row that can be read.
const ROW: f64 = 15.0;
/// Between the newest point and now there is always some time in which nothing was recorded yet.
const LATE_MS: u64 = 5_000;

/// Height of a chart with so many rows.
pub(super) fn rows_height(rows: usize) -> f64 {
    TOP_LEGEND + ROW * rows.max(2) as f64 + BOTTOM
}

/// Sorts names, of which there are few, by insertion: what stands before another and is not above it stays there. The
/// library's sort would be 5 KB for each place that calls it.
fn sort(ends: &mut [(f64, usize)], by: &dyn Fn((f64, usize)) -> f64) {
    for end in 1..ends.len() {
        let mut place = end;
        while place > 0 && by(ends[place]) < by(ends[place - 1]) {
            ends.swap(place, place - 1);
            place -= 1;
        }
    }
}

/// Where everything lies, pixels of the page.
pub(super) struct Frame {
    pub(super) axis: Axis,
    pub(super) top: f64,
    pub(super) bottom: f64,
    width: f64,
    /// Names are written at the right.
    pub(super) names: bool,
    /// Left and right end of every point, as far as it is on the axis.
    pub(super) ends: Vec<(f64, f64)>,
}

/// The time axis at a width.
pub(super) fn axis(chart: &Chart, width: f64) -> Axis {
    let right = width - if width >= NAMES_FROM { chart.room } else { RIGHT };
    let (from_ms, to_ms) = (chart.look.from_ms, chart.look.to_ms.max(chart.look.from_ms + 1));
    Axis { left: LEFT, right: right.max(LEFT + 1.0).round(), from_ms, to_ms }
}

impl Frame {
    pub(super) fn new(chart: &Chart, width: f64, height: f64) -> Frame {
        let names = width >= NAMES_FROM;
        let legend = match chart.kind.form() {
            Form::Heat | Form::Bands => true,
            // What no table explains is explained above where there is no room beside it.
            _ => !names && matches!(chart.kind, Kind::Latency | Kind::Failures),
        };
        let axis = axis(chart, width);
        let ends = chart.spans.iter().map(|span| (axis.x_of(span.0), axis.x_of(span.1))).collect();
        let top = if legend { TOP_LEGEND } else { TOP };
        Frame { axis, top, bottom: (height - BOTTOM).max(top + 1.0).round(), width, names, ends }
    }

    /// Where a value lies.
    pub(super) fn y(&self, value: f64, scale: Scale) -> f64 {
        self.bottom - (self.bottom - self.top) * (value / scale.top).clamp(0.0, 1.0)
    }

    /// Upper and lower end of a row of several.
    pub(super) fn row(&self, row: usize, of: usize) -> (f64, f64) {
        let height = (self.bottom - self.top) / of.max(1) as f64;
        ((self.top + height * row as f64).round(), (self.top + height * (row + 1) as f64).round())
    }

    /// The right end of what may be drawn on.
    pub(super) fn right_edge(&self) -> f64 {
        self.width
    }

    /// Grey where nothing was recorded.
    pub(super) fn unrecorded(&self, chart: &Chart, list: &mut Vec<Shape>) {
        let theme = chart.look.theme;
        let holes = self.holes(chart).map(|hole| (self.axis.x_of(hole.0), self.axis.x_of(hole.1)));
        for (left, right) in holes.filter(|(left, right)| right - left >= 2.0) {
            let area = ((left, self.top), (right, self.bottom));
            list.push(Shape::Box(area.0, area.1, ink(theme.blank())));
            let text = "not recorded";
            if !chart.spans.is_empty() && right - left > labels::width(text) + 16.0 {
                let place = ((left + right) / 2.0, self.top + TEXT);
                list.push(Shape::Text(place, text.into(), Align::Center, ink(theme.quiet())));
            }
        }
    }

    /// The times between points, before the first, and after the last.
    fn holes(&self, chart: &Chart) -> impl Iterator<Item = (u64, u64)> {
        let (from_ms, to_ms) = (self.axis.from_ms, self.axis.to_ms);
        let late_ms = if chart.look.live { LATE_MS } else { 0 };
        let last_ms = chart.spans.last().map_or(from_ms, |span| span.1);
        let begins = chart.spans.iter().map(|span| span.0).chain((last_ms + late_ms < to_ms).then_some(to_ms));
        let ends = std::iter::once(from_ms).chain(chart.spans.iter().map(|span| span.1));
        ends.zip(begins).filter(|(end_ms, begin_ms)| end_ms < begin_ms)
    }

    /// Upright lines at round times.
    pub(super) fn time_grid(&self, chart: &Chart, list: &mut Vec<Shape>) {
        let grid = ink(chart.look.theme.grid());
        for at_ms in self.marked_times(chart) {
            let x = self.axis.x_of(at_ms).round();
            list.push(Shape::Box((x, self.top), (x + 1.0, self.bottom), grid));
        }
    }

    fn marked_times(&self, chart: &Chart) -> Vec<u64> {
        let room = (self.axis.right - self.axis.left) / 72.0;
        ticks::times((self.axis.from_ms, self.axis.to_ms), chart.look.west_minutes, room)
    }

    /// Level lines at round values, with their labels.
    pub(super) fn value_grid(&self, chart: &Chart, scale: Scale, list: &mut Vec<Shape>) {
        let theme = chart.look.theme;
        let mut last = f64::INFINITY;
        for value in scale.marks() {
            let y = self.y(value, scale).round();
            if value > 0.0 {
                list.push(Shape::Box((self.axis.left, y), (self.axis.right, y + 1.0), ink(theme.grid())));
            }
            // In a low chart, every second or third has its label.
            if last - y >= TEXT + 2.0 {
                let text = ticks::value_label(scale, value, chart.kind.unit());
                list.push(Shape::Text((self.axis.left - 8.0, y), text, Align::Right, ink(theme.quiet())));
                last = y;
            }
        }
    }

    /// The base line, the times below it, and the cursor.
    pub(super) fn times(&self, chart: &Chart, list: &mut Vec<Shape>) {
        let look = &chart.look;
        let (theme, axis) = (look.theme, self.axis);
        let base = (axis.left, self.bottom);
        list.push(Shape::Box(base, (axis.right, base.1 + 1.0), ink(theme.quiet()).faint(0.6)));
        let y = self.bottom + LANE + TEXT / 2.0 + 4.0;
        let clock = |at_ms: u64| format::clock(at_ms, look.west_minutes);
        let end = if look.live { "now".into() } else { clock(axis.to_ms) };
        let cursor = look.cursor_ms.filter(|at_ms| axis.shows(*at_ms)).map(|at_ms| (axis.x_of(at_ms), clock(at_ms)));
        let half = |text: &str| labels::width(text) / 2.0 + 4.0;
        let within = |x: f64, text: &str| x.clamp(half(text), (self.width - half(text)).max(half(text)));
        let seconds = ticks::with_seconds(&self.marked_times(chart));
        let marks = self.marked_times(chart).into_iter().rev();
        let marks = marks.map(|at_ms| (axis.x_of(at_ms), clock(at_ms)));
        let mut free = f64::INFINITY;
        for (x, mut text) in std::iter::once((axis.right, end)).chain(marks) {
            if !seconds && x < axis.right {
                text.truncate(5);
            }
            let (x, half) = (within(x, &text), half(&text));
            let hidden = cursor.as_ref().is_some_and(|(cursor, own)| (x - within(*cursor, own)).abs() < half + 32.0);
            if x + half <= free {
                free = x - half;
                if !hidden {
                    list.push(Shape::Text((x, y), text, Align::Center, ink(theme.quiet())));
                }
            }
        }
        if let Some((x, text)) = cursor {
            let (middle, half) = (within(x, &text), half(&text));
            list.push(Shape::Box((x, self.top), (x + 1.0, self.bottom + LANE), ink(theme.ink()).faint(0.7)));
            let behind = ((middle - half, y - 8.0), (middle + half, y + 8.0));
            list.push(Shape::Box(behind.0, behind.1, ink(theme.ink())));
            list.push(Shape::Text((middle, y), text, Align::Center, ink(theme.paper())));
        }
    }

    /// Words in place of a drawing.
    pub(super) fn say(&self, chart: &Chart, text: &str, list: &mut Vec<Shape>) {
        let middle = ((self.axis.left + self.axis.right) / 2.0, (self.top + self.bottom) / 2.0);
        list.push(Shape::Text(middle, text.into(), Align::Center, ink(chart.look.theme.quiet())));
    }

    /// Names at the right, each beside the height at which its series ends, or as near as the others allow. Of those
    /// that would end at the same height, the first is above.
    pub(super) fn name_ends(&self, chart: &Chart, mut ends: Vec<(f64, usize)>, list: &mut Vec<Shape>) {
        if !self.names {
            self.name_above(chart, &ends, list);
            return;
        }
        // Where there is no room for all, the first of the table have a name, and the one that was asked for.
        let gap = TEXT + 2.0;
        sort(&mut ends, &|(_, index)| {
            let series = &chart.series[index];
            let asked_for = series.place.is_some() && series.place == chart.look.highlight;
            if asked_for || series.place.is_none() { 0.0 } else { 1.0 + index as f64 }
        });
        ends.truncate(((self.bottom - TEXT / 2.0) / gap) as usize + 1);
        let upwards = chart.kind.form() == Form::Stack;
        let rank = |index: usize| if upwards { -(index as f64) } else { index as f64 };
        sort(&mut ends, &|(_, index)| rank(index));
        sort(&mut ends, &|(y, _)| y);
        let wanted: Vec<i32> = ends.iter().map(|(y, _)| *y as i32).collect();
        let bounds = ((TEXT / 2.0) as i32, self.bottom as i32);
        for ((y, index), label_y) in ends.iter().zip(labels::apart(&wanted, gap as i32, bounds)) {
            let series = &chart.series[*index];
            let ink = ink(series.color).faint(if chart.steps_back(series) { 0.4 } else { 1.0 });
            let (x, label_y) = (self.axis.right, f64::from(label_y));
            list.push(Shape::Line(vec![(x + 2.0, *y), (x + 10.0, label_y)], ink.faint(0.55)));
            let name = labels::short(&series.name, labels::LONGEST);
            list.push(Shape::Text((x + 13.0, label_y), name, Align::Left, ink));
        }
    }

    /// Names above the chart, where there is a line for them.
    fn name_above(&self, chart: &Chart, ends: &[(f64, usize)], list: &mut Vec<Shape>) {
        let (mut x, y) = (self.axis.left, self.top / 2.0);
        for (_, index) in ends.iter().filter(|_| self.top == TOP_LEGEND) {
            let series = &chart.series[*index];
            let end = x + 16.0 + labels::width(&series.name);
            if end <= self.width {
                let ink = ink(series.color);
                list.push(Shape::Box((x, y - 1.5), (x + 11.0, y + 1.5), ink));
                list.push(Shape::Text((x + 16.0, y), series.name.clone(), Align::Left, ink));
            }
            x = end + 12.0;
        }
    }

    /// Names of rows: at the right, or where there is no room, cut short at the left.
    pub(super) fn name_rows(&self, chart: &Chart, list: &mut Vec<Shape>) {
        let rows = chart.series.len();
        let height = (self.bottom - self.top) / rows.max(1) as f64;
        // Where rows are too low, every second, third, … has its name.
        let every = ((TEXT + 1.0) / height).ceil().max(1.0) as usize;
        for (row, series) in chart.series.iter().enumerate().step_by(every) {
            let (upper, lower) = self.row(row, rows);
            let faint = if chart.steps_back(series) { 0.4 } else { 1.0 };
            let (y, ink) = ((upper + lower) / 2.0, ink(series.color).faint(faint));
            let (x, most, align) = if self.names {
                (self.axis.right + 13.0, labels::LONGEST, Align::Left)
            } else {
                (LEFT - 5.0, 8, Align::Right)
            };
            list.push(Shape::Text((x, y), labels::short(&series.name, most), align, ink));
        }
    }
}
