//! What the dashboard costs a browser: main-thread work per update, frames, memory and the first load, measured by
//! Chromium's own tracing while the page watches many pools of a real Envoy under load. `cargo xtask bench dashboard`
//! builds everything and starts this.
//!
//! It measures; it does not judge: the exit code says only whether everything ran. The page, Envoy, endpoints and load
//! share one machine, so work is told in processor time, which waiting for a processor does not lengthen; what is told
//! by the clock stands beside a fixed piece of work in the same page, timed in the same run.

mod files;
mod loads;
mod page;
mod recording;
mod table;
mod trace;
mod updates;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use plimsoll_host_tests::bed::{Behaviour, Browser, Fleet, FleetSpec, workspace_root};
use plimsoll_snapshot::Snapshot;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every endpoint with a multiple of this number fails, so that there are open circuits and events.
const FAILING: usize = 100;
/// Figures of the first ten seconds are still unknown.
const WARM_UP: Duration = Duration::from_secs(12);
/// What everything but the recordings and the loads takes at most.
const GRACE: u64 = 180;
/// What a load takes at most.
const LOAD: u64 = 100;

#[derive(Parser)]
#[command(name = "bench-dashboard", about = "What the dashboard costs a browser, with many pools")]
struct Arguments {
    /// Pools
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=99))]
    pools: u16,
    /// Endpoints of each pool
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    endpoints: u16,
    /// Requests per second to each endpoint
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// How long each page is watched
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    seconds: u64,
    /// First loads, of which the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=50))]
    loads: u32,
    /// Write what Chromium recorded, for the performance panel of its developer tools
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

// One thread: Envoy and the browser end with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let longest = GRACE + 2 * (arguments.seconds + arguments.seconds / 2) + u64::from(arguments.loads) * LOAD;
    tokio::select! {
        done = tokio::time::timeout(Duration::from_secs(longest), bench(&arguments)) => {
            done.with_context(|| format!("not done after {longest} s"))?
        }
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C"),
    }
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let (pools, endpoints) = (usize::from(arguments.pools), usize::from(arguments.endpoints));
    let mut spec = FleetSpec::numbered(pools, endpoints, arguments.rate);
    spec.longest = Duration::from_secs(3600);
    let mut fleet = Fleet::start(&spec).await?;
    fail_some(&fleet).await?;
    tokio::time::sleep(WARM_UP).await;

    let origin = format!("http://{}/", fleet.envoy.dashboard());
    println!("{}", machine());
    let requests = arguments.rate * (pools * endpoints) as f64;
    println!("{pools} pools of {endpoints} endpoints, {requests} requests/s; {}", changing(&fleet).await?);
    table::print_files(&files::sizes(&workspace_root().join("dist/dashboard"))?);
    if arguments.loads > 0 {
        table::print_loads(&loads::measure(&origin, arguments.loads).await?);
    }

    let browser = Browser::start_tracing(&trace::CATEGORIES).await?;
    browser.viewport(1440, 900).await?;
    browser.before_every_page(page::WATCH).await?;
    let mut events = Vec::new();
    let a_pool = format!("#/pool/{}", spec.pools[0]);
    for page in [("overview", "#/"), ("a pool's page", a_pool.as_str())] {
        let recording = recording::record(&browser, &origin, page, arguments.seconds, &mut events).await?;
        table::print_recording(&recording);
    }
    println!("\n{}", machine());
    ensure!(fleet.envoy.is_running(), "Envoy has ended; its log:\n{}", fleet.envoy.log());
    let console = browser.console().await?;
    ensure!(!console.iter().any(|line| line.is_severe()), "the page logged errors: {console:#?}");
    arguments.trace.as_deref().map_or(Ok(()), |file| write_trace(file, events))
}

async fn fail_some(fleet: &Fleet) -> Result<()> {
    let all = fleet.pools.iter().flat_map(|pool| &pool.upstreams);
    for (_, upstream) in (1..).zip(all).filter(|(number, _)| number % FAILING == 0) {
        upstream.set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    }
    Ok(())
}

/// How many endpoints have other counts after a second: those whose rows change.
async fn changing(fleet: &Fleet) -> Result<String> {
    let counts = |snapshot: &Snapshot| -> Vec<u64> {
        snapshot.pools.iter().flat_map(|pool| &pool.endpoints).map(|endpoint| endpoint.requests).collect()
    };
    let before = counts(&fleet.envoy.admin().snapshot().await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = counts(&fleet.envoy.admin().snapshot().await?);
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    ensure!(after.iter().any(|requests| *requests > 0), "no endpoint has traffic");
    let with_traffic = after.iter().filter(|requests| **requests > 0).count();
    Ok(format!("{with_traffic} endpoints have traffic, the counts of {changed} changed within a second"))
}

/// So that a reader of the figures can tell a quiet machine from a busy one.
fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{processors} processors, {load} programs want one (mean of the last minute)")
}

fn write_trace(file: &Path, events: Vec<Value>) -> Result<()> {
    let text = serde_json::to_vec(&json!({"traceEvents": events}))?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}: open it in the performance panel of Chromium's developer tools", file.display());
    Ok(())
}
