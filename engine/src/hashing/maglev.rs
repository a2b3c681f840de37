//! A Maglev table with weights. Every member walks over the slots in an order of its own, all slots in steps of a fixed
//! width, and takes the first free one whenever it is its turn, until all are taken.
//!
//! Whose turn it is goes by deadlines: a member of weight w has its k-th turn at (2k + 1) / 2w, k = 0, 1, …, so that at
//! any time it has its share of the turns to half a turn (Webster's method of apportionment); with equal weights that is
//! the paper's round robin. Members of equal weight have their turns together, in the order of their keys, so a queue
//! holds one entry for each distinct weight and costs next to nothing. Envoy's way, rounds in which light members pass
//! most of the time, takes minutes for one heavy member among ten thousand light ones.
//!
//! Filling looks at M ln M slots: 14 million for the largest default.

use super::{GOLDEN, Member};
use crate::order::sort_by;
use crate::rng::mix;
use alloc::{collections::BinaryHeap, vec, vec::Vec};
use core::cmp::Reverse;

/// Most members of a table: slots are 16 bits wide and one value means a free slot.
pub const MAX_MEMBERS: usize = 65_535;
/// Most slots of a table. A prime, and Envoy's limit.
pub const MAX_SIZE: u32 = 5_000_011;

/// Sizes to choose from, primes. The middle one keeps a thousand endpoints within .2 % of their shares for 1.3 MB.
const SIZES: [u32; 3] = [65_537, 655_373, 1_000_003];
/// Slots for each member, at least, where the sizes allow: shares are off by half a slot or so.
const SLOTS_PER_MEMBER: usize = 100;

const FREE: u16 = u16::MAX;
/// Deadlines count in 2^-39: (2k + 1) · 2^39 fits 64 bits for 2^23 turns, and weights up to 1000 are told apart.
const DEADLINE: u64 = 1 << 39;

/// Member by slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots(Vec<u16>);

impl Slots {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn lookup(&self, hash: u64) -> Option<u32> {
        self.0.get(scale(hash, self.0.len() as u32) as usize).map(|member| u32::from(*member))
    }
}

/// A hash to a number below `bound`.
fn scale(hash: u64, bound: u32) -> u32 {
    ((hash >> 32).wrapping_mul(u64::from(bound)) >> 32) as u32
}

/// A table that is being filled.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    slots: Vec<u16>,
    /// One bit for each slot that is taken: small enough to stay in the processor's cache, unlike the slots.
    taken: Vec<u64>,
    free: u32,
    walks: Vec<Walk>,
    turns: Turns,
}

/// A member's way over the slots.
#[derive(Clone, Copy, Debug)]
struct Walk {
    next: u32,
    width: u32,
}

impl Filling {
    /// `members` are sorted, at least one and at most [`MAX_MEMBERS`].
    pub(super) fn new(members: &[Member], wanted: Option<u32>) -> Self {
        let size = table_size(members.len(), wanted);
        let walk = |member: &Member| Walk {
            next: scale(mix(member.key ^ GOLDEN), size),
            width: scale(mix(member.key.wrapping_add(GOLDEN)), size.saturating_sub(1)).saturating_add(1),
        };
        Self {
            slots: vec![FREE; size as usize],
            taken: vec![0; (size as usize).div_ceil(64)],
            free: size,
            walks: members.iter().map(walk).collect(),
            turns: Turns::new(members),
        }
    }

    /// Looks at up to `budget` slots; true when none is free any more.
    pub(super) fn step(&mut self, budget: u32) -> bool {
        let size = self.slots.len() as u32;
        let mut left = budget;
        while self.free > 0 {
            let member = self.turns.now();
            let Some(walk) = self.walks.get_mut(usize::from(member)) else { return true };
            let found = walk.find(&mut self.taken, size, &mut left);
            let Some(slot) = found.and_then(|slot| self.slots.get_mut(slot as usize)) else { return false };
            *slot = member;
            self.free = self.free.saturating_sub(1);
            self.turns.pass();
        }
        true
    }

    pub(super) fn finish(self) -> Slots {
        Slots(self.slots)
    }
}

