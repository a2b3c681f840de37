//! Plays a scenario: takes the next event until every measured request has its answer.
//!
//! - `requests`: the way of a request from its arrival over its attempts to its end
//! - `serving`: what endpoints do with an attempt
//! - `record`: what of it goes into the report
//!
//! In steady state nothing is allocated per request: requests and jobs have numbered places that are used again.

mod record;
mod requests;
mod serving;

use crate::agenda::{Agenda, Event};
use crate::balancer::Balancer;
use crate::client::{Budget, Valve};
use crate::dice::Dice;
use crate::report::Report;
use crate::scenario::{Scenario, Traffic};
use crate::subject::Subject;
use crate::traffic::arrivals::Arrivals;
use crate::traffic::keys::Keys;
use crate::traffic::shape::Units;
use crate::world::jobs::Jobs;
use crate::world::station::Station;
use crate::world::trouble::Troubles;
use plimsoll_engine::{Rng, Time};
use record::Recorder;
use requests::Requests;
use std::collections::VecDeque;
use std::time::Duration;

/// When runs begin: a usual wall clock, so that nothing rests on a clock that starts at zero.
const BEGIN_NS: u64 = 1_700_000_000_000_000_000;
/// Progress is told after this many events.
const PROGRESS_EVERY: u64 = 1 << 16;

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// From the start of the run.
    pub now: Duration,
    /// Requests that have come, warm-up included.
    pub requests: u64,
    /// Measured requests that have ended.
    pub ended: u64,
}

/// Plays a scenario.
#[must_use]
pub fn run(scenario: &Scenario, subject: &Subject) -> Report {
    run_with(scenario, &mut *subject.balancer(scenario), &mut |_| ())
}

/// Plays a scenario with any balancer, and tells from time to time how far it is.
#[must_use]
pub fn run_with(scenario: &Scenario, balancer: &mut dyn Balancer, progress: &mut dyn FnMut(&Progress)) -> Report {
    let mut run = Run::new(scenario, balancer);
    run.play(progress);
    run.recorder.finish(run.now)
}

struct Run<'a> {
    scenario: &'a Scenario,
    balancer: &'a mut dyn Balancer,
    now: u64,
    agenda: Agenda,
    troubles: Troubles,
    stations: Vec<Station>,
    jobs: Jobs,
    requests: Requests,
    /// Requests that the balancer holds back.
    held: VecDeque<u32>,
    arrivals: Arrivals,
    keys: Option<Keys>,
    /// Think times of a closed loop, with their mean in nanoseconds.
    think: Option<(Units, f64)>,
    budget: Option<Budget>,
    valve: Option<Valve>,
    luck: Rng,
    key_rng: Rng,
    worker_rng: Rng,
    client_rng: Rng,
    workers: u32,
    recorder: Recorder,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, balancer: &'a mut dyn Balancer) -> Self {
        let dice = Dice::new(scenario.seed);
        let mut agenda = Agenda::default();
        let troubles = Troubles::new(scenario, dice.world, &mut agenda);
        let think = match &scenario.traffic {
            Traffic::Closed { think, shape, .. } => Some((Units::new(shape), think.as_nanos() as f64)),
            _ => None,
        };
        let mut run = Self {
            scenario,
            workers: balancer.workers().max(1),
            balancer,
            now: 0,
            agenda,
            troubles,
            stations: scenario.endpoints.iter().map(Station::new).collect(),
            jobs: Jobs::default(),
            requests: Requests::new(scenario.client.retries),
            held: VecDeque::new(),
            arrivals: Arrivals::new(&scenario.traffic, dice.arrivals),
            keys: scenario.keys.as_ref().map(Keys::new),
            think,
            budget: scenario.client.budget.as_ref().map(Budget::new),
            valve: scenario.client.throttle.as_ref().map(Valve::new),
            luck: dice.luck,
            key_rng: dice.keys,
            worker_rng: dice.workers,
            client_rng: dice.clients,
            recorder: Recorder::new(scenario),
        };
        run.begin();
        run
    }

    fn begin(&mut self) {
        self.tell_members();
        self.schedule_tick();
        if let Traffic::Closed { clients, .. } = self.scenario.traffic {
            (0..clients).for_each(|client| self.think(client));
        } else {
            self.schedule_arrival();
        }
    }

    fn play(&mut self, progress: &mut dyn FnMut(&Progress)) {
        while !self.recorder.is_done() {
            // Ticks and antagonists go on for ever.
            if self.agenda.is_idle() {
                break;
            }
            let Some((now, event)) = self.agenda.next() else { break };
            self.now = now;
            match event {
                Event::Arrival => self.arrive(),
                Event::Client(client) => self.arrive_from(client),
                Event::Done(job) => self.done(job),
                Event::Retry(slot) => self.send(slot),
                Event::TryTimeout(slot) => self.try_timeout(slot),
                Event::Timeout(slot) => self.timeout(slot),
                Event::Tick => self.tick(),
                Event::Change(change) => self.change(change),
            }
            if self.recorder.count_event().is_multiple_of(PROGRESS_EVERY) {
                progress(&self.recorder.progress(now));
            }
        }
    }

    fn schedule_arrival(&mut self) {
        match self.arrivals.next() {
            Some(at) => self.agenda.schedule(at, Event::Arrival),
            None => self.recorder.end_traffic(),
        }
    }

    fn tick(&mut self) {
        self.balancer.tick(time(self.now));
        self.schedule_tick();
        self.hear_verdicts();
    }

    fn schedule_tick(&mut self) {
        if let Some(at) = self.balancer.next_tick() {
            self.agenda.schedule(at.as_nanos().saturating_sub(BEGIN_NS).max(self.now), Event::Tick);
        }
    }

    fn change(&mut self, change: u32) {
        if self.troubles.happen(change, self.now, &mut self.stations, &mut self.agenda) {
            self.tell_members();
        }
    }

    fn tell_members(&mut self) {
        let there = |(_, station): &(usize, &Station)| station.present;
        let present: Vec<u32> =
            self.stations.iter().enumerate().filter(there).map(|(number, _)| number as u32).collect();
        self.balancer.members(&present, time(self.now));
    }

    fn hear_verdicts(&mut self) {
        for verdict in self.balancer.verdicts() {
            let station = self.stations.get(verdict.endpoint as usize);
            let troubled = |station: &Station| station.condition.is_troubled(self.now) || station.is_warming(self.now);
            self.recorder.verdict(self.now, verdict, station.is_some_and(troubled));
        }
    }
}

/// The balancer's time.
fn time(now: u64) -> Time {
    Time::from_nanos(BEGIN_NS.saturating_add(now))
}

/// The start of a run as the balancer sees it.
pub(crate) fn begin_time() -> Time {
    time(0)
}
