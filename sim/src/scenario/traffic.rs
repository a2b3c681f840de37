//! When requests come, and what they are about.

use super::Shape;
use std::time::Duration;

/// When requests come. All but the closed loop are open: they do not wait for answers. Rates are requests per second.
#[derive(Clone, Debug, PartialEq)]
pub enum Traffic {
    /// Independent arrivals at a constant rate.
    Poisson {
        /// Above 0.
        rate: f64,
    },
    /// Poisson at two rates in turn, each for an exponentially distributed time (a Markov-modulated Poisson process).
    Bursts {
        /// Rate between bursts, 0 or more.
        low: f64,
        /// Rate in a burst, above 0.
        high: f64,
        /// Mean time between bursts.
        low_for: Duration,
        /// Mean length of a burst.
        high_for: Duration,
    },
    /// Several at once, at times that are Poisson.
    Batches {
        /// Requests per second, not batches; above 0.
        rate: f64,
        /// Requests in a batch, at least 1.
        size: u32,
    },
    /// Poisson with a rate like days and nights: mean · (1 + swing · sin(2π t / period)).
    Wave {
        /// Above 0.
        mean: f64,
        /// 0 to 1.
        swing: f64,
        /// A whole day.
        period: Duration,
    },
    /// Poisson with a rate that is linear between these times; constant before the first and after the last.
    Ramp(Vec<(Duration, f64)>),
    /// Clients that wait for their answer, think, and ask again.
    Closed {
        /// How many, at least 1.
        clients: u32,
        /// Mean time from an answer to the next request.
        think: Duration,
        /// How it varies.
        shape: Shape,
    },
    /// At these times, ascending.
    Recorded(Vec<Duration>),
}

/// What requests are about: numbers from 0, which balancers see in decimal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keys {
    /// Each as often as the other.
    Uniform {
        /// How many, at least 1.
        count: u64,
    },
    /// Key k comes in proportion to (k + 1)^−exponent.
    Zipf {
        /// How many, at least 1.
        count: u64,
        /// 0 to 10; the web has about 1.
        exponent: f64,
    },
}
