//! Several pools under steady load behind one Envoy: what a page for operators has to show on a day like any other, and
//! a larger day than a test with one pool makes.

use super::config::PoolSpec;
use super::upstream::UpstreamSpec;
use super::{Behaviour, Envoy, EnvoyConfig, Latency, Load, LoadRun, Upstream, ports};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// What to start.
#[derive(Clone, Debug)]
pub struct FleetSpec {
    /// Name of each pool.
    pub pools: Vec<String>,
    /// In each pool; called `POOL-1`, `POOL-2` and so on.
    pub endpoints: usize,
    /// Requests per second to each endpoint, on average.
    pub rate: f64,
    /// The least of the endpoints' mean latencies; the others' are up to twice that.
    pub latency: Duration,
    /// Changes of every pool's keys.
    pub settings: Value,
    /// Envoy's worker threads.
    pub workers: u32,
    /// The load ends after this, if nothing else ends it.
    pub longest: Duration,
}

/// One pool that runs.
pub struct FleetPool {
    /// Its name.
    pub name: String,
    /// Its endpoints, in order.
    pub upstreams: Vec<Upstream>,
}

/// Everything that runs; dropping it stops all of it. Start it from a thread that lives as long as it should.
pub struct Fleet {
    // Fields drop in order: who asks, who passes on, who answers.
    loads: Vec<LoadRun>,
    /// The proxy.
    pub envoy: Envoy,
    /// What it balances.
    pub pools: Vec<FleetPool>,
}

impl FleetSpec {
    /// So many pools, called `pool-01`, `pool-02` and so on: every endpoint has traffic, whatever its latency is.
    pub fn numbered(pools: usize, endpoints: usize, rate: f64) -> Self {
        Self {
            pools: (1..=pools).map(|number| format!("pool-{number:02}")).collect(),
            endpoints,
            rate,
            latency: Duration::from_millis(4),
            settings: json!({"strategy": "random"}),
            workers: 1,
            longest: Duration::from_secs(600),
        }
    }
}

impl Fleet {
    /// Starts upstreams, Envoy and load.
    pub async fn start(spec: &FleetSpec) -> Result<Self> {
        let mut pools = Vec::new();
        for (seed, name) in (0..).zip(&spec.pools) {
            pools.push(start_pool(spec, name, seed * 100_000).await?);
        }
        let specs: Vec<PoolSpec> = pools.iter().map(|pool| pool.spec(&spec.settings)).collect();
        let config = EnvoyConfig::from_repo()?.pools(&specs)?.log_level("warning");
        let envoy = Envoy::start(&config, spec.workers).await?;
        let mut loads = Vec::new();
        for (seed, pool) in (1..).zip(&specs) {
            let mut load = Load::new(envoy.public(), spec.rate * spec.endpoints as f64, spec.longest);
            (load.path, load.seed) = (pool.path(), seed);
            loads.push(load.start()?);
        }
        Ok(Self { loads, envoy, pools })
    }

    /// Switches endpoint `number` (from 1) of a pool.
    pub async fn set(&self, pool: &str, number: usize, behaviour: Behaviour) -> Result<()> {
        let upstreams = self.pools.iter().find(|running| running.name == pool).map(|running| &running.upstreams);
        let upstream = upstreams.and_then(|upstreams| upstreams.get(number.checked_sub(1)?));
        upstream.with_context(|| format!("there is no {pool}-{number}"))?.set(behaviour).await
    }

    /// No more requests leave.
    pub fn end_load(&mut self) {
        self.loads.clear();
    }
}

impl FleetPool {
    fn spec(&self, settings: &Value) -> PoolSpec {
        let endpoints = self.upstreams.iter().map(|upstream| (upstream.name().to_owned(), upstream.address()));
        PoolSpec { name: self.name.clone(), endpoints: endpoints.collect(), settings: settings.clone() }
    }
}

async fn start_pool(spec: &FleetSpec, name: &str, seed: u64) -> Result<FleetPool> {
    let mut upstreams = Vec::with_capacity(spec.endpoints);
    for (number, address) in (1_u32..).zip(ports::free_many(spec.endpoints)?) {
        // Different ones: a row then looks like no other.
        let latency = spec.latency.mul_f64(1.0 + f64::from(number % 10) / 10.0);
        let (name, latency) = (format!("{name}-{number}"), Latency::Exponential(latency));
        let spec = UpstreamSpec { name, latency, slots: None, seed: seed + u64::from(number) };
        upstreams.push(Upstream::start_on(address, spec).await?);
    }
    Ok(FleetPool { name: name.to_owned(), upstreams })
}
