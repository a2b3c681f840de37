//! One proposal in the making: what evidence, the clock and the operator change in the record. Circuits change seldom, and
//! the steps are used in many places: they are kept out of line, which makes the `.wasm` 2 KiB smaller.

use super::{POOL_KEY, Proposal};
use crate::config::{CircuitConfig, CircuitMode, Forced};
use crate::endpoint::{LocalCircuit, Probes};
use crate::evidence::{Evidence, ProbeResult};
use crate::pool::Pool;
use crate::rng::Rng;
use crate::time::millis;
use alloc::vec::Vec;
use plimsoll_snapshot::circuits::CircuitEntry;
use plimsoll_snapshot::{CircuitState, FailureKind, Reason, Signal, Transition};

/// Entries of endpoints that no configuration here knows are dropped this long after their time: until then they may
/// belong to a worker that is a configuration ahead.
const UNKNOWN_KEPT_MS: u64 = 600_000;
/// Permits that are not used are valid for twice as long the next time, up to this: requests may be that far apart.
const LONGEST_PERMITS_MS: u64 = 86_400_000;
/// A configuration has reached all workers after this long.
const CONFIGURED_MS: u64 = 60_000;
/// What the operator has let go is kept as closed for this long, so that workers that still have the old configuration see
/// that there is a newer one.
const RELEASED_KEPT_MS: u64 = CONFIGURED_MS;
/// A state that began this far in the future began before the clock was set back. Its deadline counts as passed, or an
/// ejection could last for as long as the step.
const CLOCK_STEP_MS: u64 = 60_000;

/// What this worker can say about an endpoint when time passes.
pub(super) struct Part {
    /// A probe of this worker has been out for longer than permits are valid.
    pub(super) probe_overdue: bool,
    pub(super) has_traffic: bool,
    pub(super) probes: Probes,
    pub(super) permits: u32,
    pub(super) succeeds: bool,
}

pub(super) struct Draft<'a> {
    pub(super) pool: &'a Pool,
    pub(super) now_ms: u64,
    pub(super) rng: &'a mut Rng,
    pub(super) proposal: Proposal,
}

