//! A point in the making: endpoint by endpoint, and the pool at the end.

use super::base::{Counts, Passed};
use super::columns::{EndpointRow, POOL_COLUMNS, circuit_code, status_code};
use super::{Identity, Point};
use crate::merge::MergedEndpoint;
use crate::report::MeanScore;
use crate::sketch::Sketch;
use crate::view::{CircuitState, LatencyMs, Status};
use alloc::vec::Vec;

/// How an endpoint is doing.
#[derive(Clone, Copy, Debug)]
pub struct Level<'a> {
    /// Whose it is.
    pub identity: Identity<'a>,
    /// As configured.
    pub weight: u32,
    /// 0 to 1; `None` below the minimum of samples.
    pub score: Option<f64>,
    /// What it may do.
    pub status: Status,
    /// State of its circuit.
    pub circuit: CircuitState,
}

/// A point in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    span_ms: Option<u64>,
    passed: Passed,
    endpoints: Vec<(Identity<'a>, EndpointRow)>,
    score: MeanScore,
    in_flight: u64,
    ejected: u64,
}

impl<'a> Draft<'a> {
    /// Begins with what was counted in so many milliseconds; `None`: from where is not known, so nothing is.
    #[must_use]
    pub fn new(span_ms: Option<u64>, passed: Passed) -> Self {
        Self { span_ms, passed, endpoints: Vec::new(), score: MeanScore::default(), in_flight: 0, ejected: 0 }
    }

    /// The next endpoint, in the order of the configuration. It gets a row of its own if its counts were taken apart.
    pub fn endpoint(&mut self, level: &Level<'a>, merged: &MergedEndpoint) {
        let out = level.circuit != CircuitState::Closed;
        self.score.add(level);
        let in_flight = u64::from(merged.counts.in_flight);
        self.in_flight = self.in_flight.saturating_add(in_flight);
        self.ejected = self.ejected.saturating_add(u64::from(out));
        let Some(counts) = self.passed.endpoints.get(self.endpoints.len()) else { return };
        let [requests, failures, slow] = self.known(*counts);
        let [p50, _, p99] = micros(merged.sketch.as_ref().and_then(|sketch| sketch.latency_ms()));
        // In the order of `columns::ENDPOINT`.
        let row = [
            requests,
            Some(in_flight),
            p50,
            p99,
            level.score.map(thousandths),
            slow,
            failures,
            Some(status_code(level.status)),
            Some(circuit_code(level.circuit)),
        ];
        self.endpoints.push((level.identity, row));
    }

    /// The point.
    #[must_use]
    pub fn finish(self, sketch: Option<&Sketch>, eligible: usize, panic: bool) -> Point<'a> {
        let [requests, failures, slow] = self.known(Some(self.passed.pool));
        let [p50, p90, p99] = micros(sketch.and_then(Sketch::latency_ms));
        // In the order of `columns::POOL`.
        let levels = [
            self.span_ms,
            self.span_ms.and(Some(self.passed.picks)),
            requests,
            Some(self.in_flight),
            p50,
            p90,
            p99,
            Some(eligible as u64),
            self.span_ms.and(Some(self.passed.refused)),
            failures,
            slow,
            Some(self.ejected),
            self.score.value().map(thousandths),
            Some(u64::from(panic)),
        ];
        let kinds = self.passed.failures_by.0.iter().map(|count| self.span_ms.and(Some(*count)));
        let mut pool = [None; POOL_COLUMNS];
        for (slot, value) in pool.iter_mut().zip(levels.into_iter().chain(kinds)) {
            *slot = value;
        }
        Point { pool, endpoints: self.endpoints }
    }

    fn known(&self, counts: Option<Counts>) -> [Option<u64>; 3] {
        self.span_ms.and(counts).map_or([None; 3], |counts| counts.map(Some))
    }
}

fn thousandths(value: f64) -> u64 {
    (value * 1000.0 + 0.5) as u64
}

fn micros(latency: Option<LatencyMs>) -> [Option<u64>; 3] {
    latency.map_or([None; 3], |LatencyMs { p50, p90, p99 }| [p50, p90, p99].map(|ms| Some(thousandths(ms))))
}
