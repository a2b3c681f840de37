//! What happens next: events in the order of their time, and of their scheduling where times are equal, so that a run
//! does not depend on how a heap breaks ties.
//!
//! An entry is one number of 128 bits (time, turn, event), so that comparing and moving are cheap. What is scheduled in
//! the order of its time anyway (the next arrival, time-outs of one length) waits in a lane of its own: most time-outs
//! never matter, and in the heap they would outnumber all else.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Events to come. Times are nanoseconds from the start of the run.
#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<u128>>,
    lanes: [VecDeque<u128>; LANES],
    /// Turn of the next entry. It may wrap: it only orders equal times.
    turn: u32,
    /// Entries to come that may bring a request on.
    live: usize,
}

const LANES: usize = 3;

/// What happens. Indices are below 2^29.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The next request of an open loop comes.
    Arrival,
    /// This client of a closed loop asks again.
    Client(u32),
    /// An endpoint is done with this job.
    Done(u32),
    /// This request tries again.
    Retry(u32),
    /// The attempt of this request has taken too long.
    TryTimeout(u32),
    /// This request has taken too long.
    Timeout(u32),
    /// The balancer wants to be called.
    Tick,
    /// The world changes in this way.
    Change(u32),
}

const INDEX_BITS: u32 = 29;

impl Event {
    fn pack(self) -> u32 {
        let (kind, index) = match self {
            Self::Arrival => (0, 0),
            Self::Client(client) => (1, client),
            Self::Done(job) => (2, job),
            Self::Retry(slot) => (3, slot),
            Self::TryTimeout(slot) => (4, slot),
            Self::Timeout(slot) => (5, slot),
            Self::Tick => (6, 0),
            Self::Change(change) => (7, change),
        };
        debug_assert!(index >> INDEX_BITS == 0, "too many at once: {self:?}");
        kind << INDEX_BITS | index
    }

    fn unpack(packed: u32) -> Self {
        let index = packed & ((1 << INDEX_BITS) - 1);
        match packed >> INDEX_BITS {
            0 => Self::Arrival,
            1 => Self::Client(index),
            2 => Self::Done(index),
            3 => Self::Retry(index),
            4 => Self::TryTimeout(index),
            5 => Self::Timeout(index),
            6 => Self::Tick,
            _ => Self::Change(index),
        }
    }

    fn lane(self) -> Option<usize> {
        match self {
            Self::Arrival => Some(0),
            Self::TryTimeout(_) => Some(1),
            Self::Timeout(_) => Some(2),
            _ => None,
        }
    }

    /// It may bring a request on; ticks and changes of the world never end.
    fn is_live(self) -> bool {
        !matches!(self, Self::Tick | Self::Change(_))
    }
}

impl Agenda {
    /// Arrivals and time-outs of either kind have to be scheduled in the order of their times.
    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        let entry = u128::from(at) << 64 | u128::from(self.turn) << 32 | u128::from(event.pack());
        self.turn = self.turn.wrapping_add(1);
        self.live += usize::from(event.is_live());
        match event.lane() {
            Some(lane) => {
                debug_assert!(self.lanes[lane].back().is_none_or(|last| last >> 64 <= u128::from(at)));
                self.lanes[lane].push_back(entry);
            }
            None => self.heap.push(Reverse(entry)),
        }
    }

    /// The next event and its time.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        let mut first = self.heap.peek().map_or(u128::MAX, |entry| entry.0);
        let mut from = LANES;
        for (number, lane) in self.lanes.iter().enumerate() {
            if let Some(entry) = lane.front()
                && *entry < first
            {
                (first, from) = (*entry, number);
            }
        }
        match self.lanes.get_mut(from) {
            Some(lane) => lane.pop_front().map(drop),
            None => self.heap.pop().map(drop),
        }?;
        let event = Event::unpack(first as u32);
        self.live -= usize::from(event.is_live());
        Some(((first >> 64) as u64, event))
    }

    /// Nothing to come would bring a request on.
    pub(crate) fn is_idle(&self) -> bool {
        self.live == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_scheduling() {
        let mut agenda = Agenda::default();
        let script = [
            (3, Event::Done(7)),
            (1, Event::Arrival),
            (2, Event::Timeout(1)),
            (2, Event::Done(2)),
            (2, Event::TryTimeout(3)),
            (4, Event::Tick),
        ];
        for (at, event) in script {
            agenda.schedule(at, event);
        }
        let order: Vec<usize> = std::iter::from_fn(|| agenda.next())
            .map(|next| script.iter().position(|entry| *entry == next).unwrap())
            .collect();
        assert_eq!(order, [1, 2, 3, 4, 0, 5]);
        assert!(agenda.is_idle());
    }

    #[test]
    fn every_event_survives_packing() {
        let last = (1 << INDEX_BITS) - 1;
        let indexed = [Event::Client, Event::Done, Event::Retry, Event::TryTimeout, Event::Timeout, Event::Change];
        for event in indexed.map(|event| event(last)).into_iter().chain([Event::Arrival, Event::Tick]) {
            assert_eq!(Event::unpack(event.pack()), event);
        }
    }
}
