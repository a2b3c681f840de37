//! An endpoint as a queue: requests take a free slot or wait, first come first served.

use plimsoll_engine::{Attempt, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// A request on its way through an endpoint.
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) arrived: Time,
    /// How long it will be served for.
    pub(crate) service: Duration,
    /// Who sent it, and what it has to settle.
    pub(crate) sender: Option<(usize, Attempt)>,
}

/// The state of one endpoint.
pub(crate) struct Station {
    free: u32,
    waiting: VecDeque<Request>,
}

impl Station {
    pub(crate) fn new(slots: u32) -> Self {
        Self { free: slots, waiting: VecDeque::new() }
    }

    /// A request comes: it is given back if its service begins now.
    pub(crate) fn enter(&mut self, request: Request) -> Option<Request> {
        if self.free == 0 {
            self.waiting.push_back(request);
            return None;
        }
        self.free -= 1;
        Some(request)
    }

    /// A service ended: the request whose service begins now.
    pub(crate) fn leave(&mut self) -> Option<Request> {
        let next = self.waiting.pop_front();
        self.free += u32::from(next.is_none());
        next
    }
}
