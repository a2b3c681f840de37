//! How a modelled proxy is set up: plugins, workers, cluster, retries, timeouts, failure policy.

use std::time::Duration;

use super::Proxy;
use crate::host::{Cas, Guest, Plugin, StartError};

/// What a dead VM means for traffic. Requests in flight in a VM that traps get 503 under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// New requests on that worker get 503.
    #[default]
    Closed,
    /// New requests on that worker bypass the filter.
    Open,
}

/// Which failures of an attempt are tried again, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Retries per request, besides the first attempt.
    pub limit: u32,
    /// Statuses from here up are failures worth a retry; refusals, resets and per-try timeouts always are.
    pub statuses_from: u16,
    /// Back-off before retry n is drawn from `0..base × (2ⁿ − 1)`, at most ten times the base, as in Envoy.
    pub backoff: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self { limit: 0, statuses_from: 500, backoff: Duration::from_millis(25) }
    }
}

/// Everything a proxy is started from.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) guest: Guest,
    pub(crate) workers: usize,
    pub(crate) seed: u64,
    pub(crate) cas: Cas,
    pub(crate) vm_id: String,
    pub(crate) downstream: Option<Plugin>,
    pub(crate) upstream: Option<Plugin>,
    pub(crate) admin: Option<Plugin>,
    pub(crate) cluster: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) steering_header: String,
    pub(crate) strip_steering: bool,
    pub(crate) retries: Retries,
    pub(crate) timeout: Duration,
    pub(crate) per_try_timeout: Option<Duration>,
    pub(crate) drain: Duration,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) trace: bool,
}

impl Setup {
    /// One worker, no plugins, a cluster `demo` without endpoints, no retries, 15 s timeout.
    pub fn new(guest: &Guest) -> Self {
        Self {
            guest: guest.clone(),
            workers: 1,
            seed: 0,
            cas: Cas::Envoy,
            vm_id: "plimsoll".to_owned(),
            downstream: None,
            upstream: None,
            admin: None,
            cluster: "demo".to_owned(),
            endpoints: Vec::new(),
            steering_header: "x-plimsoll-endpoint".to_owned(),
            strip_steering: false,
            retries: Retries::default(),
            timeout: Duration::from_secs(15),
            per_try_timeout: None,
            drain: Duration::from_secs(600),
            failure_policy: FailurePolicy::Closed,
            trace: false,
        }
    }

    /// How many worker threads.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The seed of every choice that the proxy makes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How shared data treats its compare-and-swap number.
    pub fn cas(mut self, cas: Cas) -> Self {
        self.cas = cas;
        self
    }

    /// The HTTP filter of the listener.
    pub fn downstream(mut self, plugin: Plugin) -> Self {
        self.downstream = Some(plugin);
        self
    }

    /// The upstream HTTP filter of the cluster: one stream per attempt.
    pub fn upstream(mut self, plugin: Plugin) -> Self {
        self.upstream = Some(plugin);
        self
    }

    /// The HTTP filter of the private listener.
    pub fn admin(mut self, plugin: Plugin) -> Self {
        self.admin = Some(plugin);
        self
    }

    /// The cluster's name and its endpoints, as `ip:port`.
    pub fn cluster<S: Into<String>>(mut self, name: &str, endpoints: impl IntoIterator<Item = S>) -> Self {
        self.cluster = name.to_owned();
        self.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// The header that `override_host` reads, and whether a client's own is removed before all filters.
    pub fn steering_header(mut self, name: &str, strip: bool) -> Self {
        (self.steering_header, self.strip_steering) = (name.to_owned(), strip);
        self
    }

    /// Which attempts are tried again.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Timeout of a request with all its attempts.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Timeout of one attempt.
    pub fn per_try_timeout(mut self, timeout: Duration) -> Self {
        self.per_try_timeout = Some(timeout);
        self
    }

    /// How long an old root lives after a configuration update.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// What a dead VM means for traffic.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// Records the trace from the start.
    pub fn trace(mut self) -> Self {
        self.trace = true;
        self
    }

    /// Starts it: for each plugin canary, main thread, workers.
    pub fn start(self) -> Result<Proxy, StartError> {
        Proxy::start(self)
    }
}
