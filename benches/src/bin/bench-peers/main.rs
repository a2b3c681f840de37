//! What users would pick instead: other proxies and Envoy's own balancing beside Envoy with the filter, with real
//! processes on loopback. `cargo xtask bench peers` gets what is missing and starts this.
//!
//! Eight endpoints with four slots each, exponential service times of 20 ms, 900 requests a second in an open loop, and
//! a row for each fault. One configuration of each proxy for all rows. It measures and says what was reached; its exit
//! code says only whether it could measure.

mod clients;
mod dice;
mod haproxy;
mod measure;
mod nginx;
mod rows;
mod slots;
mod subjects;
mod table;
mod upstreams;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use subjects::Subject;
use table::Measured;
use tokio::signal::unix::{SignalKind, signal};

/// Runs that the machine disturbed are repeated so often.
const REPEATS: u32 = 2;

#[derive(Parser)]
#[command(name = "bench-peers", about = "Envoy with Plimsoll beside other balancers, under faults")]
struct Arguments {
    /// Only these rows, by their keys (an unknown one is answered with the list)
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Only subjects whose name contains one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often everything is measured, with other arrivals; the figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Seconds of each run that count; faults begin in the third
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(4..=600))]
    seconds: u64,
    /// Subjects that are measured at the same time
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=6))]
    parallel: u64,
    /// Worker threads of each proxy
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    workers: u32,
    /// Of the first round; the next one has the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Attempts at the first and the last endpoint second by second, ejections, transitions
    #[arg(long)]
    details: bool,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Processes end with the thread that started them, which is this one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = bench(&arguments) => result,
            _ = tokio::signal::ctrl_c() => bail!("stopped"),
            _ = terminate.recv() => bail!("stopped"),
        }
    })
}

async fn bench(arguments: &Arguments) -> Result<()> {
    let rows = rows(&arguments.rows)?;
    let subjects = subjects(&arguments.only)?;
    print_head(arguments, &subjects)?;
    let duration = Duration::from_secs(arguments.seconds);
    let mut table = Vec::new();
    for row in rows {
        let mut runs: Vec<(Subject, Vec<measure::Run>)> =
            subjects.iter().map(|subject| (*subject, Vec::new())).collect();
        for round in 0..arguments.rounds {
            for some in subjects.chunks(arguments.parallel as usize) {
                let plan = measure::Plan { seed: arguments.seed + round, duration, workers: arguments.workers };
                for (subject, run) in measure_undisturbed(&row, some, plan).await.with_context(|| row.title)? {
                    let own = runs.iter_mut().find(|(known, _)| *known == subject);
                    own.context("a subject that was not asked for")?.1.push(run);
                }
            }
        }
        let measured = Measured { row, runs };
        measured.print(arguments.details);
        table.push(measured);
        // After every row, so that nothing is lost when a later one fails.
        write_json(arguments, &table)?;
    }
    print_verdicts(&table);
    Ok(())
}

/// On a machine that does something else meanwhile, the last try counts, marked as disturbed.
async fn measure_undisturbed(
    row: &rows::Row,
    subjects: &[Subject],
    plan: measure::Plan,
) -> Result<Vec<(Subject, measure::Run)>> {
    for _ in 0..REPEATS {
        match measure::measure(row, subjects, plan).await {
            Ok(measured) if measured.iter().all(|(_, run)| !run.is_disturbed()) => return Ok(measured),
            Ok(_) => eprintln!("{}: the machine was too busy, once more", row.title),
            // A proxy that starves does not answer questions about itself in time.
            Err(error) => eprintln!("{}: {error:#}; once more", row.title),
        }
    }
    measure::measure(row, subjects, plan).await
}

fn rows(wanted: &[String]) -> Result<Vec<rows::Row>> {
    let all = rows::all();
    if let Some(unknown) = wanted.iter().find(|wanted| all.iter().all(|row| row.key != **wanted)) {
        let keys: Vec<_> = all.iter().map(|row| row.key).collect();
        bail!("no row {unknown}; there are {}", keys.join(", "));
    }
    Ok(all.into_iter().filter(|row| wanted.is_empty() || wanted.iter().any(|wanted| wanted == row.key)).collect())
}

fn subjects(wanted: &[String]) -> Result<Vec<Subject>> {
    let is_wanted = |subject: &Subject| {
        let name = subject.name().to_lowercase();
        wanted.is_empty() || wanted.iter().any(|part| name.contains(&part.to_lowercase()))
    };
    let subjects: Vec<Subject> = Subject::ALL.into_iter().filter(is_wanted).collect();
    ensure!(!subjects.is_empty(), "no subject is called so; there are {}", Subject::ALL.map(Subject::name).join(", "));
    Ok(subjects)
}

fn print_head(arguments: &Arguments, subjects: &[Subject]) -> Result<()> {
    println!(
        "{} endpoints with {} slots, service time exponential with mean {} ms; Poisson arrivals, open loop, {} s, \
         fault from second 3; {} round(s), {} worker(s), {} subjects at a time. Milliseconds; a failed request counts \
         as {} ms. \"late\": p99 of the bench's own delays.",
        rows::ENDPOINTS,
        rows::SLOTS,
        rows::SERVICE * 1e3,
        arguments.seconds,
        arguments.rounds,
        arguments.workers,
        arguments.parallel,
        clients::PATIENCE.as_millis(),
    );
    if subjects.contains(&Subject::HaProxy) {
        println!("HAProxy {}", haproxy::version()?);
    }
    if subjects.contains(&Subject::Nginx) {
        println!("nginx {}", nginx::version()?);
    }
    Ok(())
}

fn print_verdicts(table: &[Measured]) {
    let verdicts = table::judge(table);
    if verdicts.is_empty() {
        return;
    }
    println!();
    for verdict in &verdicts {
        println!("{}  {}", if verdict.reached { "reached" } else { "MISSED " }, verdict.text);
    }
    let missed = verdicts.iter().filter(|verdict| !verdict.reached).count();
    println!("{} of {} targets reached", verdicts.len() - missed, verdicts.len());
}

fn write_json(arguments: &Arguments, table: &[Measured]) -> Result<()> {
    let Some(file) = &arguments.json else { return Ok(()) };
    let rows: Vec<_> = table.iter().map(Measured::json).collect();
    let text = serde_json::to_vec_pretty(&json!({
        "seconds": arguments.seconds, "rounds": arguments.rounds, "workers": arguments.workers, "rows": rows,
    }))?;
    std::fs::write(file, text).with_context(|| file.display().to_string())
}
