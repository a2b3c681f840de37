//! Plays a scenario: takes the next event until every measured request has its answer. [`Play`] can be stopped after any
//! event and taken up again, so that a page can play between two frames; [`run`] and [`run_with`] play it to its end.
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
use crate::scenario::{Client, Scenario, Traffic};
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
    /// Nothing is left to play.
    pub done: bool,
    /// Events played.
    pub events: u64,
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
    Play::new(scenario, subject).play_out(&mut |_| ())
}

/// Plays a scenario with any balancer, and tells from time to time how far it is.
#[must_use]
pub fn run_with(scenario: &Scenario, balancer: &mut dyn Balancer, progress: &mut dyn FnMut(&Progress)) -> Report {
    Play::with(scenario, Box::new(balancer)).play_out(progress)
}

/// A run that goes on whenever it is told to. It keeps nothing of the scenario, and dropping it abandons it.
pub struct Play<'a>(Run<'a>);

impl Play<'static> {
    /// A run that has not begun.
    #[must_use]
    pub fn new(scenario: &Scenario, subject: &Subject) -> Self {
        Self::with(scenario, subject.balancer(scenario))
    }
}

impl<'a> Play<'a> {
    /// The same with any balancer.
    #[must_use]
    pub fn with(scenario: &Scenario, balancer: Box<dyn Balancer + 'a>) -> Self {
        Self(Run::new(scenario, balancer))
    }

    /// Plays this many events, or to the end if that comes before. How the run is cut into pieces changes nothing.
    pub fn advance(&mut self, events: u64) -> Progress {
        self.0.play(events);
        self.0.recorder.progress(self.0.now, self.0.is_over())
    }

    /// What was measured up to now; everything, if the last progress was done.
    #[must_use]
    pub fn finish(self) -> Report {
        self.0.recorder.finish(self.0.now)
    }

    fn play_out(mut self, progress: &mut dyn FnMut(&Progress)) -> Report {
        loop {
            let now = self.advance(PROGRESS_EVERY);
            if now.events > 0 && now.events.is_multiple_of(PROGRESS_EVERY) {
                progress(&now);
            }
            if now.done {
                return self.finish();
            }
        }
    }
}

struct Run<'a> {
    balancer: Box<dyn Balancer + 'a>,
    client: Client,
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
    fn new(scenario: &Scenario, balancer: Box<dyn Balancer + 'a>) -> Self {
        let dice = Dice::new(scenario.seed);
        let mut agenda = Agenda::default();
        let troubles = Troubles::new(scenario, dice.world, &mut agenda);
        let think = match &scenario.traffic {
            Traffic::Closed { think, shape, .. } => Some((Units::new(shape), think.as_nanos() as f64)),
            _ => None,
        };
        let mut run = Self {
            workers: balancer.workers().max(1),
            balancer,
            client: scenario.client,
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
        run.begin(&scenario.traffic);
        run
    }

    fn begin(&mut self, traffic: &Traffic) {
        self.tell_members();
        self.schedule_tick();
        if let Traffic::Closed { clients, .. } = traffic {
            (0..*clients).for_each(|client| self.think(client));
        } else {
            self.schedule_arrival();
        }
    }

    /// Nothing is left to do. Ticks and antagonists go on for ever.
    fn is_over(&self) -> bool {
        self.recorder.is_done() || self.agenda.is_idle()
    }

    fn play(&mut self, events: u64) {
        for _ in 0..events {
            if self.is_over() {
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
            self.recorder.count_event();
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
