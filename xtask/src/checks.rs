//! `cargo xtask test`: what CI runs, in the order in which a mistake shows soonest.
//!
//! The tests that start real processes (Envoy, Chromium) come last and one at a time: in parallel they
//! would measure each other. `--fast` leaves them out, with the documentation and their set-up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, checked, root, timed};
use crate::{axe, browser, dist, envoy, guests, wasm::Route};

/// This program, which shares few dependencies with the others. Together with them cargo would choose other features for
/// those that it was built with, and build them once more.
const XTASK: [&str; 2] = ["--package", "xtask"];

/// All other packages, always together, whichever tests are selected: of another set cargo would choose other features and
/// build the dependencies again.
const OTHERS: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Test programs that start real processes, in `host-tests/tests`.
const REAL_PROCESSES: [&str; 3] = ["e2e", "differential", "browser"];

/// Test programs that run with optimised code too: golden traces must be the same to the byte, and exploring needs the
/// speed for its thousand interleavings.
const TRACES: [&str; 3] = ["filter_golden", "filter_explore", "example"];

/// Test programs that run with optimised code only: the simulator plays hundreds of millions of requests.
const OPTIMISED_ONLY: [&str; 4] = ["believed", "detection", "filter_detection", "simulation"];

/// What makes a debug build of our own crates one as in a release. wasmtime and the other dependencies stay as they are,
/// see `[profile.dev.package."*"]`; building them a second time would take minutes and try nothing of ours.
const AS_IN_RELEASE: [&str; 4] = [
    "--config=profile.dev.opt-level=3",
    "--config=profile.dev.package.plimsoll-host-tests.opt-level=3",
    "--config=profile.dev.debug-assertions=false",
    "--config=profile.dev.overflow-checks=false",
];

/// Runs every check; stops at the first that fails. `long`: the simulator has to reproduce what it must with more seeds,
/// longer runs and tighter tolerances.
pub(crate) fn run(fast: bool, long: bool) -> Result<()> {
    let route = Route::find()?;
    let tools = if fast { None } else { Some(Tools::get()?) };

    step("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    for (packages, name) in [(&XTASK[..], "clippy, xtask"), (&OTHERS, "clippy")] {
        let mut clippy = cargo();
        clippy.args(["clippy", "--locked", "--all-targets"]).args(packages).args(["--", "-D", "warnings"]);
        step(name, &mut clippy)?;
    }
    step("tests, xtask", tests(&XTASK).arg("--bins"))?;
    dist::build(&route, None)?;
    route.get_clippy()?;
    let single = ["plimsoll-filter", "plimsoll-dashboard", "plimsoll-lab"].map(|package| vec![package.to_owned()]);
    for packages in single.into_iter().chain([guests::packages()?]) {
        clippy_for_wasm(&route, &packages)?;
    }
    guests::build(&route)?;
    if !fast {
        for packages in [&XTASK[..], &OTHERS] {
            let mut documentation = cargo();
            documentation.args(["doc", "--locked", "--no-deps"]).args(packages).env("RUSTDOCFLAGS", "-D warnings");
            step("documentation", &mut documentation)?;
        }
    }
    step("documentation tests", tests(&OTHERS).arg("--doc"))?;
    let mut ordinary = tests(&OTHERS);
    ordinary.args(["--lib", "--bins"]).args(ordinary_tests()?);
    let Some(tools) = tools else { return last_step("tests", &mut ordinary) };
    step("tests", &mut ordinary)?;
    let mut traces = tests(&OTHERS);
    traces.args(AS_IN_RELEASE).args(selected(TRACES)).args(selected(OPTIMISED_ONLY));
    if long {
        traces.env("BELIEVED", "long");
    }
    step("tests of traces, as in a release", &mut traces)?;
    let mut real = tests(&OTHERS);
    real.args(selected(REAL_PROCESSES)).args(["--", "--test-threads=1"]);
    if long {
        real.env("SOAK", "600");
    }
    last_step("tests with real processes", tools.hand_to(&mut real))
}

/// Programs that the tests with real processes need.
struct Tools {
    axe: PathBuf,
    envoy: PathBuf,
    browser: browser::Browser,
}

impl Tools {
    fn get() -> Result<Self> {
        Ok(Self { axe: axe::get()?, envoy: envoy::get()?, browser: browser::get()? })
    }

    fn hand_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.browser.hand_to(command).env("AXE", &self.axe).env("ENVOY", &self.envoy)
    }
}

fn step(name: &str, command: &mut Command) -> Result<()> {
    timed(name, || checked(name, command))
}

/// A step after which nothing is printed: the test runner's own summary is the end of the output.
fn last_step(name: &str, command: &mut Command) -> Result<()> {
    println!("==> {name}");
    checked(name, command)
}

fn tests(packages: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["test", "--locked", "--no-fail-fast"]).args(packages);
    // What a developer sets for a run of his own: kept traces instead of Envoy's, snapshots that are always right.
    for name in ["DIFFERENTIAL_KEPT", "INSTA_UPDATE", "INSTA_FORCE_PASS", "BELIEVED", "SOAK"] {
        command.env_remove(name);
    }
    command
}

/// Lints packages in the profile that ships, whose macros and build scripts `dist` has compiled already, with the
/// features that the native clippy leaves out.
fn clippy_for_wasm(route: &Route, packages: &[String]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut clippy = route.cargo("clippy");
    clippy.args(packages.iter().flat_map(|package| ["--package", package]));
    clippy.args(["--profile", "wasm-small", "--all-features", "--", "-D", "warnings"]);
    step(&format!("clippy for wasm, {}", packages.join(", ")), &mut clippy)
}

/// `--test NAME` for every integration test of every package but those with real processes or for optimised code only.
fn ordinary_tests() -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for package in fs::read_dir(root())? {
        names.extend(integration_tests(&package?.path().join("tests"))?);
    }
    names.retain(|name| !REAL_PROCESSES.contains(&name.as_str()) && !OPTIMISED_ONLY.contains(&name.as_str()));
    Ok(selected(names))
}

fn selected(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    names.into_iter().flat_map(|name| ["--test".to_owned(), name.into()]).collect()
}

/// The names by which cargo knows the tests in a `tests` directory: `name.rs` or `name/main.rs`.
fn integration_tests(directory: &Path) -> Result<Vec<String>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let is_test = path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
        if let Some(name) = path.file_stem().filter(|_| is_test) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::integration_tests;

    #[test]
    fn files_and_directories_with_a_main_are_tests_and_helpers_are_not() {
        let directory = std::env::temp_dir().join(format!("xtask-tests-{}", std::process::id()));
        for path in ["helpers", "big"] {
            std::fs::create_dir_all(directory.join(path)).expect("a temporary directory");
        }
        for path in ["small.rs", "big/main.rs", "helpers/mod.rs", "data.json"] {
            std::fs::write(directory.join(path), "").expect("a temporary file");
        }
        let names = integration_tests(&directory);
        std::fs::remove_dir_all(&directory).expect("removed again");
        let mut names = names.expect("readable");
        names.sort();
        assert_eq!(names, ["big", "small"]);
    }

    #[test]
    fn a_package_without_tests_has_none() {
        assert!(integration_tests(std::path::Path::new("/nonexistent")).expect("none").is_empty());
    }
}
