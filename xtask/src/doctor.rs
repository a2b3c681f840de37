//! `cargo xtask doctor`: what is here, what is missing, and what happens about it. Changes nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::run::{cargo, on_path, quiet};
use crate::{apt, axe, browser, envoy, wasm};

/// What became of one thing that is needed.
enum Finding {
    Found(String),
    /// Missing, and xtask gets it by itself when it is needed.
    Fetched(String),
    /// Missing, and a person must install it.
    Missing(String),
}

/// Prints a line per tool; fails if something is missing that xtask cannot get.
pub(crate) fn run() -> Result<()> {
    let findings = [
        ("rust", rust()),
        ("wasm target", wasm_target()),
        ("clippy for wasm", wasm_clippy()),
        ("envoy", envoy()),
        ("chromium", browser_program(browser::chromium())),
        ("chromedriver", browser_program(browser::chromedriver())),
        ("axe-core", axe()),
    ];
    let mut missing = 0;
    for (name, finding) in findings {
        match finding {
            Finding::Found(what) => println!("{name:<16} found    {what}"),
            Finding::Fetched(how) => println!("{name:<16} fetched  when needed: {how}"),
            Finding::Missing(hint) => {
                missing += 1;
                println!("{name:<16} MISSING  {hint}");
            }
        }
    }
    if missing > 0 {
        bail!("{missing} of the tools above must be installed first");
    }
    Ok(())
}

fn rust() -> Finding {
    match quiet("cargo", cargo().arg("--version")) {
        Ok(line) => Finding::Found(line.trim().to_owned()),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

fn wasm_target() -> Finding {
    match wasm::Route::present() {
        Some(route) => Finding::Found(route.describe().to_owned()),
        None if on_path("rustup").is_some() => fetched("rustup target add, else Debian's rustc-web"),
        None if apt::available() => fetched("apt-get install rustc-web cargo-web rust-web-src"),
        None => missing("install rustup, then `rustup target add wasm32-unknown-unknown`"),
    }
}

fn wasm_clippy() -> Finding {
    let Some(route) = wasm::Route::present() else {
        return fetched("with the wasm target");
    };
    let is_debian = matches!(route, wasm::Route::Debian { .. });
    match quiet("clippy", &mut route.clippy_version()) {
        Ok(line) => Finding::Found(line.trim().to_owned()),
        Err(_) if is_debian && apt::available() => fetched("apt-get install rust-web-clippy"),
        Err(_) if is_debian => missing("apt-get install rust-web-clippy"),
        Err(_) => missing("rustup component add clippy"),
    }
}

fn envoy() -> Finding {
    match envoy::present() {
        Ok(Some(path)) => found(&path),
        Ok(None) if on_path("python3").is_some() || apt::available() => fetched(envoy::PINNED),
        Ok(None) => missing(envoy::HINT),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

fn browser_program(program: Result<Option<PathBuf>>) -> Finding {
    match program {
        Ok(Some(path)) => found(&path),
        Ok(None) if apt::available() => fetched("apt-get install chromium chromium-driver"),
        Ok(None) => missing(browser::HINT),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

fn axe() -> Finding {
    match axe::present() {
        Ok(Some(path)) => Finding::Found(path.display().to_string()),
        Ok(None) if on_path("npm").is_some() => fetched(&format!("axe-core {} from npm", axe::VERSION)),
        Ok(None) if apt::available() => fetched("apt-get install npm, then axe-core from npm"),
        Ok(None) => missing(axe::HINT),
        Err(error) => Finding::Missing(format!("{error:#}")),
    }
}

/// A program that is there, with what it says about its version.
fn found(path: &Path) -> Finding {
    let version = quiet("version", Command::new(path).arg("--version")).unwrap_or_default();
    let version = version.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Finding::Found(format!("{} ({version})", path.display()))
}

fn fetched(how: &str) -> Finding {
    Finding::Fetched(how.to_owned())
}

fn missing(hint: &str) -> Finding {
    Finding::Missing(hint.to_owned())
}
