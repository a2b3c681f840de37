//! Ratios of measurements that were taken side by side. Absolute times move with whatever else the machine does; what
//! holds from run to run is the ratio of two variants that were measured in the same round, and its median.

/// A ratio over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Half of the rounds were below.
    pub median: f64,
    /// Lowest round.
    pub least: f64,
    /// Highest round.
    pub most: f64,
}

/// `of[i] / to[i]` for every round that both have; `None` if there is none.
#[must_use]
pub fn ratio(of: &[f64], to: &[f64]) -> Option<Ratio> {
    let ratios: Vec<f64> = of.iter().zip(to).map(|(of, to)| of / to).collect();
    let least = ratios.iter().copied().min_by(f64::total_cmp)?;
    let most = ratios.iter().copied().max_by(f64::total_cmp)?;
    Some(Ratio { median: median(&ratios)?, least, most })
}

/// The median; the mean of the middle two if their number is even, `None` if there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_does_not_move_the_ratio() {
        let (with, without) = ([11.0, 55.0, 11.0, 11.1], [10.0, 50.0, 10.0, 10.0]);
        let ratio = ratio(&with, &without).unwrap();
        assert!((ratio.median - 1.1).abs() < 1e-9 && (ratio.most - 1.11).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn nothing_measured_gives_no_figure() {
        assert_eq!((median(&[]), ratio(&[1.0], &[])), (None, None));
        assert_eq!((median(&[2.0, 1.0]), median(&[3.0, 1.0, 2.0])), (Some(1.5), Some(2.0)));
    }
}
