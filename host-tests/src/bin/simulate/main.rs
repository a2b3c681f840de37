//! `cargo xtask simulate SCENARIO`: plays a scenario under several seeds, for one balancer or several, and prints what
//! came of it with confidence intervals. Files are read here, everything else is the simulator's.

mod documents;
mod input;
mod play;
#[cfg(feature = "wasm-host")]
mod shipped;

use clap::Parser;
use input::{Form, Input};
use plimsoll_sim::file::{BUILT_IN, PEERS};
use plimsoll_sim::statistics::Comparison;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is wrong with the input.
const BAD_INPUT: u8 = 2;

/// Plays a scenario under several seeds and prints a table with 95 % confidence intervals
#[derive(Parser)]
#[command(name = "simulate", bin_name = "cargo xtask simulate", after_help = lists())]
struct Options {
    /// A file (YAML or JSON, see docs/simulator.md), or the name of a scenario that comes with it
    #[arg(required_unless_present_any = ["docs", "check_docs"])]
    scenario: Option<String>,
    /// Balance by this pool: a file as the filter reads it [default: Plimsoll as it is by default]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Compare with these: pools in files, or peers by name
    #[arg(long, value_name = "FILE|PEER", num_args = 1..)]
    compare: Vec<String>,
    /// How many seeds, from 1 on
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Write all figures, seed by seed, to this file; `-` for the standard output instead of the table
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Plimsoll's workers, each with a view of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
    /// What plays the pool of `--config`: the engine as it is linked here, or the filter's .wasm in the test host
    #[arg(long, value_enum, default_value_t = Form::Engine)]
    subject: Form,
    /// Write the tables of docs/strategies.md anew
    #[arg(long, conflicts_with_all = ["scenario", "config", "compare", "json"])]
    docs: bool,
    /// Check that those tables are what the simulator says today
    #[arg(long, conflicts_with_all = ["scenario", "config", "compare", "json", "docs"])]
    check_docs: bool,
}

fn lists() -> String {
    let scenarios: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    let peers: Vec<String> = PEERS.iter().map(|(name, who)| format!("  {name:<22}{who}")).collect();
    format!("Scenarios: {}\n\nPeers:\n{}", scenarios.join(", "), peers.join("\n"))
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options {
        Options { docs: true, .. } => documents::write().map_err(Failure::from),
        Options { check_docs: true, .. } => documents::check().map_err(|message| Failure { message, code: 1 }),
        options => simulate(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            eprintln!("simulate: {message}");
            ExitCode::from(code)
        }
    }
}

/// Why there is no table.
struct Failure {
    message: String,
    code: u8,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, code: BAD_INPUT }
    }
}

fn simulate(options: &Options) -> Result<(), Failure> {
    let name = options.scenario.as_deref().unwrap_or_default();
    let input = Input::read(name, options.config.as_deref(), &options.compare, options.workers, options.subject)?;
    let comparison = play::all(&input, options.seeds)?;
    match &options.json {
        Some(path) if path.as_os_str() == "-" => println!("{:#}", comparison.json()),
        Some(path) => {
            let text = format!("{:#}\n", comparison.json());
            std::fs::write(path, text)
                .map_err(|error| Failure { message: format!("{}: {error}", path.display()), code: 1 })?;
            print(&input, &comparison);
        }
        None => print(&input, &comparison),
    }
    Ok(())
}

fn print(input: &Input, comparison: &Comparison) {
    let seeds = comparison.seeds.len();
    println!("{}: {}", comparison.scenario, input.file.about);
    println!("{seeds} seeds; mean ± half of the 95 % confidence interval\n\n{}", comparison.table().plain());
    if let Some(differences) = comparison.differences() {
        println!("Differences, seed by seed; * is more than chance\n\n{}", differences.plain());
    }
}
