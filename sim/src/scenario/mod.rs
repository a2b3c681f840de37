//! What is simulated, as data. Times are counted from the start of the run. Nothing is checked here: whoever builds a
//! scenario by hand keeps the stated ranges, and scenario files are validated where they are read.

mod client;
mod endpoint;
mod traffic;
mod trouble;

pub use client::{Client, RetryBudget, RetryOn, Throttle};
pub use endpoint::{Endpoint, Service, Shape, Warming};
pub use traffic::{Keys, Traffic};
pub use trouble::{Antagonist, Fault, FaultKind, Flapping, Targets};

use plimsoll_engine::EndpointConfig;
use std::time::Duration;

/// One simulation, whoever balances.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Decides every random number.
    pub seed: u64,
    /// What passes before measuring, until the queues have settled.
    pub warm_up: Extent,
    /// What is measured after that. Traffic ends with it; the run, when the last measured request has its answer.
    pub measured: Extent,
    /// When requests come.
    pub traffic: Traffic,
    /// What requests are about, for strategies and caches that look at keys.
    pub keys: Option<Keys>,
    /// Who serves; at least one is there from the start.
    pub endpoints: Vec<Endpoint>,
    /// What changes the endpoints' speed by chance.
    pub antagonists: Vec<Antagonist>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// How clients, or the proxy in their name, wait and try again.
    pub client: Client,
    /// Width of a bucket of the timeline; zero for no timeline.
    pub timeline: Duration,
}

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Until this many requests have come.
    Requests(u64),
    /// For this long.
    Time(Duration),
}

impl Scenario {
    /// Equal endpoints with one slot each under this load (0 to 1: share of their capacity that is asked for), Poisson
    /// arrivals, exponential service times, clients that wait for ever and never try again.
    #[must_use]
    pub fn equals(endpoints: usize, load: f64, service: Duration) -> Self {
        Self {
            seed: 1,
            warm_up: Extent::Requests(0),
            measured: Extent::Requests(0),
            traffic: Traffic::Poisson { rate: load * endpoints as f64 / service.as_secs_f64() },
            keys: None,
            endpoints: (0..endpoints).map(|number| Endpoint::plain(number, 1, service)).collect(),
            antagonists: Vec::new(),
            faults: Vec::new(),
            client: Client::default(),
            timeline: Duration::ZERO,
        }
    }
}

impl Endpoint {
    /// An endpoint of weight 1 with this number, slots, an unbounded queue and exponential service times.
    #[must_use]
    pub fn plain(number: usize, slots: u32, mean: Duration) -> Self {
        let config = EndpointConfig {
            address: format!("10.{}.{}.{}:80", number >> 16, (number >> 8) & 255, number & 255),
            id: number.to_string(),
            ..EndpointConfig::default()
        };
        Self {
            config,
            slots,
            queue: None,
            service: Service { mean, shape: Shape::Exponential },
            warming: None,
            cold: 1.0,
            notices: true,
            joins: Duration::ZERO,
            leaves: None,
        }
    }
}
