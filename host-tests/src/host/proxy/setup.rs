//! How a modelled proxy is set up: plugins, workers, cluster, retries, timeouts, failure policy.

use std::time::Duration;

use super::Proxy;
pub use crate::failure_policy::FailurePolicy;
use crate::host::{Guest, Plugin, Profile, StartError};

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

/// One `.wasm` with its VM configuration: one VM per thread, shared by all its plugins.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) guest: Guest,
    pub(crate) vm_id: String,
    pub(crate) vm_configuration: Vec<u8>,
}

/// A filter in a chain.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) group: usize,
    pub(crate) plugin: Plugin,
    pub(crate) policy: FailurePolicy,
}

/// Everything a proxy is started from.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) groups: Vec<Group>,
    pub(crate) workers: usize,
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    pub(crate) downstream: Vec<Link>,
    pub(crate) upstream: Vec<Link>,
    pub(crate) admin: Option<Link>,
    pub(crate) cluster: String,
    pub(crate) endpoints: Vec<String>,
    /// Path prefixes, and the cluster and its endpoints that they lead to.
    pub(crate) routes: Vec<(String, String, Vec<String>)>,
    pub(crate) call_clusters: Vec<String>,
    pub(crate) route_name: String,
    pub(crate) virtual_host: String,
    /// Of the plugins named next.
    group: usize,
    pub(crate) steering_header: String,
    pub(crate) strip_steering: bool,
    pub(crate) retries: Retries,
    pub(crate) timeout: Duration,
    pub(crate) per_try_timeout: Option<Duration>,
    pub(crate) hedge: bool,
    pub(crate) drain: Duration,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) trace: bool,
}

impl Setup {
    /// One worker, no plugins, a cluster `demo` without endpoints, no retries, 15 s timeout, Envoy's behaviour.
    pub fn new(guest: &Guest) -> Self {
        let group = Group { guest: guest.clone(), vm_id: "plimsoll".to_owned(), vm_configuration: Vec::new() };
        Self {
            groups: vec![group],
            group: 0,
            workers: 1,
            seed: 0,
            profile: Profile::envoy(),
            downstream: Vec::new(),
            upstream: Vec::new(),
            admin: None,
            cluster: "demo".to_owned(),
            endpoints: Vec::new(),
            routes: Vec::new(),
            call_clusters: Vec::new(),
            route_name: String::new(),
            virtual_host: "all".to_owned(),
            steering_header: "x-plimsoll-endpoint".to_owned(),
            strip_steering: false,
            retries: Retries::default(),
            timeout: Duration::from_secs(15),
            per_try_timeout: None,
            hedge: false,
            drain: Duration::from_secs(600),
            failure_policy: FailurePolicy::Unset,
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

    /// Which host it behaves as, where hosts differ. A [`Cas`](crate::host::Cas) alone will do.
    pub fn profile(mut self, profile: impl Into<Profile>) -> Self {
        self.profile = profile.into();
        self
    }

    /// How shared data treats its compare-and-swap number.
    pub fn cas(self, cas: crate::host::Cas) -> Self {
        self.profile(cas)
    }

    /// The plugins named after this are of this `.wasm` and share data under this name. They share VMs with plugins
    /// named before that had the same of both.
    pub fn guest(mut self, guest: &Guest, vm_id: &str) -> Self {
        let known = self.groups.iter().position(|group| group.vm_id == vm_id && group.guest.is(guest));
        self.group = known.unwrap_or(self.groups.len());
        if known.is_none() {
            self.groups.push(Group { guest: guest.clone(), vm_id: vm_id.to_owned(), vm_configuration: Vec::new() });
        }
        self
    }

    /// Name under which these VMs share data; `plimsoll` unless set.
    pub fn vm_id(mut self, vm_id: &str) -> Self {
        vm_id.clone_into(&mut self.groups[self.group].vm_id);
        self
    }

    /// The VM configuration of the VMs that the plugins named after this get.
    pub fn vm_configuration(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.groups[self.group].vm_configuration = bytes.as_ref().to_vec();
        self
    }

    /// Adds an HTTP filter to the listener's chain, after those named before.
    pub fn downstream(mut self, plugin: Plugin) -> Self {
        let link = self.link(plugin);
        self.downstream.push(link);
        self
    }

    /// Adds an upstream HTTP filter to the cluster's chain: one stream per attempt.
    pub fn upstream(mut self, plugin: Plugin) -> Self {
        let link = self.link(plugin);
        self.upstream.push(link);
        self
    }

    /// The HTTP filter of the private listener.
    pub fn admin(mut self, plugin: Plugin) -> Self {
        self.admin = Some(self.link(plugin));
        self
    }

    fn link(&self, plugin: Plugin) -> Link {
        Link { group: self.group, plugin, policy: self.failure_policy }
    }

    /// The cluster's name and its endpoints, as `ip:port`.
    pub fn cluster<S: Into<String>>(mut self, name: &str, endpoints: impl IntoIterator<Item = S>) -> Self {
        self.cluster = name.to_owned();
        self.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// Another cluster with its endpoints, to which paths with this prefix lead. The first prefix that matches counts;
    /// what matches none goes to [`Setup::cluster`]. An empty name stands for a cluster that does not exist.
    pub fn route<S: Into<String>>(
        mut self,
        prefix: &str,
        cluster: &str,
        endpoints: impl IntoIterator<Item = S>,
    ) -> Self {
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        self.routes.push((prefix.to_owned(), cluster.to_owned(), endpoints));
        self
    }

    /// What filters read as the names of the route and of its virtual host.
    pub fn route_names(mut self, route: &str, virtual_host: &str) -> Self {
        (self.route_name, self.virtual_host) = (route.to_owned(), virtual_host.to_owned());
        self
    }

    /// A cluster that guests may call, besides the one behind the router.
    pub fn call_cluster(mut self, name: &str) -> Self {
        self.call_clusters.push(name.to_owned());
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

    /// Timeout of a request with all its attempts, from the moment when the router has the whole request.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Timeout of one attempt.
    pub fn per_try_timeout(mut self, timeout: Duration) -> Self {
        self.per_try_timeout = Some(timeout);
        self
    }

    /// After a per-try timeout the attempt goes on beside the next one; the first answer wins.
    pub fn hedge_on_per_try_timeout(mut self) -> Self {
        self.hedge = true;
        self
    }

    /// How long an old root lives after a configuration update.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// What a dead VM means for traffic, for all plugins.
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        for link in self.downstream.iter_mut().chain(&mut self.upstream).chain(&mut self.admin) {
            link.policy = policy;
        }
        self
    }

    /// Records the trace from the start.
    pub fn trace(mut self) -> Self {
        self.trace = true;
        self
    }

    /// Starts it: each plugin's canary and then the main thread, and when all are there, the workers.
    pub fn start(self) -> Result<Proxy, StartError> {
        Proxy::start(self)
    }
}
