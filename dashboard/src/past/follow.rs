//! How far one kind of question has been answered, and what to ask next.
//!
//! ```text
//!        floor            from                     newest      now
//!  ────────┼───────────────┼═════════════════════════┼──────────┼──▶ time
//!          ◀── until=from ─┘        have these       └─ since ──▶
//! ```
//! An answer ends early where it has no room for more; what is before it is asked for until there is nothing, or what
//! was had already (the floor: a page that slept has a hole to fill), or the ring's end.

use super::ring::{Measure, RINGS};

/// A point is made up to a tick after its time is over; asking earlier finds nothing.
const SLACK_MS: u64 = 100;

/// The state of one resolution's questions. Times are Unix milliseconds of the proxy; 0: none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Follow {
    /// When the last answer was put together.
    asked_ms: u64,
    /// Begin of the last point.
    newest_ms: u64,
    /// Everything from here on was told.
    from_ms: u64,
    /// Begin of a point from which on nothing is missing before `from_ms`.
    floor_ms: u64,
    /// There is nothing before `from_ms`.
    done: bool,
}

impl Follow {
    /// Takes note of an answer that was put together at the second of `times` and is complete from the first on.
    pub(super) fn answered(&mut self, ring: usize, (from_ms, at_ms): (u64, u64), last_ms: Option<u64>) {
        let period_ms = RINGS[ring].period_ms;
        let last_ms = last_ms.unwrap_or(0);
        if self.newest_ms == 0 {
            *self = Follow { newest_ms: last_ms, from_ms, done: last_ms == 0, ..*self };
        } else if last_ms > self.newest_ms {
            if from_ms > self.newest_ms + period_ms {
                // Too much was missed for one answer. What was not complete before is asked for again.
                self.floor_ms = if self.wants_earlier(ring, at_ms) { self.floor_ms } else { self.newest_ms };
                self.from_ms = from_ms;
                self.done = false;
            }
            self.newest_ms = last_ms;
        } else if from_ms < self.from_ms {
            self.from_ms = from_ms;
            self.done = last_ms == 0;
        }
        self.asked_ms = self.asked_ms.max(at_ms);
    }

    fn wants_earlier(&self, ring: usize, now_ms: u64) -> bool {
        let Measure { period_ms, length, .. } = RINGS[ring];
        let kept_ms = now_ms.saturating_sub(length * period_ms);
        self.newest_ms > 0 && !self.done && self.from_ms > kept_ms.max(self.floor_ms + period_ms)
    }

    fn is_due(&self, ring: usize, now_ms: u64) -> bool {
        let period_ms = RINGS[ring].period_ms;
        let next_ms = self.newest_ms + 2 * period_ms + SLACK_MS;
        // Where points are late, or there are none yet.
        let again_ms = self.asked_ms + if ring == 0 { 500 } else { 5_000 };
        now_ms >= next_ms.max(again_ms)
    }
}

/// Ring, and `since` and `until`, of the next question.
pub(super) fn next(follows: &[Follow; 2], now_ms: u64) -> Option<(usize, [Option<u64>; 2])> {
    let some = |ms: u64| (ms > 0).then_some(ms);
    let unasked = (0..2).find(|ring| follows[*ring].asked_ms == 0);
    let due = || (0..2).find(|ring| follows[*ring].is_due(*ring, now_ms));
    if let Some(ring) = unasked.or_else(due) {
        return Some((ring, [some(follows[ring].newest_ms), None]));
    }
    let ring = (0..2).find(|ring| follows[*ring].wants_earlier(*ring, now_ms))?;
    Some((ring, [some(follows[ring].floor_ms), Some(follows[ring].from_ms)]))
}

/// Whether what is kept has not been asked for in full.
pub(super) fn incomplete(follows: &[Follow; 2], now_ms: u64) -> bool {
    (0..2).any(|ring| follows[ring].asked_ms == 0 || follows[ring].wants_earlier(ring, now_ms))
}
