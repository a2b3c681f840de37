//! Draws from a [`Shape`].

use crate::dice::{exponential, normal};
use crate::scenario::Shape;
use plimsoll_engine::Rng;

/// A shape made ready to draw from: numbers with mean 1.
#[derive(Clone, Debug)]
pub(crate) enum Units {
    Fixed,
    Exponential,
    LogNormal { sigma: f64 },
    Bimodal { share: f64, short: f64, long: f64 },
    Values(Vec<f64>),
}

impl Units {
    pub(crate) fn new(shape: &Shape) -> Self {
        match shape {
            Shape::Fixed => Self::Fixed,
            Shape::Exponential => Self::Exponential,
            Shape::LogNormal { sigma } => Self::LogNormal { sigma: *sigma },
            Shape::Bimodal { share, factor } => {
                let short = 1.0 / (1.0 - share + share * factor);
                Self::Bimodal { share: *share, short, long: short * factor }
            }
            Shape::Empirical(values) => {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                Self::Values(values.iter().map(|value| value / mean).collect())
            }
        }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> f64 {
        match self {
            Self::Fixed => 1.0,
            Self::Exponential => exponential(rng),
            // The mean of e^(σz) is e^(σ²/2).
            Self::LogNormal { sigma } => libm::exp(sigma * normal(rng) - sigma * sigma / 2.0),
            Self::Bimodal { share, short, long } => {
                if rng.unit() < *share {
                    *long
                } else {
                    *short
                }
            }
            Self::Values(values) => values[rng.below(values.len() as u32) as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance over a million draws lie within five standard errors of what theory says; the error of the
    /// variance is √((μ4 − σ⁴) / n), with the fourth central moment μ4 from theory as well.
    fn check(shape: Shape, variance: f64, fourth: f64) {
        let units = Units::new(&shape);
        let mut rng = Rng::new(11);
        let n = 1_000_000;
        let draws: Vec<f64> = (0..n).map(|_| units.draw(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let seen = draws.iter().map(|x| (x - 1.0) * (x - 1.0)).sum::<f64>() / f64::from(n);
        let (of_mean, of_variance) = (variance / f64::from(n), (fourth - variance * variance).max(0.0) / f64::from(n));
        assert!((mean - 1.0).abs() <= 5.0 * of_mean.sqrt() + 1e-12, "{shape:?}: mean {mean}");
        assert!((seen - variance).abs() <= 5.0 * of_variance.sqrt() + 1e-9, "{shape:?}: {seen} for {variance}");
    }

    #[test]
    fn each_shape_has_mean_one_and_its_variance() {
        check(Shape::Fixed, 0.0, 0.0);
        check(Shape::Exponential, 1.0, 9.0);
        // w = e^σ²; variance w − 1, fourth central moment (w − 1)² (w⁴ + 2w³ + 3w² − 3).
        let w = (0.5_f64 * 0.5).exp();
        let fourth = (w - 1.0).powi(2) * (w.powi(4) + 2.0 * w.powi(3) + 3.0 * w * w - 3.0);
        check(Shape::LogNormal { sigma: 0.5 }, w - 1.0, fourth);
        let (short, long) = (1.0 / 1.9, 10.0 / 1.9);
        let moment = |power| 0.9 * (short - 1.0_f64).powi(power) + 0.1 * (long - 1.0_f64).powi(power);
        check(Shape::Bimodal { share: 0.1, factor: 10.0 }, moment(2), moment(4));
        let values = vec![1.0, 2.0, 9.0];
        let moment = |power| values.iter().map(|x| (x / 4.0 - 1.0_f64).powi(power)).sum::<f64>() / 3.0;
        check(Shape::Empirical(values.clone()), moment(2), moment(4));
    }
}
