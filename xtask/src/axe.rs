//! Finds axe-core, which checks pages for accessibility: `AXE`, or the pinned version from npm.
//!
//! It lies in `target/tools/axe`. npm gets a lock file with the package's checksum and installs nothing else, so what
//! is here is what the tests were written with; scripts of packages do not run.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::apt;
use crate::run::{on_path, quiet, root, timed};

pub(crate) const VERSION: &str = "4.14.1";
const CHECKSUM: &str =
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";
pub(crate) const HINT: &str = "install npm, or set AXE to the path of axe-core's axe.min.js";

/// Finds the script, or fetches it; returns its path.
pub(crate) fn get() -> Result<PathBuf> {
    if let Some(found) = present()? {
        return Ok(found);
    }
    timed(&format!("axe-core ({VERSION} from npm)"), || fetch().context(HINT))
}

/// What is on this machine now; installs nothing.
pub(crate) fn present() -> Result<Option<PathBuf>> {
    match env::var_os("AXE").map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(Some(named)),
        Some(named) => bail!("AXE names {}, which is no file", named.display()),
        None => Ok(installed()),
    }
}

fn folder() -> PathBuf {
    root().join("target/tools/axe")
}

/// The script of the pinned version, if it is here whole.
fn installed() -> Option<PathBuf> {
    let package = folder().join("node_modules/axe-core");
    let about: Value = serde_json::from_slice(&fs::read(package.join("package.json")).ok()?).ok()?;
    let script = package.join("axe.min.js");
    (about["version"] == VERSION && script.is_file()).then_some(script)
}

fn fetch() -> Result<PathBuf> {
    if on_path("npm").is_none() && apt::available() {
        apt::install(&["npm"])?;
    }
    let dependencies = json!({"axe-core": VERSION});
    let lock = json!({
        "lockfileVersion": 3,
        "packages": {
            "": {"dependencies": dependencies},
            "node_modules/axe-core": {"version": VERSION, "integrity": CHECKSUM},
        },
    });
    fs::create_dir_all(folder())?;
    fs::write(folder().join("package.json"), json!({"private": true, "dependencies": dependencies}).to_string())?;
    fs::write(folder().join("package-lock.json"), lock.to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder());
    quiet("npm ci", &mut npm)?;
    installed().context("npm has installed something else")
}