impl Draft<'_> {
    /// Takes in what this worker has seen.
    pub(super) fn consider(&mut self, evidence: &Evidence) {
        if !evidence.is_current(&self.proposal.circuits) {
            return;
        }
        match evidence {
            Evidence::Opening { key, reason, .. } => {
                let entry = self.proposal.circuits.get(*key).copied().unwrap_or(plain(*key));
                if self.config(*key).mode == CircuitMode::MetricsOnly {
                    return self.only_tell(entry, reason.clone());
                }
                // Endpoints that left are not part of the pool that the cap protects, nor is the pool itself.
                let out = |entry: &&CircuitEntry| {
                    !LocalCircuit::Shared(entry.state).passes() && self.pool.position(entry.key).is_some()
                };
                let ejected = self.proposal.circuits.entries.iter().filter(out).count();
                if *key == POOL_KEY || ejected < self.pool.config.max_ejected() {
                    self.open(entry, reason.clone());
                }
            }
            Evidence::Probe { key, result, .. } => {
                let Some(mut entry) = self.proposal.circuits.get(*key).copied() else { return };
                match result {
                    ProbeResult::Returned => {
                        entry.permits_issued = entry.permits_issued.saturating_sub(1);
                        self.put(entry);
                    }
                    ProbeResult::Failed(kind) => self.fail_probe(entry, *kind),
                    ProbeResult::Passed => self.pass_probe(entry),
                    ProbeResult::Slow => {
                        entry.probes_slow = entry.probes_slow.saturating_add(1);
                        self.pass_probe(entry);
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn pass_probe(&mut self, mut entry: CircuitEntry) {
        entry.probes_passed = entry.probes_passed.saturating_add(1);
        let wanted = self.config(entry.key).half_open_permits;
        // A well endpoint has a slow answer now and then, one that was ejected for slowness and still is slow has many.
        let most = (wanted / 2).saturating_add(1);
        if entry.probes_slow >= most {
            let reason = Reason {
                observed: f64::from(entry.probes_slow),
                threshold: f64::from(most),
                samples: u64::from(entry.probes_passed),
                ..reason(Signal::ProbesSlow)
            };
            return self.open(entry, reason);
        }
        if entry.probes_passed < wanted {
            return self.put(entry);
        }
        let passed = f64::from(entry.probes_passed);
        let reason = Reason {
            observed: passed,
            threshold: f64::from(wanted),
            samples: u64::from(entry.probes_passed),
            ..reason(Signal::ProbesPassed)
        };
        let until_ms = self.now_ms.saturating_add(self.memory_ms(entry.key, entry.openings));
        self.change(entry, CircuitState::Closed, until_ms, reason);
    }

    #[inline(never)]
    fn fail_probe(&mut self, entry: CircuitEntry, kind: FailureKind) {
        let reason = Reason {
            observed: 1.0,
            threshold: 1.0,
            samples: u64::from(entry.probes_passed).saturating_add(1),
            failure: Some(kind),
            ..reason(Signal::ProbeFailed)
        };
        self.open(entry, reason);
    }

    /// What the clock changes in one entry; false if the entry is gone.
    pub(super) fn pass_time(&mut self, entry: &CircuitEntry, part: Option<Part>) -> bool {
        let stepped_back = self.now_ms.saturating_add(CLOCK_STEP_MS) < entry.since_ms;
        let late_ms = match stepped_back {
            // Late enough for whatever waits.
            true => CLOCK_STEP_MS.max(self.grace_ms(entry.key).saturating_add(1)),
            false => self.now_ms.saturating_sub(entry.until_ms),
        };
        let Some(part) = part else {
            if late_ms > UNKNOWN_KEPT_MS {
                self.remove(entry.key);
                return false;
            }
            return true;
        };
        let permits = self.config(entry.key).half_open_permits;
        match entry.state {
            CircuitState::Open if late_ms > 0 && part.has_traffic => {
                let open_ms = self.now_ms.saturating_sub(entry.since_ms) as f64;
                let reason = Reason {
                    observed: open_ms,
                    threshold: entry.until_ms.saturating_sub(entry.since_ms) as f64,
                    ..reason(Signal::EjectionElapsed)
                };
                self.probe(*entry, reason);
            }
            CircuitState::HalfOpen if part.probe_overdue => {
                // Our own probe never came back: to its client that is as bad as an error.
                self.fail_probe(*entry, FailureKind::Timeout);
            }
            CircuitState::HalfOpen
                if late_ms > self.grace_ms(entry.key) && part.has_traffic && part.probes.waiting == 0 =>
            {
                let reason = Reason {
                    observed: f64::from(entry.permits_issued.saturating_sub(entry.probes_passed)),
                    threshold: f64::from(permits),
                    ..reason(Signal::PermitsExpired)
                };
                self.probe_on(*entry, reason);
            }
            CircuitState::HalfOpen
                if late_ms == 0 && part.has_traffic && part.permits == 0 && entry.permits_issued < permits =>
            {
                self.proposal.claims.push((entry.key, entry.generation));
                self.put(CircuitEntry { permits_issued: entry.permits_issued.saturating_add(1), ..*entry });
            }
            CircuitState::Closed if late_ms > 0 && part.succeeds => {
                let openings = entry.openings.saturating_sub(1);
                if openings == 0 {
                    self.remove(entry.key);
                    return false;
                }
                let until_ms = self.now_ms.saturating_add(self.memory_ms(entry.key, openings));
                self.put(CircuitEntry { openings, until_ms, ..*entry });
            }
            _ => {}
        }
        true
    }

    #[inline(never)]
    fn open(&mut self, entry: CircuitEntry, reason: Reason) {
        let openings = entry.openings.saturating_add(1);
        let time_out = self.config(entry.key).open_time(openings);
        // Up to 10 % more, so that endpoints that broke together are not probed together.
        let jittered = time_out.mul_f64(1.0 + 0.1 * self.rng.unit());
        let until_ms = self.now_ms.saturating_add(millis(jittered));
        self.change(CircuitEntry { openings, ..entry }, CircuitState::Open, until_ms, reason);
    }

    /// Half-open again, because permits were not used: probes that passed still count, and there is twice the time, or
    /// an endpoint of which each worker hears seldom would never come back.
    #[inline(never)]
    fn probe_on(&mut self, entry: CircuitEntry, reason: Reason) {
        self.probe(entry, reason);
        let time = entry.until_ms.saturating_sub(entry.since_ms).saturating_mul(2);
        if let Some(again) = self.proposal.circuits.get(entry.key).copied() {
            self.put(CircuitEntry {
                probes_passed: entry.probes_passed,
                probes_slow: entry.probes_slow,
                permits_issued: entry.probes_passed.saturating_add(1),
                until_ms: again.until_ms.max(self.now_ms.saturating_add(time.min(LONGEST_PERMITS_MS))),
                ..again
            });
        }
    }

    /// How long after their deadline used permits wait for the worker that holds them: as long as a probe may take that
    /// began at the last moment.
    fn grace_ms(&self, key: u64) -> u64 {
        millis(self.config(key).half_open_max)
    }

    /// Half-open, with the first permit for this worker.
    #[inline(never)]
    fn probe(&mut self, entry: CircuitEntry, reason: Reason) {
        let until_ms = self.now_ms.saturating_add(self.grace_ms(entry.key));
        self.change(entry, CircuitState::HalfOpen, until_ms, reason);
        if let Some(entry) = self.proposal.circuits.get(entry.key).copied() {
            self.proposal.claims.push((entry.key, entry.generation));
            self.put(CircuitEntry { permits_issued: 1, ..entry });
        }
    }

    #[inline(never)]
    fn change(&mut self, entry: CircuitEntry, to: CircuitState, until_ms: u64, reason: Reason) {
        let transition = Transition { at_ms: self.now_ms, from: entry.state, to, reason };
        self.proposal.transitions.push((entry.key, transition));
        // A record that was lost begins again at 0, and workers still know results of the old one.
        let generation = self.proposal.circuits.generation.max(self.pool.last_generation).saturating_add(1);
        self.proposal.circuits.generation = generation;
        self.put(CircuitEntry {
            state: to,
            generation,
            since_ms: self.now_ms,
            until_ms,
            permits_issued: 0,
            probes_passed: 0,
            probes_slow: 0,
            ..entry
        });
    }

    #[inline(never)]
    fn put(&mut self, entry: CircuitEntry) {
        match self.proposal.circuits.entries.iter_mut().find(|other| other.key == entry.key) {
            Some(slot) => *slot = entry,
            None => self.proposal.circuits.entries.push(entry),
        }
    }

    fn remove(&mut self, key: u64) {
        self.proposal.circuits.entries.retain(|entry| entry.key != key);
    }

    /// How long a step of back-off is remembered after closing.
    fn memory_ms(&self, key: u64, openings: u32) -> u64 {
        millis(self.config(key).open_time(openings)).saturating_mul(2)
    }

    fn config(&self, key: u64) -> &CircuitConfig {
        let pool = &self.pool.config.circuit;
        if key == POOL_KEY { self.pool.pool_circuit().unwrap_or(pool) } else { pool }
    }

    /// What the operator wants stands in the record, and what is no longer wanted does not.
    pub(super) fn enforce(&mut self) {
        let pool = self.pool;
        for (key, state) in pool.forced() {
            let entry = self.proposal.circuits.get(key).copied().unwrap_or(plain(key));
            if entry.state != state && !self.is_newer(&entry) {
                self.change(CircuitEntry { openings: 0, ..entry }, state, self.now_ms, reason(Signal::Operator));
            }
        }
        let forced = |entry: &&CircuitEntry| LocalCircuit::Shared(entry.state).is_forced();
        let left: Vec<CircuitEntry> = self.proposal.circuits.entries.iter().filter(forced).copied().collect();
        for entry in left {
            let auto =
                |position| pool.cold.get(position as usize).is_some_and(|cold| cold.config.circuit == Forced::Auto);
            if pool.position(entry.key).is_some_and(auto) && !self.is_newer(&entry) {
                // One that passed until now goes on as it was; one that was kept out warms up.
                self.close(entry, u32::from(entry.state == CircuitState::ForcedOpen));
            }
        }
        // Where alarms are only told, nobody is kept out: not even by an alarm from before.
        let of_pool = |key| key == POOL_KEY && pool.pool_circuit().is_some();
        let known = |entry: &&CircuitEntry| of_pool(entry.key) || pool.position(entry.key).is_some();
        let out = |entry: &&CircuitEntry| matches!(entry.state, CircuitState::Open | CircuitState::HalfOpen);
        let told = |entry: &&CircuitEntry| self.config(entry.key).mode == CircuitMode::MetricsOnly;
        let left = self.proposal.circuits.entries.iter().filter(out).filter(known).filter(told);
        for entry in left.copied().collect::<Vec<_>>() {
            self.close(entry, 1);
        }
    }

    /// Whether the entry changed after this worker was configured. While a new configuration reaches one worker after the
    /// other, whoever still has the old one would undo what the first has done.
    fn is_newer(&self, entry: &CircuitEntry) -> bool {
        // One from the future is from before the clock was set back.
        let fresh = entry.since_ms <= self.now_ms && self.now_ms < entry.since_ms.saturating_add(CONFIGURED_MS);
        fresh && self.pool.configured_at.is_some_and(|at| entry.since_ms > at.as_millis())
    }

    /// The operator's word, not that of probes.
    #[inline(never)]
    fn close(&mut self, entry: CircuitEntry, openings: u32) {
        let until_ms = self.now_ms.saturating_add(RELEASED_KEPT_MS);
        self.change(CircuitEntry { openings, ..entry }, CircuitState::Closed, until_ms, reason(Signal::Operator));
    }

    /// An alarm that changes nothing but the generation, so that no other worker tells it again.
    fn only_tell(&mut self, entry: CircuitEntry, reason: Reason) {
        let quiet = millis(self.config(entry.key).open_for);
        let until_ms = self.now_ms.saturating_add(quiet);
        self.change(CircuitEntry { openings: 0, ..entry }, CircuitState::Closed, until_ms, reason);
    }
}

fn plain(key: u64) -> CircuitEntry {
    CircuitEntry {
        key,
        state: CircuitState::Closed,
        generation: 0,
        since_ms: 0,
        until_ms: 0,
        openings: 0,
        permits_issued: 0,
        probes_passed: 0,
        probes_slow: 0,
    }
}

/// Nothing but the signal.
#[inline(never)]
pub(crate) fn reason(signal: Signal) -> Reason {
    Reason {
        signal,
        observed: 0.0,
        threshold: 0.0,
        samples: 0,
        share: None,
        pool: None,
        failure: None,
        trace_ids: Vec::new(),
    }
}
