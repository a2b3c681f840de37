//! A ring of points, several for each member; a key belongs to the first point at or after its hash. Points are 64-bit
//! numbers, the hash in the upper 40 and the member in the lower 24, in ascending order.
//!
//! Hashes are spread evenly, so the points are sorted by distribution: counted by bucket, placed, and sorted within
//! their buckets of about eight. That can stop after any point, and the buckets then serve to look up a hash without a
//! binary search over megabytes.

use super::{GOLDEN, Member};
use crate::order::sort_by;
use crate::rng::mix;
use alloc::{vec, vec::Vec};

/// Most points of a ring: 16 MB, enough for 13,000 endpoints with 160 each.
pub const MAX_POINTS: u32 = 1 << 21;

/// Bits of a point that name the member.
const MEMBER: u64 = (1 << 24) - 1;
const POINTS_PER_BUCKET: u64 = 8;
/// Members that a walk can tell apart, the longest that makes sense: a list of candidates has 16.
const DISTINCT: usize = 32;
/// Points that a walk looks at before it gives up on a different member.
const WALK: u32 = 256;

/// What a visit to a point costs of the budget: twice as long as a look at a slot of a Maglev table.
const VISIT: u32 = 2;

/// A ring that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Points {
    points: Vec<u64>,
    /// First point of each bucket, and one more entry: the end.
    starts: Vec<u32>,
    /// A hash shifted right by this is its bucket.
    shift: u32,
}

impl Points {
    #[cfg(test)]
    pub(super) fn len(&self) -> u32 {
        self.points.len() as u32
    }

    /// The member that a hash belongs to.
    pub(super) fn first(&self, hash: u64) -> Option<u32> {
        let point = self.points.get(self.place(hash)).or(self.points.first())?;
        Some((point & MEMBER) as u32)
    }

    /// The place of the first point at or after a hash; the end if there is none.
    fn place(&self, hash: u64) -> usize {
        let from = self.starts.get((hash >> self.shift) as usize).map_or(0, |start| *start as usize);
        let before = self.points.get(from..).unwrap_or_default().iter().take_while(|point| **point < hash).count();
        from.saturating_add(before)
    }

    /// The different members from a hash on, in the order of the ring.
    pub(super) fn walk(&self, hash: u64) -> Walk<'_> {
        Walk { points: &self.points, at: self.place(hash), left: WALK, seen: [0; DISTINCT], known: 0 }
    }
}

/// See [`Points::walk`].
pub(super) struct Walk<'a> {
    points: &'a [u64],
    at: usize,
    left: u32,
    seen: [u32; DISTINCT],
    known: usize,
}

impl Iterator for Walk<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.left > 0 {
            self.left = self.left.saturating_sub(1);
            let point = self.points.get(self.at).or_else(|| {
                self.at = 0;
                self.points.first()
            })?;
            self.at = self.at.saturating_add(1);
            let member = (point & MEMBER) as u32;
            if !self.seen.get(..self.known)?.contains(&member) {
                *self.seen.get_mut(self.known)? = member;
                self.known = self.known.saturating_add(1);
                return Some(member);
            }
        }
        None
    }
}

/// A ring that is being sorted.
#[derive(Clone, Debug)]
pub(super) struct Sorting {
    /// Key and number of points of each member.
    members: Vec<(u64, u32)>,
    total: u32,
    ring: Points,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Each bucket's entry counts its points.
    Count(Cursor),
    /// Each bucket's entry becomes the number of points before it.
    Sum {
        bucket: usize,
        points: u32,
    },
    /// Each bucket's entry moves on with every point placed, to the end of the bucket.
    Place(Cursor),
    Sort {
        bucket: usize,
    },
    Ready,
}

/// The next point to visit.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    member: u32,
    point: u32,
}

impl Cursor {
    fn next(&mut self, members: &[(u64, u32)]) -> Option<u64> {
        let (mut key, mut points) = *members.get(self.member as usize)?;
        if self.point >= points {
            self.member = self.member.saturating_add(1);
            self.point = 0;
            (key, points) = *members.get(self.member as usize)?;
        }
        debug_assert!(points > 0, "every member has a point");
        self.point = self.point.saturating_add(1);
        let hash = mix(key.wrapping_add(GOLDEN.wrapping_mul(u64::from(self.point))));
        Some((hash & !MEMBER) | u64::from(self.member))
    }
}

