//! Draws positions by weight in constant time: Vose's alias method (1991). Building costs O(n) and happens only when
//! the eligible endpoints or their weights change; equal weights need no table at all.

use crate::rng::Rng;
use alloc::{vec, vec::Vec};

/// Draws from positions 0..n.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampler {
    count: u32,
    /// Per position: below this 32-bit threshold it stands for itself, else for its alias. Empty when all weights are
    /// equal.
    table: Vec<(u32, u32)>,
}

impl Sampler {
    /// A sampler for these weights; those that are not positive numbers count as the smallest positive one.
    pub(crate) fn new(weights: &[f32]) -> Self {
        let count = u32::try_from(weights.len()).unwrap_or(u32::MAX);
        let equal = weights.windows(2).all(|pair| pair.first() == pair.last());
        let table = if equal { Vec::new() } else { alias_table(weights) };
        Self { count, table }
    }

    /// The weights differ.
    pub(crate) fn is_weighted(&self) -> bool {
        !self.table.is_empty()
    }

    /// A position; 0 when there is none.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u32 {
        let position = rng.below(self.count);
        match self.table.get(position as usize) {
            None => position,
            Some((threshold, alias)) => {
                if rng.next_u64() as u32 <= *threshold {
                    position
                } else {
                    *alias
                }
            }
        }
    }
}

fn alias_table(weights: &[f32]) -> Vec<(u32, u32)> {
    let clean = |weight: f32| if weight.is_finite() && weight > 0.0 { f64::from(weight) } else { f64::MIN_POSITIVE };
    let total: f64 = weights.iter().map(|weight| clean(*weight)).sum();
    let scale = weights.len() as f64 / total;
    let mut shares: Vec<f64> = weights.iter().map(|weight| clean(*weight) * scale).collect();
    let mut table = vec![(u32::MAX, 0_u32); weights.len()];
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for (position, share) in shares.iter().enumerate() {
        if *share < 1.0 { small.push(position) } else { large.push(position) }
    }
    while let (Some(low), Some(high)) = (small.pop(), large.last().copied()) {
        let Some(share) = shares.get(low).copied() else { break };
        if let Some(slot) = table.get_mut(low) {
            *slot = ((share * f64::from(u32::MAX)) as u32, high as u32);
        }
        let Some(rest) = shares.get_mut(high) else { break };
        *rest -= 1.0 - share;
        if *rest < 1.0 {
            large.pop();
            small.push(high);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    // By name, because proptest's prelude has a trait of the same name.
    use crate::rng::Rng;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn draws_follow_the_weights(weights in prop::collection::vec(1_u16..1000, 1..20), seed: u64) {
            let floats: Vec<f32> = weights.iter().map(|w| f32::from(*w)).collect();
            let (sampler, mut rng) = (Sampler::new(&floats), Rng::new(seed));
            let draws = 40_000_u32;
            let mut seen = vec![0_u32; weights.len()];
            for _ in 0..draws {
                seen[sampler.draw(&mut rng) as usize] += 1;
            }
            let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            for (weight, seen) in weights.iter().zip(seen) {
                let p = f64::from(*weight) / total;
                let mean = p * f64::from(draws);
                // Six standard deviations of the binomial: exceeded once in 5e8 comparisons.
                let bound = 6.0 * libm::sqrt(mean * (1.0 - p)) + 1.0;
                prop_assert!((f64::from(seen) - mean).abs() <= bound, "{seen} for {mean} ± {bound}");
            }
        }
    }

    #[test]
    fn odd_weights_do_no_harm() {
        let mut rng = Rng::new(3);
        for weights in [&[][..], &[f32::NAN, 1.0], &[0.0, 0.0, 5.0], &[-1.0, f32::INFINITY]] {
            let sampler = Sampler::new(weights);
            for _ in 0..100 {
                assert!((sampler.draw(&mut rng) as usize) < weights.len().max(1));
            }
        }
    }
}
