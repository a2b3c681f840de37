//! When requests of an open loop come. Rates that change with time are drawn by thinning (Lewis and Shedler 1979): at
//! the highest rate, each kept with the share that the present rate is of it.

use crate::dice::exponential;
use crate::scenario::Traffic;
use plimsoll_engine::Rng;
use std::time::Duration;

/// A sequence of arrivals. Times are nanoseconds from the start; rates are per nanosecond.
#[derive(Debug)]
pub(crate) struct Arrivals {
    rng: Rng,
    at: f64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Poisson { rate: f64 },
    Bursts { rates: [f64; 2], means: [f64; 2], phase: usize, until: f64 },
    Batches { rate: f64, size: u32, left: u32 },
    Wave { mean: f64, swing: f64, period: f64 },
    Ramp { points: Vec<(f64, f64)>, peak: f64 },
    Recorded { times: Vec<Duration>, next: usize },
    Nothing,
}

impl Arrivals {
    /// The sequence for this traffic; an empty one for a closed loop.
    pub(crate) fn new(traffic: &Traffic, mut rng: Rng) -> Self {
        let nanos = |duration: &Duration| duration.as_nanos() as f64;
        let source = match traffic {
            Traffic::Poisson { rate } => Source::Poisson { rate: rate / 1e9 },
            Traffic::Bursts { low, high, low_for, high_for } => {
                let means = [nanos(low_for), nanos(high_for)];
                Source::Bursts {
                    rates: [low / 1e9, high / 1e9],
                    means,
                    phase: 0,
                    until: means[0] * exponential(&mut rng),
                }
            }
            Traffic::Batches { rate, size } => {
                Source::Batches { rate: rate / f64::from((*size).max(1)) / 1e9, size: (*size).max(1), left: 0 }
            }
            Traffic::Wave { mean, swing, period } => {
                Source::Wave { mean: mean / 1e9, swing: *swing, period: nanos(period) }
            }
            Traffic::Ramp(points) => {
                let points: Vec<(f64, f64)> = points.iter().map(|(at, rate)| (nanos(at), rate / 1e9)).collect();
                let peak = points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
                Source::Ramp { points, peak }
            }
            Traffic::Recorded(times) => Source::Recorded { times: times.clone(), next: 0 },
            Traffic::Closed { .. } => Source::Nothing,
        };
        Self { rng, at: 0.0, source }
    }

    /// The time of the next one; `None` when there will be no more.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let Self { rng, at, source } = self;
        match source {
            Source::Poisson { rate } => *at += exponential(rng) / *rate,
            Source::Batches { rate, size, left } => {
                if *left == 0 {
                    *at += exponential(rng) / *rate;
                    *left = *size;
                }
                *left -= 1;
            }
            Source::Bursts { rates, means, phase, until } => loop {
                // Without a memory: what is drawn beyond the change of rate is drawn again from there.
                let next = *at + exponential(rng) / rates[*phase];
                if next < *until {
                    *at = next;
                    break;
                }
                *at = *until;
                *phase = 1 - *phase;
                *until += means[*phase] * exponential(rng);
            },
            Source::Wave { mean, swing, period } => loop {
                let peak = *mean * (1.0 + *swing);
                *at += exponential(rng) / peak;
                let rate = *mean * (1.0 + *swing * libm::sin(2.0 * std::f64::consts::PI * *at / *period));
                if rng.unit() * peak < rate {
                    break;
                }
            },
            Source::Ramp { points, peak } => loop {
                let (end, last) = *points.last()?;
                if *peak <= 0.0 || (*at >= end && last <= 0.0) {
                    return None;
                }
                *at += exponential(rng) / *peak;
                if rng.unit() * *peak < rate_at(points, *at) {
                    break;
                }
            },
            Source::Recorded { times, next } => {
                let time = times.get(*next)?.as_nanos();
                *next += 1;
                return u64::try_from(time).ok();
            }
            Source::Nothing => return None,
        }
        Some(*at as u64)
    }
}

