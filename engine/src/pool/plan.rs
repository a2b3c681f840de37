//! Where the requests of one kind may go: all endpoints, those of a subset, or those of a range. A plan splits them into
//! groups, one for each priority tier and there one for the preferred zone and one for the others; each group has a share
//! of the plan's traffic and its own tables to draw from.
//!
//! Shares are as in Envoy: a tier can take overprovisioning × (eligible weight / whole weight) of the traffic, at most
//! all of it, and what it cannot take goes to the next; if all of them together cannot, everybody gets proportionally
//! more. The same holds for the preferred zone and the others within a tier.
//!
//! Eligible weight is the weight in force, so a tier that has just come back is filled as its endpoints warm up, and not
//! at once; what is left over when all are warming goes by the configured weights of the same endpoints.
//!
//! Below the panic threshold, ejections in a tier are ignored, unless the other tiers can take its traffic. Draining is
//! never ignored.
//!
//! Cost: a change of one endpoint marks its group in each plan it belongs to; the next pick or tick that needs the plan
//! rebuilds the marked groups, O(members of those groups), and computes all shares, O(groups).

use super::hashed::UnderWay;
use crate::config::{PoolConfig, Strategy};
use crate::endpoint::Hot;
use crate::rng::Rng;
use crate::rotation::Rotation;
use crate::sampler::Sampler;
use alloc::vec::Vec;

/// The last tier; higher numbers mean this one.
const LAST_TIER: u32 = 15;

/// Tier and zone of an endpoint, in the order in which traffic goes to them.
pub(super) fn class(tier: u32, preferred_zone: bool) -> u8 {
    let tier = tier.min(LAST_TIER) as u8;
    tier.saturating_mul(2).saturating_add(u8::from(!preferred_zone))
}

/// The endpoints of one tier and zone.
#[derive(Debug, Default)]
pub(super) struct Group {
    class: u8,
    members: Vec<u32>,
    /// Weight of all members as configured.
    whole: f64,
    counted: Counted,
    /// Who may be drawn now.
    pub(super) eligible: Vec<u32>,
    pub(super) sampler: Sampler,
    pub(super) rotation: Rotation,
    /// Weight in force of all eligible ones.
    pub(super) weight: f64,
    /// Attempts under way on members, see [`super::hashed`].
    pub(super) under_way: UnderWay,
    /// Ejections are ignored.
    pub(super) panic: bool,
    /// Part of the plan's traffic, 0 to 1; 0 if nobody is eligible.
    share: f64,
    outdated: bool,
}

/// What of a group could serve.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    /// Members that take new traffic, whatever their circuits say.
    present: Part,
    /// Those of them whose circuits pass.
    passing: Part,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: usize,
    /// Weight in force.
    weight: f64,
    /// Weight as configured.
    configured: f64,
}

impl Part {
    fn add(&mut self, weight: f32, configured: u32) {
        self.count = self.count.saturating_add(1);
        self.weight += f64::from(weight);
        self.configured += f64::from(configured);
    }

    /// Apart, so that there is one copy of it.
    #[inline(never)]
    fn passing(groups: &[Group]) -> Self {
        Self::of(groups, |group| group.counted.passing)
    }

    fn of(groups: &[Group], part: impl Fn(&Group) -> Self) -> Self {
        groups.iter().map(part).fold(Self::default(), |sum, part| Self {
            count: sum.count.saturating_add(part.count),
            weight: sum.weight + part.weight,
            configured: sum.configured + part.configured,
        })
    }
}

impl Group {
    /// Endpoints go to this group that are of its class, in a plan that they belong to.
    pub(super) fn has(&self, hot: &Hot) -> bool {
        hot.class == self.class
    }

    /// Ordinary traffic may go to this endpoint of the group.
    pub(super) fn serves(&self, hot: &Hot) -> bool {
        hot.is_present() && (self.panic || hot.circuit.passes())
    }

    fn count(&mut self, config: &PoolConfig, hot: &[Hot]) {
        let mut counted = Counted::default();
        for position in &self.members {
            let endpoint = hot.get(*position as usize).zip(config.endpoints.get(*position as usize));
            let Some((hot, endpoint)) = endpoint.filter(|(hot, _)| hot.is_present()) else { continue };
            counted.present.add(hot.weight, endpoint.weight);
            if hot.circuit.passes() {
                counted.passing.add(hot.weight, endpoint.weight);
            }
        }
        self.counted = counted;
    }

