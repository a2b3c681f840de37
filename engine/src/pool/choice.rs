//! Which plan a request follows. Plan 0 is the whole pool; then comes one for each range of the configuration, then one
//! for each distinct combination of values of the subset keys. An endpoint belongs to plan 0, to at most one subset, and
//! to any number of ranges, so all plans together take O(endpoints + entries of the ranges).
//!
//! Under the strategy `range` the ranges decide, and subsets are not looked at.

use super::hashed::UnderWay;
use super::plan::Plan;
use crate::config::{KeyBound, KeyRange, NoMatch, PoolConfig, Strategy};
use crate::endpoint::Hot;
use crate::order::sort_by;
use crate::positions::Positions;
use crate::request::{Request, subset_key};
use crate::rng::Rng;
use alloc::{vec, vec::Vec};

/// All plans of a pool.
#[derive(Debug, Default)]
pub(super) struct Choice {
    plans: Vec<Plan>,
    /// From the key of a subset to its plan.
    subsets: Positions,
    /// Plans besides plan 0 by endpoint: those of position p are at `offsets[p]..offsets[p + 1]`. Empty if there are none.
    offsets: Vec<u32>,
    memberships: Vec<u32>,
    outdated: bool,
}

impl Choice {
    /// The plans of this configuration; `hot` has the endpoints in their order.
    pub(super) fn new(config: &PoolConfig, hot: &[Hot]) -> Self {
        let weight = |position: u32| config.endpoints.get(position as usize).map_or(1, |endpoint| endpoint.weight);
        let mut lists: Vec<Vec<u32>> = Vec::new();
        let mut subsets = Positions::default();
        if config.strategy == Strategy::Range {
            lists.extend(config.ranges.iter().map(|range| distinct(&range.endpoints, hot.len())));
        } else if !config.subset_keys.is_empty() {
            let key = |position| Some((subset_of(config, position)?, position as u32));
            let mut members: Vec<(u64, u32)> = (0..hot.len()).filter_map(key).collect();
            sort_by(&mut members, |a, b| a < b);
            let each = || members.chunk_by(|a, b| a.0 == b.0);
            subsets =
                each().filter_map(|subset| subset.first()).zip(1..).map(|((key, _), plan)| (*key, plan)).collect();
            lists.extend(each().map(|subset| subset.iter().map(|(_, position)| *position).collect()));
        }
        let (offsets, memberships) = by_endpoint(&lists, hot.len());
        let all = Plan::new(0..hot.len() as u32, hot, weight);
        let others = lists.into_iter().map(|list| Plan::new(list, hot, weight));
        let plans = core::iter::once(all).chain(others).collect();
        Self { plans, subsets, offsets, memberships, outdated: true }
    }

    /// The plan of a request; `None` if nothing fits it and it is to be refused.
    pub(super) fn plan_of(&self, config: &PoolConfig, request: &Request) -> Option<usize> {
        if self.plans.len() <= 1 && config.no_match == NoMatch::Any {
            return Some(0);
        }
        let fitting = if config.strategy == Strategy::Range {
            request.key.and_then(|key| range_of(&config.ranges, key)).map(|range| range.saturating_add(1))
        } else if config.subset_keys.is_empty() {
            return Some(0);
        } else {
            request.subset.and_then(|key| self.subsets.get(key)).map(|plan| plan as usize)
        };
        fitting.or((config.no_match == NoMatch::Any).then_some(0))
    }

    pub(super) fn get(&self, plan: usize) -> Option<&Plan> {
        self.plans.get(plan)
    }

    pub(super) fn get_mut(&mut self, plan: usize) -> Option<&mut Plan> {
        self.plans.get_mut(plan)
    }

    /// The plan of the whole pool.
    pub(super) fn whole(&self) -> Option<&Plan> {
        self.plans.first()
    }

    /// The endpoint belongs to the plan.
    pub(super) fn has(&self, plan: usize, position: u32) -> bool {
        plan == 0 || self.memberships(position).contains(&(plan as u32))
    }

    fn memberships(&self, position: u32) -> &[u32] {
        let range = self.offsets.get(position as usize).zip(self.offsets.get((position as usize).saturating_add(1)));
        range.and_then(|(from, to)| self.memberships.get(*from as usize..*to as usize)).unwrap_or(&[])
    }

