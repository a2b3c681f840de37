//! How much the page may be trusted right now: live, stale, lost, or of another version.
//!
//! Times are the browser's monotonic milliseconds, handed in; the proxy's clock is only compared with itself.
//! One failed poll is not a lost connection: the verdict waits for a second one and for [`LOST_AFTER_MS`], so
//! a tab that slept is not called lost on waking.

use plimsoll_snapshot::{Snapshot, VERSION};

/// Polls must have failed this long before the connection counts as lost.
pub const LOST_AFTER_MS: u64 = 2_500;
/// A worker that has not published for this many ticks is stale (so the filter judges as well).
pub const STALE_TICKS: u64 = 10;
/// Answers that repeat the same snapshot for this many polls are stale.
pub const STALE_POLLS: u64 = 4;

/// The verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Freshness {
    /// No answer yet, and none overdue.
    Connecting,
    /// What the page shows is now.
    Live,
    /// The admin listener answers, but its numbers are old.
    Stale(Stale),
    /// Polls fail.
    Lost {
        /// Time since the last good answer; absent if there never was one.
        for_ms: Option<u64>,
        /// What the last poll ended with.
        error: String,
    },
    /// The proxy speaks another version of the JSON documents.
    Mismatch {
        /// The proxy's version.
        theirs: u32,
    },
}

/// What is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// No worker has published lately.
    Workers {
        /// Age of the newest worker's part, milliseconds.
        age_ms: u64,
        /// The age that was allowed, milliseconds.
        limit_ms: u64,
    },
    /// Every answer carries the same time.
    Frozen {
        /// For how long, milliseconds.
        for_ms: u64,
    },
}

impl Freshness {
    /// The word in `data-state` and for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Freshness::Connecting => "connecting",
            Freshness::Live => "live",
            Freshness::Stale(_) => "stale",
            Freshness::Lost { .. } => "lost",
            Freshness::Mismatch { .. } => "mismatch",
        }
    }

    /// The numbers on the page are not of now.
    pub fn is_old(&self) -> bool {
        !matches!(self, Freshness::Live | Freshness::Connecting)
    }
}

/// What the polls have brought so far.
#[derive(Clone, Debug, Default)]
pub struct Link {
    last_good_ms: Option<u64>,
    advanced: Option<(u64, u64)>,
    workers: Option<(u64, u64)>,
    failures: u32,
    error: String,
    theirs: Option<u32>,
}

impl Link {
    /// A snapshot of our version arrived.
    pub fn good(&mut self, snapshot: &Snapshot, now_ms: u64) {
        self.last_good_ms = Some(now_ms);
        self.failures = 0;
        self.theirs = None;
        if self.advanced.is_none_or(|(at_ms, _)| at_ms != snapshot.at_ms) {
            self.advanced = Some((snapshot.at_ms, now_ms));
        }
        let newest = snapshot.workers.iter().map(|worker| worker.age_ms).min();
        self.workers = newest.map(|age_ms| (age_ms, snapshot.tick_ms.max(1).saturating_mul(STALE_TICKS)));
    }

    /// A document of another version arrived.
    pub fn mismatched(&mut self, theirs: u32) {
        self.failures = 0;
        self.theirs = (theirs != VERSION).then_some(theirs);
    }

    /// A poll failed; `error` says how.
    pub fn bad(&mut self, error: String) {
        self.failures = self.failures.saturating_add(1);
        self.error = error;
    }

    /// The verdict at `now_ms`, while a poll is made every `poll_ms`.
    pub fn freshness(&self, now_ms: u64, poll_ms: u64) -> Freshness {
        let since_good = self.last_good_ms.map(|good| now_ms.saturating_sub(good));
        let overdue = since_good.is_none_or(|ms| self.failures > 1 && ms > LOST_AFTER_MS);
        if self.failures > 0 && overdue {
            return Freshness::Lost { for_ms: since_good, error: self.error.clone() };
        }
        if let Some(theirs) = self.theirs {
            return Freshness::Mismatch { theirs };
        }
        let Some((_, advanced_ms)) = self.advanced else { return Freshness::Connecting };
        if let Some((age_ms, limit_ms)) = self.workers.filter(|(age_ms, limit_ms)| age_ms > limit_ms) {
            return Freshness::Stale(Stale::Workers { age_ms, limit_ms });
        }
        // Judged at the last good answer: while a poll is under way nothing has frozen yet.
        let frozen_ms = self.last_good_ms.map_or(0, |good| good.saturating_sub(advanced_ms));
        if frozen_ms >= poll_ms.saturating_mul(STALE_POLLS) {
            return Freshness::Stale(Stale::Frozen { for_ms: now_ms.saturating_sub(advanced_ms) });
        }
        Freshness::Live
    }
}

#[cfg(test)]
mod tests;
