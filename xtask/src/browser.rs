//! Finds Chromium and chromedriver for the tests of the dashboard: `CHROMIUM` and `CHROMEDRIVER`, the
//! PATH, or Debian's packages, which bring both in versions that match.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::apt;
use crate::run::on_path;

pub(crate) const HINT: &str = "install chromium and chromedriver, or set CHROMIUM and CHROMEDRIVER to their paths";

/// A browser and the program that steers it.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
}

impl Browser {
    /// Tells a program where both are.
    pub(crate) fn hand_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("CHROMIUM", &self.chromium).env("CHROMEDRIVER", &self.chromedriver)
    }
}

/// Finds both, or installs them; returns their paths.
pub(crate) fn get() -> Result<Browser> {
    if let (Some(chromium), Some(chromedriver)) = (chromium()?, chromedriver()?) {
        return Ok(Browser { chromium, chromedriver });
    }
    if apt::available() {
        apt::install(&["chromium", "chromium-driver"])?;
    }
    match (chromium()?, chromedriver()?) {
        (Some(chromium), Some(chromedriver)) => Ok(Browser { chromium, chromedriver }),
        _ => bail!("no browser: {HINT}"),
    }
}

/// Chromium, if it is on this machine now.
pub(crate) fn chromium() -> Result<Option<PathBuf>> {
    find("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])
}

/// Chromedriver, if it is on this machine now.
pub(crate) fn chromedriver() -> Result<Option<PathBuf>> {
    find("CHROMEDRIVER", &["chromedriver"])
}

/// The program that `variable` names, else the first of `programs` on the PATH.
fn find(variable: &str, programs: &[&str]) -> Result<Option<PathBuf>> {
    match env::var_os(variable).map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(Some(named)),
        Some(named) => bail!("{variable} names {}, which is no file", named.display()),
        None => Ok(programs.iter().find_map(|program| on_path(program))),
    }
}
