//! `cargo xtask demo` and `cargo xtask bench`: set-up, build, then the program takes xtask's place.
//!
//! The program replaces this process instead of running under it, so Ctrl-C, signals from elsewhere
//! and the exit code are the program's own affair and nothing stands between.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, checked};
use crate::{dist, envoy, wasm::Route};

/// Starts the demo with `arguments`; returns only if it cannot be started.
pub(crate) fn demo(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-host-tests"]);
    command.args(["--no-default-features", "--bin", "demo", "--"]).args(arguments);
    with_envoy(command)
}

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bench {
    /// The engine alone: decisions per second
    Engine,
    /// The filter's `.wasm` in the test host: requests per second, fuel and host calls per request
    Wasm,
    /// The filter in a real Envoy: CPU per request against Envoy's own balancing
    Envoy,
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
        bench_envoy(arguments)?;
    }
    Ok(())
}

fn bench_engine(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["bench", "--locked", "--package", "plimsoll-benches", "--no-default-features", "--"]).args(arguments);
    checked("bench engine", &mut command)
}

fn bench_wasm(arguments: &[OsString]) -> Result<()> {
    dist::build(&Route::find()?, Some(dist::Part::Filter))?;
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-benches"]);
    command.args(["--features", "wasm-host", "--bin", "bench-wasm", "--"]).args(arguments);
    checked("bench wasm", &mut command)
}

fn bench_envoy(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "--package", "plimsoll-benches"]);
    command.args(["--no-default-features", "--bin", "bench-envoy", "--"]).args(arguments);
    with_envoy(command)
}

fn with_envoy(mut command: Command) -> Result<()> {
    let envoy = envoy::get()?;
    dist::build(&Route::find()?, None)?;
    println!("==> building and starting the program");
    command.env("ENVOY", envoy);
    replace_this_process(command)
}

fn replace_this_process(mut command: Command) -> Result<()> {
    Err(command.exec()).context("cannot start cargo")
}
