//! Runs over seeds, in units of the mean service time.

use plimsoll_engine::{PoolConfig, Strategy, Time};
use plimsoll_sim::{
    Attempt, Balancer, Cost, Counts, Ending, Engine, Extent, Model, Pick, Report, Request, Scenario, Subject, run,
    run_with,
};
use std::time::Duration;

/// The mean service time; what it is makes no difference.
pub(crate) const SERVICE: Duration = Duration::from_millis(10);

/// How many seeds, and how many requests under each, after some to settle.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) seeds: u64,
    pub(crate) requests: u64,
    pub(crate) warm_up: u64,
}

impl Size {
    /// A fifth as many to settle.
    pub(crate) fn new(seeds: u64, requests: u64) -> Self {
        Self { seeds, requests, warm_up: requests / 5 }
    }
}

pub(crate) fn units(time: Duration) -> f64 {
    time.as_secs_f64() / SERVICE.as_secs_f64()
}

fn sized(scenario: &Scenario, size: Size, seed: u64) -> Scenario {
    let (warm_up, measured) = (Extent::Requests(size.warm_up), Extent::Requests(size.requests));
    Scenario { seed, warm_up, measured, ..scenario.clone() }
}

/// Means by seed with a control variate: the load that really came, whose expectation is known. A run in which chance
/// sent 1 % more has a mean above the formula's by about the formula's slope, and that much is taken off. It needs no
/// more requests and takes away most of the spread.
pub(crate) fn controlled(scenario: &Scenario, subject: &Subject, size: Size, theory: impl Fn(f64) -> f64) -> Vec<f64> {
    let plimsoll_sim::Traffic::Poisson { rate } = scenario.traffic else { unreachable!("only Poisson arrivals here") };
    let slots: f64 = scenario.endpoints.iter().map(|endpoint| f64::from(endpoint.slots)).sum();
    let load = rate * SERVICE.as_secs_f64() / slots;
    let slope = (theory(load + 1e-5) - theory(load - 1e-5)) / 2e-5;
    let one = |seed| {
        let (report, watched) = watch(&sized(scenario, size, seed), subject, size);
        let busy: Duration = report.endpoints.iter().map(|endpoint| endpoint.busy).sum();
        let came = busy.as_secs_f64() / watched.last.since(watched.first).as_secs_f64() / slots;
        units(report.mean()) - slope * (came - load)
    };
    (1..=size.seeds).map(one).collect()
}

fn watch(scenario: &Scenario, subject: &Subject, size: Size) -> (Report, Watched) {
    let mut watched = Watched {
        inner: subject.balancer(scenario),
        under_way: vec![0; scenario.endpoints.len()],
        arrivals: 0,
        settled: size.warm_up,
        first: Time::default(),
        last: Time::default(),
        at_least: Vec::new(),
    };
    let report = run_with(scenario, &mut watched, &mut |_| ());
    (report, watched)
}

/// One report a seed.
pub(crate) fn reports(scenario: &Scenario, subject: &Subject, size: Size) -> Vec<Report> {
    (1..=size.seeds).map(|seed| run(&sized(scenario, size, seed), subject)).collect()
}

/// The same with a balancer that is made for each seed.
pub(crate) fn reports_with(
    scenario: &Scenario,
    size: Size,
    balancer: impl Fn(u64) -> Box<dyn Balancer>,
) -> Vec<Report> {
    let one = |seed| run_with(&sized(scenario, size, seed), &mut *balancer(seed), &mut |_| ());
    (1..=size.seeds).map(one).collect()
}

pub(crate) fn means(reports: &[Report]) -> Vec<f64> {
    reports.iter().map(|report| units(report.mean())).collect()
}

pub(crate) fn quantiles(reports: &[Report], q: f64) -> Vec<f64> {
    reports.iter().map(|report| units(report.quantile(q))).collect()
}

/// Means by seed.
pub(crate) fn mean_of(scenario: &Scenario, subject: &Subject, size: Size) -> Vec<f64> {
    means(&reports(scenario, subject, size))
}

/// The engine with defaults but for the strategy.
pub(crate) fn engine(strategy: Strategy, workers: u32, tick: Duration) -> Subject {
    let pool = PoolConfig { strategy, candidates: 1, ..PoolConfig::default() };
    Subject::Engine(Box::new(Engine { pool, workers, tick }))
}

/// The fewest requests under way of this many by chance, or of all.
pub(crate) fn choices(choices: Option<u32>, counts: Counts, workers: u32) -> Subject {
    Subject::Model(Model { choices, counts, cost: Cost::Load, workers })
}

/// What arrivals find: for each number of requests, how many endpoints had at least as many, and out of how many looked
/// at. Poisson arrivals see what is there on average (Wolff 1982).
pub(crate) fn found_by_arrivals(scenario: &Scenario, subject: &Subject, size: Size) -> Vec<Vec<f64>> {
    let one = |seed| {
        let (_, watched) = watch(&sized(scenario, size, seed), subject, size);
        let all = watched.at_least.first().copied().unwrap_or(1) as f64;
        watched.at_least.iter().map(|count| *count as f64 / all).collect()
    };
    (1..=size.seeds).map(one).collect()
}

/// Any balancer, and a count beside it that it cannot influence.
struct Watched {
    inner: Box<dyn Balancer>,
    under_way: Vec<usize>,
    arrivals: u64,
    settled: u64,
    /// When the first and the last measured request came.
    first: Time,
    last: Time,
    at_least: Vec<u64>,
}

/// Every how many arrivals all endpoints are looked at.
const LOOK_EVERY: u64 = 64;

impl Balancer for Watched {
    fn workers(&self) -> u32 {
        self.inner.workers()
    }

    fn members(&mut self, present: &[u32], now: Time) {
        self.inner.members(present, now);
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        self.arrivals += 1;
        if self.arrivals == self.settled {
            self.first = now;
        }
        self.last = now;
        if self.arrivals > self.settled && self.arrivals.is_multiple_of(LOOK_EVERY) {
            for under_way in &self.under_way {
                if self.at_least.len() <= *under_way {
                    self.at_least.resize(under_way + 1, 0);
                }
                self.at_least[..=*under_way].iter_mut().for_each(|count| *count += 1);
            }
        }
        self.inner.pick(request, now)
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        self.under_way[attempt.endpoint as usize] += 1;
        self.inner.start(attempt, now);
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        self.under_way[attempt.endpoint as usize] -= 1;
        self.inner.settle(attempt, now, ending);
    }

    fn next_tick(&self) -> Option<Time> {
        self.inner.next_tick()
    }

    fn tick(&mut self, now: Time) {
        self.inner.tick(now);
    }
}
