//! Peak-sensitive latency average, as in Finagle's `Peak EWMA` and tower's: a slower answer counts at once and in
//! full, faster ones wear the value down over `TAU`. Reading decays towards zero without changing state, so an
//! endpoint that was avoided long enough is tried again.
//!
//! A failure counts as `PENALTY_US`, not as its latency: otherwise the endpoint that fails fastest looks best and draws
//! all traffic. The first success afterwards clears the penalty.

use crate::time::{Time, micros};
use core::time::Duration;

/// Time constant of the decay. Finagle's value.
const TAU: Duration = Duration::from_secs(10);
/// What a failure counts as, at least. linkerd's value.
const PENALTY_US: f32 = 5_000_000.0;
/// An answer's part in a plain mean, at least: at high rates the decay alone would give it none, and the mean would need
/// seconds to follow.
const LEAST_PART: f32 = 0.05;
/// Nothing counts more than this.
const CEILING_US: f32 = 300_000_000.0;

/// The average of one endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeakEwma {
    /// Microseconds as of `at`; `None` before the first answer.
    value: Option<f32>,
    penalised: bool,
    at: Time,
}

impl PeakEwma {
    /// Records a success.
    pub(crate) fn record(&mut self, now: Time, latency: Duration) {
        let latency = (micros(latency) as f32).min(CEILING_US);
        self.value = Some(match self.value {
            Some(value) if !self.penalised && value > latency => {
                let keep = decay(now.since(self.at), TAU);
                value * keep + latency * (1.0 - keep)
            }
            _ => latency,
        });
        self.penalised = false;
        self.at = now;
    }

    /// Records a success into a plain mean: a slower answer has no more weight than a faster one. Each answer counts for a
    /// part of at least [`LEAST_PART`].
    pub(crate) fn record_mean(&mut self, now: Time, latency: Duration) {
        let latency = (micros(latency) as f32).min(CEILING_US);
        self.value = Some(match self.value {
            Some(value) if !self.penalised => {
                let keep = decay(now.since(self.at), TAU).min(1.0 - LEAST_PART);
                value * keep + latency * (1.0 - keep)
            }
            _ => latency,
        });
        self.penalised = false;
        self.at = now;
    }

    /// Begins at this value, in microseconds, as if nothing had been before.
    pub(crate) fn restart(&mut self, now: Time, value: f32) {
        *self = Self { value: Some(value), penalised: false, at: now };
    }

    /// The last attempt failed.
    pub(crate) fn is_penalised(&self) -> bool {
        self.penalised
    }

    /// Records a failure.
    pub(crate) fn penalise(&mut self, now: Time) {
        self.value = Some(self.read(now).unwrap_or(0.0).clamp(PENALTY_US, CEILING_US));
        self.penalised = true;
        self.at = now;
    }

    /// Microseconds, decayed to now; `None` before the first answer.
    pub(crate) fn read(&self, now: Time) -> Option<f32> {
        self.read_fading(now, TAU)
    }

    /// The same with another time constant for what fades while nothing comes in.
    pub(crate) fn read_fading(&self, now: Time, constant: Duration) -> Option<f32> {
        self.value.map(|value| value * decay(now.since(self.at), constant))
    }

    /// The clock was set back.
    pub(crate) fn set_back(&mut self, now: Time) {
        self.at = self.at.min(now);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// e^(−elapsed/constant).
pub(crate) fn decay(elapsed: Duration, constant: Duration) -> f32 {
    libm::expf(-elapsed.as_secs_f32() / constant.as_secs_f32().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis((1000 + seconds) * 1000)
    }

    fn read(ewma: &PeakEwma, seconds: u64) -> f32 {
        ewma.read(at(seconds)).unwrap()
    }

    #[test]
    fn a_peak_counts_at_once_and_wears_off_by_the_formula() {
        let mut ewma = PeakEwma::default();
        assert_eq!(ewma.read(at(0)), None);
        ewma.record(at(0), Duration::from_millis(10));
        ewma.record(at(0), Duration::from_millis(100));
        assert_eq!(read(&ewma, 0), 100_000.0);
        ewma.record(at(10), Duration::from_millis(10));
        let e = core::f32::consts::E;
        let want = 100_000.0 / e + 10_000.0 * (1.0 - 1.0 / e);
        assert!((read(&ewma, 10) - want).abs() < 1.0);
    }

    #[test]
    fn a_mean_follows_slower_and_faster_answers_alike() {
        let mut ewma = PeakEwma::default();
        for latency in [100, 200, 100] {
            ewma.record_mean(at(0), Duration::from_millis(latency));
        }
        assert!((read(&ewma, 0) - 104_750.0).abs() < 1.0, "{}", read(&ewma, 0));
        ewma.record_mean(at(10), Duration::from_millis(10));
        let e = core::f32::consts::E;
        let want = 104_750.0 / e + 10_000.0 * (1.0 - 1.0 / e);
        assert!((read(&ewma, 10) - want).abs() < 1.0);
    }

    #[test]
    fn reading_decays_and_changes_nothing() {
        let mut ewma = PeakEwma::default();
        ewma.record(at(0), Duration::from_millis(100));
        assert!((read(&ewma, 10) - 100_000.0 / core::f32::consts::E).abs() < 1.0);
        assert_eq!(read(&ewma, 0), 100_000.0);
        assert_eq!(ewma.read(Time::default()), Some(100_000.0), "a clock that steps back does not make it grow");
    }

    #[test]
    fn a_fast_failure_is_worse_than_any_usual_latency_until_the_next_success() {
        let mut ewma = PeakEwma::default();
        ewma.record(at(0), Duration::from_millis(1));
        ewma.penalise(at(0));
        assert_eq!(read(&ewma, 0), 5_000_000.0);
        ewma.record(at(1), Duration::from_millis(3));
        assert_eq!(read(&ewma, 1), 3000.0);
    }
}