fn rate_at(points: &[(f64, f64)], at: f64) -> f64 {
    let after = points.partition_point(|(time, _)| *time <= at);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (Some((from, low)), Some((to, high))) => low + (high - low) * (at - from) / (to - from),
        (Some((_, rate)), None) | (None, Some((_, rate))) => *rate,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(traffic: &Traffic, until: f64) -> Vec<f64> {
        let mut arrivals = Arrivals::new(traffic, Rng::new(9));
        std::iter::from_fn(|| arrivals.next()).map(|at| at as f64 / 1e9).take_while(|at| *at < until).collect()
    }

    fn count(times: &[f64], from: f64, to: f64) -> f64 {
        times.iter().filter(|at| (from..to).contains(*at)).count() as f64
    }

    /// Within five standard deviations of a Poisson number.
    fn check(seen: f64, want: f64) {
        assert!((seen - want).abs() < 5.0 * want.sqrt(), "{seen} for {want}");
    }

    #[test]
    fn poisson_arrivals_have_their_rate_and_independent_gaps() {
        let times = seconds(&Traffic::Poisson { rate: 1000.0 }, 100.0);
        check(times.len() as f64, 100_000.0);
        // The counts of 1000 equal parts have their mean as variance: 1 ± √(2 / 1000).
        let counts: Vec<f64> = (0..1000).map(|i| count(&times, f64::from(i) / 10.0, f64::from(i + 1) / 10.0)).collect();
        let mean = counts.iter().sum::<f64>() / 1000.0;
        let dispersion = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 1000.0 / mean;
        assert!((dispersion - 1.0).abs() < 5.0 * (2.0_f64 / 1000.0).sqrt(), "{dispersion}");
    }

    #[test]
    fn batches_come_together_at_the_same_rate() {
        let times = seconds(&Traffic::Batches { rate: 1000.0, size: 10 }, 100.0);
        assert!(times.chunks_exact(10).all(|batch| batch.iter().all(|at| *at == batch[0])));
        check(times.len() as f64 / 10.0, 10_000.0);
    }

    #[test]
    fn waves_rise_and_fall() {
        let traffic = Traffic::Wave { mean: 1000.0, swing: 0.5, period: Duration::from_secs(100) };
        let times = seconds(&traffic, 100.0);
        // Over the first half the mean of the sine is 2/π.
        check(count(&times, 0.0, 50.0), 50_000.0 * (1.0 + 0.5 * 2.0 / std::f64::consts::PI));
        check(count(&times, 50.0, 100.0), 50_000.0 * (1.0 - 0.5 * 2.0 / std::f64::consts::PI));
    }

    #[test]
    fn ramps_are_linear_and_end_with_the_rate() {
        let points = [(0, 0.0), (50, 1000.0), (100, 0.0)].map(|(at, rate)| (Duration::from_secs(at), rate)).to_vec();
        let times = seconds(&Traffic::Ramp(points), f64::INFINITY);
        check(times.len() as f64, 50_000.0);
        check(count(&times, 0.0, 25.0), 6_250.0);
        check(count(&times, 25.0, 75.0), 37_500.0);
        assert!(times.iter().all(|at| *at < 101.0));
    }

    /// Half of the time at 200, half at 1800: the mean is 1000, and the counts vary far more than Poisson.
    #[test]
    fn bursts_switch_between_two_rates() {
        let half = Duration::from_secs(1);
        let times = seconds(&Traffic::Bursts { low: 200.0, high: 1800.0, low_for: half, high_for: half }, 1000.0);
        // The share of bursts in 1000 s of exponential phases has a standard deviation of √(0.5 · 0.5 / 1000) = 0.016.
        assert!((times.len() as f64 / 1e6 - 1.0).abs() < 5.0 * 0.016 * 1.6, "{}", times.len());
        let counts: Vec<f64> = (0..1000).map(|i| count(&times, f64::from(i), f64::from(i + 1))).collect();
        let mean = counts.iter().sum::<f64>() / 1000.0;
        assert!(counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 1000.0 / mean > 100.0);
    }

    #[test]
    fn recorded_arrivals_are_played_and_a_closed_loop_has_none() {
        let times = vec![Duration::from_millis(1), Duration::from_millis(1), Duration::from_secs(3)];
        assert_eq!(seconds(&Traffic::Recorded(times), 10.0), [0.001, 0.001, 3.0]);
        let closed =
            Traffic::Closed { clients: 3, think: Duration::from_secs(1), shape: crate::scenario::Shape::Exponential };
        assert!(seconds(&closed, 10.0).is_empty());
    }
}
