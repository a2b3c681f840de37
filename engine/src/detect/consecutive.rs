//! Failures in a row. At failure rate p it takes (p^−k − 1) / (1 − p) results on average until k have failed in a row
//! (Feller 1968, XIII.7): 5 at p = 1, 62 at .5, 3,905 at .2. So it finds an endpoint that is dead, and no other.

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consecutive {
    failures: u32,
}

impl Consecutive {
    /// Takes in a result. Returns the number of failures in a row, this one included.
    pub fn observe(&mut self, failed: bool) -> u32 {
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
        self.failures
    }

    /// Failures in a row, now.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn five_in_a_row_take_as_long_as_the_formula_says() {
        for (rate, runs, want) in [(1.0, 10, 5.0), (0.5, 20_000, 62.0), (0.2, 2000, 3905.0)] {
            let mut rng = Rng::new(8);
            let mut results = 0_u64;
            for _ in 0..runs {
                let mut detector = Consecutive::default();
                results += 1;
                while detector.observe(rng.unit() < rate) < 5 {
                    results += 1;
                }
            }
            let got = results as f64 / f64::from(runs);
            // A run's length is about exponential, so its standard deviation is about its mean.
            let tolerance = if rate < 1.0 { 4.0 * want / libm::sqrt(f64::from(runs)) } else { 0.0 };
            assert!((got - want).abs() <= tolerance, "{got} for {want} ± {tolerance} at {rate}");
            let formula = if rate < 1.0 { (libm::pow(rate, -5.0) - 1.0) / (1.0 - rate) } else { 5.0 };
            assert!((formula - want).abs() < 1.5, "{formula}");
        }
    }

    #[test]
    fn a_success_begins_anew() {
        let mut detector = Consecutive::default();
        let counts = [true, true, false, true].map(|failed| detector.observe(failed));
        assert_eq!((counts, detector.failures()), ([1, 2, 0, 1], 1));
    }
}
