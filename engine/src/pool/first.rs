//! Who has to be tried first, whatever the strategy says: the endpoint that the request's session sticks to, an endpoint
//! with a probe permit, then a suspect. Probes and suspects take only requests that may go to them.
//!
//! A suspect is an endpoint whose last attempt failed, or for whose slowness there is some evidence. Where latency decides, its penalty would keep it without traffic
//! for a minute, neither cleared nor ejected, so it is put first again at short intervals until it succeeds or its
//! failures in a row eject it; the client is safe, because the retry goes to the next best. The alternatives were
//! worse: a small penalty lets a fast failing endpoint win, a fast decay forgets slowness.

use super::Pool;
use crate::endpoint::{Hot, LocalCircuit};
use crate::time::Time;
use alloc::vec::Vec;
use core::time::Duration;
use plimsoll_snapshot::CircuitState;

/// How soon a suspect is tried again after its first failure, twice that after the second, and so on.
const VERIFY_FIRST: Duration = Duration::from_millis(10);
/// How often at most: with five failures to ejection, a dead endpoint is out 120 ms after its first one, and a suspect that
/// may not be ejected costs at most 20 retries a second.
const VERIFY_EVERY: Duration = Duration::from_millis(50);

/// Of an endpoint that is only slow, so many are tried at once: each costs a client a slow answer.
const SLOW_AT_ONCE: u32 = 3;

/// When to try again.
fn verify_after(hot: &Hot) -> Duration {
    if hot.failures_in_row == 0 {
        return VERIFY_EVERY;
    }
    let doubled = 1_u32.checked_shl(hot.failures_in_row.saturating_sub(1)).unwrap_or(u32::MAX);
    VERIFY_FIRST.saturating_mul(doubled).min(VERIFY_EVERY)
}

/// Suspects, waiting to be tried again.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspects {
    list: Vec<Suspect>,
    turn: usize,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    position: u32,
    due: Time,
    /// Attempts that were under way before: they began before it was suspected.
    under_way: u32,
}

impl Suspects {
    /// Positions changed: lists anew, all due at once.
    pub(super) fn relist(&mut self, hot: &[Hot]) {
        let suspect = |(_, hot): &(usize, &Hot)| hot.failures_in_row > 0 && hot.circuit.passes();
        let anew = |(at, _)| Suspect { position: at as u32, due: Time::default(), under_way: 0 };
        self.list.clear();
        self.list.extend(hot.iter().enumerate().filter(suspect).map(anew));
    }

    /// It has failed, or was slow, once more.
    pub(super) fn add(&mut self, position: u32, now: Time, hot: &Hot) {
        let due = now.after(verify_after(hot));
        match self.list.iter_mut().find(|suspect| suspect.position == position) {
            Some(known) => known.due = due,
            None => self.list.push(Suspect { position, due, under_way: hot.in_flight }),
        }
    }

    pub(super) fn remove(&mut self, position: u32) {
        if !self.list.is_empty() {
            self.list.retain(|suspect| suspect.position != position);
        }
    }

    pub(super) fn set_back(&mut self, now: Time) {
        for suspect in &mut self.list {
            suspect.due = suspect.due.min(now.after(VERIFY_EVERY));
        }
    }

    /// A suspect that is due and may serve this request. Looks at one per call, so that a pool full of suspects costs no
    /// more than one.
    fn due(
        &mut self,
        now: Time,
        hot: &[Hot],
        failures_to_eject: u32,
        belongs: impl FnOnce(u32) -> bool,
    ) -> Option<u32> {
        self.turn = if self.turn >= self.list.len() { 0 } else { self.turn };
        let suspect = self.list.get_mut(self.turn)?;
        self.turn = self.turn.saturating_add(1);
        let endpoint = hot.get(suspect.position as usize)?;
        // Against an endpoint that hangs, no more attempts than the verdict needs; one at least: it may have failed often
        // enough and still be in, because the cap is full.
        let wanted = match endpoint.failures_in_row {
            0 => SLOW_AT_ONCE,
            row => failures_to_eject.saturating_sub(row).max(1),
        };
        let busy = endpoint.in_flight >= wanted.saturating_add(suspect.under_way);
        // Those from before end, and no others take their place.
        suspect.under_way = suspect.under_way.min(endpoint.in_flight);
        if now < suspect.due || !endpoint.circuit.passes() || busy || endpoint.draining || !belongs(suspect.position) {
            return None;
        }
        suspect.due = now.after(verify_after(endpoint));
        Some(suspect.position)
    }
}

impl Pool {
    /// The endpoint that has to be tried first for a request of this plan.
    pub(super) fn pick_first(&mut self, plan: usize, sticky: Option<u32>, now: Time) -> Option<u32> {
        if let Some(position) = sticky
            && self.hot.get(position as usize).is_some_and(|hot| hot.circuit.passes())
            && self.choice.has(plan, position)
        {
            return Some(position);
        }
        self.take_probe(plan, now).or_else(|| self.take_suspect(plan, now))
    }

    fn take_suspect(&mut self, plan: usize, now: Time) -> Option<u32> {
        if !self.config.strategy.compares_latency() {
            return None;
        }
        let failures_to_eject = self.config.circuit.consecutive_failures;
        self.suspects.due(now, &self.hot, failures_to_eject, |position| self.choice.has(plan, position))
    }

    /// Uses one of this worker's probe permits, unless it has expired.
    fn take_probe(&mut self, plan: usize, now: Time) -> Option<u32> {
        let at = self.probes.iter().rposition(|position| self.choice.has(plan, *position))?;
        let position = self.probes.swap_remove(at);
        let hot = self.hot.get(position as usize)?;
        let cold = self.cold.get_mut(position as usize)?;
        // Its permit expires: what it takes are sessions, and those go nowhere else to be tried.
        if hot.draining {
            return None;
        }
        let valid = self.circuits.get(cold.key).is_some_and(|entry| now.as_millis() <= entry.until_ms);
        if hot.circuit != LocalCircuit::Shared(CircuitState::HalfOpen) || cold.permits == 0 || !valid {
            return None;
        }
        cold.permits = cold.permits.saturating_sub(1);
        cold.probes_picked = cold.probes_picked.saturating_add(1);
        Some(position)
    }
}
