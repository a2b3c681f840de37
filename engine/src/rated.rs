//! The window of an endpoint's rates, and what the whole pool did while it filled.
//!
//! What others did is asked of the same time, in steps of an eighth of the window: with their whole history, a shared outage
//! would be an endpoint's own fault.

use crate::detect::{Counts, Window, WindowKind};
use crate::time::Time;
use alloc::collections::VecDeque;
use core::time::Duration;
use plimsoll_snapshot::cell::Heard;

/// Steps in a window.
const STEPS: u32 = 8;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Rated {
    kind: WindowKind,
    window: Window,
    /// What is in the window.
    pub(crate) counts: Counts,
    /// The oldest first; it is as old as the window, if there is one that old.
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Time,
    pool: Heard,
    own: Heard,
}

/// As windows count.
pub(crate) fn counts(heard: &Heard) -> Counts {
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    Counts {
        calls: small(heard.calls),
        failures: small(heard.failures),
        slow: small(heard.slow.saturating_add(heard.slow_failures)),
        slow_failures: small(heard.slow_failures),
    }
}

impl Rated {
    pub(crate) fn new(kind: WindowKind) -> Self {
        Self { kind, window: Window::new(kind), counts: Counts::default(), marks: VecDeque::new() }
    }

    /// Takes in results. `pool` and `own` are all that was heard before them.
    pub(crate) fn record(&mut self, more: &Heard, pool: &Heard, own: &Heard, now: Time) {
        let calls_since = |mark: &Mark| own.calls.saturating_sub(mark.own.calls);
        let reached = |mark: &Mark, part: u32| match self.kind {
            WindowKind::Calls(size) => calls_since(mark).saturating_mul(u64::from(part)) >= u64::from(size),
            WindowKind::Seconds(seconds) => {
                now.since(mark.at).saturating_mul(part) >= Duration::from_secs(u64::from(seconds))
            }
        };
        // After an idle time the oldest mark would be as old as that.
        if matches!(self.kind, WindowKind::Seconds(_)) && self.marks.back().is_some_and(|last| reached(last, 1)) {
            self.marks.clear();
        }
        if self.marks.back().is_none_or(|last| reached(last, STEPS)) {
            self.marks.push_back(Mark { at: now, pool: *pool, own: *own });
        }
        while self.marks.get(1).is_some_and(|second| reached(second, 1)) {
            self.marks.pop_front();
        }
        self.counts = self.window.record_many(now, &counts(more));
    }

    /// What this endpoint and the others did while the window filled, or somewhat longer: news of other workers come in
    /// batches. `pool` and `own` are all that has been heard.
    pub(crate) fn compared(&self, pool: &Heard, own: &Heard) -> (Counts, Counts) {
        let Some(mark) = self.marks.front() else { return Default::default() };
        let own = own.since(&mark.own).unwrap_or_default();
        let others = pool.since(&mark.pool).and_then(|pool| pool.since(&own));
        (counts(&own), counts(&others.unwrap_or_default()))
    }
}
