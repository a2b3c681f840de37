//! Who serves a key under `maglev` and `ring_hash`: the first choice of the key's table that may be called and is not
//! over its bound, then the next ones for the retries. If the table's choices do not do, because few of its members are
//! eligible, weighted rendezvous hashing among the eligible finds the rest, and it serves alone until there is a table.
//!
//! The table is over all endpoints of the pool, so an ejection moves the keys of that endpoint only, for as long as it
//! lasts. When members come or go, a new table is built in slices on ticks; until it is ready, the old one serves, and
//! members that left are passed over.
//!
//! Bounded load (Mirrokni, Thorup and Zadimoghaddam 2018): an endpoint of weight w takes a request only if it has at most
//! ⌈c (m + 1) w / W⌉ under way then, of m + 1 in its tier and zone, whose eligible endpoints have weight W. Those bounds
//! add up to more than m, so somebody is always below. Other workers' requests count as of when they were published, by
//! what such news are worth, which makes loads that are no whole numbers.

use super::Pool;
use super::pick::Candidates;
use super::plan::Group;
use crate::config::{MAX_CANDIDATES, Strategy};
use crate::endpoint::Hot;
use crate::hashing::{Builder, Candidate, Kind, Member, Table, rendezvous};
use crate::positions::Positions;
use crate::rng::mix;
use crate::time::{Time, nanos};
use alloc::vec::Vec;
use core::time::Duration;

/// Steps of a builder for each [`SLICE_PERIOD`] that has passed since the last tick: 160 to 350 µs natively.
const SLICE: u32 = 1 << 16;
const SLICE_PERIOD: Duration = Duration::from_millis(50);
/// Most slices on a tick: large pools tick seldom, and their tables are the largest.
const SLICES: u64 = 16;
/// Steps of the first table of a pool that are done at once: 5 to 10 ms, before it serves. That is the whole table of a
/// Maglev pool of 655 endpoints, or of a ring of 2,000 with 160 points each, so that a proxy that has just started agrees
/// with the others from its first request on. The first table of a larger pool takes ticks, too.
const AT_ONCE: u32 = 1 << 21;
/// Choices of a table to look at before the eligible endpoints themselves are looked at. Where a share p of n endpoints
/// may be called, that happens to (1 − p)^32 of the requests and costs p n: the mean is below n / 80 for any p.
const TRIES: u32 = 32;
/// Stands for a member that left.
const GONE: u32 = u32::MAX;

/// Attempts under way on the endpoints of a group; kept for bounded load only.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnderWay {
    own: u32,
    peers: f32,
}

/// The table in use and the one in the making.
#[derive(Debug, Default)]
pub(super) struct Tables {
    current: Option<Table>,
    /// Position of each member of `current`.
    positions: Vec<u32>,
    building: Option<Builder>,
    /// Of its members and of the present endpoints three in four are the same. With fewer, those that stayed would get all
    /// that the others had, so that rendezvous serves until the new table is there.
    covers: bool,
    /// What the newest of both was made of; `None` if there is none.
    made_of: Option<u64>,
    /// All endpoints by position: rendezvous looks at many of them, and this is all it needs to know of most.
    members: Vec<Member>,
}

impl Tables {
    /// Positions of the choices for a key, those that left not among them.
    fn choices(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let table = self.current.iter().filter(|_| self.covers);
        let members = table.flat_map(move |table| table.choices(hash, TRIES));
        members.filter_map(|member| self.positions.get(member as usize).copied()).filter(|position| *position != GONE)
    }

    fn find_positions(&mut self, by_key: &Positions) {
        let members = self.current.as_ref().map(Table::members).unwrap_or_default();
        let mut known = by_key.list().iter().peekable();
        self.positions.clear();
        // Both ascend.
        self.positions.extend(members.iter().map(|key| {
            while known.next_if(|(other, _)| *other < *key).is_some() {}
            known.next_if(|(other, _)| *other == *key).map_or(GONE, |(_, position)| *position)
        }));
        let stayed = self.positions.iter().filter(|position| **position != GONE).count().saturating_mul(4);
        let most = self.positions.len().max(by_key.list().len()).saturating_mul(3);
        self.covers = stayed >= most;
    }
}

impl Pool {
    /// The configuration is new: begins another table, unless the newest one was made of the same.
    pub(super) fn begin_tables(&mut self) {
        let kind = match self.config.strategy {
            Strategy::Maglev => Kind::Maglev,
            Strategy::RingHash => Kind::Ring,
            _ => {
                self.tables = Tables::default();
                return;
            }
        };
        let member = |cold: &crate::endpoint::Cold| Member { key: cold.key, weight: cold.config.weight };
        let hashing = &self.config.hashing;
        let way = match kind {
            Kind::Maglev => hashing.table_size.map_or(0, |size| u64::from(size).saturating_add(1)),
            Kind::Ring => u64::from(hashing.points) | (1 << 32),
        };
        // A sum, because the order makes no difference.
        self.tables.members = self.cold.iter().map(member).collect();
        let made_of = self
            .tables
            .members
            .iter()
            .fold(mix(way), |sum, member| sum.wrapping_add(mix(member.key ^ mix(u64::from(member.weight)))));
        if self.tables.made_of != Some(made_of) {
            self.tables.building = Some(Builder::new(kind, self.tables.members.clone(), hashing));
            self.tables.made_of = Some(made_of);
            if self.tables.current.is_none() {
                self.build_tables(AT_ONCE);
            }
        }
        self.tables.find_positions(&self.by_key);
    }