    fn available(&self) -> Part {
        if self.panic { self.counted.present } else { self.counted.passing }
    }

    fn build(&mut self, hot: &[Hot], in_turn: bool, rng: &mut Rng) {
        let serves = |position: &u32| hot.get(*position as usize).is_some_and(|hot| self.serves(hot));
        let eligible: Vec<u32> = self.members.iter().copied().filter(serves).collect();
        let weight = |position: &u32| hot.get(*position as usize).map_or(1.0, |hot| hot.weight);
        let weights: Vec<f32> = eligible.iter().map(weight).collect();
        self.weight = weights.iter().map(|weight| f64::from(*weight)).sum();
        self.sampler = Sampler::new(&weights);
        if in_turn {
            self.rotation = Rotation::new(&weights, rng);
        }
        self.eligible = eligible;
        self.outdated = false;
    }
}

/// Where the requests of one kind may go.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By class, ascending.
    pub(super) groups: Vec<Group>,
    /// Groups with a share.
    open: usize,
    outdated: bool,
}

impl Plan {
    /// A plan over these endpoints; `hot` tells their classes, `weight` their configured weights.
    pub(super) fn new(members: impl IntoIterator<Item = u32>, hot: &[Hot], weight: impl Fn(u32) -> u32) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for position in members {
            let Some(class) = hot.get(position as usize).map(|hot| hot.class) else { continue };
            let index = match groups.binary_search_by_key(&class, |group| group.class) {
                Ok(index) => index,
                Err(index) => {
                    groups.insert(index, Group { class, outdated: true, ..Group::default() });
                    index
                }
            };
            if let Some(group) = groups.get_mut(index) {
                group.members.push(position);
                group.whole += f64::from(weight(position));
            }
        }
        Self { groups, open: 0, outdated: true }
    }

    /// Counts attempts under way on the endpoints of a class.
    pub(super) fn count(&mut self, class: u8, count: impl FnOnce(&mut UnderWay)) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.class == class) {
            count(&mut group.under_way);
        }
    }

    /// An endpoint of this class has changed.
    pub(super) fn mark(&mut self, class: u8) {
        if let Some(group) = self.groups.iter_mut().find(|group| group.class == class) {
            group.outdated = true;
            self.outdated = true;
        }
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.outdated
    }

    /// Endpoints that ordinary traffic goes to, or would spill to.
    pub(super) fn eligible(&self) -> usize {
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.eligible.len()))
    }

    pub(super) fn has_one_tier(&self) -> bool {
        self.groups.first().zip(self.groups.last()).is_some_and(|(first, last)| same_tier(first, last))
    }

    /// The index of the group that a request goes to. `unit` (0 to 1) is asked for only if there is a choice.
    pub(super) fn draw(&self, unit: impl FnOnce() -> f64) -> Option<usize> {
        let open = |group: &&Group| group.share > 0.0;
        if self.open <= 1 {
            return self.groups.iter().position(|group| open(&group));
        }
        let mut rest = unit();
        let mut last = None;
        for (index, group) in self.groups.iter().enumerate().filter(|(_, group)| open(group)) {
            last = Some(index);
            if rest < group.share {
                break;
            }
            rest -= group.share;
        }
        last
    }

    /// Brings groups and shares up to date.
    pub(super) fn refresh(&mut self, config: &PoolConfig, hot: &[Hot], rng: &mut Rng) {
        for group in self.groups.iter_mut().filter(|group| group.outdated) {
            group.count(config, hot);
        }
        self.judge_panic(config);
        self.share_out(config.overprovisioning.max(1.0));
        let in_turn = config.strategy == Strategy::RoundRobin;
        for group in self.groups.iter_mut().filter(|group| group.outdated) {
            group.build(hot, in_turn, rng);
        }
        self.open = self.groups.iter().filter(|group| group.share > 0.0).count();
        self.outdated = false;
    }

    fn judge_panic(&mut self, config: &PoolConfig) {
        let factor = config.overprovisioning.max(1.0);
        let capacity = |tier: &[Group]| Capacity::of(factor, Part::passing(tier), whole(tier));
        let total: f64 = self.tiers().map(|tier| capacity(tier).configured).sum();
        let lonely = self.tiers().count() < 2;
        let threshold = config.panic_threshold_percent as usize;
        for tier in self.groups.chunk_by_mut(same_tier) {
            let passing = Part::passing(tier).count;
            let present = Part::of(tier, |group| group.counted.present).count;
            let few = passing.saturating_mul(100) < present.saturating_mul(threshold);
            let panic = few && (lonely || total < 1.0);
            for group in tier {
                group.outdated |= group.panic != panic;
                group.panic = panic;
            }
        }
    }

    fn tiers(&self) -> impl Iterator<Item = &[Group]> {
        self.groups.chunk_by(same_tier)
    }

    fn share_out(&mut self, factor: f64) {
        let present = self.groups.iter().filter(|group| group.counted.present.count > 0);
        let tiers = if present.clone().all(|group| group.panic) {
            // Nobody is well: as many requests for each as it has weight, as in Envoy's total panic.
            to_one(self.tiers().map(|tier| Part::of(tier, Group::available).weight).collect())
        } else {
            let capacity = |tier: &[Group]| Capacity::of(factor, Part::passing(tier), whole(tier));
            spill(self.tiers().map(capacity).collect())
        };
        for (tier, share) in self.groups.chunk_by_mut(same_tier).zip(tiers) {
            let capacity = |group: &Group| Capacity::of(factor, group.available(), group.whole);
            let zones = spill(tier.iter().map(capacity).collect());
            for (group, part) in tier.iter_mut().zip(zones) {
                group.share = share * part;
            }
        }
    }
}

