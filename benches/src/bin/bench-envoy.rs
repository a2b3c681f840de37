//! What the filter costs in a real Envoy: processor time per request of the whole process, as a ratio to Envoy's own
//! LEAST_REQUEST. `cargo xtask bench envoy` builds everything and starts this.
//!
//! The variants run side by side, each in its own Envoy with one worker and the repository's `envoy/envoy.yaml`, and
//! take turns in short slices: a b c a b c …. Whatever else the machine does then meets all of them alike, and the
//! ratios of a round hold where its microseconds do not. It measures; it does not judge: the exit code says only
//! whether every request succeeded and the filter saw all of them.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use plimsoll_benches::load::{Clients, Endpoints};
use plimsoll_benches::variants::{self, Plan};
use plimsoll_benches::{answers, cpu, paired};
use plimsoll_host_tests::bed::Envoy;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::LocalSet;

/// Every variant has so many turns in a round. The round's figure is their median, so that a moment in which something
/// else had the processor, and left its caches cold, does not count.
const SLICES: u64 = 20;
/// What a request may take on a machine that is busy with other things.
const SLOWEST_REQUEST: Duration = Duration::from_millis(2);
const SLICE_GRACE: Duration = Duration::from_secs(10);
/// The filter's counts reach the admin API with its next tick, every 100 ms.
const TICKS: Duration = Duration::from_millis(500);

#[derive(Parser)]
#[command(name = "bench-envoy", about = "Processor time per request of Envoy, with and without the filter")]
struct Arguments {
    /// How often every variant is measured
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// Requests per variant and round
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    requests: u64,
    /// Requests per variant before the first round: connections are made, V8 compiles what is hot
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    warm_up: u64,
    /// Sizes of the pool, one table each
    #[arg(long, value_delimiter = ',', default_value = "8,1000", value_parser = clap::value_parser!(u16).range(1..=5000))]
    endpoints: Vec<u16>,
    /// Clients, each with one request under way
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// Another build of the filter to measure in the same rounds (default: dist/plimsoll.wasm alone); may be repeated
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Also what the parts of the configuration cost
    #[arg(long)]
    parts: bool,
    /// Instead: what answers of the admin API cost, after so many seconds of traffic
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3600))]
    answers: Option<u64>,
}

/// One Envoy and what was measured of it.
struct Variant {
    plan: Plan,
    envoy: Envoy,
    clients: Clients,
    sent: u64,
    /// Microseconds per request, one value a round.
    rounds: Vec<f64>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // One thread for clients and endpoints, so that Envoy has the other processor to itself. Envoy ends with the
    // thread that started it, which is this one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        if let Some(seconds) = arguments.answers {
            return answers::bench(seconds).await;
        }
        for endpoints in &arguments.endpoints {
            bench(&arguments, usize::from(*endpoints)).await?;
        }
        Ok(())
    }))
}

async fn bench(arguments: &Arguments, count: usize) -> Result<()> {
    let endpoints = Endpoints::start(count).await?;
    let mut variants = start(arguments, endpoints.addresses()).await?;
    let version = version(&variants[0].envoy).await?;
    println!("\nEnvoy {version}, 1 worker, {count} endpoints, {} connections", arguments.connections);
    println!("{} rounds of {} requests, other load {}", arguments.rounds, arguments.requests, load_average());
    for variant in &mut variants {
        variant.send(arguments.warm_up).await?;
    }
    for _ in 0..arguments.rounds {
        round(&mut variants, arguments.requests).await?;
    }
    print(&variants);
    for variant in &mut variants {
        variant.check().await?;
    }
    Ok(())
}

async fn start(arguments: &Arguments, addresses: &[SocketAddr]) -> Result<Vec<Variant>> {
    let mut plans = variants::modes(addresses)?;
    if arguments.parts {
        plans.extend(variants::parts(addresses)?);
    }
    for file in &arguments.against {
        plans.extend(variants::build(addresses, file)?);
    }
    let mut variants = Vec::new();
    for plan in plans {
        let envoy = Envoy::start(&plan.config, 1).await.with_context(|| plan.name.clone())?;
        let clients = Clients::connect(envoy.public(), usize::from(arguments.connections)).await?;
        variants.push(Variant { plan, envoy, clients, sent: 0, rounds: Vec::new() });
    }
    Ok(variants)
}

async fn round(variants: &mut [Variant], requests: u64) -> Result<()> {
    let slice = (requests / SLICES).max(1);
    let mut slices = vec![Vec::new(); variants.len()];
    for _ in 0..SLICES {
        for (variant, slices) in variants.iter_mut().zip(&mut slices) {
            let before = cpu::used(variant.envoy.id())?;
            variant.send(slice).await?;
            let used = cpu::used(variant.envoy.id())?.saturating_sub(before);
            ensure!(!used.is_zero(), "{}: its Envoy did nothing; its log:\n{}", variant.plan.name, variant.envoy.log());
            slices.push(used.as_secs_f64() * 1e6 / slice as f64);
        }
    }
    for (variant, slices) in variants.iter_mut().zip(slices) {
        variant.rounds.extend(paired::median(&slices));
    }
    Ok(())
}

impl Variant {
    async fn send(&mut self, requests: u64) -> Result<()> {
        let limit = SLICE_GRACE + SLOWEST_REQUEST.saturating_mul(u32::try_from(requests)?);
        self.clients.send(requests, limit).await.with_context(|| self.plan.name.clone())?;
        self.sent += requests;
        Ok(())
    }

    /// A filter that failed open would be cheap: what it says it saw has to be what was sent.
    async fn check(&mut self) -> Result<()> {
        ensure!(self.envoy.is_running(), "{}: Envoy ended; its log:\n{}", self.plan.name, self.envoy.log());
        if !self.plan.filtered {
            return Ok(());
        }
        tokio::time::sleep(TICKS).await;
        let snapshot = self.envoy.admin().snapshot().await?;
        let seen: u64 = snapshot.pools.iter().flat_map(|pool| &pool.endpoints).map(|endpoint| endpoint.requests).sum();
        // More: on a machine that stalls for half a second, attempts time out and are repeated.
        ensure!(seen >= self.sent, "{}: {} requests were sent, the filter saw {seen}", self.plan.name, self.sent);
        Ok(())
    }
}

async fn version(envoy: &Envoy) -> Result<String> {
    let info: serde_json::Value = serde_json::from_str(&envoy.get("/server_info").await?)?;
    // "commit/1.40.0/Clean/RELEASE/BoringSSL"
    let version = info["version"].as_str().and_then(|long| long.split('/').nth(1));
    Ok(version.unwrap_or("of unknown version").to_owned())
}

/// So that a reader of the figures can tell a quiet machine from a busy one.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn print(variants: &[Variant]) {
    println!("{:28} {:>8} {:>8} {:>16} {:>8}", "", "µs", "ratio", "(least..most)", "target");
    for variant in variants {
        let target = variant.plan.target.map_or(String::new(), |target| format!("{target:.2}"));
        let micros = paired::median(&variant.rounds).unwrap_or_default();
        let Some(ratio) = paired::ratio(&variant.rounds, &variants[0].rounds) else { continue };
        let spread = format!("({:.3}..{:.3})", ratio.least, ratio.most);
        println!("{:28} {micros:8.2} {:8.3} {spread:>16} {target:>8}", variant.plan.name, ratio.median);
    }
}
