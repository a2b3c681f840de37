//! The snapshot in the making. [`Reader`] reads what workers have published; a [`Draft`] is one pool's part: endpoint by
//! endpoint, and the pool at the end. Here and not in the filter, because this crate is compiled for size.
//!
//! Costs what is read and listed: each record is gone through once.

use crate::cell::{Cell, SketchCell};
use crate::circuits::Circuits;
use crate::events::EventLog;
use crate::history::draft::Level;
use crate::history::record::Store;
use crate::keys::{cell_key, circuits_key, sketch_key};
use crate::merge::{MergedEndpoint, MergedPool};
use crate::registry::Registry;
use crate::sketch::{CoarseSketch, Sketch};
use crate::view::{Circuit, CircuitState, Endpoint, Evidence, Pool, Transition, Worker, WorkerCounts};
use alloc::{borrow::ToOwned, string::ToString, vec, vec::Vec};

/// Reads what workers have published, pool by pool.
pub struct Reader<'a> {
    /// Where it lies.
    pub store: &'a dyn Store,
    /// Who publishes.
    pub registry: Registry,
    /// The time, Unix milliseconds.
    pub now_ms: u64,
    /// What was published longer ago is stale.
    pub stale_ms: u64,
}

/// What workers have published about a pool.
#[derive(Debug)]
pub struct Published {
    /// Its endpoints are to be listed.
    pub listed: bool,
    /// All workers together; without the endpoints' histograms, if they are not listed.
    pub merged: MergedPool,
    /// Its circuits.
    pub circuits: Circuits,
}

impl Reader<'_> {
    /// A pool's part. Notes in `ages`, per worker in order, how old the freshest part is.
    pub fn pool(&self, name: &str, keys: Vec<u64>, listed: bool, ages: &mut Vec<(u32, u64)>) -> Published {
        let mut merged = MergedPool::new(keys);
        self.each_cell(name, &mut |cell, age_ms, stale| {
            merged.add(cell, stale);
            note_age(ages, cell.worker, age_ms);
            let most = if listed { usize::MAX } else { 0 };
            let bytes = if stale { None } else { self.store.read(&sketch_key(cell.worker, name)) };
            if let Some(Ok(sketches)) = bytes.map(|bytes| SketchCell::decode_first(&bytes, most))
                && sketches.nonce == cell.nonce
            {
                merged.add_sketches(&sketches);
            }
        });
        let circuits = self.store.read(&circuits_key(name)).and_then(|bytes| Circuits::decode(&bytes).ok());
        Published { listed, merged, circuits: circuits.unwrap_or_default() }
    }

    /// Of each worker what it has published about a pool whose endpoints have these keys. `generation` is the one in force.
    #[must_use]
    pub fn worker_by_worker(&self, name: &str, keys: &[u64], generation: u64) -> Vec<WorkerCounts> {
        let mut workers = Vec::new();
        self.each_cell(name, &mut |cell, age_ms, stale| {
            workers.push(WorkerCounts::of(cell, keys, generation, age_ms, stale));
        });
        workers
    }

    /// Shows all workers' cells with their age, and whether they are stale.
    fn each_cell(&self, name: &str, see: &mut dyn FnMut(&Cell, u64, bool)) {
        for member in &self.registry.members {
            let bytes = self.store.read(&cell_key(member.worker, name));
            let Some(Ok(cell)) = bytes.map(|bytes| Cell::decode(&bytes)) else { continue };
            let age_ms = self.now_ms.saturating_sub(cell.at_ms);
            if cell.nonce == member.nonce {
                see(&cell, age_ms, age_ms > self.stale_ms);
            }
        }
    }

    /// Workers by the age of what they published.
    #[must_use]
    pub fn workers(&self, ages: &[(u32, u64)]) -> Vec<Worker> {
        let worker = |(number, age_ms): &(u32, u64)| Worker {
            id: number.to_string(),
            age_ms: *age_ms,
            stale: *age_ms > self.stale_ms,
        };
        ages.iter().map(worker).collect()
    }
}

fn note_age(ages: &mut Vec<(u32, u64)>, worker: u32, age_ms: u64) {
    let place = ages.partition_point(|(number, _)| *number < worker);
    match ages.get_mut(place).filter(|(number, _)| *number == worker) {
        Some((_, age)) => *age = age_ms.min(*age),
        None => ages.insert(place, (worker, age_ms)),
    }
}

