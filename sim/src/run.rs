//! Plays a scenario: takes the next event until every measured request has its answer.

use crate::agenda::Agenda;
use crate::dice::{Dice, exponential};
use crate::fleet::Fleet;
use crate::report::{EndpointReport, Report, Samples};
use crate::scenario::{Extent, Scenario, Traffic};
use crate::subject::Subject;
use crate::upstream::{Request, Station};
use plimsoll_engine::{Attempt, PoolConfig, Rng, Time};

/// When simulations begin: a usual wall clock, so that nothing rests on a clock that starts at zero.
const BEGIN_MS: u64 = 1_700_000_000_000;

enum Event {
    /// The next request comes.
    Arrival,
    /// This upstream has served this request.
    Served(usize, Request),
    /// A worker ticks.
    Tick,
}

enum Steering {
    Random(Rng),
    RoundRobin(usize),
    Engine(Box<Fleet>),
}

struct Run<'a> {
    scenario: &'a Scenario,
    dice: Dice,
    agenda: Agenda<Event>,
    stations: Vec<Station>,
    steering: Steering,
    arrived: u64,
    warm_up: u64,
    requests: u64,
    rate: f64,
    latencies: Vec<u64>,
    report: Report,
}

/// Plays a scenario.
#[must_use]
pub fn run(scenario: &Scenario, subject: &Subject) -> Report {
    let mut dice = Dice::new(scenario.seed);
    let rng = Rng::new(dice.subject.next_u64());
    let steering = match subject {
        Subject::Random => Steering::Random(rng),
        Subject::RoundRobin => Steering::RoundRobin(0),
        Subject::Engine(engine) => {
            let endpoints = scenario.endpoints.iter().map(|endpoint| endpoint.config.clone()).collect();
            let pool = PoolConfig { endpoints, ..engine.pool.clone() };
            Steering::Engine(Box::new(Fleet::new(&pool, engine.workers as usize, engine.tick, rng)))
        }
        other => unreachable!("not simulated yet: {other:?}"),
    };
    let requests = |extent| match extent {
        Extent::Requests(count) => count,
        Extent::Time(_) => unreachable!("not simulated yet: {extent:?}"),
    };
    let Traffic::Poisson { rate } = scenario.traffic else { unreachable!("not simulated yet: {:?}", scenario.traffic) };
    let mut run = Run {
        scenario,
        dice,
        agenda: Agenda::new(),
        stations: scenario.endpoints.iter().map(|endpoint| Station::new(endpoint.slots)).collect(),
        steering,
        arrived: 0,
        warm_up: requests(scenario.warm_up),
        requests: requests(scenario.measured),
        rate,
        latencies: Vec::new(),
        report: Report { endpoints: vec![EndpointReport::default(); scenario.endpoints.len()], ..Report::default() },
    };
    run.play();
    run.report.latencies = Samples::new(run.latencies);
    run.report
}

impl Run<'_> {
    fn play(&mut self) {
        let begin = Time::from_millis(BEGIN_MS);
        if let Steering::Engine(_) = &self.steering {
            self.agenda.schedule(begin, Event::Tick);
        }
        self.agenda.schedule(begin, Event::Arrival);
        while self.report.outcomes.total() < self.requests {
            let Some((now, event)) = self.agenda.next() else { return };
            match event {
                Event::Arrival => self.arrive(now),
                Event::Served(upstream, request) => self.serve(now, upstream, request),
                Event::Tick => self.tick(now),
            }
        }
    }

    fn arrive(&mut self, now: Time) {
        let number = self.arrived;
        self.arrived += 1;
        if self.arrived < self.warm_up + self.requests {
            let gap = exponential(&mut self.dice.arrivals, 1.0 / self.rate);
            self.agenda.schedule(now.after(gap), Event::Arrival);
        }
        // Drawn on arrival and in units of the mean, so that it does not depend on who serves.
        let units = exponential(&mut self.dice.service, 1.0).as_secs_f64();
        let Some((upstream, sender)) = self.steer(now) else {
            self.report.outcomes.refused += u64::from(number >= self.warm_up);
            return;
        };
        let service = self.scenario.endpoints[upstream].service.mean.mul_f64(units);
        let request = Request { number, arrived: now, service, sender };
        if let Some(request) = self.stations[upstream].enter(request) {
            self.agenda.schedule(now.after(request.service), Event::Served(upstream, request));
        }
    }

    fn steer(&mut self, now: Time) -> Option<(usize, Option<(usize, Attempt)>)> {
        let count = self.stations.len();
        match &mut self.steering {
            Steering::Random(rng) => Some((rng.below(count as u32) as usize, None)),
            Steering::RoundRobin(turn) => {
                *turn = (*turn + 1) % count;
                Some((*turn, None))
            }
            Steering::Engine(fleet) => fleet.send(now).map(|(upstream, sender)| (upstream, Some(sender))),
        }
    }

    fn serve(&mut self, now: Time, upstream: usize, request: Request) {
        if request.number >= self.warm_up {
            self.latencies.push(now.since(request.arrived).as_nanos() as u64);
            self.report.outcomes.ok += 1;
            self.report.endpoints[upstream].ok += 1;
        }
        if let (Steering::Engine(fleet), Some((worker, attempt))) = (&mut self.steering, request.sender) {
            fleet.receive(worker, attempt, now);
        }
        if let Some(next) = self.stations[upstream].leave() {
            self.agenda.schedule(now.after(next.service), Event::Served(upstream, next));
        }
    }

    fn tick(&mut self, now: Time) {
        if let Steering::Engine(fleet) = &mut self.steering {
            fleet.tick(now);
            self.agenda.schedule(now.after(fleet.step()), Event::Tick);
        }
    }
}
