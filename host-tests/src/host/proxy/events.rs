//! What is to happen later, in order of time; what was scheduled first comes first at equal times.
//!
//! Every event belongs to a thread. While a thread stands still inside a callback, its events wait and those of other
//! threads go on; see [`Events::pop`].

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use super::model::{Request, RequestId};
use crate::host::Plugin;

/// What comes from an endpoint, or does not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FromUpstream {
    Headers,
    /// A piece of the body, by its place.
    Chunk(u32),
    End,
    Cut,
    Refused,
    Unreachable,
    Reset,
    Garbage,
    PerTryTimeout,
}

/// What is meant for one VM, and not for one that takes its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfVm {
    Drain { root: u32 },
    QueueReady { root: u32, queue: u32 },
    CallAnswer { token: u32, late: bool },
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    Arrive {
        id: RequestId,
        request: Box<Request>,
    },
    /// The next piece of the request's body, or after the last its end.
    Pieces {
        id: RequestId,
    },
    Upstream {
        id: RequestId,
        attempt: u32,
        what: FromUpstream,
    },
    Retry {
        id: RequestId,
    },
    Timeout {
        id: RequestId,
    },
    Abort {
        id: RequestId,
    },
    Start {
        group: usize,
        plugin: Box<Plugin>,
    },
    OfVm {
        slot: usize,
        epoch: u32,
        what: OfVm,
    },
}

#[derive(Debug)]
struct Entry {
    at_ns: u64,
    number: u64,
    thread: usize,
    event: Event,
}

impl Ord for Entry {
    // The heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ns, other.number).cmp(&(self.at_ns, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

/// The queue of events.
///
/// Timeouts are kept apart: each kind has one duration, so they come in order of time, and most are of requests that
/// have ended long since. In the heap they would bury the few events that matter.
#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Entry>,
    timeouts: [VecDeque<Entry>; 2],
    scheduled: u64,
    arrivals: usize,
    starts: usize,
}

impl Events {
    pub(super) fn schedule(&mut self, at_ns: u64, thread: usize, event: Event) {
        self.scheduled += 1;
        self.count(&event, 1);
        let lane = match event {
            Event::Timeout { .. } => Some(0),
            Event::Upstream { what: FromUpstream::PerTryTimeout, .. } => Some(1),
            _ => None,
        };
        let entry = Entry { at_ns, number: self.scheduled, thread, event };
        match lane.map(|lane| &mut self.timeouts[lane]) {
            Some(lane) if lane.back().is_none_or(|last| last.at_ns <= at_ns) => lane.push_back(entry),
            _ => self.heap.push(entry),
        }
    }

    fn count(&mut self, event: &Event, by: isize) {
        self.arrivals = self.arrivals.saturating_add_signed(if matches!(event, Event::Arrive { .. }) { by } else { 0 });
        self.starts = self.starts.saturating_add_signed(if matches!(event, Event::Start { .. }) { by } else { 0 });
    }

    /// When the next event of a thread that is not busy is due. Without busy threads it costs three looks.
    pub(super) fn next_ns(&self, busy: impl Fn(usize) -> bool, anyone_busy: bool) -> Option<u64> {
        let fronts = self.timeouts.iter().filter_map(VecDeque::front).chain(self.heap.peek());
        if !anyone_busy {
            return fronts.map(|entry| entry.at_ns).min();
        }
        let all = self.heap.iter().chain(self.timeouts.iter().flatten());
        all.filter(|entry| !busy(entry.thread)).map(|entry| entry.at_ns).min()
    }

    /// True while a request is still to be sent.
    pub(super) fn has_arrivals(&self) -> bool {
        self.arrivals > 0
    }

    /// True while a plugin is still to start on some thread.
    pub(super) fn has_starts(&self) -> bool {
        self.starts > 0
    }

    /// The next event of a thread that is not busy, with its thread. Those of busy threads keep their places.
    pub(super) fn pop(&mut self, busy: impl Fn(usize) -> bool) -> Option<(usize, Event)> {
        let mut waiting = Vec::new();
        let mut next = None;
        while let Some(entry) = self.heap.pop() {
            if busy(entry.thread) {
                waiting.push(entry);
            } else {
                next = Some(entry);
                break;
            }
        }
        self.heap.extend(waiting);
        let order = |entry: &Entry| (entry.at_ns, entry.number);
        for lane in &mut self.timeouts {
            let Some(at) = lane.iter().position(|entry| !busy(entry.thread)) else { continue };
            if next.as_ref().is_none_or(|next| order(&lane[at]) < order(next)) {
                self.heap.extend(next.take());
                next = lane.remove(at);
            }
        }
        let entry = next?;
        self.count(&entry.event, -1);
        Some((entry.thread, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_busy_thread_wait_and_keep_their_places() {
        let mut events = Events::default();
        for (at, thread) in [(5, 1), (3, 1), (3, 2), (4, 2)] {
            events.schedule(at, thread, Event::Retry { id: at });
        }
        let mut take = |busy: usize| {
            let next = events.next_ns(|thread| thread == busy, true);
            events.pop(|thread| thread == busy).map(|(thread, _)| (next, thread))
        };
        assert_eq!(take(1), Some((Some(3), 2)));
        assert_eq!(take(9), Some((Some(3), 1)));
        assert_eq!(take(1), Some((Some(4), 2)));
        assert_eq!(take(1), None);
        assert_eq!(take(9), Some((Some(5), 1)));
    }
}
