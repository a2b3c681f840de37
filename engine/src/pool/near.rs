//! How near an endpoint is to being ejected: what `judge` goes by, for people. Reading changes nothing.

use super::Pool;
use crate::config::RateConfig;
use crate::detect::{Counts, WindowKind};
use crate::detectors::Detectors;
use plimsoll_snapshot::view::{Evidence, Level, Window};

impl Pool {
    /// What detectors have against the endpoint at a position; nothing, if there is none.
    #[must_use]
    pub fn evidence_against(&self, position: u32) -> Evidence {
        let position = position as usize;
        let (Some(hot), Some(cold)) = (self.hot.get(position), self.cold.get(position)) else {
            return Evidence::default();
        };
        let detectors = &cold.detectors;
        let circuit = &self.config.circuit;
        let level = |observed: f32, threshold: f32| Level {
            observed: rounded(f64::from(observed)),
            threshold: rounded(f64::from(threshold)),
        };
        let slowness = self.slowness_threshold().filter(|_| detectors.usual.level().is_some());
        Evidence {
            consecutive: (circuit.consecutive_failures > 0)
                .then(|| Level { observed: f64::from(hot.failures_in_row), threshold: self.run_limit(hot, cold) }),
            failures: circuit.outliers.then(|| level(detectors.failing.sum(), self.levels.threshold)),
            slowness: slowness.filter(|_| circuit.outliers).map(|threshold| level(detectors.slowing.sum(), threshold)),
            window: circuit.rates.as_ref().map(|rates| window(rates, detectors)),
        }
    }
}

fn window(rates: &RateConfig, detectors: &Detectors) -> Window {
    let counts = detectors.rated.as_ref().map_or_else(Counts::default, |rated| rated.counts);
    let (size, seconds) = match rates.window {
        WindowKind::Calls(size) => (Some(size), None),
        WindowKind::Seconds(seconds) => (None, Some(seconds)),
    };
    Window {
        calls: counts.calls,
        size,
        seconds,
        minimum: rates.minimum(),
        failure_percent: counts.failure_percent().map(rounded),
        failure_threshold: rates.limits.failure_percent,
        slow_percent: counts.slow_percent().map(rounded),
        slow_threshold: rates.limits.slow_percent,
    }
}

/// To the thousandth: all digits of every endpoint would be half of a large snapshot. What is negative is nothing.
fn rounded(value: f64) -> f64 {
    f64::from((value * 1000.0 + 0.5) as u32) / 1000.0
}
