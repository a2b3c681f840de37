//! How circuits change. All workers share one record per pool; each turns its own evidence and the clock into a
//! [`Proposal`] against the record it read, and whoever's compare-and-swap succeeds made the change. Nothing here
//! depends on who that is, and a proposal against a newer record is simply made anew.
//!
//! Every change of state has a new generation, from a counter in the record. Attempts remember the generation they
//! began under, and results of another one decide nothing. Permits are handed out in the record, one per worker and
//! tick, so their number is global; only a worker with traffic takes one.
//!
//! After closing, the entry stays until its back-off is forgotten, step by step, each for as long as the last time out
//! was doubled, and only on evidence of success.

use crate::config::CircuitConfig;
use crate::endpoint::LocalCircuit;
use crate::evidence::{Evidence, ProbeResult};
use crate::pool::Pool;
use crate::rng::Rng;
use crate::time::{Time, millis};
use alloc::{collections::BTreeSet, vec::Vec};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::{CircuitState, FailureKind, Reason, Signal, Transition};

/// Entries of endpoints that no configuration here knows are dropped this long after their time: until then they may
/// belong to a worker that is a configuration ahead.
const UNKNOWN_KEPT_MS: u64 = 600_000;
/// A state that began this far in the future began before the clock was set back. Its deadline counts as passed, or an
/// ejection could last for as long as the step.
const CLOCK_STEP_MS: u64 = 60_000;

/// A change of the record that a worker wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The record after the change.
    pub circuits: Circuits,
    /// What changed, by the hash of the endpoint's address: one event each.
    pub transitions: Vec<(u64, Transition)>,
    /// Endpoints for which this worker takes one permit, with the generation it is for.
    claims: Vec<(u64, u64)>,
}

impl Pool {
    /// What this worker wants to change in the record; `None` if nothing. Changes nothing here: that is for
    /// [`Pool::adopt`], once the record is written.
    #[must_use]
    pub fn propose(&self, record: &Circuits, now: Time, rng: &mut Rng) -> Option<Proposal> {
        let mut draft = Draft {
            pool: self,
            now_ms: now.as_millis(),
            rng,
            proposal: Proposal { circuits: record.clone(), transitions: Vec::new(), claims: Vec::new() },
        };
        for evidence in &self.evidence {
            draft.consider(evidence);
        }
        let mut index = 0;
        while let Some(entry) = draft.proposal.circuits.entries.get(index).copied() {
            let part = self.position(entry.key).and_then(|position| self.part(position, entry.generation, now));
            if draft.pass_time(&entry, part) {
                index = index.saturating_add(1);
            }
        }
        // A permit that came back and was claimed again leaves the record as it was, and still has to be written.
        let proposal = draft.proposal;
        (proposal.circuits != *record || !proposal.claims.is_empty()).then_some(proposal)
    }

    fn part(&self, position: u32, generation: u64, now: Time) -> Option<Part> {
        let (hot, cold) = (self.hot.get(position as usize)?, self.cold.get(position as usize)?);
        // Permits and probes of another generation are about to be forgotten.
        let current = hot.generation == generation;
        let own = cold.own();
        let overdue = |began: Time| now.since(began) > self.config.circuit.half_open_max;
        Some(Part {
            probe_overdue: current && cold.probing_since.is_some_and(overdue),
            // A draining endpoint gets no probes, so it needs no permits.
            has_traffic: self.has_traffic && !hot.draining,
            probes_out: if current { cold.probes_under_way } else { 0 },
            permits: if current { cold.permits } else { 0 },
            succeeds: hot.failures_in_row == 0 && own.requests > own.failures,
        })
    }

