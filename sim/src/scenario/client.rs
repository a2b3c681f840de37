//! How clients, or the proxy in their name, wait and try again.

use std::time::Duration;

/// How clients, or the proxy in their name, wait and try again. The default waits for ever and tries once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Client {
    /// How long an attempt may take.
    pub try_timeout: Option<Duration>,
    /// How long a request may take, all attempts together. It is never tried again after that.
    pub timeout: Option<Duration>,
    /// Most attempts after the first one, up to 15.
    pub retries: u32,
    /// After what it is tried again.
    pub retry_on: RetryOn,
    /// Pause before the nth retry: by chance up to this times 2^n − 1, at most ten times this (Envoy's rule, with 25
    /// ms). Zero: at once.
    pub back_off: Duration,
    /// Limits retries.
    pub budget: Option<RetryBudget>,
    /// Limits requests.
    pub throttle: Option<Throttle>,
}

/// After what a request is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// Errors (a status of 500 or above).
    pub status: bool,
    /// Refused connections.
    pub connect: bool,
    /// Attempts that took too long.
    pub timeout: bool,
}

impl Default for RetryOn {
    fn default() -> Self {
        Self { status: true, connect: true, timeout: true }
    }
}

/// Retries are allowed while there were fewer of them, in the window, than the share of requests plus a constant rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// Retries per request, 0 to 1. Finagle's and linkerd's default is 0.2.
    pub share: f64,
    /// Retries per second that are always allowed; theirs is 10.
    pub per_second: f64,
    /// Theirs is 10 s.
    pub window: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { share: 0.2, per_second: 10.0, window: Duration::from_secs(10) }
    }
}

/// Adaptive throttling (Site Reliability Engineering, chapter 21): refuses with probability (R − K·A) / (R + 1), R the
/// requests and A those that were accepted in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// K, above 1. Lower: refuses sooner. The book has 2.
    pub k: f64,
    /// The book has two minutes, with which recovery after an outage takes minutes; 10 s by default.
    pub window: Duration,
    /// Never refuses more than this share, so that recovery is seen. 0.8 by default; the book has 1.
    pub cap: f64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { k: 2.0, window: Duration::from_secs(10), cap: 0.8 }
    }
}
