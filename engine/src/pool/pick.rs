//! The ordered list of candidates for one request: best first, then who gets the retries. First come those that must
//! be tried (see `first`), the rest is the strategy's.

use super::plan::Group;
use super::{Pool, keyed};
use crate::config::{MAX_CANDIDATES, Strategy};
use crate::endpoint::address_key;
use crate::request::Request;
use crate::rng::Rng;
use crate::time::Time;
use core::time::Duration;

/// Positions of the chosen endpoints, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    list: [u32; MAX_CANDIDATES],
    pub(super) length: usize,
}

impl Candidates {
    /// The positions, best first.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.list.get(..self.length).unwrap_or(&[])
    }

    pub(super) fn push(&mut self, position: u32) {
        if let Some(slot) = self.list.get_mut(self.length) {
            *slot = position;
            self.length = self.length.saturating_add(1);
        }
    }

    pub(super) fn contains(&self, position: u32) -> bool {
        self.as_slice().contains(&position)
    }
}

/// No endpoint may be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// When it may be worth trying again; zero where time changes nothing.
    pub retry_after: Duration,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No endpoint that the request could go to may be called.
    NoEndpoint,
    /// No range or subset fits the request, and it has to have one.
    NoMatch,
    /// The circuit of the whole pool is open.
    PoolOpen,
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
    /// [`Refused`] when no endpoint may be called: all that it could go to are ejected or draining and the panic
    /// threshold is below that, nothing fits it and [`crate::NoMatch::Refuse`] is configured, or the pool's circuit is open.
    pub fn pick_for(&mut self, request: &Request, now: Time, rng: &mut Rng) -> Result<Candidates, Refused> {
        let needs_permit = match self.pass_pool_circuit(now) {
            Ok(needs_permit) => needs_permit,
            Err(refused) => {
                self.refused = self.refused.saturating_add(1);
                return Err(refused);
            }
        };
        let Some(plan) = self.choice.plan_of(&self.config, request) else {
            self.refused = self.refused.saturating_add(1);
            return Err(Refused { reason: Refusal::NoMatch, retry_after: Duration::ZERO });
        };
        if let Some(outdated) = self.choice.get_mut(plan).filter(|plan| plan.is_outdated()) {
            outdated.refresh(&self.config, &self.hot, rng);
        }
        let hash = self.config.strategy.is_hashed().then(|| request.key.map(address_key)).flatten();
        let unit = || hash.map_or_else(|| rng.unit(), keyed::unit);
        let group = self.choice.get(plan).and_then(|plan| plan.draw(unit));
        let mut picked = Candidates::default();
        if let Some(first) = self.pick_first(plan, request.sticky, now) {
            picked.push(first);
        }
        if let Some(group) = group {
            self.pick_from(plan, group, hash, &mut picked, now, rng);
        }
        self.fill(plan, group, &mut picked, rng);
        if picked.as_slice().is_empty() {
            self.refused = self.refused.saturating_add(1);
            let wait = self.next_probe().map(|time| time.since(now)).unwrap_or_default();
            return Err(Refused { reason: Refusal::NoEndpoint, retry_after: wait.max(Duration::from_secs(1)) });
        }
        if needs_permit {
            self.take_pool_permit();
        }
        self.picks = self.picks.saturating_add(1);
        Ok(picked)
    }

    /// Appends what the strategy chooses of a group.
    fn pick_from(
        &mut self,
        plan: usize,
        group: usize,
        hash: Option<u64>,
        picked: &mut Candidates,
        now: Time,
        rng: &mut Rng,
    ) {
        if self.config.strategy == Strategy::RoundRobin {
            return self.pick_in_turn(plan, group, picked);
        }
        let Some(group) = self.choice.get(plan).and_then(|plan| plan.groups.get(group)) else { return };
        match (self.config.strategy, hash) {
            (Strategy::RoundRobin | Strategy::Random, _) => {}
            (Strategy::PeakEwma | Strategy::Range, _) => self.pick_by_latency(group, picked, now, rng),
            (Strategy::LeastResponseTime, _) => self.pick_by_mean(group, picked, now, rng),
            (Strategy::Hcl, _) => self.pick_hot_or_cold(group, picked, now, rng),
            (Strategy::Maglev | Strategy::RingHash, Some(hash)) => self.pick_by_key((plan, group), hash, picked, now),
            (Strategy::LeastRequest | Strategy::Maglev | Strategy::RingHash, _) => {
                self.pick_by_load(group, picked, now, rng);
            }
        }
    }

    fn pick_in_turn(&mut self, plan: usize, group: usize, picked: &mut Candidates) {
        let Some(group) = self.choice.get_mut(plan).and_then(|plan| plan.groups.get_mut(group)) else { return };
        if picked.length >= self.config.candidates {
            return;
        }
        let turn = group.rotation.next();
        if let Some(position) = group.eligible.get(turn as usize).copied()
            && !picked.contains(position)
        {
            picked.push(position);
        }
    }

    /// Fills the list for the retries: others of the group by chance, then of the plan's other groups, and when there are
    /// no others, the same ones again, because an entry that is missing would leave the retry to the proxy, which may
    /// take an ejected endpoint.
    fn fill(&self, plan: usize, group: Option<usize>, picked: &mut Candidates, rng: &mut Rng) {
        let Some(plan) = self.choice.get(plan) else { return };
        let wanted = self.config.candidates.min(MAX_CANDIDATES);
        let others = (0..plan.groups.len()).filter(|other| Some(*other) != group);
        for group in group.into_iter().chain(others).filter_map(|index| plan.groups.get(index)) {
            let missing = wanted.saturating_sub(picked.length);
            if missing == 0 {
                return;
            }
            if !group.eligible.is_empty() {
                for position in group.draw(missing, picked, rng).as_slice() {
                    picked.push(*position);
                }
            }
        }
        let passing = |position: &&u32| {
            let hot = self.hot.get(**position as usize);
            hot.is_some_and(|hot| hot.circuit.passes() || plan.groups.iter().any(|group| group.panic && group.has(hot)))
        };
        if picked.length < wanted && picked.length > 0 {
            let again = *picked;
            for position in again.as_slice().iter().filter(passing).cycle().take(wanted.saturating_sub(again.length)) {
                picked.push(*position);
            }
        }
    }
}

impl Group {
    /// Up to `count` distinct eligible endpoints by weight that are not in `taken`, in the order drawn.
    pub(super) fn draw(&self, count: usize, taken: &Candidates, rng: &mut Rng) -> Candidates {
        let mut drawn = Candidates::default();
        let eligible = &self.eligible;
        let wanted = count.min(eligible.len()).min(MAX_CANDIDATES);
        // Rejection is enough while few of many are drawn; a fixed number of tries keeps the cost bounded.
        for _ in 0..wanted.saturating_mul(4) {
            if drawn.length >= wanted {
                return drawn;
            }
            let turn = self.sampler.draw(rng) as usize;
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
    pub(super) fn draw_freely(&self, count: usize, taken: &Candidates, rng: &mut Rng) -> Candidates {
        let mut drawn = Candidates::default();
        for _ in 0..count {
            let turn = self.sampler.draw(rng) as usize;
            if let Some(position) = self.eligible.get(turn).copied()
                && !drawn.contains(position)
                && !taken.contains(position)
            {
                drawn.push(position);
            }
        }
        drawn
    }
}
