//! The circuit of the whole pool: opens by rates over all endpoints, refuses (or only tells), and is probed by requests
//! that pass while it is half-open. Its state is an entry of the circuits record like any endpoint's, under [`POOL_KEY`],
//! so that workers agree on it and share its permits in the same way. Not there unless configured.

use super::Pool;
use super::judge::counts;
use super::pick::{Refusal, Refused};
use crate::circuit::POOL_KEY;
use crate::config::{CircuitConfig, CircuitMode, WhenOpen};
use crate::detect::{Counts, Verdict, Window};
use crate::endpoint::LocalCircuit;
use crate::evidence::{Evidence, ProbeResult};
use crate::time::Time;
use core::time::Duration;
use plimsoll_snapshot::cell::Heard;
use plimsoll_snapshot::{CircuitState, Reason, Signal};

/// A request that found no time in the record is told to come back after this.
const COME_BACK: Duration = Duration::from_secs(1);

/// What this worker knows of the circuit.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    pub(crate) circuit: LocalCircuit,
    pub(crate) generation: u64,
    window: Option<Window>,
    counts: Counts,
    /// Half-open: permits that this worker may still use.
    pub(crate) permits: u32,
    /// Half-open: requests let through whose first attempt has not begun.
    picked: u32,
    pub(crate) under_way: u32,
    pub(crate) probing_since: Option<Time>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            circuit: LocalCircuit::Shared(CircuitState::Closed),
            generation: 0,
            window: None,
            counts: Counts::default(),
            permits: 0,
            picked: 0,
            under_way: 0,
            probing_since: None,
        }
    }
}

impl Breaker {
    /// Calls are looked at in another window from now on.
    pub(super) fn replace_window(&mut self) {
        (self.window, self.counts) = (None, Counts::default());
    }

    /// As the shared record says.
    pub(crate) fn set(&mut self, state: CircuitState, generation: u64) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
        self.circuit = LocalCircuit::Shared(state);
    }
}

impl Pool {
    /// How the pool's circuit opens and closes, if it has one.
    pub(crate) fn pool_circuit(&self) -> Option<&CircuitConfig> {
        self.config.pool_circuit.as_ref().map(|pool| &pool.circuit)
    }

    /// The state of the circuit of the whole pool; closed where none is configured.
    #[must_use]
    pub fn pool_circuit_state(&self) -> CircuitState {
        match self.breaker.circuit {
            LocalCircuit::Shared(state) => state,
            LocalCircuit::Opening => CircuitState::Open,
        }
    }

    /// Whether a request may pass the pool's circuit; a half-open one takes a permit for it.
    ///
    /// # Errors
    /// Why not, and when to come back.
    pub(super) fn pass_pool_circuit(&mut self, now: Time) -> Result<(), Refused> {
        let Some(config) = &self.config.pool_circuit else { return Ok(()) };
        let breaker = &mut self.breaker;
        if breaker.circuit.passes() {
            return Ok(());
        }
        let until = self.circuits.get(POOL_KEY).map(|entry| entry.until_ms);
        let valid = until.is_some_and(|until| now.as_millis() <= until);
        if breaker.circuit == LocalCircuit::Shared(CircuitState::HalfOpen) && breaker.permits > 0 && valid {
            breaker.permits = breaker.permits.saturating_sub(1);
            breaker.picked = breaker.picked.saturating_add(1);
            return Ok(());
        }
        if config.when_open == WhenOpen::Pass {
            return Ok(());
        }
        let wait = until.map(|until| Time::from_millis(until).since(now)).unwrap_or_default();
        Err(Refused { reason: Refusal::PoolOpen, retry_after: wait.max(COME_BACK) })
    }

    /// An attempt begins: true if it is the one that a permit was for.
    pub(super) fn begin_pool_probe(&mut self, now: Time) -> bool {
        let breaker = &mut self.breaker;
        if breaker.picked == 0 || breaker.circuit != LocalCircuit::Shared(CircuitState::HalfOpen) {
            return false;
        }
        breaker.picked = breaker.picked.saturating_sub(1);
        breaker.under_way = breaker.under_way.saturating_add(1);
        breaker.probing_since.get_or_insert(now);
        true
    }

    /// A probe of the pool came back.
    pub(super) fn end_pool_probe(&mut self, generation: u64, result: ProbeResult) {
        let breaker = &mut self.breaker;
        if breaker.generation != generation {
            return;
        }
        breaker.under_way = breaker.under_way.saturating_sub(1);
        if breaker.under_way == 0 {
            breaker.probing_since = None;
        }
        self.evidence.push(Evidence::Probe { key: POOL_KEY, generation, result });
    }

    /// Results of any endpoint.
    pub(super) fn hear_of_pool(&mut self, more: &Heard, now: Time) {
        let Some(config) = &self.config.pool_circuit else { return };
        let Some(rates) = &config.circuit.rates else { return };
        let breaker = &mut self.breaker;
        if breaker.circuit != LocalCircuit::Shared(CircuitState::Closed) {
            return;
        }
        let window = breaker.window.get_or_insert_with(|| Window::new(rates.window));
        breaker.counts = window.record_many(now, &counts(more));
        let Verdict::Reached { failures, .. } = rates.judge(&breaker.counts) else { return };
        let only_told = config.circuit.mode == CircuitMode::MetricsOnly;
        let told = || self.circuits.get(POOL_KEY).is_some_and(|entry| now.as_millis() <= entry.until_ms);
        if only_told && told() {
            return;
        }
        let (signal, hits, limit) = if failures {
            (Signal::FailureRate, breaker.counts.failures, rates.limits.failure_percent)
        } else {
            (Signal::SlowRate, breaker.counts.slow, rates.limits.slow_percent)
        };
        let reason = Reason {
            observed: f64::from(hits) * 100.0 / f64::from(breaker.counts.calls.max(1)),
            threshold: f64::from(limit),
            samples: u64::from(breaker.counts.calls),
            ..crate::circuit::reason(signal)
        };
        if only_told {
            (breaker.window, breaker.counts) = (None, Counts::default());
        } else {
            breaker.circuit = LocalCircuit::Opening;
        }
        self.evidence.push(Evidence::Opening { key: POOL_KEY, generation: breaker.generation, reason });
    }
}
