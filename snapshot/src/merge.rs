//! Adds up what the workers published for one pool. Counts of stale workers are kept (they happened), but their
//! in-flight is not: nobody knows what became of it.

use crate::cell::{Cell, CellEndpoint, SketchCell};
use crate::sketch::{CoarseSketch, Sketch};
use crate::view::FailuresBy;
use alloc::vec::Vec;

/// One endpoint, all workers together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergedEndpoint {
    /// Sums over the workers; `consecutive_failures` is the largest.
    pub counts: CellEndpoint,
    /// Merged histogram of the last 5 to 10 s; absent until one is added, because most sums never need it.
    pub sketch: Option<CoarseSketch>,
}

/// One pool, all workers together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MergedPool {
    /// Requests steered.
    pub picks: u64,
    /// Requests refused.
    pub refused: u64,
    /// Failed attempts by kind.
    pub failures_by: FailuresBy,
    /// How many of the workers added are alive.
    pub alive: u32,
    /// Which those are, as a hash: what came since an earlier sum can be told only while it is the same.
    pub who: u64,
    /// Merged histogram of the whole pool, of the last 5 to 10 s; absent until one is added.
    pub sketch: Option<Sketch>,
    /// In the order of the keys given to [`MergedPool::new`].
    pub endpoints: Vec<MergedEndpoint>,
    keys: Vec<u64>,
    places: Places,
}

/// Finds the places of a cell's endpoints, asked for one after the other. Workers with the same configuration list the
/// endpoints in the same order, so the position is right at once. While one has members more or fewer, it is off by their
/// number for all that follow. Only in another order altogether does each key cost a search.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Places {
    /// How much further on than in the cell the last key was that was not at its place.
    shift: isize,
}

impl Places {
    /// The place of a key among `keys`, that is at this position in the cell.
    pub(crate) fn find(&mut self, keys: &[u64], key: u64, position: usize) -> Option<usize> {
        let is_at = |index: &usize| keys.get(*index) == Some(&key);
        let shifted = position.checked_add_signed(self.shift);
        Some(position).filter(is_at).or_else(|| shifted.filter(is_at)).or_else(|| {
            let index = keys.iter().position(|candidate| *candidate == key)?;
            self.shift = index.checked_signed_diff(position)?;
            Some(index)
        })
    }
}

impl MergedPool {
    /// An empty sum for the endpoints with these keys.
    #[must_use]
    pub fn new(keys: Vec<u64>) -> Self {
        let endpoints = keys
            .iter()
            .map(|key| MergedEndpoint {
                counts: CellEndpoint { key: *key, ..CellEndpoint::default() },
                ..MergedEndpoint::default()
            })
            .collect();
        Self { endpoints, keys, ..Self::default() }
    }

    /// Adds one worker's counts. Endpoints that are not in the sum are passed over.
    pub fn add(&mut self, cell: &Cell, stale: bool) {
        self.picks = self.picks.saturating_add(cell.picks);
        self.refused = self.refused.saturating_add(cell.refused);
        self.failures_by.add(&cell.failures_by);
        if !stale {
            self.alive = self.alive.saturating_add(1);
            // Nonces are random, and the order does not count.
            self.who = self.who.wrapping_add(cell.nonce.wrapping_mul(2).wrapping_add(1));
        }
        for (position, part) in cell.endpoints.iter().enumerate() {
            let Some(sum) = self.find(part.key, position) else { continue };
            let sum = &mut sum.counts;
            sum.requests = sum.requests.saturating_add(part.requests);
            sum.failures = sum.failures.saturating_add(part.failures);
            sum.slow = sum.slow.saturating_add(part.slow);
            sum.overloads = sum.overloads.saturating_add(part.overloads);
            sum.ignored = sum.ignored.saturating_add(part.ignored);
            if stale {
                continue;
            }
            sum.heard.add(&part.heard);
            sum.in_flight = sum.in_flight.saturating_add(part.in_flight);
            sum.waiting = sum.waiting.saturating_add(part.waiting);
            sum.consecutive_failures = sum.consecutive_failures.max(part.consecutive_failures);
            sum.recent_requests = sum.recent_requests.saturating_add(part.recent_requests);
            sum.recent_failures = sum.recent_failures.saturating_add(part.recent_failures);
            sum.recent_overloads = sum.recent_overloads.saturating_add(part.recent_overloads);
            sum.recent_latency_us = sum.recent_latency_us.saturating_add(part.recent_latency_us);
        }
    }

    /// Adds one worker's histograms.
    pub fn add_sketches(&mut self, cell: &SketchCell) {
        self.sketch.get_or_insert_default().merge(&cell.pool);
        for (position, (key, sketch)) in cell.endpoints.iter().enumerate() {
            if let Some(sum) = self.find(*key, position) {
                sum.sketch.get_or_insert_default().merge_compact(sketch);
            }
        }
    }

    fn find(&mut self, key: u64, position: usize) -> Option<&mut MergedEndpoint> {
        let place = self.places.find(&self.keys, key, position)?;
        self.endpoints.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_stale_worker_keeps_its_history_but_not_its_in_flight() {
        let cell = |in_flight, requests| Cell {
            picks: requests,
            endpoints: vec![
                CellEndpoint { key: 9, ..CellEndpoint::default() },
                CellEndpoint { key: 5, in_flight, requests, ..CellEndpoint::default() },
            ],
            ..Cell::default()
        };
        let mut pool = MergedPool::new(vec![5]);
        pool.add(&cell(3, 100), false);
        pool.add(&cell(4, 50), true);
        assert_eq!(pool.picks, 150);
        assert_eq!((pool.endpoints[0].counts.in_flight, pool.endpoints[0].counts.requests), (3, 150));
    }
}
