//! Keys to endpoints, consistently: the same key goes to the same endpoint, on every worker and every proxy with the
//! same members, and few keys move when members come or go.
//!
//! A [`Table`] depends on the *set* of members and their weights only, never on the order in which they came. Large
//! ones take tens of milliseconds to build, so a [`Builder`] works in slices while the old table serves:
//!
//! - [`Kind::Maglev`]: shares are exact to half a slot or so, a lookup is one read; removing one member of N moves a few
//!   more keys than its own.
//! - [`Kind::Ring`]: no key moves but those of the members that left, and shares vary by 1/√points.
//! - [`rendezvous`]: no table at all and no key moves needlessly, but each lookup looks at all members. It serves until
//!   there is a table, and when a table's choices may not be called.
//!
//! Tables ignore health: who may not be called is skipped at lookup, by asking for the next choice of the key, so a short
//! ejection moves that endpoint's keys and no others.

mod maglev;
mod rendezvous;
mod ring;
#[cfg(test)]
mod tests;

pub use maglev::{MAX_MEMBERS as MAGLEV_MAX_MEMBERS, MAX_SIZE as MAGLEV_MAX_SIZE, is_prime};
pub use rendezvous::{Candidate, rendezvous};
pub use ring::MAX_POINTS as RING_MAX_POINTS;

use crate::config::HashingConfig;
use crate::order::sort_by;
use crate::rng::mix;
use alloc::vec::Vec;

/// The golden ratio of 2^64, as in SplitMix64: multiples of it are spread over all values.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// How a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, with weights. At most
    /// [`MAGLEV_MAX_MEMBERS`] members: those with the highest keys above that get nothing.
    Maglev,
    /// Karger et al. 1997, in the manner of libketama. At most [`RING_MAX_POINTS`] points, or one for each member: above
    /// that, all have half as many, or a quarter, and so on.
    Ring,
}

/// One endpoint that keys may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Hash of its address, see [`crate::address_key`]; unique.
    pub key: u64,
    /// Share of the keys relative to the others, 1 to 1000; 0 counts as 1.
    pub weight: u32,
}

/// Which member serves which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    members: Vec<u64>,
    choice: Choice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Nobody,
    Maglev(maglev::Slots),
    Ring(ring::Points),
}

impl Table {
    /// Builds a table at once.
    #[must_use]
    pub fn build(kind: Kind, members: Vec<Member>, config: &HashingConfig) -> Self {
        let mut builder = Builder::new(kind, members, config);
        loop {
            if let Some(table) = builder.step(u32::MAX) {
                return table;
            }
        }
    }

    /// The index in [`Table::members`] of the member that serves the key with this hash, which has to be spread well over
    /// all 64 bits. `attempt` 0 is the first choice. Further ones are other draws for the same key on a Maglev table, so
    /// the same member may come again; on a ring they are the next different members. `None` when there are no members,
    /// or on a ring no different one near by.
    #[must_use]
    pub fn lookup(&self, hash: u64, attempt: u32) -> Option<u32> {
        match &self.choice {
            Choice::Nobody => None,
            Choice::Maglev(slots) => slots.lookup(rehash(hash, attempt)),
            Choice::Ring(points) if attempt == 0 => points.first(hash),
            Choice::Ring(points) => points.walk(hash).nth(attempt as usize),
        }
    }

    /// The choices for a key, the first `tries` of them: as [`Table::lookup`] for 0, 1, 2 and so on.
    pub fn choices(&self, hash: u64, tries: u32) -> impl Iterator<Item = u32> + '_ {
        let (slots, points) = match &self.choice {
            Choice::Nobody => (None, None),
            Choice::Maglev(slots) => (Some(slots), None),
            Choice::Ring(points) => (None, Some(points)),
        };
        let drawn = slots
            .into_iter()
            .flat_map(move |slots| (0..tries).filter_map(move |attempt| slots.lookup(rehash(hash, attempt))));
        let walked = points.into_iter().flat_map(move |points| points.walk(hash).take(tries as usize));
        drawn.chain(walked)
    }

    /// The members' keys, ascending.
    #[must_use]
    pub fn members(&self) -> &[u64] {
        &self.members
    }
}

fn rehash(hash: u64, attempt: u32) -> u64 {
    if attempt == 0 { hash } else { mix(hash.wrapping_add(GOLDEN.wrapping_mul(u64::from(attempt)))) }
}

/// A table in the making.
#[derive(Clone, Debug)]
pub struct Builder {
    members: Vec<u64>,
    work: Option<Work>,
}

#[derive(Clone, Debug)]
enum Work {
    Nobody,
    Maglev(maglev::Filling),
    Ring(ring::Sorting),
}

impl Builder {
    /// Begins a table over these members, in any order. Costs O(n log n) for n members, and an allocation of the table's
    /// size.
    #[must_use]
    pub fn new(kind: Kind, mut members: Vec<Member>, config: &HashingConfig) -> Self {
        sort_by(&mut members, |a, b| a < b);
        members.dedup_by_key(|member| member.key);
        members.truncate(match kind {
            Kind::Maglev => MAGLEV_MAX_MEMBERS,
            Kind::Ring => RING_MAX_POINTS as usize,
        });
        let work = match kind {
            _ if members.is_empty() => Work::Nobody,
            Kind::Maglev => Work::Maglev(maglev::Filling::new(&members, config.table_size)),
            Kind::Ring => Work::Ring(ring::Sorting::new(&members, config.points)),
        };
        Self { members: members.iter().map(|member| member.key).collect(), work: Some(work) }
    }

    /// Does one slice of the work, at most `budget` steps of 2 to 5 ns each: a look at a slot of a Maglev table, or half
    /// a visit to a point of a ring, which takes three. Returns the table once, when it is ready.
    pub fn step(&mut self, budget: u32) -> Option<Table> {
        let ready = match self.work.as_mut()? {
            Work::Nobody => true,
            Work::Maglev(filling) => filling.step(budget),
            Work::Ring(sorting) => sorting.step(budget),
        };
        if !ready {
            return None;
        }
        let choice = match self.work.take()? {
            Work::Nobody => Choice::Nobody,
            Work::Maglev(filling) => Choice::Maglev(filling.finish()),
            Work::Ring(sorting) => Choice::Ring(sorting.finish()),
        };
        Some(Table { members: core::mem::take(&mut self.members), choice })
    }
}
