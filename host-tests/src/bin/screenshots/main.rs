//! Takes pictures of the dashboard while something is wrong: the overview, a pool, why an endpoint is out; by day
//! and by night, on a desktop and on a phone. `cargo xtask screenshots` builds everything and starts this.
//!
//! The same story each time: six pools under load in a real Envoy, all well for a while, then one endpoint fails, one is
//! slow, one refuses connections. Latencies, arrivals and the story are from seeds; times of day and counts differ.

mod scenes;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::{Behaviour, Browser, Fleet, FleetSpec, workspace_root};
use plimsoll_snapshot::{CircuitState, Snapshot};
use scenes::SCENES;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

const POOLS: [&str; 6] = ["orders", "users", "search", "payments", "images", "ledger"];
const ENDPOINTS: usize = 8;
/// Requests per second to each endpoint: a machine that does other things can still answer them in time.
const RATE: f64 = 5.0;
/// Then charts have something to show from before.
const WELL: Duration = Duration::from_secs(30);
/// Pool, endpoint, and what it does once the incident begins. The first two are ejected; the last gets less to do.
const INCIDENT: [(&str, usize, Behaviour); 3] = [
    ("orders", 5, Behaviour::Failing { status: 503, fraction: 1.0 }),
    ("users", 3, Behaviour::Refusing),
    ("payments", 2, Behaviour::Slow { factor: 2.0 }),
];
/// Those whose circuits open.
const EJECTED: [&str; 2] = ["orders-5", "users-3"];
/// Ejections come within seconds.
const NOTICED: Duration = Duration::from_secs(30);
/// Then charts show the incident as well.
const GOES_ON: Duration = Duration::from_secs(15);
/// Everything is over by then, whatever happens.
const LONGEST: Duration = Duration::from_secs(420);

/// Takes pictures of the dashboard.
#[derive(Parser)]
#[command(name = "screenshots")]
struct Options {
    /// Folder for the pictures; target/screenshots of this repository unless given
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

// One thread: Envoy and the browser end with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = Options::parse().to.unwrap_or_else(|| workspace_root().join("target/screenshots"));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    tokio::select! {
        taken = tokio::time::timeout(LONGEST, take(&folder)) => taken.context("this takes too long")?,
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C"),
    }
}

async fn take(folder: &Path) -> Result<()> {
    let mut spec = FleetSpec::numbered(0, ENDPOINTS, RATE);
    spec.pools = POOLS.map(str::to_owned).into();
    spec.latency = Duration::from_millis(15);
    spec.workers = 2;
    spec.longest = LONGEST;
    // Every endpoint gets enough for a score, and is out for longer than the pictures take: all of them show the same.
    spec.settings = json!({"strategy": "least_request", "circuit": {"open_for": "300s"}});
    let mut fleet = Fleet::start(&spec).await?;
    let browser = Browser::start().await?;
    sleep(WELL).await;
    for (pool, number, behaviour) in INCIDENT {
        fleet.set(pool, number, behaviour).await?;
    }
    let look = async || Ok(open_circuits(&fleet.envoy.admin().snapshot().await?));
    let all_out = |open: &Vec<String>| EJECTED.iter().all(|id| open.iter().any(|other| other == id));
    until("the incident's ejections", NOTICED, look, all_out).await?;
    sleep(GOES_ON).await;
    let origin = format!("http://{}/", fleet.envoy.dashboard());
    for scene in &SCENES {
        scene.take(&browser, &origin, folder).await?;
    }
    let mut others = open_circuits(&fleet.envoy.admin().snapshot().await?);
    others.retain(|id| !EJECTED.contains(&id.as_str()));
    if !others.is_empty() {
        println!("on the pictures too, because this machine was too busy to connect in time: {others:?} ejected");
    }
    ensure!(fleet.envoy.is_running(), "Envoy has ended; its log:\n{}", fleet.envoy.log());
    let console = browser.console().await?;
    ensure!(!console.iter().any(|line| line.is_severe()), "the page logged errors: {console:#?}");
    Ok(())
}

fn open_circuits(snapshot: &Snapshot) -> Vec<String> {
    let endpoints = snapshot.pools.iter().flat_map(|pool| &pool.endpoints);
    let open = endpoints.filter(|endpoint| endpoint.circuit.state == CircuitState::Open);
    open.map(|endpoint| endpoint.id.clone()).collect()
}
