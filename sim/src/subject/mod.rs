//! Who decides where requests go, as data: the engine, peers re-created from their sources, and models whose results
//! are known from theory or from other programs.

mod engine;
mod envoy;
mod model;
mod nginx;
mod outlier;
mod plain;

use crate::balancer::Balancer;
use crate::dice;
use crate::scenario::Scenario;
use plimsoll_engine::PoolConfig;
use std::time::Duration;

/// Who decides where requests go.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// The engine, as the filter runs it with a fixed tick.
    Engine(Box<Engine>),
    /// By chance, whatever the weights.
    Random,
    /// In turn, whatever the weights.
    RoundRobin,
    /// The endpoint with the fewest requests under way per slot, known exactly; ties by chance.
    ShortestQueue,
    /// Requests wait in one queue before the balancer, and go where a slot is free: the best that slots allow.
    CentralQueue,
    /// Envoy's balancing.
    Envoy(Envoy),
    /// nginx' balancing.
    Nginx(Nginx),
    /// A textbook balancer under stated knowledge.
    Model(Model),
}

impl Subject {
    /// Ready to balance a run of this scenario.
    #[must_use]
    pub fn balancer(&self, scenario: &Scenario) -> Box<dyn Balancer> {
        let rng = dice::subject(scenario.seed);
        match self {
            Self::Engine(engine) => Box::new(engine::Fleet::new(engine, scenario, rng, engine::in_full)),
            Self::Random => Box::new(plain::Random { rng, present: Vec::new() }),
            Self::RoundRobin => Box::new(plain::InTurn { turn: 0, present: Vec::new() }),
            Self::ShortestQueue => Box::new(plain::Shortest::new(scenario, rng)),
            Self::CentralQueue => Box::new(plain::Central::new(scenario, rng)),
            Self::Envoy(envoy) => Box::new(envoy::Proxy::new(envoy, scenario, rng)),
            Self::Nginx(nginx) => Box::new(nginx::Proxy::new(nginx, scenario)),
            Self::Model(model) => Box::new(model::Textbook::new(model, scenario, rng)),
        }
    }
}

/// The engine, as the filter runs it with a fixed tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// The pool. Its list of endpoints is replaced by the scenario's; positions in `ranges` are the scenario's.
    pub pool: PoolConfig,
    /// How many workers there are, at least 1.
    pub workers: u32,
    /// How often each reads the others' counts and publishes its own.
    pub tick: Duration,
}

impl Engine {
    /// Ready to balance a run of this scenario, as [`Subject::balancer`] is, without the code of the other subjects. Its
    /// verdicts name the signal and nothing else.
    #[must_use]
    pub fn terse(&self, scenario: &Scenario) -> Box<dyn Balancer> {
        Box::new(engine::Fleet::new(self, scenario, dice::subject(scenario.seed), engine::in_short))
    }
}

/// Envoy's balancing. Its workers share the counts of requests under way and the outlier detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envoy {
    /// How it chooses.
    pub policy: EnvoyPolicy,
    /// Outlier detection; `None`: off.
    pub outlier: Option<Outlier>,
    /// How often a retry that meets a host it has tried chooses again (`host_selection_retry_max_attempts` with the
    /// predicate `previous_hosts`).
    pub reselect: u32,
    /// Below this share of healthy hosts, 0 to 100 %, ejections are ignored. Its default is 50.
    pub panic_percent: u32,
    /// Worker threads, at least 1: each takes turns for itself.
    pub workers: u32,
}

/// How Envoy chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvoyPolicy {
    /// ROUND_ROBIN.
    RoundRobin,
    /// LEAST_REQUEST with this `choice_count`, 2 by default.
    LeastRequest {
        /// Hosts compared.
        choices: u32,
    },
}

/// Envoy's outlier detection; names and defaults as there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// 5.
    pub consecutive_5xx: u32,
    /// 10 s.
    pub interval: Duration,
    /// 30 s.
    pub base_ejection_time: Duration,
    /// 300 s.
    pub max_ejection_time: Duration,
    /// 10.
    pub max_ejection_percent: u32,
    /// 5.
    pub success_rate_minimum_hosts: u32,
    /// 100.
    pub success_rate_request_volume: u32,
    /// In thousandths: 1900.
    pub success_rate_stdev_factor: u32,
}

impl Default for Outlier {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1900,
        }
    }
}

impl Envoy {
    /// LEAST_REQUEST with two choices, retries choosing up to three times, as Envoy's documentation shows.
    #[must_use]
    pub fn least_request(outlier: Option<Outlier>) -> Self {
        Self { policy: EnvoyPolicy::LeastRequest { choices: 2 }, outlier, reselect: 3, panic_percent: 50, workers: 1 }
    }
}

/// nginx' balancing. A retry never goes to a peer that was tried for the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nginx {
    /// How it chooses.
    pub policy: NginxPolicy,
    /// Failures within `fail_timeout` that take a peer out; 1 by default, 0: never.
    pub max_fails: u32,
    /// How long it stays out; 10 s by default.
    pub fail_timeout: Duration,
    /// Workers that know nothing of each other; 1: a shared `zone`.
    pub workers: u32,
}

/// How nginx chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NginxPolicy {
    /// Smooth weighted round robin.
    RoundRobin,
    /// `least_conn`.
    LeastConn,
}

impl Nginx {
    /// This policy with nginx' defaults and a shared zone.
    #[must_use]
    pub fn new(policy: NginxPolicy) -> Self {
        Self { policy, max_fails: 1, fail_timeout: Duration::from_secs(10), workers: 1 }
    }
}

/// A textbook balancer under stated knowledge: among some endpoints drawn by chance, or all, the one of the lowest
/// cost; ties by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// How many are compared, at least 1, distinct; `None`: all.
    pub choices: Option<u32>,
    /// What is known of requests under way.
    pub counts: Counts,
    /// What is compared.
    pub cost: Cost,
    /// How many workers there are, at least 1.
    pub workers: u32,
}

/// What a worker knows of the requests under way at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counts {
    /// All of them.
    Exact,
    /// Its own.
    Local,
    /// What all of them were when the board was last written, its own included.
    Board {
        /// How often that is.
        every: Duration,
    },
    /// Its own, and what the others' were when the board was last written.
    BoardAndOwn {
        /// How often that is.
        every: Duration,
    },
    /// Its own, and what the others' were when the board was last written, times e^(−age / mean) while that is above
    /// 0.05.
    DecayedAndOwn {
        /// How often that is.
        every: Duration,
        /// Mean time of service.
        mean: Duration,
    },
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// Requests under way.
    Load,
    /// Average of the latencies, weighted by e^(−age / decay), times requests under way plus one.
    Ewma {
        /// All workers' latencies count, not this worker's only.
        shared: bool,
        /// A latency above the average replaces it (Finagle's rule).
        peak: bool,
        /// Time constant; Finagle has 10 s.
        decay: Duration,
    },
    /// Hot with more requests under way than this quantile of all; of the cold the lowest latency at that load, else
    /// the fewest requests (Prequal's rule).
    HotCold {
        /// 0 to 1; Prequal has 0.84.
        quantile: f64,
    },
}
