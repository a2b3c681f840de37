//! What a pool is told to do: validated values, with every default and its reason. Parsing and error messages belong
//! to the filter; whoever builds these values by hand keeps the stated ranges.

mod circuit;

pub use circuit::{CircuitConfig, CircuitMode, Forced, PoolCircuitConfig, RateConfig, WhenOpen};

use alloc::{string::String, vec::Vec};
use core::time::Duration;

/// Most entries a candidate list can have: first choice and 15 retries.
pub const MAX_CANDIDATES: usize = 16;

/// How an endpoint is chosen among the eligible ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// In turn, by weight, evenly spread.
    RoundRobin,
    /// By chance, by weight.
    Random,
    /// Of two by chance, the one with fewer requests under way per weight.
    LeastRequest,
    /// Of a few by chance, the one with the lowest mean latency^1.5 times (requests under way + 1) per weight; a failure
    /// counts as 5 s. The default: it steers around slow endpoints without being told what slow is.
    #[default]
    PeakEwma,
    /// The one with the lowest recent mean latency times requests under way per weight: of all in a small pool, of a few
    /// by chance in a large one.
    LeastResponseTime,
    /// Hot or cold by requests under way, then by latency at that load (Prequal, NSDI 2024, on passive data).
    /// Experimental.
    Hcl,
    /// By the request's key through a Maglev table (Eisenbud et al., NSDI 2016).
    Maglev,
    /// By the request's key on a ketama ring (Karger et al. 1997; libketama).
    RingHash,
    /// By the range that the request's key lies in.
    Range,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 9] = [
        Self::RoundRobin,
        Self::Random,
        Self::LeastRequest,
        Self::PeakEwma,
        Self::LeastResponseTime,
        Self::Hcl,
        Self::Maglev,
        Self::RingHash,
        Self::Range,
    ];

    /// The name in configuration and snapshot.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::LeastRequest => "least_request",
            Self::PeakEwma => "peak_ewma",
            Self::LeastResponseTime => "least_response_time",
            Self::Hcl => "hcl",
            Self::Maglev => "maglev",
            Self::RingHash => "ring_hash",
            Self::Range => "range",
        }
    }

    /// It compares latencies, so an endpoint whose last attempt failed has to be tried again on purpose.
    pub(crate) fn compares_latency(self) -> bool {
        matches!(self, Self::PeakEwma | Self::LeastResponseTime | Self::Hcl | Self::Range)
    }

    /// It spreads hashes of keys over the endpoints.
    #[must_use]
    pub fn is_hashed(self) -> bool {
        matches!(self, Self::Maglev | Self::RingHash)
    }

    /// It needs the request's key.
    #[must_use]
    pub fn is_keyed(self) -> bool {
        matches!(self, Self::Maglev | Self::RingHash | Self::Range)
    }
}

/// A pool of endpoints that serve the same requests.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// Name in keys, metrics and snapshot.
    pub name: String,
    /// The proxy's cluster.
    pub cluster: String,
    /// How to choose.
    pub strategy: Strategy,
    /// Length of the candidate list, 1 to [`MAX_CANDIDATES`]. Default 3: the first attempt and two retries, which is
    /// what most retry policies allow.
    pub candidates: usize,
    /// An answer counts as a success only when its body is complete.
    pub detect_truncated: bool,
    /// The endpoints; addresses are unique.
    pub endpoints: Vec<EndpointConfig>,
    /// When the endpoints' circuits open and close.
    pub circuit: CircuitConfig,
    /// The circuit of the pool as a whole. Default none.
    pub pool_circuit: Option<PoolCircuitConfig>,
    /// Share of the endpoints that may be ejected at once, 0 to 100 %; at least one unless 0. Default 50: losing more
    /// than half of a pool is seldom the endpoints' own fault, and the rest could not carry the load.
    pub max_ejected_percent: u32,
    /// Below this share of eligible endpoints, 0 to 100 %, ejections are ignored. Default 50, as in Envoy.
    pub panic_threshold_percent: u32,
    /// Attempts in the window below which an endpoint's score is unknown. Default 10.
    pub minimum_samples: u32,
    /// For the strategies `maglev` and `ring_hash`.
    pub hashing: HashingConfig,
    /// For the strategy `range`: sorted, not overlapping.
    pub ranges: Vec<KeyRange>,
    /// Names of the metadata that requests may select endpoints by; a request names a value for each, see
    /// [`crate::subset_key`]. Not looked at under the strategy `range`. Default none.
    pub subset_keys: Vec<String>,
    /// What becomes of a request that no range or subset fits.
    pub no_match: NoMatch,
    /// The zone to prefer, most often the proxy's own. Default none: zones are only shown.
    pub prefer_zone: Option<String>,
    /// A tier or a zone keeps all of its traffic while the healthy part of its weight times this factor is at least 1;
    /// below that the rest spills over. At least 1. Default 1.4, as in Envoy: it may lose two in seven.
    pub overprovisioning: f64,
    /// How long the share of an endpoint that is new or has recovered grows until it is whole; zero for at once. Where more
    /// than half of a pool is new, the new ones are whole at once.
    /// Default 10 s: caches and connection pools are warm by then.
    pub ramp: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            cluster: String::new(),
            strategy: Strategy::default(),
            candidates: 3,
            detect_truncated: false,
            endpoints: Vec::new(),
            circuit: CircuitConfig::default(),
            pool_circuit: None,
            max_ejected_percent: 50,
            panic_threshold_percent: 50,
            minimum_samples: 10,
            hashing: HashingConfig::default(),
            ranges: Vec::new(),
            subset_keys: Vec::new(),
            no_match: NoMatch::default(),
            prefer_zone: None,
            overprovisioning: 1.4,
            ramp: Duration::from_secs(10),
        }
    }
}