/// For each endpoint of each pool the last change of its circuit that is in the log. Of each pool its name and how many of
/// its endpoints are to be listed; `place` finds an endpoint of a pool by its address.
#[must_use]
pub fn last_transitions<'l>(
    log: &'l EventLog,
    pools: &[(&str, usize)],
    place: &dyn Fn(usize, &str) -> Option<u32>,
) -> Vec<Vec<Option<&'l Transition>>> {
    let mut last: Vec<Vec<_>> = pools.iter().map(|(_, listed)| vec![None; *listed]).collect();
    let mut at = 0;
    for event in &log.events {
        let is_of = |(name, _): &(&str, usize)| *name == event.pool;
        // Neighbours in the log are most often of one pool.
        if !pools.get(at).is_some_and(is_of) {
            at = pools.iter().position(is_of).unwrap_or(pools.len());
        }
        let Some(of_pool) = last.get_mut(at).filter(|of_pool| !of_pool.is_empty()) else { continue };
        let slot = place(at, &event.address).and_then(|place| of_pool.get_mut(place as usize));
        if let Some(slot) = slot {
            *slot = Some(&event.transition);
        }
    }
    last
}

/// What is known of an endpoint beside its counts.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// How it is doing.
    pub level: Level<'a>,
    /// As configured.
    pub zone: Option<&'a str>,
    /// Weight in force.
    pub effective_weight: f64,
    /// Its circuit.
    pub circuit: Circuit,
    /// The last change of that.
    pub last_transition: Option<&'a Transition>,
    /// What detectors have against it.
    pub evidence: Option<Evidence>,
}

/// A pool's part in the making.
#[derive(Debug)]
pub struct Draft {
    listed: bool,
    pool: Pool,
    score: MeanScore,
}

impl Draft {
    /// Begins. If its endpoints are not `listed`, they are only counted.
    #[must_use]
    pub fn new(listed: bool) -> Self {
        Self { listed, pool: Pool::default(), score: MeanScore::default() }
    }

    /// The next endpoint, in the order of the configuration.
    pub fn endpoint(&mut self, line: Line, merged: &MergedEndpoint) {
        let Line { level, zone, effective_weight, circuit, last_transition, evidence } = line;
        let counts = &merged.counts;
        let pool = &mut self.pool;
        let in_flight = u64::from(counts.in_flight);
        pool.requests = pool.requests.saturating_add(counts.requests);
        pool.failures = pool.failures.saturating_add(counts.failures);
        pool.in_flight = pool.in_flight.saturating_add(in_flight);
        pool.ejected = pool.ejected.saturating_add(u32::from(circuit.state != CircuitState::Closed));
        pool.strip.push(level.status.letter(circuit.state));
        self.score.add(&level);
        if !self.listed {
            return;
        }
        pool.endpoints.push(Endpoint {
            id: level.identity.id.to_owned(),
            address: level.identity.address.to_owned(),
            zone: zone.map(str::to_owned),
            status: level.status,
            score: level.score,
            circuit,
            weight: level.weight,
            effective_weight,
            in_flight,
            requests: counts.requests,
            failures: counts.failures,
            slow: counts.slow,
            overloads: counts.overloads,
            ignored: counts.ignored,
            consecutive_failures: counts.consecutive_failures,
            latency_ms: merged.sketch.as_ref().and_then(CoarseSketch::latency_ms),
            last_transition: last_transition.cloned(),
            evidence,
        });
    }

    /// The pool's part, but for what only its configuration tells.
    #[must_use]
    pub fn finish(mut self, merged: &MergedPool) -> Pool {
        self.pool.score = self.score.value();
        self.pool.picks = merged.picks;
        self.pool.refused = merged.refused;
        self.pool.failures_by = merged.failures_by;
        self.pool.latency_ms = merged.sketch.as_ref().and_then(Sketch::latency_ms);
        self.pool
    }
}

/// Mean of endpoints' scores by weight: one that is out counts as 0, one without samples not at all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MeanScore {
    weights: f64,
    weighted: f64,
}

impl MeanScore {
    pub(crate) fn add(&mut self, level: &Level) {
        let out = level.circuit != CircuitState::Closed;
        if let Some(score) = if out { Some(0.0) } else { level.score } {
            self.weights += f64::from(level.weight);
            self.weighted += f64::from(level.weight) * score;
        }
    }

    /// `None` while all are unknown.
    pub(crate) fn value(&self) -> Option<f64> {
        (self.weights > 0.0).then(|| self.weighted / self.weights)
    }
}

#[cfg(test)]
mod tests;
