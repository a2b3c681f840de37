//! From runs to statements: what several seeds say together, with the uncertainty that is left.
//!
//! A run under one seed is one sample, not one per request: requests that queue behind each other are anything but
//! independent. So every figure is computed once per seed, and the seeds' figures give mean and confidence interval by
//! Student's t. Two subjects under the same seeds meet the same traffic: their difference is taken seed by seed, which
//! cancels most of the noise.

mod comparison;
mod interval;
mod json;
mod metric;
mod student;
mod table;

pub use comparison::{Column, Comparison};
pub use interval::{CONFIDENCE, Interval};
pub use json::report_json;
pub use metric::{METRICS, Metric};
pub use student::{student_t, student_t_cdf};
pub use table::{Align, Table};

/// The arithmetic mean; `None` of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample's standard deviation (with n − 1); `None` below two values.
#[must_use]
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some(libm::sqrt(squares / (values.len() - 1) as f64))
}

/// The least value that the share `q` (0 to 1) of all values does not exceed (nearest rank); `None` of nothing.
/// `ascending` is sorted.
#[must_use]
pub fn quantile<T: Copy>(ascending: &[T], q: f64) -> Option<T> {
    let rank = libm::ceil(q.clamp(0.0, 1.0) * ascending.len() as f64) as usize;
    ascending.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_of_known_values() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        let got = deviation(&values).unwrap();
        assert!((got - 2.138_089_935).abs() < 1e-9, "{got}");
        assert_eq!((mean(&[]), deviation(&[1.0]), deviation(&[3.0, 3.0])), (None, None, Some(0.0)));
    }

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let values: Vec<u32> = (1..=100).collect();
        let got = [0.0, 0.5, 0.99, 0.991, 1.0, 2.0].map(|q| quantile(&values, q).unwrap());
        assert_eq!(got, [1, 50, 99, 100, 100, 100]);
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
