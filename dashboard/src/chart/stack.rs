//! Rates over time as areas upon each other, the first of the table at the bottom.

use super::frame::Frame;
use super::shape::{Place, Shape};
use super::{Chart, Kind, lines, thin};
use crate::palette;
use crate::ticks::Scale;

/// False if there was nothing to draw.
pub(super) fn draw(chart: &Chart, frame: &Frame, list: &mut Vec<Shape>) -> bool {
    let areas: Vec<usize> = (0..chart.series.len()).filter(|index| !chart.series[*index].over).collect();
    let value = |area: usize, index: usize| f64::from(chart.series[area].values[index].max(0.0));
    let totals: Vec<f64> =
        (0..chart.spans.len()).map(|index| areas.iter().map(|area| value(*area, index)).sum()).collect();
    let over = chart.series.iter().filter(|series| series.over).flat_map(|series| &series.values);
    let largest = over.fold(totals.iter().fold(0.0, |largest: f64, total| largest.max(*total)), |largest, value| {
        largest.max(f64::from(*value))
    });
    let scale = Scale::holding(largest);
    frame.value_grid(chart, scale, list);
    if largest <= 0.0 {
        return false;
    }
    let known = |index: usize| areas.iter().any(|area| !chart.series[*area].values[index].is_nan());
    let mut ends: Vec<(f64, usize)> = Vec::new();
    for run in thin::runs(chart, &known) {
        let newest = run.end == chart.spans.len();
        let kept = thin::thin(frame, run, &|index| totals[index]);
        let places = thin::places(frame, &kept);
        let mut below = vec![0.0; places.len()];
        for area in &areas {
            let above: Vec<f64> =
                places.iter().zip(&below).map(|((_, index), below)| below + value(*area, *index)).collect();
            // Kinds of failures have no table: whatever is seen is named.
            let named = above.last() > below.last() || chart.kind == Kind::Failures && has_values(chart, *area);
            if newest && named {
                let middle = above.iter().chain(&below).rev().step_by(below.len()).take(2).sum::<f64>() / 2.0;
                ends.push((frame.y(middle, scale), *area));
            }
            if above != below {
                let at = |(place, height): (&(f64, usize), &f64)| -> Place { (place.0, frame.y(*height, scale)) };
                let edge: Vec<Place> = places.iter().zip(&above).map(at).collect();
                one(chart, *area, edge, places.iter().zip(&below).map(at).collect(), list);
            }
            below = above;
        }
    }
    for (index, series) in chart.series.iter().enumerate().filter(|(_, series)| series.over) {
        if let Some(y) = lines::line(chart, frame, series, scale, list) {
            ends.push((y, index));
        }
    }
    frame.name_ends(chart, ends, list);
    true
}

fn has_values(chart: &Chart, area: usize) -> bool {
    chart.series[area].values.iter().any(|value| *value > 0.0)
}

/// The area between two edges. Of two with the same hue, the dashed one is paler.
fn one(chart: &Chart, area: usize, upper: Vec<Place>, lower: Vec<Place>, list: &mut Vec<Shape>) {
    let series = &chart.series[area];
    let ink = chart.ink(series);
    // Grey areas are no lines among many, but one for all the others.
    let ink = if series.place.is_some_and(|place| place >= palette::DISTINCT) { ink.faint(2.0) } else { ink };
    let mut around = upper.clone();
    around.extend(lower.into_iter().rev());
    list.push(Shape::Area(around, ink.faint(if series.dashed { 0.4 } else { 0.7 })));
    lines::stroke(upper, series.dashed, ink.wide(1.25), list);
}
