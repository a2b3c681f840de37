//! Which tier a key goes to, and how much of its keys an endpoint takes. Both are functions of the key and of what
//! workers share about the endpoints, so that workers and proxies agree.

use super::Pool;
use crate::rng::mix;

/// Keeps the dice for a tier, for the admission to a warming endpoint and for the endpoint itself apart.
const TIER: u64 = 0xa076_1d64_78bd_642f;
const ADMISSION: u64 = 0xe703_7ed1_a0b4_28db;

/// The hash of a key as a number from 0 (included) to 1 (excluded), to choose a tier and zone by.
pub(super) fn unit(hash: u64) -> f64 {
    fraction(mix(hash ^ TIER))
}

fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl Pool {
    /// An endpoint whose weight is lowered for now, because it warms up or is degraded, serves that part of its keys, and
    /// always the same ones.
    pub(super) fn admits(&self, position: u32, hash: u64) -> bool {
        let hot = self.hot.get(position as usize);
        let Some((hot, cold)) = hot.zip(self.cold.get(position as usize)) else { return false };
        let whole = cold.config.weight as f32;
        hot.weight >= whole || fraction(mix(hash ^ cold.key ^ ADMISSION)) < f64::from(hot.weight / whole)
    }
}
