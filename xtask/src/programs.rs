//! `cargo xtask demo` and `cargo xtask bench`: set-up, build, then the program takes xtask's place.
//!
//! The program replaces this process instead of running under it, so Ctrl-C, signals from elsewhere
//! and the exit code are the program's own affair and nothing stands between.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, checked, on_path, root};
use crate::{apt, browser, dist, envoy, wasm::Route};

/// Starts the demo with `arguments`; returns only if it cannot be started.
pub(crate) fn demo(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-host-tests"]);
    command.args(["--no-default-features", "--bin", "demo", "--"]).args(arguments);
    replace_this_process(with_envoy(command)?)
}

/// Starts the program that takes pictures of the dashboard; returns only if it cannot be started.
pub(crate) fn screenshots(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-host-tests"]);
    command.args(["--no-default-features", "--features", "browser", "--bin", "screenshots"]);
    // Paths among the arguments are as the user sees them.
    command.current_dir(env::current_dir()?).arg("--manifest-path").arg(root().join("Cargo.toml"));
    command.arg("--").args(arguments);
    browser::get()?.hand_to(&mut command);
    replace_this_process(with_envoy(command)?)
}

/// Starts the simulator with `arguments`; returns only if it cannot be started. Its exit code is the answer: 2 is bad
/// input.
pub(crate) fn simulate(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--locked", "--package", "plimsoll-host-tests"]);
    command.args(["--no-default-features", "--bin", "simulate"]);
    // The host for the .wasm takes minutes to build.
    if arguments.iter().any(|argument| argument == "wasm" || argument == "--subject=wasm") {
        dist::build(&Route::find()?, Some(dist::Part::Filter))?;
        command.args(["--features", "wasm-host"]);
    }
    // Paths among the arguments are as the user sees them.
    command.current_dir(env::current_dir()?).arg("--manifest-path").arg(root().join("Cargo.toml"));
    command.arg("--").args(arguments);
    replace_this_process(command)
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bench {
    /// The engine alone: nanoseconds per decision, and other crates beside it
    Engine,
    /// The filter's `.wasm` in the test host: requests per second, fuel and host calls per request
    Wasm,
    /// The filter in a real Envoy: CPU per request against Envoy's own balancing
    Envoy,
    /// Envoy with the filter beside other balancers, under faults
    Peers,
    /// The dashboard in a real browser: work per update, frames, memory, first load
    Dashboard,
}

/// Runs one bench with `arguments`, or all of them.
pub(crate) fn bench(which: Option<Bench>, arguments: &[OsString]) -> Result<()> {
    let wanted = |bench| which.is_none_or(|only| only == bench);
    if wanted(Bench::Engine) {
        bench_engine(arguments)?;
    }
    if wanted(Bench::Wasm) {
        bench_wasm(arguments)?;
    }
    if wanted(Bench::Envoy) {
        let command = with_envoy(program("bench-envoy", arguments))?;
        finish(which, "bench envoy", command)?;
    }
    if wanted(Bench::Peers) {
        balancers()?;
        let command = with_envoy(program("bench-peers", arguments))?;
        finish(which, "bench peers", command)?;
    }
    if wanted(Bench::Dashboard) {
        let mut command = with_envoy(program_with("bench-dashboard", &["browser"], arguments))?;
        browser::get()?.hand_to(&mut command);
        finish(which, "bench dashboard", command)?;
    }
    Ok(())
}

/// The engine alone, then other crates beside it, which are a package of their own.
fn bench_engine(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["bench", "--locked", "--package", "plimsoll-benches", "--no-default-features", "--"]).args(arguments);
    checked("bench engine", &mut command)?;
    // pingora builds zlib-ng.
    if on_path("cmake").is_none() && apt::available() {
        apt::install(&["cmake"])?;
    }
    let mut command = cargo();
    command.args(["bench", "--locked", "--manifest-path", "benches/crates/Cargo.toml"]);
    command.args(["--target-dir", "target/crates", "--"]).args(arguments);
    checked("bench engine, other crates", &mut command)
}

fn bench_wasm(arguments: &[OsString]) -> Result<()> {
    dist::build(&Route::find()?, Some(dist::Part::Filter))?;
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-benches"]);
    command.args(["--features", "wasm-host", "--bin", "bench-wasm", "--"]).args(arguments);
    checked("bench wasm", &mut command)
}

/// A bench of whole processes.
fn program(name: &str, arguments: &[OsString]) -> Command {
    program_with(name, &[], arguments)
}

/// A bench that needs these features.
fn program_with(name: &str, features: &[&str], arguments: &[OsString]) -> Command {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-benches", "--no-default-features"]);
    command.args(features.iter().flat_map(|feature| ["--features", feature]));
    command.args(["--bin", name, "--"]).args(arguments);
    command
}

/// Gets HAProxy and nginx where that is possible. Where it is not, the bench names what it lacks and how to do without.
fn balancers() -> Result<()> {
    let missing = [("HAPROXY", "haproxy"), ("NGINX", "nginx")].into_iter().filter(|(variable, program)| {
        let is_here = on_path(program).is_some() || Path::new("/usr/sbin").join(program).is_file();
        env::var_os(variable).is_none() && !is_here
    });
    let missing: Vec<&str> = missing.map(|(_, program)| program).collect();
    if missing.is_empty() || !apt::available() { Ok(()) } else { apt::install(&missing) }
}

/// What needs Envoy, and the filter in `dist/`.
fn with_envoy(mut command: Command) -> Result<Command> {
    let envoy = envoy::get()?;
    dist::build(&Route::find()?, None)?;
    println!("==> building and starting the program");
    command.env("ENVOY", envoy);
    Ok(command)
}

/// The only bench takes the place of this process; others follow on one of several.
fn finish(which: Option<Bench>, name: &str, mut command: Command) -> Result<()> {
    if which.is_some() { replace_this_process(command) } else { checked(name, &mut command) }
}

fn replace_this_process(mut command: Command) -> Result<()> {
    Err(command.exec()).context("cannot start cargo")
}
