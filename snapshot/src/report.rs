//! One pool's part of the snapshot in the making: endpoint by endpoint, and the pool at the end. Here and not where its
//! parts are found, because this crate is compiled for size.

use crate::history::draft::Level;
use crate::merge::{MergedEndpoint, MergedPool};
use crate::sketch::{CoarseSketch, Sketch};
use crate::view::{Circuit, CircuitState, Endpoint, Pool, Transition};
use alloc::borrow::ToOwned;

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
        let Line { level, zone, effective_weight, circuit, last_transition } = line;
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
