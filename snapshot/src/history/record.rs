//! Makes the history: once a second, whoever leads makes a point of a pool from what all workers have published, and
//! appends it to the present chunk; when a chunk is full, it becomes one point of half a minute.
//!
//! All that is needed to go on is in the store, chunk and base, and is read back every second. So no worker has to know
//! whether it led before, whether another one did meanwhile, or whether it was loaded again. Where nobody leads, points
//! are missing. A pool costs 2 reads and 2 writes a second, and 2 reads for each worker.

use super::base::{Base, Counted, Due};
use super::draft::Draft;
use super::{Point, Resolution, append, chunk_of, last, summary};
use crate::cell::{Cell, SketchCell};
use crate::keys::{cell_key, history_base_key, history_key, sketch_key};
use crate::merge::MergedPool;
use crate::registry::Member;
use alloc::vec::Vec;

/// Where the records lie.
pub trait Store {
    /// A record; `None` if there is none.
    fn read(&self, key: &str) -> Option<Vec<u8>>;
    /// Writes a record of which the caller is the only writer.
    fn write(&self, key: &str, record: &[u8]);
}

/// A pool of which a point is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its name.
    pub pool: &'a str,
    /// Its endpoints, by the hash of their address.
    pub keys: &'a [u64],
    /// How many of them, from the first on, get rows of their own.
    pub apart: usize,
    /// All workers.
    pub members: &'a [Member],
    /// The time, Unix milliseconds.
    pub now_ms: u64,
    /// What was published longer ago says nothing of the present.
    pub stale_ms: u64,
}

impl Subject<'_> {
    /// The number of the last second that has passed.
    #[must_use]
    pub fn index(now_ms: u64) -> Option<u64> {
        now_ms.checked_div(Resolution::Second.period_ms())?.checked_sub(1)
    }

    /// Makes the point of the second that has passed, unless it is there. `complete` adds what is known of the endpoints
    /// to the draft, and finishes it.
    pub fn record<'p>(&self, store: &dyn Store, complete: &mut dyn FnMut(Draft<'p>, &MergedPool) -> Point<'p>) {
        let Some(index) = Self::index(self.now_ms) else { return };
        let base_key = history_base_key(self.pool);
        let mut base = store.read(&base_key).and_then(|bytes| Base::decode(&bytes).ok()).unwrap_or_default();
        let due = base.due(index, self.now_ms);
        if due == Due::Nothing {
            return;
        }
        let apart = self.keys.get(..self.apart).unwrap_or(self.keys);
        let (merged, counted) = self.gather(store, apart);
        let passed = base.advance(self.now_ms, apart.to_vec(), counted);
        if let Due::Point(span_ms) = due {
            let before = chunk_of(base.index);
            if before != chunk_of(index) {
                self.sum_up(store, before);
            }
            base.index = index;
            self.write(store, Resolution::Second, index, &complete(Draft::new(span_ms, passed), &merged));
        }
        store.write(&base_key, &base.encode());
    }

    /// What all workers have published.
    fn gather(&self, store: &dyn Store, apart: &[u64]) -> (MergedPool, Vec<Counted>) {
        let mut merged = MergedPool::new(self.keys.to_vec());
        let mut counted = Vec::new();
        for Member { worker, nonce } in self.members {
            let cell = store.read(&cell_key(*worker, self.pool)).and_then(|bytes| Cell::decode(&bytes).ok());
            let Some(cell) = cell.filter(|cell| cell.nonce == *nonce) else { continue };
            let stale = self.now_ms.saturating_sub(cell.at_ms) > self.stale_ms;
            merged.add(&cell, stale);
            counted.push(Counted::of(&cell, apart));
            if stale {
                continue;
            }
            let first = |bytes: Vec<u8>| SketchCell::decode_first(&bytes, apart.len()).ok();
            let sketches = store.read(&sketch_key(*worker, self.pool)).and_then(first);
            if let Some(cell) = sketches.filter(|cell| cell.nonce == *nonce) {
                merged.add_sketches(&cell);
            }
        }
        (merged, counted)
    }

    fn write(&self, store: &dyn Store, resolution: Resolution, index: u64, point: &Point) {
        let key = history_key(self.pool, resolution, chunk_of(index));
        if let Some(chunk) = append(store.read(&key).as_deref(), index, point) {
            store.write(&key, &chunk);
        }
    }

    /// A chunk of seconds is full, or goes on no more.
    fn sum_up(&self, store: &dyn Store, chunk: u64) {
        let Some(bytes) = store.read(&history_key(self.pool, Resolution::Second, chunk)) else { return };
        if last(&bytes).map(chunk_of) == Ok(chunk) {
            self.write(store, Resolution::HalfMinute, chunk, &summary(&bytes));
        }
    }
}

#[cfg(test)]
mod tests;
