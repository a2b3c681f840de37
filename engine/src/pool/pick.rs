//! The ordered list of candidates for one request: best first, then who gets the retries.
//!
//! First come those that must be tried: an endpoint with a probe permit, then a suspect. The rest is the strategy's.
//! A suspect is an endpoint whose last attempt failed. Under `peak_ewma` its penalty would keep it without traffic for
//! a minute, neither cleared nor ejected, so it is put first again at short intervals until it succeeds or its
//! failures in a row eject it; the client is safe, because the retry goes to the next best. The alternatives were
//! worse: a small penalty lets a fast failing endpoint win, a fast decay forgets slowness.

use super::Pool;
use crate::config::{MAX_CANDIDATES, Strategy};
use crate::endpoint::{Hot, LocalCircuit};
use crate::request::Request;
use crate::rng::Rng;
use crate::time::Time;
use alloc::vec::Vec;
use core::time::Duration;
use plimsoll_snapshot::CircuitState;

/// How often a suspect is tried again: with five failures to ejection, a dead endpoint is out after a quarter of a
/// second, and a suspect costs at most 20 retries a second.
const VERIFY_EVERY: Duration = Duration::from_millis(50);
/// Candidates compared when in-flight counts are exact, or as good: five find a fast endpoint in an uneven pool more
/// often than two.
const COMPARED_WHEN_FRESH: usize = 5;
/// Candidates compared when the other workers' counts are old: with more, all workers run to the same endpoint.
const COMPARED_WHEN_STALE: usize = 2;

/// Positions of the chosen endpoints, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    list: [u32; MAX_CANDIDATES],
    length: usize,
}

impl Candidates {
    /// The positions, best first.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.list.get(..self.length).unwrap_or(&[])
    }

    fn push(&mut self, position: u32) {
        if let Some(slot) = self.list.get_mut(self.length) {
            *slot = position;
            self.length = self.length.saturating_add(1);
        }
    }

    fn contains(&self, position: u32) -> bool {
        self.as_slice().contains(&position)
    }
}

/// No endpoint may be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it may be worth trying again.
    pub retry_after: Duration,
}

/// Endpoints whose last attempt failed, waiting to be tried again.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspects {
    list: Vec<(u32, Time)>,
    turn: usize,
}

impl Suspects {
    /// Positions changed: lists anew, all due at once.
    pub(super) fn relist(&mut self, hot: &[Hot]) {
        let suspect = |(_, hot): &(usize, &Hot)| hot.failures_in_row > 0 && hot.circuit.passes();
        self.list.clear();
        self.list.extend(hot.iter().enumerate().filter(suspect).map(|(at, _)| (at as u32, Time::default())));
    }

    pub(super) fn add(&mut self, position: u32, now: Time) {
        if !self.list.iter().any(|(suspect, _)| *suspect == position) {
            self.list.push((position, now.after(VERIFY_EVERY)));
        }
    }

    pub(super) fn remove(&mut self, position: u32) {
        self.list.retain(|(suspect, _)| *suspect != position);
    }

    pub(super) fn set_back(&mut self, now: Time) {
        for (_, due) in &mut self.list {
            *due = (*due).min(now.after(VERIFY_EVERY));
        }
    }

    /// A suspect that is due. Looks at one per call, so that a pool full of suspects costs no more than one.
    fn due(&mut self, now: Time, hot: &[Hot], failures_to_eject: u32) -> Option<u32> {
        self.turn = if self.turn >= self.list.len() { 0 } else { self.turn };
        let (position, due) = self.list.get_mut(self.turn)?;
        self.turn = self.turn.saturating_add(1);
        let endpoint = hot.get(*position as usize)?;
        let wanted = failures_to_eject.saturating_sub(endpoint.failures_in_row);
        // Against an endpoint that hangs, no more attempts than the verdict needs.
        if now < *due || !endpoint.circuit.passes() || endpoint.in_flight >= wanted {
            return None;
        }
        *due = now.after(VERIFY_EVERY);
        Some(*position)
    }
}

