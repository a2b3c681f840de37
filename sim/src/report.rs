//! What a run measured.

use std::time::Duration;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Time from arrival to answer of every measured request, ascending.
    pub latencies: Vec<Duration>,
    /// Measured requests per upstream.
    pub served: Vec<u64>,
    /// Measured requests that the subject refused.
    pub refused: u64,
}

impl Report {
    /// Mean latency; zero without requests.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let sum: Duration = self.latencies.iter().sum();
        // More requests than u32 can count would not fit into memory.
        sum.checked_div(u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// The latency that the share `q` (0 to 1) of all requests does not exceed; zero without requests.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (q.clamp(0.0, 1.0) * self.latencies.len() as f64).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let latencies = (1..=100).map(Duration::from_millis).collect();
        let report = Report { latencies, ..Report::default() };
        let quantiles = [0.0, 0.5, 0.99, 0.991, 1.0].map(|q| report.quantile(q).as_millis());
        assert_eq!(quantiles, [1, 50, 99, 100, 100]);
        assert_eq!(report.mean(), Duration::from_micros(50_500));
        assert_eq!((Report::default().mean(), Report::default().quantile(0.5)), (Duration::ZERO, Duration::ZERO));
    }
}
