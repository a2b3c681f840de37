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

mod draft;

use crate::config::Forced;
use crate::endpoint::{LocalCircuit, Probes};
use crate::evidence::{Evidence, ProbeResult};
use crate::pool::Pool;
use crate::positions::Positions;
use crate::rng::Rng;
use crate::time::Time;
use alloc::vec::Vec;
use draft::{Draft, Part};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::{CircuitState, Transition};

pub(crate) use draft::reason;

/// The key of the pool's own circuit in the record: no endpoint's, because those are hashes of addresses.
pub const POOL_KEY: u64 = 0;

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

/// Whether an alarm that changes nothing was told so lately that another one need not be. An endpoint that was ejected and
/// has come back has an entry, too, for its back-off.
pub(crate) fn was_told(record: &Circuits, key: u64, now: Time) -> bool {
    record.get(key).is_some_and(|entry| entry.openings == 0 && now.as_millis() <= entry.until_ms)
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
        draft.enforce();
        for evidence in &self.evidence {
            draft.consider(evidence);
        }
        let mut index = 0;
        while let Some(entry) = draft.proposal.circuits.entries.get(index).copied() {
            let part = match self.position(entry.key) {
                Some(position) => self.part(position, entry.generation, now),
                None if entry.key == POOL_KEY => self.pool_part(entry.generation, now),
                None => None,
            };
            if draft.pass_time(&entry, part) {
                index = index.saturating_add(1);
            }
        }
        // A permit that came back and was claimed again leaves the record as it was, and still has to be written.
        let proposal = draft.proposal;
        (proposal.circuits != *record || !proposal.claims.is_empty()).then_some(proposal)
    }

    /// Permits have expired: probes whose answer has begun and goes on count as they began, because streams may go on for
    /// hours.
    pub(crate) fn settle_streams(&mut self, now: Time) {
        for index in 0..self.circuits.entries.len() {
            let Some(CircuitEntry { key, state, generation, until_ms, .. }) = self.circuits.entries.get(index).copied()
            else {
                return;
            };
            if state != CircuitState::HalfOpen || now.as_millis() <= until_ms {
                continue;
            }
            let probes = match self.position(key).map(|position| position as usize) {
                None if key == POOL_KEY && self.breaker.generation == generation => Some(&mut self.breaker.probes),
                None => None,
                Some(at) => match (self.hot.get(at), self.cold.get_mut(at)) {
                    (Some(hot), Some(cold)) if hot.generation == generation => Some(&mut cold.probes),
                    _ => None,
                },
            };
            let (answering, slow) = probes.map(Probes::settle).unwrap_or_default();
            for number in 0..answering {
                let result = if number < slow { ProbeResult::Slow } else { ProbeResult::Passed };
                self.evidence.push(Evidence::Probe { key, generation, result });
            }
        }
    }

    /// Endpoints whose circuit is the operator's, with the state that it has to have.
    fn forced(&self) -> impl Iterator<Item = (u64, CircuitState)> + '_ {
        let forced = |position: &u32| {
            let cold = self.cold.get(*position as usize)?;
            match cold.config.circuit {
                Forced::Auto => None,
                Forced::Open => Some((cold.key, CircuitState::ForcedOpen)),
                Forced::Disabled => Some((cold.key, CircuitState::Disabled)),
            }
        };
        self.forced.iter().filter_map(forced)
    }

    fn pool_part(&self, generation: u64, now: Time) -> Option<Part> {
        let config = self.pool_circuit()?;
        let breaker = &self.breaker;
        let current = breaker.generation == generation;
        let probes = if current { breaker.probes } else { Probes::default() };
        Some(Part {
            probe_overdue: probes.is_overdue(now, config.half_open_max),
            has_traffic: self.has_traffic,
            probes,
            permits: if current { breaker.permits } else { 0 },
            succeeds: breaker.circuit.passes() && self.has_traffic,
        })
    }

    fn part(&self, position: u32, generation: u64, now: Time) -> Option<Part> {
        let (hot, cold) = (self.hot.get(position as usize)?, self.cold.get(position as usize)?);
        // Permits and probes of another generation are about to be forgotten.
        let current = hot.generation == generation;
        let own = cold.own();
        let probes = if current { cold.probes } else { Probes::default() };
        Some(Part {
            probe_overdue: probes.is_overdue(now, self.config.circuit.half_open_max),
            // A draining endpoint gets no probes, so it needs no permits.
            has_traffic: self.has_traffic && !hot.draining && !hot.circuit.is_forced(),
            probes,
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
        self.last_generation = self.last_generation.max(record.generation);
        self.evidence.retain(|evidence| evidence.is_current(&record));
        let previous = core::mem::replace(&mut self.circuits, record);
        // Sorted instead of searched from the start: after an outage of a large pool there are thousands of entries.
        let recorded = Positions::of(self.circuits.entries.iter().map(|entry| entry.key));
        for entry in previous.entries.iter().filter(|entry| !recorded.contains(entry.key)) {
            self.follow(&CircuitEntry { state: CircuitState::Closed, ..*entry }, false);
        }
        let argued = self.openings_argued();
        for index in 0..self.circuits.entries.len() {
            if let Some(entry) = self.circuits.entries.get(index).copied()
                && !argued.contains(entry.key)
            {
                self.follow(&entry, true);
            }
        }
        self.withdraw_openings();
        for (key, generation) in proposal.map_or(&[][..], |proposal| &proposal.claims) {
            if *key == POOL_KEY && self.breaker.generation == *generation {
                self.breaker.permits = self.breaker.permits.saturating_add(1);
            }
            if let Some(position) = self.position(*key)
                && self.hot.get(position as usize).is_some_and(|hot| hot.generation == *generation)
                && let Some(cold) = self.cold.get_mut(position as usize)
            {
                cold.permits = cold.permits.saturating_add(1);
            }
        }
        self.list_probes();
    }

    /// Acts as an entry says; one that is `new` and closed lets its endpoint warm up.
    fn follow(&mut self, entry: &CircuitEntry, new: bool) {
        if entry.key == POOL_KEY {
            self.breaker.set(entry.state, entry.generation);
        }
        let Some(position) = self.position(entry.key) else { return };
        let Some(hot) = self.hot.get(position as usize).filter(|hot| !hot.circuit.is_forced()) else { return };
        let (changed, passed) = (hot.generation != entry.generation, hot.circuit.passes());
        // What the operator forced and does not force any more is closed, before the record says so.
        let state = LocalCircuit::Shared(entry.state);
        let state = if state.is_forced() { LocalCircuit::Shared(CircuitState::Closed) } else { state };
        self.set_circuit(position, state, entry.generation);
        // An alarm that was only told ends where it began: in the same state.
        let told = entry.openings == 0 && passed;
        if new && changed && entry.state == CircuitState::Closed && !told {
            self.warm(position, Time::from_millis(entry.since_ms));
        }
    }

    /// Nothing of this worker's evidence is worth a change (the cap is reached, or others were faster).
    pub fn drop_evidence(&mut self) {
        self.evidence.clear();
        self.withdraw_openings();
    }

    /// Endpoints that this worker has evidence to eject.
    fn openings_argued(&self) -> Positions {
        let opening = |evidence: &&Evidence| matches!(evidence, Evidence::Opening { .. });
        Positions::of(self.evidence.iter().filter(opening).map(Evidence::key))
    }

    /// Openings that are no longer argued for pass again.
    fn withdraw_openings(&mut self) {
        let argued = self.openings_argued();
        let openings: Vec<(u32, u64)> = self
            .hot
            .iter()
            .zip(&self.cold)
            .enumerate()
            .filter(|(_, (hot, cold))| hot.circuit == LocalCircuit::Opening && !argued.contains(cold.key))
            .map(|(position, (hot, _))| (position as u32, hot.generation))
            .collect();
        for (position, generation) in openings {
            self.set_circuit(position, LocalCircuit::Shared(CircuitState::Closed), generation);
        }
        if self.breaker.circuit == LocalCircuit::Opening && !argued.contains(POOL_KEY) {
            let generation = self.breaker.generation;
            self.breaker.set(CircuitState::Closed, generation);
        }
    }

    /// This worker has seen something that is not in the record yet.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        !self.evidence.is_empty()
    }
}
