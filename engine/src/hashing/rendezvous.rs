//! Rendezvous hashing (Thaler and Ravishankar 1996) with weights (Schindelhauer and Schomaker 2005): each member draws
//! from an exponential distribution whose rate is its weight, with the key and the member's name for dice, and the
//! lowest draw wins, which it does with probability weight over total.

use crate::rng::mix;

/// A member that takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Hash of its address.
    pub key: u64,
    /// Share relative to the others, above 0.
    pub weight: f64,
    /// What stands for it in the answer.
    pub position: u32,
}

/// The position of the member that wins the key with this hash; `None` when nobody takes part. Costs 2 to 3 ns for each
/// member, because the logarithm is needed for few of them.
#[must_use]
pub fn rendezvous(hash: u64, members: impl IntoIterator<Item = Candidate>) -> Option<u32> {
    let mut best: Option<(f64, Candidate)> = None;
    for member in members {
        let unit = ((mix(hash ^ member.key) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let (lowest, leader) = best.map_or((f64::INFINITY, u64::MAX), |(draw, leader)| (draw, leader.key));
        // −ln u is at least 1 − u.
        if 1.0 - unit > lowest * member.weight {
            continue;
        }
        let draw = -libm::log(unit) / member.weight;
        if draw < lowest || (draw == lowest && member.key < leader) {
            best = Some((draw, member));
        }
    }
    best.map(|(_, member)| member.position)
}