impl Pool {
    /// Chooses the endpoints for a request that says nothing about where it may go.
    ///
    /// # Errors
    /// As [`Pool::pick_for`].
    pub fn pick(&mut self, now: Time, rng: &mut Rng) -> Result<Candidates, Refused> {
        self.pick_for(&Request::default(), now, rng)
    }

    /// Chooses the endpoints for one request.
    ///
    /// # Errors
    /// [`Refused`] when no endpoint may be called: every one is ejected and the panic threshold is below that.
    pub fn pick_for(&mut self, request: &Request, now: Time, rng: &mut Rng) -> Result<Candidates, Refused> {
        if self.choice.outdated {
            self.rebuild_choice(rng);
        }
        let mut picked = Candidates::default();
        if let Some(probe) = self.take_probe(now) {
            picked.push(probe);
        } else if self.config.strategy == Strategy::PeakEwma
            && let Some(suspect) = self.suspects.due(now, &self.hot, self.config.circuit.consecutive_failures)
        {
            picked.push(suspect);
        }
        match self.config.strategy {
            Strategy::RoundRobin => self.pick_in_turn(&mut picked),
            Strategy::Random => {}
            Strategy::LeastRequest => self.pick_by_load(&mut picked, rng),
            Strategy::PeakEwma => self.pick_by_latency(&mut picked, now, rng),
            _ => {
                let _ = request;
                self.pick_by_load(&mut picked, rng);
            }
        }
        self.fill(&mut picked, rng);
        if picked.as_slice().is_empty() {
            self.refused = self.refused.saturating_add(1);
            let wait = self.next_probe().map(|time| time.since(now)).unwrap_or_default();
            return Err(Refused { retry_after: wait.max(Duration::from_secs(1)) });
        }
        self.picks = self.picks.saturating_add(1);
        Ok(picked)
    }

    /// Uses one of this worker's probe permits, unless it has expired.
    fn take_probe(&mut self, now: Time) -> Option<u32> {
        let position = self.probes.pop()?;
        let hot = self.hot.get(position as usize)?;
        let cold = self.cold.get_mut(position as usize)?;
        let valid = self.circuits.get(cold.key).is_some_and(|entry| now.as_millis() <= entry.until_ms);
        if hot.circuit != LocalCircuit::Shared(CircuitState::HalfOpen) || cold.permits == 0 || !valid {
            return None;
        }
        cold.permits = cold.permits.saturating_sub(1);
        cold.probes_picked = cold.probes_picked.saturating_add(1);
        Some(position)
    }

    fn pick_in_turn(&mut self, picked: &mut Candidates) {
        if picked.length >= self.config.candidates {
            return;
        }
        let turn = self.choice.rotation.next();
        if let Some(position) = self.choice.eligible.get(turn as usize).copied()
            && !picked.contains(position)
        {
            picked.push(position);
        }
    }

    /// The first of two by chance, unless the second has fewer requests under way per weight.
    fn pick_by_load(&self, picked: &mut Candidates, rng: &mut Rng) {
        // Weight decides on who is drawn and, under load, on who wins. If it also decided between idle endpoints (by
        // (load + 1) / weight) or if the two always differed, the lightest of an idle pool would get nothing, and the
        // lighter of two busy ones nearly as much as the other.
        let drawn = if self.choice.sampler.is_weighted() {
            self.draw_freely(COMPARED_WHEN_STALE, picked, rng)
        } else {
            self.draw(COMPARED_WHEN_STALE, picked, rng)
        };
        self.push_ranked(picked, &drawn, |hot| hot.in_flight as f32 / hot.weight);
    }

