//! A mean and how sure it is.

use super::{deviation, mean, student_t};

/// The share of intervals that contain the true value: what people expect where nothing is said.
pub const CONFIDENCE: f64 = 0.95;

/// A mean over seeds with its confidence interval, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval at [`CONFIDENCE`]; `None` from one value, which says nothing about its spread.
    pub half: Option<f64>,
    /// How many values it comes from.
    pub count: usize,
}

impl Interval {
    /// Of independent values; `None` of nothing.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let half = deviation(values).map(|deviation| {
            let t = student_t(0.5 + CONFIDENCE / 2.0, (count - 1) as f64);
            t * deviation / libm::sqrt(count as f64)
        });
        Some(Self { mean: mean(values)?, half, count })
    }

    /// Of the differences `ours − theirs`, pair by pair: both met the same traffic. `None` if there are none, or if the
    /// two are not equally many.
    #[must_use]
    pub fn of_differences(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        if ours.len() != theirs.len() {
            return None;
        }
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
        Self::of(&differences)
    }

    /// The interval does not contain 0: the difference is not just chance, by the interval's confidence.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.half.is_some_and(|half| self.mean.abs() > half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gosset's own example (The Probable Error of a Mean, 1908): sleep gained by ten patients under two drugs.
    #[test]
    fn gossets_patients_sleep_longer_under_the_second_drug() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let paired = Interval::of_differences(&second, &first).unwrap();
        assert!((paired.mean - 1.58).abs() < 1e-12, "{paired:?}");
        // As R prints it: t.test(extra ~ group, paired = TRUE) gives 0.7001142 to 2.4598858.
        assert!((paired.half.unwrap() - 0.879_885_8).abs() < 1e-6, "{paired:?}");
        assert!(paired.is_significant());
        assert!(!Interval::of(&first).unwrap().is_significant(), "alone, the first drug shows nothing");
    }

    #[test]
    fn one_seed_has_a_mean_and_no_interval() {
        let one = Interval::of(&[3.0]).unwrap();
        assert_eq!((one.mean, one.half, one.is_significant()), (3.0, None, false));
        assert_eq!((Interval::of(&[]), Interval::of_differences(&[1.0], &[])), (None, None));
    }
}
