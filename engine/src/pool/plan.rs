//! Where the requests of one kind may go: all endpoints, those of a subset, or those of a range. A plan splits them into
//! groups, one for each priority tier and there one for the preferred zone and one for the others; each group has a share
//! of the plan's traffic and its own tables to draw from.
//!
//! Shares are as in Envoy: a tier can take overprovisioning × (eligible weight / whole weight) of the traffic, at most
//! all of it, and what it cannot take goes to the next; if all of them together cannot, everybody gets proportionally
//! more. The same holds for the preferred zone and the others within a tier. Eligible weight is the weight in force, so
//! a tier that has just come back is filled as its endpoints warm up, and not at once.
//!
//! Below the panic threshold, ejections in a tier are ignored, unless the other tiers can take its traffic. Draining is
//! never ignored.
//!
//! Cost: a change of one endpoint marks its group in each plan it belongs to; the next pick or tick that needs the plan
//! rebuilds the marked groups, O(members of those groups), and computes all shares, O(groups).

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
    present: usize,
    present_weight: f64,
    /// Those of them whose circuits pass.
    passing: usize,
    passing_weight: f64,
}

impl Group {
    /// Endpoints go to this group that are of its class, in a plan that they belong to.
    pub(super) fn has(&self, hot: &Hot) -> bool {
        hot.class == self.class
    }

    /// Ordinary traffic may go to this endpoint of the group.
    pub(super) fn serves(&self, hot: &Hot) -> bool {
        !hot.draining && (self.panic || hot.circuit.passes())
    }

    fn count(&mut self, hot: &[Hot]) {
        let mut counted = Counted::default();
        for hot in self.members.iter().filter_map(|position| hot.get(*position as usize)).filter(|hot| !hot.draining) {
            counted.present = counted.present.saturating_add(1);
            counted.present_weight += f64::from(hot.weight);
            if hot.circuit.passes() {
                counted.passing = counted.passing.saturating_add(1);
                counted.passing_weight += f64::from(hot.weight);
            }
        }
        self.counted = counted;
    }

    fn available(&self) -> f64 {
        if self.panic { self.counted.present_weight } else { self.counted.passing_weight }
    }

    fn build(&mut self, hot: &[Hot], in_turn: bool, rng: &mut Rng) {
        let serves = |position: &u32| hot.get(*position as usize).is_some_and(|hot| self.serves(hot));
        let eligible: Vec<u32> = self.members.iter().copied().filter(serves).collect();
        let weight = |position: &u32| hot.get(*position as usize).map_or(1.0, |hot| hot.weight);
        let weights: Vec<f32> = eligible.iter().map(weight).collect();
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
            group.count(hot);
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
        let passing = |tier: &[Group]| sum(tier, |group| group.counted.passing_weight);
        let capacity = |tier: &[Group]| capacity(config.overprovisioning.max(1.0), passing(tier), whole(tier));
        let total: f64 = self.tiers().map(capacity).sum();
        let lonely = self.tiers().count() < 2;
        let threshold = config.panic_threshold_percent as usize;
        for tier in self.groups.chunk_by_mut(same_tier) {
            let count = |counted: fn(&Counted) -> usize| {
                tier.iter().fold(0_usize, |sum, group| sum.saturating_add(counted(&group.counted)))
            };
            let (passing, present) = (count(|counted| counted.passing), count(|counted| counted.present));
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

    fn share_out(&mut self, overprovisioning: f64) {
        let able = |tier: &[Group]| sum(tier, Group::available) > 0.0;
        // Nobody is well: as many requests for each as it has weight, as in Envoy's total panic.
        let everywhere = self.tiers().filter(|tier| able(tier)).all(|tier| tier.iter().all(|group| group.panic));
        let of_tier = |tier: &[Group]| {
            if everywhere {
                return sum(tier, Group::available);
            }
            capacity(overprovisioning, sum(tier, |group| group.counted.passing_weight), whole(tier))
        };
        let mut tiers: Vec<f64> = self.tiers().map(of_tier).collect();
        if !everywhere {
            fill_in_order(&mut tiers);
        }
        scale_to_one(&mut tiers);
        for (tier, share) in self.groups.chunk_by_mut(same_tier).zip(tiers) {
            let mut zones: Vec<f64> =
                tier.iter().map(|group| capacity(overprovisioning, group.available(), group.whole)).collect();
            fill_in_order(&mut zones);
            scale_to_one(&mut zones);
            for (group, part) in tier.iter_mut().zip(zones) {
                group.share = share * part;
            }
        }
    }
}

fn same_tier(a: &Group, b: &Group) -> bool {
    a.class / 2 == b.class / 2
}

fn sum(groups: &[Group], of: impl Fn(&Group) -> f64) -> f64 {
    groups.iter().map(of).sum()
}

fn whole(groups: &[Group]) -> f64 {
    sum(groups, |group| group.whole)
}

/// The part of all traffic that these can take.
fn capacity(overprovisioning: f64, available: f64, whole: f64) -> f64 {
    if whole > 0.0 { (overprovisioning * available / whole).min(1.0) } else { 0.0 }
}

/// Each takes what those before it have left over, as far as it can.
fn fill_in_order(capacities: &mut [f64]) {
    let mut left = 1.0;
    for capacity in capacities {
        *capacity = capacity.min(left);
        left -= *capacity;
    }
}

fn scale_to_one(parts: &mut [f64]) {
    let total: f64 = parts.iter().sum();
    if total > 0.0 {
        parts.iter_mut().for_each(|part| *part /= total);
    }
}
