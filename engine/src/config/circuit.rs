//! When circuits open and close.

use crate::detect::{Counts, Limits, Verdict, WindowKind};
use core::time::Duration;

/// When a circuit opens and closes.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitConfig {
    /// Failures in a row that open it; 0 for off. Default 5, as in Envoy: with 1 % of errors, five in a row come by
    /// chance once in 10^10 requests.
    pub consecutive_failures: u32,
    /// Rates over a window that open it. Default none: `outliers` find the same sooner, with a stated rate of false alarms.
    pub rates: Option<RateConfig>,
    /// An endpoint that fails or is slow more often than the others, or does not answer at all, opens it. Default true.
    pub outliers: bool,
    /// Alarms of `consecutive_failures` and `rates` count only if they stand out from what the pool's other endpoints do in
    /// the same time. Default true: what all do alike is not the endpoint's fault, and without it a shared outage ejects
    /// as many as may be.
    pub relative: bool,
    /// What an alarm does.
    pub mode: CircuitMode,
    /// How long it stays open the first time. Default 10 s.
    pub open_for: Duration,
    /// Longest time that back-off may reach. Default 300 s, as in Envoy.
    pub open_for_max: Duration,
    /// Factor by which each further opening lasts longer, at least 1. Default 1.5.
    pub backoff: f64,
    /// Probes that all have to pass before it closes, at least 1. Default 3.
    pub half_open_permits: u32,
    /// How long permits stay valid. Default 5 s: longer than most requests, short enough to try again soon when the
    /// worker that holds a permit has no traffic.
    pub half_open_max: Duration,
}

/// Rates over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateConfig {
    /// Shares that open it, with ≥.
    pub limits: Limits,
    /// A call is slow if it takes longer than this; `None`: by the pool's own limit, 2.5 times its middle. A pool has one
    /// limit, for its own circuit and those of its endpoints: if both have one, that of the endpoints counts.
    pub slow_above: Option<Duration>,
    /// Calls in the window before it may open, at least 1. Of a window of fewer calls, all of them.
    pub minimum_calls: u32,
    /// Which calls are looked at: of all workers together, as far as the others have told.
    pub window: WindowKind,
}

impl RateConfig {
    /// What a window's calls say.
    #[must_use]
    pub fn judge(&self, counts: &Counts) -> Verdict {
        self.limits.judge(counts, self.minimum())
    }

    /// Calls before a window says anything.
    #[must_use]
    pub fn minimum(&self) -> u32 {
        match self.window {
            WindowKind::Calls(size) => self.minimum_calls.min(size),
            WindowKind::Seconds(_) => self.minimum_calls,
        }
    }
}

impl Default for RateConfig {
    /// resilience4j's: 50 % failures, all slow, 10 calls at least, of the last 100.
    fn default() -> Self {
        Self {
            limits: Limits { failure_percent: 50, slow_percent: 100 },
            slow_above: None,
            minimum_calls: 10,
            window: WindowKind::Calls(100),
        }
    }
}

/// What an alarm does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CircuitMode {
    /// The circuit opens.
    #[default]
    Enforce,
    /// It is told, as a transition from closed to closed, at most once in `open_for` for each endpoint.
    MetricsOnly,
}

/// Whether a circuit is the detectors' or the operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forced {
    /// Detectors open it, probes close it.
    #[default]
    Auto,
    /// Refuses, whatever happens.
    Open,
    /// Passes, whatever happens.
    Disabled,
}

/// The circuit of a whole pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolCircuitConfig {
    /// When it opens and closes. Of the detectors only `rates` apply, absolutely: there is nobody to compare with.
    pub circuit: CircuitConfig,
    /// What becomes of requests meanwhile.
    pub when_open: WhenOpen,
}

impl Default for PoolCircuitConfig {
    /// Half of 100 attempts or more within 10 s failed; 5 s out, 10 probes. More calls and probes than for an endpoint,
    /// because they are those of all endpoints, and a shorter time, because nobody else serves meanwhile.
    fn default() -> Self {
        let rates = RateConfig { minimum_calls: 100, window: WindowKind::Seconds(10), ..RateConfig::default() };
        let circuit = CircuitConfig {
            rates: Some(rates),
            open_for: Duration::from_secs(5),
            open_for_max: Duration::from_secs(60),
            half_open_permits: 10,
            ..CircuitConfig::default()
        };
        Self { circuit, when_open: WhenOpen::default() }
    }
}

/// What becomes of requests while a pool's circuit is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenOpen {
    /// They are refused at once.
    #[default]
    Refuse,
    /// They go on as if nothing was: the circuit is only told.
    Pass,
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            rates: None,
            outliers: true,
            relative: true,
            mode: CircuitMode::default(),
            open_for: Duration::from_secs(10),
            open_for_max: Duration::from_secs(300),
            backoff: 1.5,
            half_open_permits: 3,
            half_open_max: Duration::from_secs(5),
        }
    }
}

impl CircuitConfig {
    /// How long the circuit stays open at a back-off step (1 is the first), without jitter.
    #[must_use]
    pub fn open_time(&self, openings: u32) -> Duration {
        let max = self.open_for_max.max(self.open_for);
        let (mut seconds, most) = (self.open_for.as_secs_f64(), max.as_secs_f64());
        // One by one: a general power is 2 KiB of code.
        for _ in 1..openings.min(1000) {
            seconds *= self.backoff;
            if seconds >= most {
                return max;
            }
        }
        if seconds < most { Duration::from_secs_f64(seconds) } else { max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_out_grows_by_the_factor_up_to_its_limit() {
        let config = CircuitConfig::default();
        let seconds = |openings| config.open_time(openings).as_secs_f64();
        assert_eq!((seconds(1), seconds(2), seconds(3)), (10.0, 15.0, 22.5));
        assert_eq!((seconds(50), seconds(u32::MAX)), (300.0, 300.0));
    }
}
