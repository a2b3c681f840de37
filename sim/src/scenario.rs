//! What is simulated, as data.

use plimsoll_engine::PoolConfig;
use std::time::Duration;

/// One simulation.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides every random number.
    pub seed: u64,
    /// Requests per second, on average; above 0.
    pub rate: f64,
    /// Requests that pass before measuring, until the queues have settled.
    pub warm_up: usize,
    /// Requests measured.
    pub requests: usize,
    /// Who serves; at least one.
    pub upstreams: Vec<Upstream>,
    /// Who decides where requests go.
    pub subject: Subject,
}

/// One endpoint: a queue in front of a number of slots, service times exponentially distributed.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Requests served at the same time, at least 1.
    pub slots: u32,
    /// Mean time that a request is served for, waiting excluded.
    pub service: Duration,
}

/// Who decides where requests go.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Baseline: by chance.
    Random,
    /// Baseline: in turn.
    RoundRobin,
    /// The engine.
    Engine {
        /// The pool; its endpoints are the scenario's upstreams, in the same order.
        pool: Box<PoolConfig>,
        /// How many workers there are, at least 1; each request meets one of them by chance.
        workers: usize,
        /// How often each worker reads the others' counts and publishes its own.
        tick: Duration,
    },
}

impl Scenario {
    /// Equal upstreams with one slot each under this load (0 to 1: share of their capacity that is asked for).
    #[must_use]
    pub fn equals(upstreams: usize, load: f64, service: Duration, subject: Subject) -> Self {
        Self {
            seed: 1,
            rate: load * upstreams as f64 / service.as_secs_f64(),
            warm_up: 0,
            requests: 0,
            upstreams: vec![Upstream { slots: 1, service }; upstreams],
            subject,
        }
    }
}
