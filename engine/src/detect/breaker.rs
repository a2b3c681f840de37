//! A circuit that opens by rates, with resilience4j's semantics:
//!
//! ```text
//!            a rate reaches its limit, with ≥, after minimum_calls
//!   closed ────────────────────────────────────────────────────────▶ open
//!      ▲                                                             │  ▲
//!      │ half_open_permits calls are over,                           │  │ a rate of them
//!      │ all rates below                          strictly after     │  │ reaches its limit
//!      └──────────────────────── half open ◀──── open_for ───────────┘  │
//!                                    └──────────────────────────────────┘
//! ```
//!
//! Half open decides on min(minimum_calls, half_open_permits) calls. A call that is ignored gives its permit back. What
//! comes back while open is dropped.
//!
//! It lacks on purpose what belongs to the record that workers share (generations, jitter, back-off): it is the decision
//! alone.

use super::window::{Call, CountWindow, Counts, Window, WindowKind};
use crate::time::Time;
use core::time::Duration;

/// Rates that open a circuit, in percent, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of calls that failed.
    pub failure_percent: u32,
    /// Of calls that were slow.
    pub slow_percent: u32,
}

/// What rates say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough calls to tell.
    TooFew,
    /// All below.
    Below,
    /// One or both have reached their limit.
    Reached {
        /// That of failures.
        failures: bool,
        /// That of slow calls.
        slow: bool,
    },
}

impl Limits {
    /// Judges the calls of a window. Exact: counts are compared, not quotients.
    #[must_use]
    pub fn judge(&self, counts: &Counts, minimum_calls: u32) -> Verdict {
        if counts.calls < minimum_calls.max(1) {
            return Verdict::TooFew;
        }
        let reached = |count: u32, percent: u32| {
            u64::from(count).saturating_mul(100) >= u64::from(counts.calls).saturating_mul(u64::from(percent))
        };
        let (failures, slow) =
            (reached(counts.failures, self.failure_percent), reached(counts.slow, self.slow_percent));
        if failures || slow { Verdict::Reached { failures, slow } } else { Verdict::Below }
    }
}

/// When a circuit opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Rates that open it.
    pub limits: Limits,
    /// Calls before it may open. Of a window of fewer calls, all of them.
    pub minimum_calls: u32,
    /// Which calls are looked at.
    pub window: WindowKind,
    /// How long it stays open.
    pub open_for: Duration,
    /// Calls let through while half open.
    pub half_open_permits: u32,
}

/// State of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All calls pass.
    Closed,
    /// None does.
    Open,
    /// A few do, to see.
    HalfOpen,
}

/// A change of state and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The new state.
    pub to: BreakerState,
    /// The calls that decided.
    pub counts: Counts,
    /// What they said.
    pub verdict: Verdict,
}

#[derive(Clone, Debug)]
enum Inner {
    Closed(Window),
    Open { until: Time },
    HalfOpen { window: CountWindow, permits: u32 },
}

/// A circuit.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    inner: Inner,
    denied: u64,
}

impl Breaker {
    /// A closed circuit.
    #[must_use]
    pub fn new(config: BreakerConfig) -> Self {
        Self { inner: closed(&config), config, denied: 0 }
    }

    /// The state. An open circuit is half open only once a call has asked after its time.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.inner {
            Inner::Closed(_) => BreakerState::Closed,
            Inner::Open { .. } => BreakerState::Open,
            Inner::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Calls that were not let through.
    #[must_use]
    pub fn denied(&self) -> u64 {
        self.denied
    }

    /// A call asks whether it may pass. If so, [`Breaker::record`] or [`Breaker::ignore`] has to follow.
    pub fn permit(&mut self, now: Time) -> bool {
        if let Inner::Open { until } = self.inner
            && now > until
        {
            let permits = self.config.half_open_permits.max(1);
            self.inner = Inner::HalfOpen { window: CountWindow::new(permits), permits };
        }
        let passes = match &mut self.inner {
            Inner::Closed(_) => true,
            Inner::Open { .. } | Inner::HalfOpen { permits: 0, .. } => false,
            Inner::HalfOpen { permits, .. } => {
                *permits = permits.saturating_sub(1);
                true
            }
        };
        self.denied = self.denied.saturating_add(u64::from(!passes));
        passes
    }

    /// A call is over.
    pub fn record(&mut self, now: Time, call: Call) -> Option<Change> {
        let (counts, minimum) = match &mut self.inner {
            Inner::Open { .. } => return None,
            Inner::Closed(window) => {
                let minimum = match self.config.window {
                    WindowKind::Calls(size) => self.config.minimum_calls.min(size),
                    WindowKind::Seconds(_) => self.config.minimum_calls,
                };
                (window.record(now, call), minimum)
            }
            Inner::HalfOpen { window, .. } => {
                window.record(call);
                (window.counts(), self.config.minimum_calls.min(self.config.half_open_permits))
            }
        };
        let verdict = self.config.limits.judge(&counts, minimum);
        let to = match (verdict, self.state()) {
            (Verdict::Reached { .. }, _) => BreakerState::Open,
            (Verdict::Below, BreakerState::HalfOpen) => BreakerState::Closed,
            _ => return None,
        };
        self.inner = match to {
            BreakerState::Open => Inner::Open { until: now.after(self.config.open_for) },
            _ => closed(&self.config),
        };
        Some(Change { to, counts, verdict })
    }

    /// A call is over and says nothing: its permit may be used again.
    pub fn ignore(&mut self) {
        if let Inner::HalfOpen { permits, .. } = &mut self.inner {
            *permits = permits.saturating_add(1).min(self.config.half_open_permits.max(1));
        }
    }
}

fn closed(config: &BreakerConfig) -> Inner {
    Inner::Closed(Window::new(config.window))
}

#[cfg(test)]
mod tests;