/// How keys are spread over endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct HashingConfig {
    /// Slots of the Maglev table, a prime above the number of endpoints. Default `None`: the least of 65,537, 655,373 and
    /// 1,000,003 with a hundred slots for each endpoint, which keeps the shares within 1 to 2 %. Where a pool grows past
    /// 655 or 6,553 endpoints the size changes, and with it the endpoint of nearly every key: set it if that can happen.
    pub table_size: Option<u32>,
    /// Points on the ring for each unit of weight, 1 to 1000. Default 160, as libketama has: a share's standard deviation
    /// is about 1/√points of it.
    pub points: u32,
    /// Bounded load (Mirrokni et al. 2018): no endpoint gets more than this times its fair part of all requests under way,
    /// above 1; the next one for that key takes the rest. Default `None`: unbounded.
    pub bound: Option<f64>,
}

impl Default for HashingConfig {
    fn default() -> Self {
        Self { table_size: None, points: 160, bound: None }
    }
}

/// A range of keys and who serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key in it; `None`: from the lowest.
    pub from: Option<KeyBound>,
    /// The first key after it; `None`: to the highest.
    pub to: Option<KeyBound>,
    /// Positions of its endpoints in [`PoolConfig::endpoints`], at least one. Among several, `peak_ewma` decides.
    pub endpoints: Vec<u32>,
}

/// An end of a range. All ends of a pool's ranges are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyBound {
    /// Keys are whole numbers in decimal.
    Number(i64),
    /// Keys are texts, in the order of their bytes.
    Text(Vec<u8>),
}

/// What becomes of a request that no range or subset fits, or that has no key where one is needed for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoMatch {
    /// Any endpoint may serve it. The default: an answer is better than none.
    #[default]
    Any,
    /// It is refused.
    Refuse,
}

impl PoolConfig {
    /// How many endpoints may be ejected at once.
    #[must_use]
    pub fn max_ejected(&self) -> usize {
        if self.max_ejected_percent == 0 {
            return 0;
        }
        let share = self.endpoints.len().saturating_mul(self.max_ejected_percent as usize) / 100;
        share.max(1)
    }
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// `ip:port`, as the proxy prints it.
    pub address: String,
    /// Name for people and metrics.
    pub id: String,
    /// Share of the traffic relative to the others, 1 to 1000.
    pub weight: u32,
    /// Zone, for people and for [`PoolConfig::prefer_zone`].
    pub zone: Option<String>,
    /// Priority, 0 to 15: traffic goes to the lowest tier and spills to the next as that loses endpoints.
    pub tier: u32,
    /// Takes no new traffic but that of sessions that stick to it.
    pub draining: bool,
    /// Whether its circuit is the detectors' or the operator's.
    pub circuit: Forced,
    /// What [`PoolConfig::subset_keys`] select by.
    pub metadata: Vec<(String, String)>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            address: String::new(),
            id: String::new(),
            weight: 1,
            zone: None,
            tier: 0,
            draining: false,
            circuit: Forced::Auto,
            metadata: Vec::new(),
        }
    }
}
