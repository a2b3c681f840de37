//! Circuits over time: a row for each endpoint, in segments that differ in height and pattern and not only in colour.
//!
//! ```text
//!   healthy  ▁▁▁▁▁▁   thin bar         open         ██████   full
//!   degraded ▄▄▄▄▄▄   half bar         half-open    ⊓⊔⊓⊔⊓⊔   crenels on a pale bar
//!   warming  ╱╲╱╲╱╲   waves            forced open  ██──██   full, with a line through it
//!   draining ══════   two lines        disabled     ┌────┐   an empty box
//!   unknown  ─ ─ ─    dashes           unhealthy    ▒▒▒▒▒▒   full and pale
//! ```

use super::frame::Frame;
use super::shape::{Align, Place, Shape, ink};
use super::{Chart, Series, labels, lines};
use crate::palette::Theme;
use crate::past::WORDS;

/// What a pool's row shows while ejections are ignored; its other code is that of healthy.
pub(super) const PANIC: usize = WORDS.len();
/// Code of the status that needs no look.
pub(super) const HEALTHY: usize = 5;
/// Worst first, as in the legend.
const ORDER: [usize; 11] = [PANIC, 3, 1, 2, 7, 6, 10, 9, 8, 4, HEALTHY];

/// A state in words.
pub(super) fn word(code: usize) -> &'static str {
    match code {
        2 => "half-open",
        3 => "forced open",
        PANIC => "panic",
        code => WORDS.get(code).copied().unwrap_or("unknown"),
    }
}

/// False if there was nothing to draw.
pub(super) fn draw(chart: &Chart, frame: &Frame, list: &mut Vec<Shape>) -> bool {
    frame.name_rows(chart, list);
    let mut seen = [false; PANIC + 1];
    for (row, series) in chart.series.iter().enumerate() {
        let (upper, lower) = frame.row(row, chart.series.len());
        let inset = if lower - upper > 6.0 { 1.0 } else { 0.0 };
        let faint = if chart.steps_back(series) { 0.3 } else { 1.0 };
        for (code, left, right) in segments(chart, frame, series) {
            let area = ((left, upper + inset), (right, lower - inset));
            segment(code, area, chart.look.theme, faint, list);
            if let Some(seen) = seen.get_mut(code) {
                *seen = true;
            }
        }
    }
    legend(&seen, chart.look.theme, frame, list);
    seen.contains(&true)
}

/// Runs of one state: its code, left and right end. However short, one is at least a pixel wide.
fn segments(chart: &Chart, frame: &Frame, series: &Series) -> Vec<(usize, f64, f64)> {
    let mut segments: Vec<(usize, f64, f64)> = Vec::new();
    let mut end_ms = 0;
    for (index, value) in series.values.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        let code = *value as usize;
        let ((left, right), span) = (frame.ends[index], chart.spans[index]);
        match segments.last_mut() {
            Some(last) if last.0 == code && span.0 == end_ms => last.2 = right,
            _ => segments.push((code, left, right.max(left + 1.0).min(frame.axis.right))),
        }
        end_ms = span.1;
    }
    segments
}

/// One segment, in its pattern.
fn segment(code: usize, (upper, lower): (Place, Place), theme: Theme, faint: f64, list: &mut Vec<Shape>) {
    let (good, warn, bad, quiet) = (theme.good(), theme.warn(), theme.bad(), theme.quiet());
    let ink = |color| ink(color).faint(faint);
    let (middle, height) = ((upper.1 + lower.1) / 2.0, lower.1 - upper.1);
    // A box around the middle, of a part of the height.
    let bar = |part: f64, ink| {
        let half = (height * part / 2.0).max(0.5);
        Shape::Box((upper.0, middle - half), (lower.0, middle + half), ink)
    };
    match code {
        1 => list.push(bar(1.0, ink(bad))),
        2 => {
            list.push(bar(1.0, ink(warn).faint(0.2)));
            wave(upper, lower, true, ink(warn).wide(1.5), list);
        }
        3 => list.extend([bar(1.0, ink(bad)), bar(0.18, ink(theme.paper()))]),
        4 => {
            let corners = [upper, (lower.0, upper.1), lower, (upper.0, lower.1), upper];
            list.push(Shape::Line(corners.to_vec(), ink(quiet)));
        }
        6 => list.push(bar(0.55, ink(warn))),
        7 => list.push(bar(1.0, ink(bad).faint(0.4))),
        8 => lines::stroke(vec![(upper.0, middle), (lower.0, middle)], true, ink(quiet).wide(2.0), list),
        9 => {
            for y in [middle - height * 0.2, middle + height * 0.2] {
                list.push(Shape::Line(vec![(upper.0, y), (lower.0, y)], ink(quiet).wide(1.5)));
            }
        }
        10 => wave(upper, lower, false, ink(theme.accent()).wide(1.5), list),
        PANIC => {
            list.push(bar(1.0, ink(bad).faint(0.25)));
            wave(upper, lower, false, ink(bad).wide(1.5), list);
        }
        _ => list.push(bar(0.2, ink(good).faint(0.8))),
    }
}

/// Crenels or waves through an area.
fn wave(upper: Place, lower: Place, square: bool, ink: super::Ink, list: &mut Vec<Shape>) {
    let inset = (lower.1 - upper.1) * 0.22;
    let levels = [upper.1 + inset, lower.1 - inset];
    let step = 4.0;
    let (mut x, mut turn) = (upper.0, 0);
    let mut places = vec![(x, levels[0])];
    while x < lower.0 {
        x = (x + step).min(lower.0);
        if square {
            places.push((x, levels[turn % 2]));
        }
        turn += 1;
        places.push((x, levels[turn % 2]));
    }
    list.push(Shape::Line(places, ink));
}

/// The states that are there, worst first, as far as there is room.
fn legend(seen: &[bool], theme: Theme, frame: &Frame, list: &mut Vec<Shape>) {
    let y = frame.top / 2.0;
    let mut x = frame.axis.left;
    for code in ORDER.into_iter().filter(|code| seen[*code]) {
        let text = word(code);
        let end = x + 22.0 + labels::width(text);
        if end > frame.right_edge() {
            return;
        }
        segment(code, ((x, y - 5.0), (x + 17.0, y + 5.0)), theme, 1.0, list);
        list.push(Shape::Text((x + 22.0, y), text.into(), Align::Left, ink(theme.quiet())));
        x = end + 12.0;
    }
}
