//! What is to happen later, in order of time; what was scheduled first comes first at equal times.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::model::{Request, RequestId};

/// What comes from an endpoint, or does not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FromUpstream {
    Headers,
    BodyEnd,
    Cut,
    Refused,
    Reset,
    PerTryTimeout,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    Arrive { id: RequestId, request: Box<Request> },
    Upstream { id: RequestId, attempt: usize, what: FromUpstream },
    Retry { id: RequestId },
    Timeout { id: RequestId },
    Abort { id: RequestId },
    Drain { thread: usize, root: u32 },
    CallTimeout { thread: usize, token: u32 },
}

/// The queue of events.
#[derive(Debug, Default)]
pub(super) struct Events {
    order: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    scheduled: u64,
    arrivals: usize,
}

impl Events {
    pub(super) fn schedule(&mut self, at_ns: u64, event: Event) {
        self.scheduled += 1;
        self.arrivals += usize::from(matches!(event, Event::Arrive { .. }));
        self.order.push(Reverse((at_ns, self.scheduled)));
        self.events.insert(self.scheduled, event);
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.order.peek().map(|Reverse((at, _))| *at)
    }

    /// True while a request is still to be sent.
    pub(super) fn has_arrivals(&self) -> bool {
        self.arrivals > 0
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let Reverse((_, number)) = self.order.pop()?;
        let event = self.events.remove(&number)?;
        self.arrivals -= usize::from(matches!(event, Event::Arrive { .. }));
        Some(event)
    }
}