    fn pick_by_latency(&self, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let (peers_scale, fresh) = self.peers_scale(now);
        let middle = self.window.middle_us();
        let compared = if fresh { COMPARED_WHEN_FRESH } else { COMPARED_WHEN_STALE };
        let drawn = self.draw(compared, picked, rng);
        self.push_ranked(picked, &drawn, |hot| {
            // Without history it counts as the pool's middle, but the first attempt goes there whatever the others are
            // like: their averages fade while they wait, its own cannot, so it might wait for ever.
            let load = hot.in_flight as f32 + peers_scale * hot.peers_in_flight;
            let untried = if load < 1.0 { 0.0 } else { middle.max(1.0) };
            let latency = hot.ewma.read(now).map_or(untried, |latency| latency.max(1.0));
            latency * (load + 1.0) / hot.weight
        });
    }

    /// Appends the endpoints drawn, the lowest cost first.
    fn push_ranked(&self, picked: &mut Candidates, drawn: &Candidates, cost: impl Fn(&Hot) -> f32) {
        let mut ranked = [(f32::MAX, 0_u32); MAX_CANDIDATES];
        for (slot, position) in ranked.iter_mut().zip(drawn.as_slice()) {
            *slot = (self.hot.get(*position as usize).map_or(f32::MAX, &cost), *position);
        }
        let ranked = ranked.get_mut(..drawn.length).unwrap_or_default();
        // Stable, and the order drawn is random: ties fall by chance.
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, position) in ranked {
            if picked.length < self.config.candidates {
                picked.push(*position);
            }
        }
    }

    /// Up to `count` distinct eligible endpoints by weight that are not in `taken`, in the order drawn.
    fn draw(&self, count: usize, taken: &Candidates, rng: &mut Rng) -> Candidates {
        let mut drawn = Candidates::default();
        let eligible = &self.choice.eligible;
        let wanted = count.min(eligible.len()).min(MAX_CANDIDATES);
        // Rejection is enough while few of many are drawn; a fixed number of tries keeps the cost bounded.
        for _ in 0..wanted.saturating_mul(4) {
            if drawn.length >= wanted {
                return drawn;
            }
            let turn = self.choice.sampler.draw(rng) as usize;
            if let Some(position) = eligible.get(turn).copied()
                && !drawn.contains(position)
                && !taken.contains(position)
            {
                drawn.push(position);
            }
        }
        let start = rng.below(eligible.len() as u32) as usize;
        // Wanted may exceed what is left; the walk ends after one round.
        for position in eligible.iter().cycle().skip(start).take(eligible.len().min(MAX_CANDIDATES.saturating_mul(2))) {
            if drawn.length < wanted && !drawn.contains(*position) && !taken.contains(*position) {
                drawn.push(*position);
            }
        }
        drawn
    }

    /// `count` draws by weight; an endpoint that is drawn again, or that is in `taken`, is left out.
    fn draw_freely(&self, count: usize, taken: &Candidates, rng: &mut Rng) -> Candidates {
        let mut drawn = Candidates::default();
        for _ in 0..count {
            let turn = self.choice.sampler.draw(rng) as usize;
            if let Some(position) = self.choice.eligible.get(turn).copied()
                && !drawn.contains(position)
                && !taken.contains(position)
            {
                drawn.push(position);
            }
        }
        drawn
    }

    /// Fills the list for the retries: other endpoints by chance, and when there are no others, the same ones again,
    /// because an entry that is missing would leave the retry to the proxy, which may take an ejected endpoint.
    fn fill(&self, picked: &mut Candidates, rng: &mut Rng) {
        let wanted = self.config.candidates.min(MAX_CANDIDATES);
        let missing = wanted.saturating_sub(picked.length);
        if missing > 0 {
            for position in self.draw(missing, picked, rng).as_slice() {
                picked.push(*position);
            }
        }
        let passing = |position: &&u32| self.choice.eligible.contains(*position);
        if picked.length < wanted && picked.length > 0 {
            let again = *picked;
            for position in again.as_slice().iter().filter(passing).cycle().take(wanted.saturating_sub(again.length)) {
                picked.push(*position);
            }
        }
    }
}
