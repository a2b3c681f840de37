//! `cargo xtask …`: everything a developer or CI does with Plimsoll, set-up included.
//!
//! What is missing is fetched where that is possible and named in one clear line where it is not.
//! Rust only, no shell scripts: the same commands work on a fresh machine and in CI.

mod apt;
mod axe;
mod browser;
mod checks;
mod dist;
mod doctor;
mod envoy;
mod exports;
mod guests;
mod module;
mod pack;
mod page;
mod programs;
mod run;
mod stamp;
mod version;
mod wasm;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, shows, tests and measures Plimsoll")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build dist/plimsoll.wasm and dist/dashboard/
    Build {
        /// Build only this half
        only: Option<dist::Part>,
        /// Build target/test/ instead: the modules that only tests load
        #[arg(long, conflicts_with = "only")]
        tests: bool,
    },
    /// Show it: upstreams with faults, load, Envoy with the filter, the dashboard's address
    Demo {
        /// For the demo, e.g. `--for 60s`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run everything that CI runs
    Test {
        /// Leave out the tests with a real Envoy and browser, and the documentation
        #[arg(long)]
        fast: bool,
        /// Let the simulator prove itself with more seeds, longer runs and tighter tolerances
        #[arg(long, conflicts_with = "fast")]
        long: bool,
    },
    /// Measure; without a name, all there is
    Bench {
        which: Option<programs::Bench>,
        /// For the bench itself
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Take pictures of the dashboard: the overview, an incident, the why card, the lab, by day and night, wide and narrow
    #[command(disable_help_flag = true)]
    Screenshots {
        /// For the program: [--to FOLDER]; see `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Simulate a scenario: a table with confidence intervals for Plimsoll and what it is compared with
    #[command(disable_help_flag = true)]
    Simulate {
        /// For the simulator: SCENARIO [--config FILE] [--compare FILE|PEER ...] [--seeds N] [--json FILE|-]; see `--help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print which tools were found, which are missing, and what to do
    Doctor,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Build { tests: true, .. } => wasm::Route::find().and_then(|route| guests::build(&route)),
        Command::Build { only, .. } => wasm::Route::find().and_then(|route| dist::build(&route, only)),
        Command::Demo { arguments } => programs::demo(&arguments),
        Command::Test { fast, long } => checks::run(fast, long),
        Command::Bench { which, arguments } => programs::bench(which, &arguments),
        Command::Screenshots { arguments } => programs::screenshots(&arguments),
        Command::Simulate { arguments } => programs::simulate(&arguments),
        Command::Doctor => doctor::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