    /// The record is now this, read or written. With `proposal`, it is the one that this worker wrote: its evidence
    /// is used up and its permits are its own. Without, evidence that the record makes void is dropped.
    pub fn adopt(&mut self, record: Circuits, proposal: Option<&Proposal>) {
        if proposal.is_some() {
            self.evidence.clear();
        }
        self.evidence.retain(|evidence| evidence.is_current(&record));
        let previous = core::mem::replace(&mut self.circuits, record);
        // Sets instead of searches: after an outage of a large pool there are thousands of entries.
        let recorded: BTreeSet<u64> = self.circuits.entries.iter().map(|entry| entry.key).collect();
        for entry in previous.entries.iter().filter(|entry| !recorded.contains(&entry.key)) {
            if let Some(position) = self.position(entry.key) {
                self.set_circuit(position, LocalCircuit::Shared(CircuitState::Closed), entry.generation);
            }
        }
        let argued = self.openings_argued();
        for index in 0..self.circuits.entries.len() {
            if let Some(entry) = self.circuits.entries.get(index).copied()
                && let Some(position) = self.position(entry.key)
                && !argued.contains(&entry.key)
            {
                let changed = self.hot.get(position as usize).is_some_and(|hot| hot.generation != entry.generation);
                self.set_circuit(position, LocalCircuit::Shared(entry.state), entry.generation);
                if changed && entry.state == CircuitState::Closed {
                    self.warm(position, Time::from_millis(entry.since_ms));
                }
            }
        }
        self.withdraw_openings();
        for (key, generation) in proposal.map_or(&[][..], |proposal| &proposal.claims) {
            if let Some(position) = self.position(*key)
                && self.hot.get(position as usize).is_some_and(|hot| hot.generation == *generation)
                && let Some(cold) = self.cold.get_mut(position as usize)
            {
                cold.permits = cold.permits.saturating_add(1);
            }
        }
        self.list_probes();
    }

    /// Nothing of this worker's evidence is worth a change (the cap is reached, or others were faster).
    pub fn drop_evidence(&mut self) {
        self.evidence.clear();
        self.withdraw_openings();
    }

    /// Endpoints that this worker has evidence to eject.
    fn openings_argued(&self) -> BTreeSet<u64> {
        let opening = |evidence: &&Evidence| matches!(evidence, Evidence::Opening { .. });
        self.evidence.iter().filter(opening).map(Evidence::key).collect()
    }

    /// Openings that are no longer argued for pass again.
    fn withdraw_openings(&mut self) {
        let argued = self.openings_argued();
        let openings: Vec<(u32, u64)> = self
            .hot
            .iter()
            .zip(&self.cold)
            .enumerate()
            .filter(|(_, (hot, cold))| hot.circuit == LocalCircuit::Opening && !argued.contains(&cold.key))
            .map(|(position, (hot, _))| (position as u32, hot.generation))
            .collect();
        for (position, generation) in openings {
            self.set_circuit(position, LocalCircuit::Shared(CircuitState::Closed), generation);
        }
    }

    /// This worker has seen something that is not in the record yet.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        !self.evidence.is_empty()
    }
}

/// What this worker can say about an endpoint when time passes.
struct Part {
    /// A probe of this worker has been out for longer than permits are valid.
    probe_overdue: bool,
    has_traffic: bool,
    probes_out: u32,
    permits: u32,
    succeeds: bool,
}

struct Draft<'a> {
    pool: &'a Pool,
    now_ms: u64,
    rng: &'a mut Rng,
    proposal: Proposal,
}

