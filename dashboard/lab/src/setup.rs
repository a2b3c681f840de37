//! What is played, and how much of it there may be.
//!
//! Bounds: [`MAX_ENDPOINTS`] endpoints, [`MAX_SEEDS`] seeds, and [`MAX_WORK`] events over all runs, where an event of a
//! request takes about as long as two endpoints in a worker's tick. V8 plays .6 to 1.5 million a second, by scenario.

use super::configuration;
use plimsoll_engine::PoolConfig;
use plimsoll_sim::{Engine, Extent, Fault, FaultKind, Keys, Scenario, Targets, Traffic};
use std::time::Duration;

pub use plimsoll_sim::wire::MAX_ENDPOINTS;

/// More seeds than this say nothing new.
pub const MAX_SEEDS: u32 = 20;
/// More events than this, over all runs, are refused.
pub const MAX_WORK: u64 = 50_000_000;
/// How often workers exchange what they know.
pub const TICK: Duration = Duration::from_millis(100);
/// Most workers: a proxy has as many as cores.
pub const MAX_WORKERS: u32 = 64;
/// What a trial should take unless somebody asks for more: some seconds in a browser.
pub const USUAL_WORK: u64 = 4_000_000;
/// Fewer requests a second say nothing. (Printing a float takes 10 KiB of the module, so messages have it as text.)
const LEAST_RATE: f64 = 0.001;
/// Keys of requests where a strategy wants some and the scenario has none.
const KEYS: Keys = Keys::Zipf { count: 10_000, exponent: 1.0 };

/// Where a scenario comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is one of [`super::built_in`], by name, changed or not.
    BuiltIn(String),
    /// It was taken from a live pool of this name.
    Live(String),
}

/// What is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Where the scenario comes from.
    pub source: Source,
    /// Traffic, endpoints, clients, and what goes wrong. Its seed does not matter.
    pub scenario: Scenario,
    /// Goes wrong besides.
    pub fault: Option<Fault>,
    /// How often everything is played, each time with other luck: 1 to [`MAX_SEEDS`].
    pub seeds: u32,
    /// Workers of the proxy, each with its own view: 1 to [`MAX_WORKERS`].
    pub workers: u32,
    /// Settings of the pool now, see [`configuration`].
    pub present: String,
    /// Settings to compare with.
    pub changed: String,
}

/// A setup that has been accepted.
pub struct Plan {
    /// What is played, the fault included.
    pub scenario: Scenario,
    /// Who balances: with the present settings, and the changed ones.
    pub engines: [Engine; 2],
    /// About how many events one run takes.
    pub work: u64,
}

/// A scenario to read another one into.
pub(super) fn blank() -> Scenario {
    Scenario::equals(0, 1.0, Duration::from_secs(1))
}

impl Setup {
    /// One of the built-in scenarios as it comes, default settings on both sides.
    pub fn built_in(name: &str) -> Option<Self> {
        let found = super::built_in::find(name)?;
        let mut setup = Self {
            source: Source::BuiltIn(found.name),
            scenario: found.scenario,
            fault: None,
            seeds: 5,
            workers: 2,
            present: "{}".into(),
            changed: "{}".into(),
        };
        setup.fit();
        Some(setup)
    }

    /// Takes fewer seeds, down to three, so that it is played in some seconds.
    pub(super) fn fit(&mut self) {
        let each = work(&self.scenario, self.workers).saturating_mul(2).max(1);
        self.seeds = (USUAL_WORK / each).clamp(3, 10) as u32;
    }