impl Sorting {
    /// `members` are sorted, at least one and at most [`MAX_POINTS`].
    pub(super) fn new(members: &[Member], points: u32) -> Self {
        let members = count_points(members, points.max(1));
        let total = members.iter().fold(0_u64, |sum, (_, points)| sum.saturating_add(u64::from(*points)));
        let buckets = (total / POINTS_PER_BUCKET).next_power_of_two().max(2);
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let ring = Points {
            points: Vec::with_capacity(total as usize),
            starts: vec![0; (buckets as usize).saturating_add(1)],
            shift: buckets.leading_zeros().saturating_add(1),
        };
        Self { members, total, ring, phase: Phase::Count(Cursor::default()) }
    }

    /// Visits points or buckets at [`VISIT`] each; true when the ring is ready.
    pub(super) fn step(&mut self, budget: u32) -> bool {
        let mut left = budget;
        while left > 0 {
            left = left.saturating_sub(VISIT);
            match self.phase {
                Phase::Count(cursor) => self.count(cursor),
                Phase::Sum { bucket, points } => self.sum(bucket, points),
                Phase::Place(cursor) => self.place(cursor),
                Phase::Sort { bucket } => left = left.saturating_sub(VISIT.saturating_mul(self.sort(bucket))),
                Phase::Ready => return true,
            }
        }
        false
    }

    /// The entry of a bucket while points are counted and placed: that after the one where the finished ring has it.
    fn entry(&mut self, point: u64) -> Option<&mut u32> {
        self.ring.starts.get_mut(((point >> self.ring.shift) as usize).saturating_add(1))
    }

    fn count(&mut self, mut cursor: Cursor) {
        let Some(point) = cursor.next(&self.members) else {
            self.phase = Phase::Sum { bucket: 0, points: 0 };
            return;
        };
        if let Some(entry) = self.entry(point) {
            *entry = entry.saturating_add(1);
        }
        // Room for it, made here because clearing megabytes at once takes milliseconds.
        self.ring.points.push(0);
        self.phase = Phase::Count(cursor);
    }

    fn sum(&mut self, bucket: usize, points: u32) {
        let next = bucket.saturating_add(1);
        self.phase = match self.ring.starts.get_mut(next) {
            None => Phase::Place(Cursor::default()),
            Some(entry) => {
                let here = core::mem::replace(entry, points);
                Phase::Sum { bucket: next, points: points.saturating_add(here) }
            }
        };
    }

    fn place(&mut self, mut cursor: Cursor) {
        let Some(point) = cursor.next(&self.members) else {
            debug_assert_eq!(self.ring.starts.last(), Some(&self.total), "all points are placed");
            self.phase = Phase::Sort { bucket: 0 };
            return;
        };
        self.phase = Phase::Place(cursor);
        let Some(entry) = self.entry(point) else { return };
        let place = *entry;
        *entry = place.saturating_add(1);
        if let Some(slot) = self.ring.points.get_mut(place as usize) {
            *slot = point;
        }
    }

    /// Returns the number of points that it sorted.
    fn sort(&mut self, bucket: usize) -> u32 {
        let next = bucket.saturating_add(1);
        let (Some(from), Some(to)) = (self.ring.starts.get(bucket), self.ring.starts.get(next)) else {
            self.phase = Phase::Ready;
            return 0;
        };
        if let Some(points) = self.ring.points.get_mut(*from as usize..*to as usize) {
            sort_by(points, |a, b| a < b);
        }
        self.phase = Phase::Sort { bucket: next };
        to.saturating_sub(*from)
    }

    pub(super) fn finish(self) -> Points {
        self.ring
    }
}

/// Points for each member: its weight times `points`, for all halved as often as it takes to stay within
/// [`MAX_POINTS`]. Halved, so that a member that comes or goes seldom changes the number, and those that stay, stay where
/// they are.
fn count_points(members: &[Member], points: u32) -> Vec<(u64, u32)> {
    let wanted = |member: &Member| u64::from(member.weight.max(1)).saturating_mul(u64::from(points));
    let halved = |halvings: u32| {
        move |member: &Member| {
            let points = (wanted(member) >> halvings).clamp(1, u64::from(MAX_POINTS));
            (member.key, points as u32)
        }
    };
    let total = |halvings: u32| {
        members.iter().map(halved(halvings)).fold(0_u64, |sum, (_, points)| sum.saturating_add(u64::from(points)))
    };
    let halvings = (0..32).find(|halvings| total(*halvings) <= u64::from(MAX_POINTS)).unwrap_or(32);
    members.iter().map(halved(halvings)).collect()
}
