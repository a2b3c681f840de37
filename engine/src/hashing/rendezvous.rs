//! Rendezvous hashing (Thaler and Ravishankar 1996) with weights (Schindelhauer and Schomaker 2005): each member draws
//! from an exponential distribution whose rate is its weight, with the key and the member's name for dice, and the
//! lowest draws win, which happens with probability weight over total.

use crate::config::MAX_CANDIDATES;
use crate::rng::mix;

/// Above every draw: −ln of the smallest number drawn from is below 40.
const LATE: f64 = 1e3;

/// A member that takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Hash of its address.
    pub key: u64,
    /// Share relative to the others, above 0.
    pub weight: f64,
    /// It comes after all that are not late.
    pub late: bool,
    /// What stands for it in the answer.
    pub position: u32,
}

/// The positions of the members that win the key with this hash, best first: `wanted` of them if there are as many, at
/// most [`MAX_CANDIDATES`]. O(members), 2 to 3 ns each, because few logarithms are needed.
pub fn rendezvous<M: IntoIterator<Item = Candidate>>(
    hash: u64,
    members: M,
    wanted: usize,
) -> impl Iterator<Item = u32> + use<M> {
    let mut best = [(f64::INFINITY, u64::MAX, 0_u32); MAX_CANDIDATES];
    let wanted = wanted.min(MAX_CANDIDATES);
    let ranked = best.get_mut(..wanted).unwrap_or_default();
    for member in members {
        let unit = ((mix(hash ^ member.key) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let worst = ranked.last().map_or(0.0, |(draw, _, _)| *draw);
        // −ln u is at least 1 − u.
        if 1.0 - unit > worst * member.weight {
            continue;
        }
        let late = if member.late { LATE } else { 0.0 };
        let draw = (late - libm::log(unit) / member.weight, member.key, member.position);
        let at = ranked.partition_point(|other| (other.0, other.1) < (draw.0, draw.1));
        if let Some(tail) = ranked.get_mut(at..).filter(|tail| !tail.is_empty()) {
            tail.rotate_right(1);
            if let Some(slot) = tail.first_mut() {
                *slot = draw;
            }
        }
    }
    best.into_iter().take(wanted).filter(|(draw, _, _)| draw.is_finite()).map(|(_, _, position)| position)
}
