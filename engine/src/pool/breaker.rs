//! The circuit of the whole pool: opens by rates over all endpoints, refuses (or only tells), and is probed by requests
//! that pass while it is half-open. Its state is an entry of the circuits record like any endpoint's, under [`POOL_KEY`],
//! so that workers agree on it and share its permits in the same way. Not there unless configured.

use super::Pool;
use super::pick::{Refusal, Refused};
use crate::circuit::{POOL_KEY, was_told};
use crate::config::{CircuitConfig, CircuitMode, WhenOpen};
use crate::detect::{Counts, Verdict, Window};
use crate::endpoint::{LocalCircuit, Probes};
use crate::evidence::{Evidence, ProbeResult};
use crate::rated::counts;
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
    pub(crate) probes: Probes,
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
            probes: Probes::default(),
        }
    }
}

impl Breaker {
    /// Calls are looked at in another window from now on.
    pub(super) fn replace_window(&mut self) {
        (self.window, self.counts) = (None, Counts::default());
    }

    /// The clock was set back: a window of seconds would stand still until then.
    pub(super) fn set_back(&mut self, now: Time) {
        self.replace_window();
        self.probes.set_back(now);
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
            _ if self.config.pool_circuit.is_none() => CircuitState::Closed,
            LocalCircuit::Shared(state) => state,
            LocalCircuit::Opening => CircuitState::Open,
        }
    }

    /// Whether a request may pass the pool's circuit, and whether it needs a permit for that, which is taken once an endpoint
    /// has been found for it.
    ///
    /// # Errors
    /// Why not, and when to come back.
    pub(super) fn pass_pool_circuit(&self, now: Time) -> Result<bool, Refused> {
        let Some(config) = &self.config.pool_circuit else { return Ok(false) };
        let breaker = &self.breaker;
        if breaker.circuit.passes() {
            return Ok(false);
        }
        let until = self.circuits.get(POOL_KEY).map(|entry| entry.until_ms);
        let valid = until.is_some_and(|until| now.as_millis() <= until);
        if breaker.circuit == LocalCircuit::Shared(CircuitState::HalfOpen) && breaker.permits > 0 && valid {
            return Ok(true);
        }
        if config.when_open == WhenOpen::Pass {
            return Ok(false);
        }
        let wait = until.map(|until| Time::from_millis(until).since(now)).unwrap_or_default();
        Err(Refused { reason: Refusal::PoolOpen, retry_after: wait.max(COME_BACK) })
    }

    /// A request that needs one goes to an endpoint.
    pub(super) fn take_pool_permit(&mut self) {
        let breaker = &mut self.breaker;
        breaker.permits = breaker.permits.saturating_sub(1);
        breaker.picked = breaker.picked.saturating_add(1);
    }

    /// An attempt begins: true if it is the one that a permit was for.
    pub(super) fn begin_pool_probe(&mut self, now: Time) -> bool {
        let breaker = &mut self.breaker;
        if breaker.picked == 0 || breaker.circuit != LocalCircuit::Shared(CircuitState::HalfOpen) {
            return false;
        }
        breaker.picked = breaker.picked.saturating_sub(1);
        breaker.probes.begin(now);
        true
    }

    /// A probe of the pool came back.
    pub(super) fn end_pool_probe(&mut self, generation: u64, result: ProbeResult) {
        let breaker = &mut self.breaker;
        if breaker.generation != generation {
            return;
        }
        if breaker.probes.end() {
            return;
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
        if only_told && was_told(&self.circuits, POOL_KEY, now) {
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