fn same_tier(a: &Group, b: &Group) -> bool {
    a.class / 2 == b.class / 2
}

fn whole(groups: &[Group]) -> f64 {
    groups.iter().map(|group| group.whole).sum()
}

/// The part of all traffic that some endpoints can take, 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Capacity {
    /// As they are.
    now: f64,
    /// If they had their configured weights; not below that.
    configured: f64,
}

impl Capacity {
    fn of(factor: f64, part: Part, whole: f64) -> Self {
        let of = |weight: f64| if whole > 0.0 { (factor * weight / whole).min(1.0) } else { 0.0 };
        Self { now: of(part.weight), configured: of(part.configured.max(part.weight)) }
    }
}

/// Shares for capacities in order of preference: each takes what those before it have left over, as far as it can; the
/// rest, if there is one, as far as it could with its configured weights; and if that is not enough, all take more.
fn spill(capacities: Vec<Capacity>) -> Vec<f64> {
    let mut left = 1.0;
    let mut take = |most: f64| {
        let taken = most.max(0.0).min(left);
        left -= taken;
        taken
    };
    let mut shares: Vec<f64> = capacities.iter().map(|capacity| take(capacity.now)).collect();
    for (share, capacity) in shares.iter_mut().zip(&capacities) {
        *share += take(capacity.configured - capacity.now);
    }
    to_one(shares)
}

fn to_one(mut parts: Vec<f64>) -> Vec<f64> {
    let total: f64 = parts.iter().sum();
    if total > 0.0 {
        parts.iter_mut().for_each(|part| *part /= total);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(capacities: &[(f64, f64)]) -> Vec<f64> {
        spill(capacities.iter().map(|(now, configured)| Capacity { now: *now, configured: *configured }).collect())
    }

    #[test]
    fn traffic_goes_to_capacities_in_order() {
        // Envoy's table for three priorities, without and with a shortage.
        let cases: [(&[f64], &[f64]); 6] = [
            (&[1.0, 1.0, 1.0], &[1.0, 0.0, 0.0]),
            (&[0.7, 1.0, 1.0], &[0.7, 0.3, 0.0]),
            (&[0.28, 0.28, 1.0], &[0.28, 0.28, 0.44]),
            (&[0.35, 0.35, 0.0], &[0.5, 0.5, 0.0]),
            (&[0.0, 0.0, 0.2], &[0.0, 0.0, 1.0]),
            (&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0]),
        ];
        for (capacities, want) in cases {
            let both: Vec<(f64, f64)> = capacities.iter().map(|capacity| (*capacity, *capacity)).collect();
            for (got, want) in shares(&both).iter().zip(want) {
                assert!((got - want).abs() < 1e-12, "{capacities:?}: {got} for {want}");
            }
        }
    }

    #[test]
    fn what_is_left_while_all_warm_up_goes_by_configured_weights_without_a_jump() {
        let close = |got: Vec<f64>, want: [f64; 2]| got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12);
        assert!(close(shares(&[(0.1, 1.0), (0.1, 1.0)]), [0.9, 0.1]));
        assert!(close(shares(&[(0.14, 1.0), (0.85, 0.85)]), [0.15, 0.85]));
        assert!(close(shares(&[(0.14, 1.0), (0.86, 0.86)]), [0.14, 0.86]));
    }
}
