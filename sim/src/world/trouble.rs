//! When endpoints join, leave, slow down, fail and recover.

use crate::agenda::{Agenda, Event};
use crate::dice::exponential;
use crate::scenario::{Antagonist, Endpoint, Fault, FaultKind, Flapping, Scenario, Targets};
use crate::world::station::Station;
use plimsoll_engine::Rng;
use std::time::Duration;

/// An endpoint that had trouble counts as troubled for this long afterwards, in nanoseconds: verdicts take a while.
const AFTERMATH_NS: u64 = 1_000_000_000;

/// What is wrong with an endpoint now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// Service takes this many times as long.
    pub(crate) slowdown: f64,
    pub(crate) hangs: bool,
    pub(crate) refuses: bool,
    pub(crate) errors: Vec<Errors>,
    /// Something is wrong here that is not wrong everywhere.
    troubled: bool,
    troubled_until: u64,
}

/// Part of the attempts fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Errors {
    pub(crate) share: f64,
    pub(crate) after_ns: Option<u64>,
    pub(crate) of_requests: bool,
}

impl Default for Condition {
    fn default() -> Self {
        Self { slowdown: 1.0, hangs: false, refuses: false, errors: Vec::new(), troubled: false, troubled_until: 0 }
    }
}

impl Condition {
    pub(crate) fn is_troubled(&self, now: u64) -> bool {
        self.troubled || now < self.troubled_until
    }
}

/// What changes the world.
#[derive(Clone, Copy, Debug)]
enum Change {
    Join(u32),
    Leave(u32),
    FaultBegins(usize),
    FaultEnds(usize),
    /// A flapping fault comes or goes.
    FaultTurns(usize),
    /// Others are drawn.
    Others(usize),
    /// An endpoint's speed is drawn.
    Speed(usize, u32),
}

/// All that may go wrong.
#[derive(Debug)]
pub(crate) struct Troubles {
    changes: Vec<Change>,
    faults: Vec<(Fault, State)>,
    antagonists: Vec<Antagonist>,
    /// By antagonist and endpoint: how many times as long it takes.
    factors: Vec<Vec<f64>>,
    rng: Rng,
}

/// Where a fault is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Between its beginning and its end.
    present: bool,
    /// And it is not a good phase of flapping.
    acts: bool,
}

impl Troubles {
    /// Schedules what the scenario says.
    pub(crate) fn new(scenario: &Scenario, rng: Rng, agenda: &mut Agenda) -> Self {
        let mut troubles = Self {
            changes: Vec::new(),
            faults: scenario.faults.iter().map(|fault| (fault.clone(), State::default())).collect(),
            antagonists: scenario.antagonists.clone(),
            factors: vec![vec![1.0; scenario.endpoints.len()]; scenario.antagonists.len()],
            rng,
        };
        for (number, endpoint) in scenario.endpoints.iter().enumerate() {
            troubles.schedule_membership(number as u32, endpoint, agenda);
        }
        for number in 0..troubles.faults.len() {
            let (from, to) = (troubles.faults[number].0.from, troubles.faults[number].0.to);
            troubles.schedule(nanos(from), Change::FaultBegins(number), agenda);
            if let Some(to) = to {
                troubles.schedule(nanos(to), Change::FaultEnds(number), agenda);
            }
        }
        for number in 0..troubles.antagonists.len() {
            match troubles.antagonists[number] {
                Antagonist::Some { .. } => troubles.schedule(0, Change::Others(number), agenda),
                Antagonist::Each { .. } => {
                    for endpoint in 0..scenario.endpoints.len() {
                        troubles.schedule(0, Change::Speed(number, endpoint as u32), agenda);
                    }
                }
            }
        }
        troubles
    }

    fn schedule_membership(&mut self, number: u32, endpoint: &Endpoint, agenda: &mut Agenda) {
        if endpoint.joins > Duration::ZERO {
            self.schedule(nanos(endpoint.joins), Change::Join(number), agenda);
        }
        if let Some(leaves) = endpoint.leaves {
            self.schedule(nanos(leaves), Change::Leave(number), agenda);
        }
    }

    fn schedule(&mut self, at: u64, change: Change, agenda: &mut Agenda) {
        self.changes.push(change);
        agenda.schedule(at, Event::Change(self.changes.len() as u32 - 1));
    }

