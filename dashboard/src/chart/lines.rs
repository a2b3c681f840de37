//! Values over time as lines, named at their ends.

use super::frame::Frame;
use super::shape::{Ink, Place, Shape};
use super::{Chart, Kind, Series, thin};
use crate::ticks::Scale;

/// Lengths of dashes and of what is between them, pixels.
const DASH: (f64, f64) = (6.0, 4.0);
/// A line shorter than this needs a dot to be seen.
const DOT: f64 = 4.0;

/// False if there was nothing to draw.
pub(super) fn draw(chart: &Chart, frame: &Frame, list: &mut Vec<Shape>) -> bool {
    let all = chart.series.iter().flat_map(|series| &series.values).copied();
    let known = all.filter(|value| !value.is_nan());
    let Some(largest) = known.reduce(f32::max) else {
        frame.value_grid(chart, Scale::holding(1.0), list);
        return false;
    };
    let scale = if chart.kind == Kind::Scores { Scale { top: 1.0, step: 0.2 } } else { Scale::holding(largest.into()) };
    frame.value_grid(chart, scale, list);
    let mut ends = Vec::new();
    // The first of the table lie on top, and above all the one that was asked for.
    for asked_for in [false, true] {
        for (index, series) in chart.series.iter().enumerate().rev() {
            let own = chart.look.highlight.is_some() && series.place == chart.look.highlight;
            if own != asked_for {
                continue;
            }
            let end = line(chart, frame, series, scale, list);
            if let Some(y) = end.filter(|_| series.place.is_none_or(|place| place < crate::palette::DISTINCT)) {
                ends.push((y, index));
            }
        }
    }
    frame.name_ends(chart, ends, list);
    true
}

/// One series; where it ends, if it does so at the newest point.
pub(super) fn line(chart: &Chart, frame: &Frame, series: &Series, scale: Scale, list: &mut Vec<Shape>) -> Option<f64> {
    let ink = chart.ink(series);
    let value = |index: usize| f64::from(series.values[index]);
    let mut end = None;
    for run in thin::runs(chart, &|index| !series.values[index].is_nan()) {
        let newest = run.end == chart.spans.len();
        let kept = thin::thin(frame, run, &value);
        let places = thin::places(frame, &kept);
        let places: Vec<Place> = places.iter().map(|(x, index)| (*x, frame.y(value(*index), scale))).collect();
        end = places.last().filter(|_| newest).map(|place| place.1);
        if places.len() == 3 && places[2].0 - places[0].0 < DOT {
            list.push(Shape::Circle(places[1], 2.0, true, ink));
        }
        stroke(places, series.dashed, ink, list);
    }
    cursor_dot(chart, frame, series, scale, list);
    end
}

/// Where the cursor's line crosses.
fn cursor_dot(chart: &Chart, frame: &Frame, series: &Series, scale: Scale, list: &mut Vec<Shape>) {
    let ink = chart.ink(series);
    let Some(index) = chart.look.cursor_ms.and_then(|at_ms| chart.point_at(at_ms)).filter(|_| ink.opacity >= 1.0)
    else {
        return;
    };
    if !series.values[index].is_nan() {
        let place = (thin::middle(frame, index), frame.y(series.values[index].into(), scale));
        list.push(Shape::Circle(place, 2.5, true, ink));
    }
}

/// A line that goes to the right, in dashes if it is to be. They are measured across: as many strokes as the width needs,
/// however the line goes up and down.
pub(super) fn stroke(places: Vec<Place>, dashed: bool, ink: Ink, list: &mut Vec<Shape>) {
    if !dashed {
        list.push(Shape::Line(places, ink));
        return;
    }
    let Some(mut from) = places.first().copied() else { return };
    let (mut on, mut left) = (true, DASH.0);
    let mut dash = vec![from];
    for to in places {
        while to.0 - from.0 > left {
            from = (from.0 + left, from.1 + (to.1 - from.1) * left / (to.0 - from.0));
            if on {
                dash.push(from);
                list.push(Shape::Line(std::mem::take(&mut dash), ink));
            } else {
                dash = vec![from];
            }
            on = !on;
            left = if on { DASH.0 } else { DASH.1 };
        }
        left -= to.0 - from.0;
        from = to;
        if on {
            dash.push(to);
        }
    }
    if on && dash.len() > 1 {
        list.push(Shape::Line(dash, ink));
    }
}
