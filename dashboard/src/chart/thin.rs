//! Fewer points than pixels, with nothing extreme lost.

use std::ops::Range;

use super::Chart;
use super::frame::Frame;

/// Unbroken runs of points for which something is known.
pub(super) fn runs(chart: &Chart, known: &dyn Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, (begin_ms, _)) in chart.spans.iter().enumerate() {
        if !known(index) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == index && chart.spans[index - 1].1 == *begin_ms => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// Where a point is drawn: in its middle.
pub(super) fn middle(frame: &Frame, index: usize) -> f64 {
    let (left, right) = frame.ends[index];
    (left + right) / 2.0
}

/// Of a run, the lowest and the highest point of every pixel.
pub(super) fn thin(frame: &Frame, run: Range<usize>, value: &dyn Fn(usize) -> f64) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut pixel = f64::NAN;
    let (mut low, mut high) = (run.start, run.start);
    for index in run {
        let own = middle(frame, index).floor();
        if own != pixel {
            keep(&mut kept, low, high, pixel);
            (pixel, low, high) = (own, index, index);
        }
        if value(index) < value(low) {
            low = index;
        }
        if value(index) > value(high) {
            high = index;
        }
    }
    keep(&mut kept, low, high, pixel);
    kept
}

fn keep(kept: &mut Vec<usize>, low: usize, high: usize, pixel: f64) {
    if !pixel.is_nan() {
        kept.push(low.min(high));
        if low != high {
            kept.push(low.max(high));
        }
    }
}

/// The kept points of a run with their places across: the first goes back to its begin, the last on to its end, so that
/// one alone is seen and a gap is as wide as it was.
pub(super) fn places(frame: &Frame, kept: &[usize]) -> Vec<(f64, usize)> {
    let mut places: Vec<(f64, usize)> = kept.iter().map(|index| (middle(frame, *index), *index)).collect();
    if let (Some(first), Some(last)) = (kept.first(), kept.last()) {
        places.insert(0, (frame.ends[*first].0, *first));
        places.push((frame.ends[*last].1, *last));
    }
    places
}
