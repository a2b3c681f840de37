//! A stretch of a pool's past, read out: points at the finer resolution where it is there, and columns by point.

use super::ring::{Column, PoolPast, RINGS, Row};

/// One point and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Begin, Unix milliseconds.
    pub begin_ms: u64,
    /// End: that of its time, or earlier where finer points go on.
    pub end_ms: u64,
    ring: usize,
    slot: usize,
}

/// What is known of a pool in a stretch of time. Costs no copies until a column is read.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    past: &'a PoolPast,
    /// Oldest first. Where one does not begin at the end of the one before, nothing was recorded.
    pub points: Vec<Point>,
}

/// How much of what a half minute has recorded lies before its seconds, which go from one time to another. A proxy that has
/// started in its midst has recorded hardly more than those tell.
fn before_seconds_ms(past: &PoolPast, slot: usize, from_ms: u64, to_ms: u64) -> u64 {
    let span_ms = |ring, slot| past.pool.value(ring, Column::Span, slot);
    let seconds = past.points(0, from_ms, to_ms).map(|(_, slot)| span_ms(0, slot));
    let seconds_ms: f32 = seconds.filter(|span_ms| span_ms.is_finite()).sum();
    (span_ms(1, slot) - seconds_ms) as u64
}

impl<'a> Table<'a> {
    pub(super) fn new(past: &'a PoolPast, from_ms: u64, to_ms: u64) -> Table<'a> {
        let [seconds, halves] = RINGS.map(|ring| ring.period_ms);
        // A point that has begun before is in it with its end.
        let begin_ms = from_ms.saturating_sub(halves - 1);
        let first_ms = past.points(0, 0, u64::MAX).next().map_or(u64::MAX, |(number, _)| number * seconds);
        let last_ms = past.points(1, 0, u64::MAX).last().map(|(number, _)| (number + 1) * halves);
        // Seconds for a short stretch, as far as they go; a long one needs them only where the last half minute is not
        // over yet.
        let fine = to_ms.saturating_sub(from_ms) <= RINGS[0].length * seconds;
        let change_ms = first_ms.max(if fine { 0 } else { last_ms.unwrap_or(0) });
        let mut points = Vec::new();
        for (ring, period_ms, begin_ms, end_ms) in [
            (1, halves, begin_ms, change_ms.min(to_ms)),
            (0, seconds, from_ms.saturating_sub(seconds - 1).max(change_ms), to_ms),
        ] {
            for (number, slot) in past.points(ring, begin_ms, end_ms) {
                let mut begin_ms = number * period_ms;
                let whole_ms = begin_ms + period_ms;
                let end_ms = whole_ms.min(if ring == 1 { change_ms } else { u64::MAX });
                if end_ms < whole_ms {
                    // To a tick more or less, as long as spans are.
                    let left_ms = before_seconds_ms(past, slot, change_ms, whole_ms) + seconds / 2;
                    begin_ms = begin_ms.max(end_ms.saturating_sub(left_ms) / seconds * seconds + seconds);
                    if begin_ms >= end_ms {
                        continue;
                    }
                }
                points.push(Point { begin_ms, end_ms, ring, slot });
            }
        }
        Table { past, points }
    }

    /// The pool's own row.
    pub fn pool(&self) -> &'a Row {
        &self.past.pool
    }

    /// The endpoints' rows, those that have left included.
    pub fn endpoints(&self) -> &'a [Row] {
        &self.past.endpoints
    }

    /// Failures by kind, if the proxy tells them.
    pub fn kinds(&self) -> &'a [Row] {
        &self.past.kinds
    }

    /// A column of a row, a value per point; not a number where none is known.
    pub fn column(&self, row: &Row, column: Column) -> Vec<f32> {
        self.points.iter().map(|point| row.value(point.ring, column, point.slot)).collect()
    }

    /// A count as a rate per second.
    pub fn rate(&self, row: &Row, column: Column) -> Vec<f32> {
        let mut rates = self.column(row, column);
        for (rate, point) in rates.iter_mut().zip(&self.points) {
            let span_ms = self.past.pool.value(point.ring, Column::Span, point.slot);
            *rate = if span_ms > 0.0 { *rate * 1000.0 / span_ms } else { f32::NAN };
        }
        rates
    }
}