impl Draft<'_> {
    fn consider(&mut self, evidence: &Evidence) {
        if !evidence.is_current(&self.proposal.circuits) {
            return;
        }
        match evidence {
            Evidence::Opening { key, failures_in_row, samples, pool, failure, .. } => {
                let entry = self.proposal.circuits.get(*key).copied();
                // Endpoints that left are not part of the pool that the cap protects.
                let out = |entry: &&CircuitEntry| {
                    !LocalCircuit::Shared(entry.state).passes() && self.pool.position(entry.key).is_some()
                };
                let ejected = self.proposal.circuits.entries.iter().filter(out).count();
                if ejected >= self.pool.config.max_ejected() {
                    return;
                }
                let reason = Reason {
                    observed: f64::from(*failures_in_row),
                    threshold: f64::from(self.pool.config.circuit.consecutive_failures),
                    samples: *samples,
                    pool: *pool,
                    failure: Some(*failure),
                    ..reason(Signal::ConsecutiveFailures)
                };
                self.open(entry.unwrap_or(plain(*key)), reason);
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
                }
            }
        }
    }

    fn pass_probe(&mut self, mut entry: CircuitEntry) {
        entry.probes_passed = entry.probes_passed.saturating_add(1);
        let wanted = self.pool.config.circuit.half_open_permits;
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
        let until_ms = self.now_ms.saturating_add(self.memory_ms(entry.openings));
        self.change(entry, CircuitState::Closed, until_ms, reason);
    }

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
    fn pass_time(&mut self, entry: &CircuitEntry, part: Option<Part>) -> bool {
        let stepped_back = self.now_ms.saturating_add(CLOCK_STEP_MS) < entry.since_ms;
        let late_ms = if stepped_back { CLOCK_STEP_MS } else { self.now_ms.saturating_sub(entry.until_ms) };
        let Some(part) = part else {
            if late_ms > UNKNOWN_KEPT_MS {
                self.remove(entry.key);
                return false;
            }
            return true;
        };
        let permits = self.pool.config.circuit.half_open_permits;
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
            CircuitState::HalfOpen if late_ms > self.grace_ms() && part.has_traffic && part.probes_out == 0 => {
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
                let until_ms = self.now_ms.saturating_add(self.memory_ms(openings));
                self.put(CircuitEntry { openings, until_ms, ..*entry });
            }
            _ => {}
        }
        true
    }

    fn open(&mut self, entry: CircuitEntry, reason: Reason) {
        let openings = entry.openings.saturating_add(1);
        let time_out = self.pool.config.circuit.open_time(openings);
        // Up to 10 % more, so that endpoints that broke together are not probed together.
        let jittered = time_out.mul_f64(1.0 + 0.1 * self.rng.unit());
        let until_ms = self.now_ms.saturating_add(millis(jittered));
        self.change(CircuitEntry { openings, ..entry }, CircuitState::Open, until_ms, reason);
    }

    /// Half-open again, because permits were not used: probes that passed still count, and there is twice the time, or
    /// an endpoint of which each worker hears seldom would never come back.
    fn probe_on(&mut self, entry: CircuitEntry, reason: Reason) {
        self.probe(entry, reason);
        let time = entry.until_ms.saturating_sub(entry.since_ms).saturating_mul(2);
        let longest = millis(self.pool.config.circuit.open_for_max);
        if let Some(again) = self.proposal.circuits.get(entry.key).copied() {
            self.put(CircuitEntry {
                probes_passed: entry.probes_passed,
                permits_issued: entry.probes_passed.saturating_add(1),
                until_ms: again.until_ms.max(self.now_ms.saturating_add(time.min(longest))),
                ..again
            });
        }
    }

    /// How long after their deadline used permits wait for the worker that holds them: as long as a probe may take that
    /// began at the last moment.
    fn grace_ms(&self) -> u64 {
        millis(self.pool.config.circuit.half_open_max)
    }

    /// Half-open, with the first permit for this worker.
    fn probe(&mut self, entry: CircuitEntry, reason: Reason) {
        let until_ms = self.now_ms.saturating_add(millis(self.pool.config.circuit.half_open_max));
        self.change(entry, CircuitState::HalfOpen, until_ms, reason);
        if let Some(entry) = self.proposal.circuits.get(entry.key).copied() {
            self.proposal.claims.push((entry.key, entry.generation));
            self.put(CircuitEntry { permits_issued: 1, ..entry });
        }
    }

    fn change(&mut self, entry: CircuitEntry, to: CircuitState, until_ms: u64, reason: Reason) {
        let transition = Transition { at_ms: self.now_ms, from: entry.state, to, reason };
        self.proposal.transitions.push((entry.key, transition));
        let generation = self.proposal.circuits.generation.saturating_add(1);
        self.proposal.circuits.generation = generation;
        self.put(CircuitEntry {
            state: to,
            generation,
            since_ms: self.now_ms,
            until_ms,
            permits_issued: 0,
            probes_passed: 0,
            ..entry
        });
    }

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
    fn memory_ms(&self, openings: u32) -> u64 {
        let config: &CircuitConfig = &self.pool.config.circuit;
        millis(config.open_time(openings)).saturating_mul(2)
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
    }
}

fn reason(signal: Signal) -> Reason {
    Reason { signal, observed: 0.0, threshold: 0.0, samples: 0, pool: None, failure: None, trace_ids: Vec::new() }
}
