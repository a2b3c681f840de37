//! The demo's bed and one round on it: load runs, faults come and go, the filter's events are collected.

use crate::Options;
use crate::schedule::{Fault, Schedule};
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::upstream::UpstreamSpec;
use plimsoll_host_tests::bed::{AdminClient, Behaviour, Envoy, EnvoyConfig, Latency, Load, Record, Upstream, ports};
use plimsoll_snapshot::Event;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Sample upstreams.
pub(crate) const ENDPOINTS: usize = 8;
/// A service that is neither idle nor full at 500 requests/s over eight of it.
const LATENCY: Latency = Latency::Exponential(Duration::from_millis(5));
/// Where operators look first.
const DASHBOARD_PORT: u16 = 9902;
/// The log of events is bounded, so it is read while the round goes on.
const EVENT_POLL: Duration = Duration::from_millis(500);
/// Events of the round's last moments are there after a tick or two.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// Everything that runs; dropping it stops all of it.
pub(crate) struct Bed {
    pub(crate) envoy: Envoy,
    upstreams: Vec<Upstream>,
    rate: f64,
    seed: u64,
}

/// What happened in one round.
pub(crate) struct Seen {
    pub(crate) schedule: Schedule,
    /// Begin and end of every fault as they really were, by the clock that the events carry.
    pub(crate) times: Vec<FaultTimes>,
    pub(crate) names: Vec<String>,
    pub(crate) records: Vec<Record>,
    pub(crate) events: Vec<Event>,
}

/// When one fault really began and ended, in Unix milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct FaultTimes {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
}

impl Bed {
    /// Starts upstreams and Envoy.
    pub(crate) async fn start(options: &Options) -> Result<Self> {
        let mut upstreams = Vec::with_capacity(ENDPOINTS);
        for (number, address) in (1..).zip(ports::free_many(ENDPOINTS)?) {
            let seed = options.seed.wrapping_mul(1_000).wrapping_add(number);
            let spec = UpstreamSpec { name: format!("order-{number}"), latency: LATENCY, slots: None, seed };
            upstreams.push(Upstream::start_on(address, spec).await?);
        }
        let addresses: Vec<SocketAddr> = upstreams.iter().map(Upstream::address).collect();
        let mut config = EnvoyConfig::from_repo()?.endpoints(&addresses);
        // The default of 10 s would show nothing but one opening per fault.
        config = config.pool(json!({"circuit": {"open_for": "1s"}}));
        if let Some(port) = dashboard_port(options)? {
            config = config.dashboard_port(port);
        }
        let envoy = Envoy::start(&config, options.workers).await?;
        Ok(Self { envoy, upstreams, rate: f64::from(options.rate), seed: options.seed })
    }

    /// One round of the schedule under load.
    pub(crate) async fn round(&mut self, schedule: &Schedule) -> Result<Seen> {
        let mut load = Load::new(self.envoy.public(), self.rate, schedule.duration);
        load.seed = self.seed;
        let since = self.envoy.admin().events(0).await.context("the filter's admin API does not answer")?.last_seq;
        let events = Collector::start(self.envoy.admin(), since);
        let load = load.start()?;
        let start = Instant::from_std(load.started());
        let mut times = Vec::with_capacity(schedule.faults.len());
        for fault in &schedule.faults {
            times.push(self.inflict(fault, start).await?);
        }
        let records = load.finish().await?;
        ensure!(self.envoy.is_running(), "Envoy ended in mid-run");
        tokio::time::sleep(LAST_EVENTS).await;
        let names = self.upstreams.iter().map(|upstream| upstream.name().to_owned()).collect();
        Ok(Seen { schedule: schedule.clone(), times, names, records, events: events.finish().await? })
    }

    /// Switches one upstream to its fault and back, when each is due.
    async fn inflict(&self, fault: &Fault, start: Instant) -> Result<FaultTimes> {
        let upstream = &self.upstreams[fault.endpoint];
        tokio::time::sleep_until(start + fault.from).await;
        let from_ms = now_ms();
        upstream.set(fault.behaviour).await?;
        tell(fault.from, upstream, fault.words);
        tokio::time::sleep_until(start + fault.until).await;
        upstream.set(Behaviour::Healthy).await?;
        let until_ms = now_ms();
        tell(fault.until, upstream, "is back to normal");
        Ok(FaultTimes { from_ms, until_ms })
    }
}

fn tell(at: Duration, upstream: &Upstream, words: &str) {
    println!("{:>5.1}s  {:<8} {words}", at.as_secs_f64(), upstream.name());
}

/// The port asked for; the well-known one if it is free; else whatever the configuration chose.
fn dashboard_port(options: &Options) -> Result<Option<u16>> {
    match options.dashboard_port {
        Some(port) if ports::is_free(port) => Ok(Some(port)),
        Some(port) => anyhow::bail!("--dashboard-port {port} is taken: choose another"),
        None => Ok(ports::is_free(DASHBOARD_PORT).then_some(DASHBOARD_PORT)),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the event log as it grows.
struct Collector {
    task: JoinHandle<()>,
    admin: AdminClient,
    read: std::sync::Arc<tokio::sync::Mutex<Read>>,
}

/// Events read so far, and where to go on.
struct Read {
    since: u64,
    events: Vec<Event>,
}

impl Collector {
    fn start(admin: AdminClient, since: u64) -> Self {
        let read = std::sync::Arc::new(tokio::sync::Mutex::new(Read { since, events: Vec::new() }));
        let task = tokio::spawn({
            let read = std::sync::Arc::clone(&read);
            async move {
                loop {
                    tokio::time::sleep(EVENT_POLL).await;
                    // A poll that fails is made up for by the next; the last one, in `finish`, must succeed.
                    let _ = more(admin, &mut *read.lock().await).await;
                }
            }
        });
        Self { task, admin, read }
    }

    async fn finish(self) -> Result<Vec<Event>> {
        self.task.abort();
        let mut read = self.read.lock().await;
        more(self.admin, &mut read).await?;
        Ok(std::mem::take(&mut read.events))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn more(admin: AdminClient, read: &mut Read) -> Result<()> {
    let answer = admin.events(read.since).await?;
    read.since = answer.last_seq.max(read.since);
    read.events.extend(answer.events);
    Ok(())
}
