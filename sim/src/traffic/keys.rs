//! Draws keys. Zipf's law by rejection from the inverse of an integral (Hörmann and Derflinger 1996): exact for any
//! number of keys and any exponent, 1 included, in constant time and without tables.

use crate::scenario;
use plimsoll_engine::Rng;

/// Keys made ready to draw from.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Uniform { count: u64 },
    Zipf(Zipf),
}

#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    count: f64,
    exponent: f64,
    /// Integral of the hat up to the first key, and up to the last.
    low: f64,
    high: f64,
    /// Within this distance from its key a draw is taken at once.
    near: f64,
}

impl Keys {
    pub(crate) fn new(keys: &scenario::Keys) -> Self {
        match *keys {
            scenario::Keys::Uniform { count } => Self::Uniform { count: count.max(1) },
            scenario::Keys::Zipf { count, exponent } => Self::Zipf(Zipf::new(count.max(1), exponent)),
        }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        match self {
            Self::Uniform { count } => ((u128::from(rng.next_u64()) * u128::from(*count)) >> 64) as u64,
            Self::Zipf(zipf) => zipf.draw(rng),
        }
    }
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut zipf = Self { count: count as f64, exponent, low: 0.0, high: 0.0, near: 0.0 };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(zipf.count + 0.5);
        zipf.near = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.hat(2.0));
        zipf
    }

    fn draw(&self, rng: &mut Rng) -> u64 {
        loop {
            let area = self.high + rng.unit() * (self.low - self.high);
            let x = self.inverse(area);
            // Not `clamp`: it can panic, with its bounds as text, which is 15 KiB of a page.
            let key = libm::floor(x + 0.5).max(1.0).min(self.count);
            if key - x <= self.near || area >= self.integral(key + 0.5) - self.hat(key) {
                return key as u64 - 1;
            }
        }
    }

    /// x^−s.
    fn hat(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// (x^(1−s) − 1) / (1 − s), which is ln x at s = 1.
    fn integral(&self, x: f64) -> f64 {
        let log = libm::log(x);
        let t = (1.0 - self.exponent) * log;
        // (e^t − 1) / t, by its series where that loses digits.
        let ratio = if t.abs() > 1e-8 { libm::expm1(t) / t } else { 1.0 + t * 0.5 };
        ratio * log
    }

    fn inverse(&self, area: f64) -> f64 {
        // Rounding may take it below −1, where there is no logarithm.
        let t = (area * (1.0 - self.exponent)).max(-1.0);
        let ratio = if t.abs() > 1e-8 { libm::log1p(t) / t } else { 1.0 - t * 0.5 };
        libm::exp(ratio * area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts over a million draws against k^−s / Σ, by χ²: its mean is the degrees of freedom f, its variance 2f; five
    /// standard deviations are tolerated.
    #[test]
    fn zipf_follows_its_law() {
        for (count, exponent) in [(1_u64, 1.0), (50, 0.0), (100, 0.8), (100, 1.0), (60, 2.0)] {
            let keys = Keys::new(&scenario::Keys::Zipf { count, exponent });
            let mut rng = Rng::new(5);
            let (draws, mut seen) = (1_000_000, vec![0_u32; count as usize]);
            for _ in 0..draws {
                seen[keys.draw(&mut rng) as usize] += 1;
            }
            let weights: Vec<f64> = (1..=count).map(|key| (key as f64).powf(-exponent)).collect();
            let total: f64 = weights.iter().sum();
            let term = |(seen, weight): (&u32, &f64)| {
                let want = weight / total * f64::from(draws);
                (f64::from(*seen) - want).powi(2) / want
            };
            let chi: f64 = seen.iter().zip(&weights).map(term).sum();
            let freedom = (count - 1) as f64;
            assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt() + 1e-9, "{count}, {exponent}: {chi}");
        }
    }

    #[test]
    fn keys_stay_below_their_number() {
        let mut rng = Rng::new(3);
        for keys in [scenario::Keys::Uniform { count: 7 }, scenario::Keys::Zipf { count: 7, exponent: 1.2 }] {
            let keys = Keys::new(&keys);
            let mut seen = [0; 7];
            (0..10_000).for_each(|_| seen[keys.draw(&mut rng) as usize] += 1);
            assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
        }
    }
}