    /// Does one slice of the table in the making, and puts it to use when it is ready.
    pub(super) fn step_tables(&mut self, passed: Duration) {
        let slices = nanos(passed).checked_div(nanos(SLICE_PERIOD)).unwrap_or(1).clamp(1, SLICES);
        self.build_tables(SLICE.saturating_mul(slices as u32));
    }

    fn build_tables(&mut self, steps: u32) {
        let Some(table) = self.tables.building.as_mut().and_then(|builder| builder.step(steps)) else { return };
        self.tables.building = None;
        self.tables.current = Some(table);
        self.tables.find_positions(&self.by_key);
    }

    /// A table for the present members is being built; until then, an older one or none serves.
    #[must_use]
    pub fn is_building(&self) -> bool {
        self.tables.building.is_some()
    }

    /// Appends the key's endpoint, then who is next for it. The group is one of the plan's.
    pub(super) fn pick_by_key(&self, (plan, group): (usize, &Group), hash: u64, picked: &mut Candidates, now: Time) {
        let bound = Bound::new(self, group, now);
        let wanted = self.config.candidates.min(MAX_CANDIDATES).min(group.eligible.len());
        let serves = |position: u32| {
            let Some(hot) = self.hot.get(position as usize) else { return false };
            group.has(hot) && group.serves(hot) && bound.allows(hot) && self.choice.has(plan, position)
        };
        for position in self.tables.choices(hash) {
            if picked.length >= wanted {
                return;
            }
            if !picked.contains(position) && serves(position) && self.admits(position, hash) {
                picked.push(position);
            }
        }
        self.pick_by_rendezvous(group, hash, picked, |hot| bound.allows(hot));
        if picked.as_slice().is_empty() {
            // The weights changed since the bound was added up.
            self.pick_by_rendezvous(group, hash, picked, |_| true);
        }
    }

    /// Appends those of the group that win the key and are allowed.
    fn pick_by_rendezvous(&self, group: &Group, hash: u64, picked: &mut Candidates, allows: impl Fn(&Hot) -> bool) {
        let wanted = self.config.candidates.min(MAX_CANDIDATES);
        if picked.length >= wanted.min(group.eligible.len()) {
            return;
        }
        let candidate = |position: &u32| {
            let (hot, member) = self.hot.get(*position as usize).zip(self.tables.members.get(*position as usize))?;
            let late = hot.weight < member.weight as f32 && !self.admits(*position, hash);
            let weight = f64::from(member.weight);
            allows(hot).then_some(Candidate { key: member.key, weight, late, position: *position })
        };
        for position in rendezvous(hash, group.eligible.iter().filter_map(candidate), wanted) {
            if picked.length < wanted && !picked.contains(position) {
                picked.push(position);
            }
        }
    }

    fn is_bounded(&self) -> bool {
        self.config.strategy.is_hashed() && self.config.hashing.bound.is_some()
    }

    pub(super) fn note_start(&mut self, position: u32, class: u8) {
        if self.is_bounded() {
            self.choice.count(position, class, |under_way| under_way.own = under_way.own.saturating_add(1));
        }
    }

    pub(super) fn note_end(&mut self, position: u32, class: u8) {
        if self.is_bounded() {
            self.choice.count(position, class, |under_way| under_way.own = under_way.own.saturating_sub(1));
        }
    }

    /// Members or the other workers' counts are new.
    pub(super) fn recount_under_way(&mut self) {
        if !self.is_bounded() {
            return;
        }
        self.choice.forget_under_way();
        for (hot, position) in self.hot.iter().zip(0..) {
            self.choice.count(position, hot.class, |under_way| {
                under_way.own = under_way.own.saturating_add(hot.in_flight);
                under_way.peers += hot.peers_in_flight;
            });
        }
    }
}

/// How many requests under way an endpoint may have.
struct Bound {
    /// For each unit of weight; `None` for any number.
    each: Option<f64>,
    peers_scale: f32,
}

impl Bound {
    fn new(pool: &Pool, group: &Group, now: Time) -> Self {
        let Some(factor) = pool.config.hashing.bound else { return Self { each: None, peers_scale: 0.0 } };
        let peers_scale = pool.peers_scale(now);
        let all = f64::from(group.under_way.own) + f64::from(peers_scale * group.under_way.peers) + 1.0;
        Self { each: Some(factor * all / group.weight.max(f64::MIN_POSITIVE)), peers_scale }
    }

    /// It may have one more.
    fn allows(&self, hot: &Hot) -> bool {
        let Some(each) = self.each else { return true };
        let load = f64::from(hot.in_flight) + f64::from(self.peers_scale * hot.peers_in_flight);
        // An error of rounding must not be rounded up to a whole request.
        load < libm::ceil(each * f64::from(hot.weight) * (1.0 - 1e-12))
    }
}
