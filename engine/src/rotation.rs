//! Weighted round robin, evenly spread: with weights 5, 1, 1 the order is a a b a c a a, not five times a in a row.
//!
//! Up to [`SMOOTH_LIMIT`] endpoints it is nginx' smooth weighted round robin (every turn adds each weight to its
//! counter, the highest goes and pays the total back), O(n) per pick. Above that, earliest deadline first with integer
//! deadlines, O(log n). Both start at a random phase, or all workers would begin with the same endpoint at once.

use crate::rng::Rng;
use alloc::{collections::BinaryHeap, vec, vec::Vec};
use core::cmp::Reverse;

/// Above this many endpoints a heap is faster than the scan.
const SMOOTH_LIMIT: usize = 64;
/// Deadlines advance by this over the weight: 1/1000 steps are exact to 0.1 %, and 2^44 picks fit.
const STRIDE: u64 = 1 << 20;

/// Whose turn it is.
#[derive(Clone, Debug)]
pub(crate) enum Rotation {
    Smooth { weights: Vec<i64>, counters: Vec<i64>, total: i64 },
    Deadlines { strides: Vec<u64>, queue: BinaryHeap<Reverse<(u64, u32)>> },
}

impl Default for Rotation {
    fn default() -> Self {
        Self::Smooth { weights: Vec::new(), counters: Vec::new(), total: 0 }
    }
}

impl Rotation {
    /// A rotation over positions 0..n with weights above 0; they are kept to 1/100.
    pub(crate) fn new(weights: &[f32], rng: &mut Rng) -> Self {
        let whole: Vec<i64> = weights.iter().map(|weight| ((weight * 100.0) as i64).max(1)).collect();
        if whole.len() > SMOOTH_LIMIT {
            return Self::deadlines(&whole, rng);
        }
        let mut rotation = Self::smooth(whole);
        for _ in 0..rng.below(weights.len() as u32) {
            rotation.next();
        }
        rotation
    }

    fn smooth(weights: Vec<i64>) -> Self {
        let total = weights.iter().fold(0_i64, |sum, weight| sum.saturating_add(*weight));
        Self::Smooth { counters: vec![0; weights.len()], weights, total }
    }

    fn deadlines(weights: &[i64], rng: &mut Rng) -> Self {
        // Weights are hundredths here, so the stride is scaled alike.
        let stride = |weight: &i64| STRIDE.saturating_mul(100).checked_div(weight.unsigned_abs()).unwrap_or(STRIDE);
        let strides: Vec<u64> = weights.iter().map(stride).collect();
        let first = |(position, stride): (usize, &u64)| {
            let phase = (rng.unit() * *stride as f64) as u64;
            Reverse((phase, position as u32))
        };
        let queue = strides.iter().enumerate().map(first).collect();
        Self::Deadlines { strides, queue }
    }

    /// The position whose turn it is; 0 when there is none.
    pub(crate) fn next(&mut self) -> u32 {
        match self {
            Self::Smooth { weights, counters, total } => {
                let mut best = (i64::MIN, 0_usize);
                for (position, (counter, weight)) in counters.iter_mut().zip(weights.iter()).enumerate() {
                    *counter = counter.saturating_add(*weight);
                    if *counter > best.0 {
                        best = (*counter, position);
                    }
                }
                if let Some(counter) = counters.get_mut(best.1) {
                    *counter = counter.saturating_sub(*total);
                }
                best.1 as u32
            }
            Self::Deadlines { strides, queue } => {
                let Some(Reverse((deadline, position))) = queue.pop() else { return 0 };
                let stride = strides.get(position as usize).copied().unwrap_or(STRIDE);
                queue.push(Reverse((deadline.saturating_add(stride), position)));
                position
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    // By name, because proptest's prelude has a trait of the same name.
    use crate::rng::Rng;
    use proptest::prelude::*;

    #[test]
    fn five_one_one_is_spread() {
        let mut rotation = Rotation::smooth(vec![5, 1, 1]);
        let order: Vec<u32> = (0..14).map(|_| rotation.next()).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn one_heavy_endpoint_among_many_gets_no_long_run() {
        let weights: Vec<f32> = [100.0].into_iter().chain([1.0; 100]).collect();
        let mut rotation = Rotation::new(&weights, &mut Rng::new(7));
        let order: Vec<u32> = (0..400).map(|_| rotation.next()).collect();
        let longest = order.chunk_by(|a, b| a == b).filter(|run| run[0] == 0).map(<[u32]>::len).max();
        assert!(longest < Some(12), "{longest:?}");
        let heavy = order.iter().filter(|position| **position == 0).count();
        assert!(heavy.abs_diff(200) <= 2, "{heavy}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn every_round_gives_each_its_weight(weights in prop::collection::vec(1_u8..20, 1..100), seed: u64) {
            let floats: Vec<f32> = weights.iter().map(|w| f32::from(*w)).collect();
            let mut rotation = Rotation::new(&floats, &mut Rng::new(seed));
            let rounds = 10;
            let total: usize = weights.iter().map(|w| usize::from(*w)).sum();
            let mut seen = vec![0_i64; weights.len()];
            for _ in 0..total * rounds {
                seen[rotation.next() as usize] += 1;
            }
            for (weight, seen) in weights.iter().zip(seen) {
                prop_assert!((seen - i64::from(*weight) * rounds as i64).abs() <= 2, "{seen} for {weight} × {rounds}");
            }
        }
    }
}