    /// Everything about it is within bounds and both configurations are accepted.
    ///
    /// # Errors
    /// One line that says what is wrong, or what to make smaller.
    pub fn check(&self) -> Result<Plan, String> {
        let count = self.scenario.endpoints.len();
        within("endpoints", count as u64, MAX_ENDPOINTS as u64)?;
        within("seeds", self.seeds.into(), MAX_SEEDS.into())?;
        within("workers", self.workers.into(), MAX_WORKERS.into())?;
        let mut scenario = self.scenario.clone();
        // Nothing here shows one.
        scenario.timeline = Duration::ZERO;
        scenario.faults.extend(self.fault.clone());
        for fault in &scenario.faults {
            check_fault(fault, count)?;
        }
        if mean_rate(&scenario) < LEAST_RATE {
            return Err("traffic: fewer than 0.001 requests a second".into());
        }
        let engine = |side: &str, text: &str| match configuration::parse(text, count) {
            Ok(pool) => Ok(Engine { pool, workers: self.workers, tick: TICK }),
            Err(error) => Err(format!("{side}: {error}")),
        };
        let engines = [engine("present", &self.present)?, engine("changed", &self.changed)?];
        if scenario.keys.is_none() && engines.iter().any(wants_keys) {
            scenario.keys = Some(KEYS);
        }
        let work = work(&scenario, self.workers);
        let all = work.saturating_mul(2 * u64::from(self.seeds));
        if all > MAX_WORK {
            let (millions, most) = (all / 1_000_000, MAX_WORK / 1_000_000);
            let rate = mean_rate(&scenario) as u64;
            let seconds = time_of(&scenario, scenario.measured).as_secs();
            return Err(format!(
                "{millions} million events are too many for a page, which plays up to {most} million: {} seeds of \
                 {seconds} s at {rate} requests a second with {count} endpoints; make one of these smaller",
                self.seeds
            ));
        }
        Ok(Plan { scenario, engines, work })
    }
}

fn within(name: &str, given: u64, most: u64) -> Result<(), String> {
    if (1..=most).contains(&given) {
        return Ok(());
    }
    Err(format!("{name}: {given} is not a whole number from 1 to {most}"))
}

fn check_fault(fault: &Fault, count: usize) -> Result<(), String> {
    if let Targets::Some(list) = &fault.targets
        && (list.is_empty() || list.iter().any(|at| *at as usize >= count))
    {
        return Err(format!("fault: it hits endpoints that are not there, the scenario has {count}"));
    }
    if fault.to.is_some_and(|to| to <= fault.from) {
        return Err("fault: it ends before it begins".into());
    }
    let range = |what: &str, value: f64, low: f64, high: f64| {
        if value >= low && value <= high {
            return Ok(());
        }
        Err(format!("fault: {what} is not from {low} to {high}", low = low as u32, high = high as u32))
    };
    match fault.kind {
        FaultKind::Slow { factor } => range("its factor", factor, 1.0, 1000.0),
        FaultKind::Errors { share, .. } => range("its share of errors", share, 0.0, 1.0),
        FaultKind::Hang | FaultKind::Refuse => Ok(()),
    }
}

fn wants_keys(engine: &Engine) -> bool {
    let PoolConfig { strategy, .. } = engine.pool;
    strategy.is_keyed()
}

/// About how many events a run takes: an arrival and an answer for each request, its time-outs, and the ticks.
pub(super) fn work(scenario: &Scenario, workers: u32) -> u64 {
    let client = &scenario.client;
    let each = 2 + u64::from(client.try_timeout.is_some()) + u64::from(client.timeout.is_some());
    let seconds = length(scenario).as_secs_f64();
    let requests = seconds * mean_rate(scenario) * each as f64;
    let ticks = seconds / TICK.as_secs_f64() * f64::from(workers) * (2.0 + scenario.endpoints.len() as f64 / 2.0);
    // Saturates.
    (requests + ticks) as u64
}

/// Requests per second, on the average.
pub fn mean_rate(scenario: &Scenario) -> f64 {
    match &scenario.traffic {
        Traffic::Poisson { rate } | Traffic::Batches { rate, .. } => *rate,
        Traffic::Bursts { low, high, low_for, high_for } => {
            let (low_for, high_for) = (low_for.as_secs_f64(), high_for.as_secs_f64());
            (low * low_for + high * high_for) / (low_for + high_for)
        }
        Traffic::Wave { mean, .. } => *mean,
        Traffic::Ramp(points) => points.iter().map(|(_, rate)| *rate).fold(0.0, f64::max),
        Traffic::Closed { clients, think, .. } => {
            let first = scenario.endpoints.first().map_or(Duration::ZERO, |endpoint| endpoint.service.mean);
            f64::from(*clients) / (*think + first).as_secs_f64()
        }
        Traffic::Recorded(times) => times.len() as f64 / length(scenario).as_secs_f64(),
    }
}

/// From the start to the end of what is measured.
pub(super) fn length(scenario: &Scenario) -> Duration {
    time_of(scenario, scenario.warm_up).saturating_add(time_of(scenario, scenario.measured))
}

fn time_of(scenario: &Scenario, extent: Extent) -> Duration {
    match extent {
        Extent::Time(time) => time,
        Extent::Requests(count) => {
            let seconds = count as f64 / mean_rate(scenario);
            Duration::from_nanos((seconds * 1e9) as u64)
        }
    }
}