    /// An endpoint has changed: the plans it belongs to have to be brought up to date.
    pub(super) fn mark(&mut self, position: u32, class: u8) {
        self.outdated = true;
        self.each_of(position, |plan| plan.mark(class));
    }

    /// Counts attempts under way on an endpoint, in all plans that it belongs to.
    pub(super) fn count(&mut self, position: u32, class: u8, count: impl Fn(&mut UnderWay)) {
        self.each_of(position, |plan| plan.count(class, &count));
    }

    /// Forgets all attempts under way.
    pub(super) fn forget_under_way(&mut self) {
        for group in self.plans.iter_mut().flat_map(|plan| &mut plan.groups) {
            group.under_way = UnderWay::default();
        }
    }

    fn each_of(&mut self, position: u32, mut each: impl FnMut(&mut Plan)) {
        if let Some(plan) = self.plans.first_mut() {
            each(plan);
        }
        let from = self.offsets.get(position as usize).map_or(0, |from| *from as usize);
        let count = self.memberships(position).len();
        for index in from..from.saturating_add(count) {
            if let Some(plan) = self.memberships.get(index).and_then(|plan| self.plans.get_mut(*plan as usize)) {
                each(plan);
            }
        }
    }

    /// Brings all plans up to date that are not.
    pub(super) fn refresh(&mut self, config: &PoolConfig, hot: &[Hot], rng: &mut Rng) {
        if !self.outdated {
            return;
        }
        for plan in self.plans.iter_mut().filter(|plan| plan.is_outdated()) {
            plan.refresh(config, hot, rng);
        }
        self.outdated = false;
    }
}

fn distinct(positions: &[u32], count: usize) -> Vec<u32> {
    let mut list: Vec<u32> = positions.iter().copied().filter(|position| (*position as usize) < count).collect();
    sort_by(&mut list, |a, b| a < b);
    list.dedup();
    list
}

/// The key of the subset that an endpoint belongs to; `None` if it lacks one of the values.
fn subset_of(config: &PoolConfig, position: usize) -> Option<u64> {
    let metadata = &config.endpoints.get(position)?.metadata;
    let value = |key| metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_bytes());
    let values: Option<Vec<&[u8]>> = config.subset_keys.iter().map(value).collect();
    Some(subset_key(values?))
}

/// Turns lists of endpoints, of plan 1 and on, into lists of plans.
fn by_endpoint(lists: &[Vec<u32>], count: usize) -> (Vec<u32>, Vec<u32>) {
    if lists.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for (index, list) in lists.iter().enumerate() {
        pairs.extend(list.iter().map(|position| (*position, (index as u32).saturating_add(1))));
    }
    sort_by(&mut pairs, |a, b| a < b);
    let mut offsets = vec![0_u32; count.saturating_add(1)];
    for (position, offset) in offsets.iter_mut().enumerate() {
        *offset = pairs.partition_point(|(other, _)| (*other as usize) < position) as u32;
    }
    (offsets, pairs.into_iter().map(|(_, plan)| plan).collect())
}

/// The range that a key lies in: O(log ranges).
fn range_of(ranges: &[KeyRange], key: &[u8]) -> Option<usize> {
    let ends = |range: &KeyRange| range.from.is_some() || range.to.is_some();
    let bound = ranges.iter().find(|range| ends(range)).and_then(|range| range.from.as_ref().or(range.to.as_ref()));
    // Without any end there is one range at most, and every key lies in it.
    let Some(bound) = bound else { return (!ranges.is_empty()).then_some(0) };
    match bound {
        KeyBound::Number(_) => {
            let number: i64 = core::str::from_utf8(key).ok()?.trim().parse().ok()?;
            let below = |bound: &KeyBound| matches!(bound, KeyBound::Number(bound) if *bound <= number);
            range_at(ranges, below)
        }
        KeyBound::Text(_) => {
            range_at(ranges, |bound| matches!(bound, KeyBound::Text(bound) if bound.as_slice() <= key))
        }
    }
}

/// `reached` tells whether the key lies at or after a bound.
fn range_at(ranges: &[KeyRange], reached: impl Fn(&KeyBound) -> bool) -> Option<usize> {
    let after = ranges.partition_point(|range| range.from.as_ref().is_none_or(&reached));
    let index = after.checked_sub(1)?;
    let range = ranges.get(index)?;
    (!range.to.as_ref().is_some_and(&reached)).then_some(index)
}

#[cfg(test)]
mod tests;
