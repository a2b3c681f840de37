//! The demo: eight sample upstreams, a real Envoy with the filter, open-loop load, and faults that come and go.
//!
//! Without `--for` it repeats its schedule until Ctrl-C, for somebody who watches the dashboard. With `--for` it
//! runs the schedule once, prints what clients saw and when the filter noticed, and judges: the exit code is 0
//! only if no client met an error and every ejection and readmission happened.

mod humane;
mod judge;
mod run;
mod schedule;
mod table;

use anyhow::{Context, Result};
use clap::Parser;
use run::Bed;
use schedule::Schedule;
use std::process::ExitCode;
use std::time::Duration;

/// Balances sample upstreams through a real Envoy, with faults, and shows what the filter does about them.
#[derive(Parser)]
#[command(name = "demo")]
struct Options {
    /// Run one whole schedule in this time, print a table and stop; at least 30s (90s, 2m)
    #[arg(long = "for", value_name = "DURATION", value_parser = humane::headless_duration)]
    for_: Option<Duration>,
    /// Requests per second
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(50..=5_000))]
    rate: u32,
    /// Of arrival times, latencies and failures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Envoy's worker threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Port of the dashboard; 9902, or a free one if that is taken
    #[arg(long)]
    dashboard_port: Option<u16>,
}

/// One round of the endless demo.
const ROUND: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = tokio::select! {
        outcome = demo(&options) => outcome,
        signal = stopped() => signal.map(|()| {
            println!("stopping");
            ExitCode::SUCCESS
        }),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("demo: {error:#}");
        ExitCode::FAILURE
    })
}

async fn demo(options: &Options) -> Result<ExitCode> {
    let mut bed = Bed::start(options).await?;
    println!("dashboard   http://{}/", bed.envoy.dashboard());
    println!(
        "balanced    http://{}/   {} requests/s over {} endpoints",
        bed.envoy.public(),
        options.rate,
        run::ENDPOINTS
    );
    let Some(duration) = options.for_ else {
        println!("Ctrl-C stops everything");
        loop {
            bed.round(&Schedule::over(ROUND)).await?;
        }
    };
    let seen = bed.round(&Schedule::over(duration)).await?;
    table::print(&seen);
    let complaints = judge::complaints(&seen);
    for complaint in &complaints {
        eprintln!("demo: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ctrl-C, or a polite kill.
async fn stopped() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C"),
        _ = terminate.recv() => Ok(()),
    }
}
