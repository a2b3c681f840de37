//! Who serves a key, of the endpoints in a group. The choice is a function of the key, of the group's members, and of
//! what workers share about them, so that workers and proxies agree.

use super::Pool;
use super::pick::Candidates;
use super::plan::Group;
use crate::config::MAX_CANDIDATES;
use crate::rng::mix;

/// Keeps the dice for a tier, for the admission to a warming endpoint and for the endpoint itself apart.
const TIER: u64 = 0xa076_1d64_78bd_642f;
const ADMISSION: u64 = 0xe703_7ed1_a0b4_28db;
/// Above every draw: −ln of the smallest number drawn from is below 40.
const LAST: f64 = 1e3;

/// The hash of a key as a number from 0 (included) to 1 (excluded), to choose a tier and zone by.
pub(super) fn unit(hash: u64) -> f64 {
    fraction(mix(hash ^ TIER))
}

fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl Pool {
    /// Appends the key's endpoint, then who is next for it.
    pub(super) fn pick_by_key(&self, _plan: usize, group: &Group, hash: u64, picked: &mut Candidates) {
        self.pick_by_rendezvous(group, hash, picked);
    }

    /// An endpoint whose weight is lowered for now, because it warms up or is degraded, serves that part of its keys, and
    /// always the same ones.
    pub(super) fn admits(&self, position: u32, hash: u64) -> bool {
        let hot = self.hot.get(position as usize);
        let Some((hot, cold)) = hot.zip(self.cold.get(position as usize)) else { return false };
        let whole = cold.config.weight as f32;
        hot.weight >= whole || fraction(mix(hash ^ cold.key ^ ADMISSION)) < f64::from(hot.weight / whole)
    }

    /// Rendezvous hashing (Thaler and Ravishankar 1996) with weights (Schindelhauer and Schomaker 2005): each endpoint
    /// draws from an exponential distribution whose rate is its weight, and the lowest draws win. Those that do not admit
    /// the key come last. O(endpoints).
    fn pick_by_rendezvous(&self, group: &Group, hash: u64, picked: &mut Candidates) {
        let mut best = [(f64::INFINITY, u64::MAX, u32::MAX); MAX_CANDIDATES];
        let wanted = self.config.candidates.min(MAX_CANDIDATES);
        let best = best.get_mut(..wanted).unwrap_or_default();
        for position in &group.eligible {
            let Some(cold) = self.cold.get(*position as usize) else { continue };
            let unit = fraction(mix(hash ^ cold.key)) + f64::EPSILON / 2.0;
            let weight = f64::from(cold.config.weight);
            let worst = best.last().map_or(0.0, |(draw, _, _)| *draw);
            // −ln u is at least 1 − u: most of the logarithms are not needed.
            if 1.0 - unit > worst * weight {
                continue;
            }
            let last = if self.admits(*position, hash) { 0.0 } else { LAST };
            let draw = (last - libm::log(unit) / weight, cold.key, *position);
            let at = best.partition_point(|other| (other.0, other.1) < (draw.0, draw.1));
            if let Some(tail) = best.get_mut(at..).filter(|tail| !tail.is_empty()) {
                tail.rotate_right(1);
                if let Some(slot) = tail.first_mut() {
                    *slot = draw;
                }
            }
        }
        for (_, _, position) in best.iter().filter(|(draw, _, _)| draw.is_finite()) {
            if picked.length < wanted && !picked.contains(*position) {
                picked.push(*position);
            }
        }
    }
}
