//! An endpoint as a queue: jobs take a free slot or wait, first come first served.

use crate::scenario::{Endpoint, Warming};
use crate::traffic::shape::Units;
use crate::world::jobs::{Jobs, Place};
use crate::world::trouble::Condition;
use std::collections::VecDeque;
use std::time::Duration;

/// The state of one endpoint.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) units: Units,
    pub(crate) condition: Condition,
    pub(crate) present: bool,
    pub(crate) notices: bool,
    mean_ns: f64,
    free: u32,
    /// Jobs that wait, and some that are gone.
    waiting: VecDeque<u32>,
    /// Those that really wait.
    queued: u32,
    limit: u32,
    warming: Option<Warming>,
    warming_since: Option<u64>,
    cold: f64,
    /// Keys seen, one bit each.
    seen: Vec<u64>,
}

/// What became of a job that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Its service begins.
    Served,
    Waits,
    /// The queue is full.
    Overflows,
}

impl Station {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self {
            units: Units::new(&endpoint.service.shape),
            condition: Condition::default(),
            present: endpoint.joins == Duration::ZERO,
            notices: endpoint.notices,
            mean_ns: endpoint.service.mean.as_nanos() as f64,
            free: endpoint.slots.max(1),
            waiting: VecDeque::new(),
            queued: 0,
            limit: endpoint.queue.unwrap_or(u32::MAX),
            warming: endpoint.warming,
            warming_since: None,
            cold: endpoint.cold,
            seen: Vec::new(),
        }
    }

    /// It starts anew: cold, and slow at first.
    pub(crate) fn restart(&mut self, now: u64) {
        self.warming_since = self.warming.map(|_| now);
        self.seen.clear();
    }

    /// How many times as long a request of this key takes because of its key.
    pub(crate) fn coldness(&mut self, key: Option<u64>) -> f64 {
        let Some(key) = key.filter(|_| self.cold > 1.0) else { return 1.0 };
        let (word, bit) = ((key / 64) as usize, 1 << (key % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let known = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        if known { 1.0 } else { self.cold }
    }

    /// It is slower than it should be because it has just started.
    pub(crate) fn is_warming(&self, now: u64) -> bool {
        self.speed(now) < 1.0
    }

    fn speed(&self, now: u64) -> f64 {
        let (Some(warming), Some(since)) = (self.warming, self.warming_since) else { return 1.0 };
        let share = (now - since) as f64 / (warming.over.as_nanos() as f64).max(1.0);
        if share >= 1.0 { 1.0 } else { warming.from + (1.0 - warming.from) * share }
    }

    /// How long a service that begins now takes, in nanoseconds.
    pub(crate) fn service_ns(&self, now: u64, units: f64) -> u64 {
        let speed = if self.warming_since.is_some() { self.speed(now) } else { 1.0 };
        (self.mean_ns * units * self.condition.slowdown / speed) as u64
    }

    /// A job comes.
    pub(crate) fn enter(&mut self, job: u32) -> Entered {
        if self.free > 0 {
            self.free -= 1;
            return Entered::Served;
        }
        if self.queued >= self.limit {
            return Entered::Overflows;
        }
        self.queued += 1;
        self.waiting.push_back(job);
        Entered::Waits
    }

    /// A slot is free again: the job whose service begins now. Cancelled ones on the way are removed.
    pub(crate) fn leave(&mut self, jobs: &mut Jobs) -> Option<u32> {
        while let Some(job) = self.waiting.pop_front() {
            if jobs.get(job).place == Place::Waiting {
                self.queued -= 1;
                return Some(job);
            }
            jobs.remove(job);
        }
        self.free += 1;
        None
    }

    /// A job that waits is cancelled.
    pub(crate) fn cancel_waiting(&mut self) {
        self.queued -= 1;
    }
}
