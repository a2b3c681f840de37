//! The last calls: a given number of them, or those of a given number of seconds. What leaves is subtracted from the
//! totals, so a call costs the same whatever the window's length. The semantics are those of resilience4j's sliding
//! windows.

use crate::time::Time;
use alloc::{collections::VecDeque, vec, vec::Vec};
use core::time::Duration;

/// A call that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// It failed.
    pub failed: bool,
    /// It was slow, whether it failed or not.
    pub slow: bool,
}

impl Call {
    /// A call that took a time; slow means strictly longer than `slow_above`.
    #[must_use]
    pub fn new(failed: bool, took: Duration, slow_above: Duration) -> Self {
        Self { failed, slow: took > slow_above }
    }
}

/// Calls in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were slow.
    pub slow: u32,
    /// Those that were slow and failed.
    pub slow_failures: u32,
}

impl Counts {
    fn of(call: Call) -> Self {
        Self {
            calls: 1,
            failures: u32::from(call.failed),
            slow: u32::from(call.slow),
            slow_failures: u32::from(call.failed && call.slow),
        }
    }

    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failures = self.failures.saturating_add(other.failures);
        self.slow = self.slow.saturating_add(other.slow);
        self.slow_failures = self.slow_failures.saturating_add(other.slow_failures);
    }

    fn subtract(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failures = self.failures.saturating_sub(other.failures);
        self.slow = self.slow.saturating_sub(other.slow);
        self.slow_failures = self.slow_failures.saturating_sub(other.slow_failures);
    }

    /// Share of the calls that failed, in percent; `None` without calls.
    #[must_use]
    pub fn failure_percent(&self) -> Option<f64> {
        self.percent(self.failures)
    }

    /// Share of the calls that were slow, in percent; `None` without calls.
    #[must_use]
    pub fn slow_percent(&self) -> Option<f64> {
        self.percent(self.slow)
    }

    fn percent(&self, count: u32) -> Option<f64> {
        (self.calls > 0).then(|| f64::from(count) * 100.0 / f64::from(self.calls))
    }
}

/// The last `size` calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountWindow {
    calls: VecDeque<Call>,
    size: usize,
    totals: Counts,
}

impl CountWindow {
    /// An empty window; a size of 0 counts as 1.
    #[must_use]
    pub fn new(size: u32) -> Self {
        Self { calls: VecDeque::new(), size: size.max(1) as usize, totals: Counts::default() }
    }

    /// Takes in a call.
    pub fn record(&mut self, call: Call) {
        if self.calls.len() >= self.size
            && let Some(oldest) = self.calls.pop_front()
        {
            self.totals.subtract(Counts::of(oldest));
        }
        self.calls.push_back(call);
        self.totals.add(Counts::of(call));
    }

    /// What is in the window.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.totals
    }

    /// Takes in calls whose order is not known; more than the window holds are as many as it holds.
    pub fn record_many(&mut self, counts: &Counts) {
        let size = self.size as u64;
        let calls = u64::from(counts.calls).max(1);
        let taken = calls.min(size);
        // So that any part of them has its share of failures and of slow ones.
        let spread = |count: u32, index: u64| {
            let upto = |index: u64| index.saturating_mul(u64::from(count)).checked_div(calls);
            upto(index.saturating_add(1)) > upto(index)
        };
        let first = calls.saturating_sub(taken);
        for index in (first..calls).filter(|_| counts.calls > 0) {
            self.record(Call { failed: spread(counts.failures, index), slow: spread(counts.slow, index) });
        }
    }
}

/// The calls of the last `seconds` seconds by the clock, the present one included: one bucket for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// The bucket of second s is at s modulo their number.
    buckets: Vec<Counts>,
    /// The second that the window ends with.
    second: u64,
    totals: Counts,
}

impl TimeWindow {
    /// An empty window; 0 seconds count as 1.
    #[must_use]
    pub fn new(seconds: u32) -> Self {
        Self { buckets: vec![Counts::default(); seconds.max(1) as usize], second: 0, totals: Counts::default() }
    }

    /// Takes in a call. A clock that was set back stands still for the window until it has caught up.
    pub fn record(&mut self, now: Time, call: Call) {
        self.record_many(now, &Counts::of(call));
    }

    /// Takes in several calls.
    pub fn record_many(&mut self, now: Time, counts: &Counts) {
        self.advance(now);
        if let Some(bucket) = Self::at(&mut self.buckets, self.second) {
            bucket.add(*counts);
            self.totals.add(*counts);
        }
    }

    /// What is in the window, now.
    pub fn counts(&mut self, now: Time) -> Counts {
        self.advance(now);
        self.totals
    }

    fn at(buckets: &mut [Counts], second: u64) -> Option<&mut Counts> {
        let index = second.checked_rem(buckets.len() as u64)?;
        buckets.get_mut(index as usize)
    }

    fn advance(&mut self, now: Time) {
        let second = now.as_millis() / 1000;
        let passed = second.saturating_sub(self.second).min(self.buckets.len() as u64);
        for step in 0..passed {
            if let Some(bucket) = Self::at(&mut self.buckets, second.saturating_sub(step)) {
                self.totals.subtract(core::mem::take(bucket));
            }
        }
        self.second = self.second.max(second);
    }
}

/// Which calls are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// The last so many.
    Calls(u32),
    /// Those of the last so many seconds.
    Seconds(u32),
}

/// A window of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Of calls.
    Count(CountWindow),
    /// Of seconds.
    Time(TimeWindow),
}

impl Window {
    /// An empty window.
    #[must_use]
    pub fn new(kind: WindowKind) -> Self {
        match kind {
            WindowKind::Calls(size) => Self::Count(CountWindow::new(size)),
            WindowKind::Seconds(seconds) => Self::Time(TimeWindow::new(seconds)),
        }
    }

    /// Takes in calls whose order is not known. Returns what is in the window.
    pub fn record_many(&mut self, now: Time, counts: &Counts) -> Counts {
        match self {
            Self::Count(window) => {
                window.record_many(counts);
                window.counts()
            }
            Self::Time(window) => {
                window.record_many(now, counts);
                window.counts(now)
            }
        }
    }

    /// Takes in a call. Returns what is in the window.
    pub fn record(&mut self, now: Time, call: Call) -> Counts {
        match self {
            Self::Count(window) => {
                window.record(call);
                window.counts()
            }
            Self::Time(window) => {
                window.record(now, call);
                window.counts(now)
            }
        }
    }
}

#[cfg(test)]
mod tests;
