//! Who serves.

use plimsoll_engine::EndpointConfig;
use std::time::Duration;

/// A queue, first come first served, in front of a number of slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// As balancers know it: address (unique), weight, zone, tier, metadata.
    pub config: EndpointConfig,
    /// Requests served at the same time, at least 1.
    pub slots: u32,
    /// Requests that may wait; one more is answered with an error at once. `None`: as many as come.
    pub queue: Option<u32>,
    /// How long a request is served for, waiting excluded.
    pub service: Service,
    /// It is slow at first after it joined or recovered from a fault that stopped it.
    pub warming: Option<Warming>,
    /// The first request of a key takes this many times as long, at least 1; again after it was restarted. 1: no cache.
    pub cold: f64,
    /// It stops working on a request whose client has given up. Otherwise it serves to the end, for nobody.
    pub notices: bool,
    /// When it is there, and known to balancers. Zero: from the start.
    pub joins: Duration,
    /// When balancers forget it. What is under way is served to the end.
    pub leaves: Option<Duration>,
}

/// Service times: independent, with this mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Mean at full speed, above 0.
    pub mean: Duration,
    /// How they vary.
    pub shape: Shape,
}

/// A distribution of positive numbers with mean 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Always the mean.
    Fixed,
    /// Coefficient of variation 1.
    Exponential,
    /// The logarithm is normal with this standard deviation, 0 to 5. Coefficient of variation √(e^σ² − 1).
    LogNormal {
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Two values.
    Bimodal {
        /// Share of the long ones, 0 to 1.
        share: f64,
        /// How many times as long they are as the others, at least 1.
        factor: f64,
    },
    /// Drawn from these, each as likely as the other; divided by their mean. At least one above 0, none negative.
    Empirical(Vec<f64>),
}

/// A slow start: speed grows in proportion to time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warming {
    /// Speed at the beginning relative to the full one, above 0 up to 1.
    pub from: f64,
    /// Time until full speed.
    pub over: Duration,
}