    /// A change happens; true if an endpoint joined or left.
    pub(crate) fn happen(&mut self, number: u32, now: u64, stations: &mut [Station], agenda: &mut Agenda) -> bool {
        let change = self.changes[number as usize];
        match change {
            Change::Join(endpoint) => {
                stations[endpoint as usize].present = true;
                stations[endpoint as usize].restart(now);
                return true;
            }
            Change::Leave(endpoint) => {
                stations[endpoint as usize].present = false;
                return true;
            }
            Change::FaultBegins(fault) => {
                let flapping = self.faults[fault].0.flapping;
                if let Some(Flapping { bad, .. }) = flapping {
                    self.schedule(now + nanos(bad), Change::FaultTurns(fault), agenda);
                }
                self.turn(fault, State { present: true, acts: true }, now, stations);
            }
            Change::FaultEnds(fault) => self.turn(fault, State::default(), now, stations),
            Change::FaultTurns(fault) => {
                let (Fault { flapping, .. }, state) = &self.faults[fault];
                let (Some(Flapping { bad, good }), State { present: true, acts }) = (*flapping, *state) else {
                    return false;
                };
                agenda.schedule(now + nanos(if acts { good } else { bad }), Event::Change(number));
                self.turn(fault, State { present: true, acts: !acts }, now, stations);
            }
            Change::Others(antagonist) => {
                if let Antagonist::Some { every: Some(every), .. } = self.antagonists[antagonist] {
                    agenda.schedule(now + nanos(every), Event::Change(number));
                }
                self.draw_others(antagonist);
                (0..stations.len()).for_each(|endpoint| self.update(endpoint, now, stations));
            }
            Change::Speed(antagonist, endpoint) => {
                if let Antagonist::Each { every, low, high } = self.antagonists[antagonist] {
                    let wait = exponential(&mut self.rng) * every.as_nanos() as f64;
                    agenda.schedule(now + wait as u64, Event::Change(number));
                    self.factors[antagonist][endpoint as usize] = low + (high - low) * self.rng.unit();
                }
                self.update(endpoint as usize, now, stations);
            }
        }
        false
    }

    fn turn(&mut self, fault: usize, state: State, now: u64, stations: &mut [Station]) {
        let before = std::mem::replace(&mut self.faults[fault].1, state);
        let stops = matches!(self.faults[fault].0.kind, FaultKind::Hang | FaultKind::Refuse);
        let hit: Vec<usize> = match &self.faults[fault].0.targets {
            Targets::All => (0..stations.len()).collect(),
            Targets::Some(list) => list.iter().map(|at| *at as usize).filter(|at| *at < stations.len()).collect(),
        };
        for endpoint in hit {
            self.update(endpoint, now, stations);
            if stops && before.acts && !state.acts {
                stations[endpoint].restart(now);
            }
        }
    }

    fn draw_others(&mut self, antagonist: usize) {
        let Antagonist::Some { count, factor, every } = self.antagonists[antagonist] else { return };
        let factors = &mut self.factors[antagonist];
        let total = factors.len();
        let count = (count as usize).min(total);
        factors.fill(1.0);
        if every.is_none() {
            factors[total - count..].fill(factor);
            return;
        }
        // Selection sampling (Knuth, algorithm S): each set is as likely as any other.
        let mut wanted = count as u32;
        for (number, slot) in factors.iter_mut().enumerate() {
            if self.rng.below((total - number) as u32) < wanted {
                *slot = factor;
                wanted -= 1;
            }
        }
    }

    /// Adds up what is wrong with an endpoint.
    fn update(&self, endpoint: usize, now: u64, stations: &mut [Station]) {
        let station = &mut stations[endpoint];
        let mut condition = Condition { troubled_until: station.condition.troubled_until, ..Condition::default() };
        for factor in self.factors.iter().map(|factors| factors[endpoint]) {
            condition.slowdown *= factor;
            condition.troubled |= factor > 1.0;
        }
        let here = |fault: &Fault| match &fault.targets {
            Targets::All => true,
            Targets::Some(list) => list.contains(&(endpoint as u32)),
        };
        for (fault, state) in self.faults.iter().filter(|(fault, state)| state.present && here(fault)) {
            condition.troubled |= fault.targets != Targets::All;
            if !state.acts {
                continue;
            }
            match fault.kind {
                FaultKind::Slow { factor } => condition.slowdown *= factor,
                FaultKind::Errors { share, after, of_requests } => {
                    condition.errors.push(Errors { share, after_ns: after.map(nanos), of_requests });
                }
                FaultKind::Hang => condition.hangs = true,
                FaultKind::Refuse => condition.refuses = true,
            }
        }
        if station.condition.troubled && !condition.troubled {
            condition.troubled_until = now + AFTERMATH_NS;
        }
        station.condition = condition;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
