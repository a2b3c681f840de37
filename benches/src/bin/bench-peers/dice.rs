//! Chance as a pure function of what it decides on. All subjects so get the same arrivals, and the same work for the
//! same request, however they route it: a difference between two of them is theirs.

use std::time::Duration;

/// What a number is drawn for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Gap before a request.
    Arrival,
    /// Work of an attempt.
    Service,
    /// Whether an attempt fails.
    Failure,
}

/// A number in (0, 1] for one attempt of one request; same arguments, same number.
pub(crate) fn unit(seed: u64, request: u64, attempt: u32, purpose: Purpose) -> f64 {
    let place = request.wrapping_mul(64).wrapping_add(u64::from(attempt)).wrapping_mul(4).wrapping_add(purpose as u64);
    let bits = mix(mix(seed).wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// An exponential with this mean.
pub(crate) fn exponential(mean: f64, unit: f64) -> f64 {
    -mean * unit.ln()
}

/// When the requests of a Poisson process are due, from its start.
pub(crate) fn arrivals(seed: u64, rate: f64) -> impl Iterator<Item = (u64, Duration)> {
    let mut at = 0.0;
    (0..).map(move |request| {
        at += exponential(1.0 / rate, unit(seed, request, 0, Purpose::Arrival));
        (request, Duration::from_secs_f64(at))
    })
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_those_of_one_request_do_not_depend_on_each_other() {
        let count = 100_000;
        let draw = |purpose| (0..count).map(move |request| unit(7, request, 1, purpose));
        let mean = draw(Purpose::Service).sum::<f64>() / count as f64;
        // Standard error 0.0009.
        assert!((mean - 0.5).abs() < 0.005, "mean {mean}");
        let pairs = draw(Purpose::Service).zip(draw(Purpose::Failure));
        let covariance = pairs.map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / count as f64;
        assert!((covariance * 12.0).abs() < 0.016, "correlation {}", covariance * 12.0);
    }

    #[test]
    fn arrivals_are_poisson_at_the_rate() {
        let times: Vec<f64> = arrivals(3, 900.0).take(50_000).map(|(_, at)| at.as_secs_f64()).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Five standard errors of the mean; an exponential's deviation is its mean.
        assert!((mean * 900.0 - 1.0).abs() < 0.025, "mean gap {mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "coefficient of variation {}", variance.sqrt() / mean);
    }
}