impl Walk {
    /// Goes on to the next free slot and takes it; `None` when `left` is used up before that.
    fn find(&mut self, taken: &mut [u64], size: u32, left: &mut u32) -> Option<u32> {
        while *left > 0 {
            *left = left.saturating_sub(1);
            let slot = self.next;
            let beyond = slot.saturating_add(self.width);
            self.next = if beyond >= size { beyond.saturating_sub(size) } else { beyond };
            let word = taken.get_mut((slot >> 6) as usize)?;
            let bit = 1_u64 << (slot & 63);
            if *word & bit == 0 {
                *word |= bit;
                return Some(slot);
            }
        }
        None
    }
}

/// Whose turn it is.
#[derive(Clone, Debug)]
struct Turns {
    /// All members, by weight and within that by key.
    order: Vec<u16>,
    classes: Vec<Class>,
    /// Next deadline of each class but the present one.
    queue: BinaryHeap<Reverse<(u64, u16)>>,
    present: u16,
    /// Place in `order` of the member whose turn it is.
    at: u32,
}

/// Members of one weight.
#[derive(Clone, Copy, Debug)]
struct Class {
    weight: u32,
    /// Its part of `order`.
    from: u32,
    to: u32,
    turns: u32,
}

impl Class {
    fn deadline(&self) -> u64 {
        let odd = u64::from(self.turns).saturating_mul(2).saturating_add(1);
        odd.saturating_mul(DEADLINE).checked_div(u64::from(self.weight)).unwrap_or(u64::MAX)
    }
}

impl Turns {
    fn new(members: &[Member]) -> Self {
        let weight = |member: &u16| members.get(usize::from(*member)).map_or(1, |member| member.weight.max(1));
        let mut order: Vec<u16> = (0..members.len().min(MAX_MEMBERS) as u16).collect();
        // The heaviest first: they go first where deadlines are equal; equals in the order of keys.
        let rank = |member: &u16| (Reverse(weight(member)), *member);
        sort_by(&mut order, |a, b| rank(a) < rank(b));
        let mut from = 0;
        let mut classes = Vec::new();
        for equals in order.chunk_by(|a, b| weight(a) == weight(b)) {
            let to = equals.len().saturating_add(from as usize) as u32;
            classes.push(Class { weight: equals.first().map_or(1, weight), from, to, turns: 0 });
            from = to;
        }
        let queue = classes.iter().zip(0..).map(|(class, index)| Reverse((class.deadline(), index))).collect();
        let mut turns = Self { order, classes, queue, present: 0, at: 0 };
        turns.next_class();
        turns
    }

    fn now(&self) -> u16 {
        self.order.get(self.at as usize).copied().unwrap_or_default()
    }

    fn pass(&mut self) {
        self.at = self.at.saturating_add(1);
        let Some(class) = self.classes.get_mut(usize::from(self.present)) else { return };
        if self.at >= class.to {
            class.turns = class.turns.saturating_add(1);
            self.queue.push(Reverse((class.deadline(), self.present)));
            self.next_class();
        }
    }

    fn next_class(&mut self) {
        let Some(Reverse((_, class))) = self.queue.pop() else { return };
        self.present = class;
        self.at = self.classes.get(usize::from(class)).map_or(0, |class| class.from);
    }
}

/// The number of slots: a prime above the number of members, so that every walk reaches all slots.
fn table_size(members: usize, wanted: Option<u32>) -> u32 {
    let enough = |size: &u32| *size as usize >= members.saturating_mul(SLOTS_PER_MEMBER);
    let [.., largest] = SIZES;
    match wanted {
        None => SIZES.into_iter().find(enough).unwrap_or(largest),
        Some(wanted) => {
            let least = (wanted as usize).max(members.saturating_add(1)).max(2);
            (least as u32..MAX_SIZE).find(|size| is_prime(*size)).unwrap_or(MAX_SIZE)
        }
    }
}

/// Whether a number is a prime, by trial division.
#[must_use]
pub fn is_prime(number: u32) -> bool {
    let mut divisors = (2..=u32::from(u16::MAX)).take_while(|divisor| divisor.saturating_mul(*divisor) <= number);
    number >= 2 && !divisors.any(|divisor| number.is_multiple_of(divisor))
}
