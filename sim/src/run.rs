//! Plays a scenario: takes the next event until every measured request has its answer.

use crate::agenda::Agenda;
use crate::dice::{Dice, exponential};
use crate::fleet::Fleet;
use crate::report::Report;
use crate::scenario::{Scenario, Subject};
use crate::upstream::{Request, Station};
use plimsoll_engine::{Attempt, Rng, Time};

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
    arrived: usize,
    report: Report,
}

/// Plays a scenario.
#[must_use]
pub fn run(scenario: &Scenario) -> Report {
    let mut dice = Dice::new(scenario.seed);
    let subject = Rng::new(dice.subject.next_u64());
    let steering = match &scenario.subject {
        Subject::Random => Steering::Random(subject),
        Subject::RoundRobin => Steering::RoundRobin(0),
        Subject::Engine { pool, workers, tick } => {
            Steering::Engine(Box::new(Fleet::new(pool, *workers, *tick, subject)))
        }
    };
    let mut run = Run {
        scenario,
        dice,
        agenda: Agenda::new(),
        stations: scenario.upstreams.iter().map(|upstream| Station::new(upstream.slots)).collect(),
        steering,
        arrived: 0,
        report: Report { served: vec![0; scenario.upstreams.len()], ..Report::default() },
    };
    run.play();
    run.report.latencies.sort_unstable();
    run.report
}

impl Run<'_> {
    fn play(&mut self) {
        let begin = Time::from_millis(BEGIN_MS);
        if let Steering::Engine(_) = &self.steering {
            self.agenda.schedule(begin, Event::Tick);
        }
        self.agenda.schedule(begin, Event::Arrival);
        let answered = |report: &Report| report.latencies.len() + report.refused as usize;
        while answered(&self.report) < self.scenario.requests {
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
        if self.arrived < self.scenario.warm_up + self.scenario.requests {
            let gap = exponential(&mut self.dice.arrivals, 1.0 / self.scenario.rate);
            self.agenda.schedule(now.after(gap), Event::Arrival);
        }
        // Drawn on arrival and in units of the mean, so that it does not depend on who serves.
        let units = exponential(&mut self.dice.service, 1.0).as_secs_f64();
        let Some((upstream, sender)) = self.steer(now) else {
            self.report.refused += u64::from(number >= self.scenario.warm_up);
            return;
        };
        let service = self.scenario.upstreams[upstream].service.mul_f64(units);
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
        if request.number >= self.scenario.warm_up {
            self.report.latencies.push(now.since(request.arrived));
            self.report.served[upstream] += 1;
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
