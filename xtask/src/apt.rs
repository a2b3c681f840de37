//! Debian packages, when xtask runs as root (containers, CI). Never `sudo`: on a person's machine
//! xtask says what to install and leaves the decision to them.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use crate::run::{on_path, quiet, timed};

/// True if this process may install packages and apt is there.
pub(crate) fn available() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    root && on_path("apt-get").is_some()
}

/// Installs `packages` without what they only recommend, and never at the price of another package;
/// updates apt's lists once per run.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    static UPDATED: OnceLock<()> = OnceLock::new();
    timed(&format!("apt-get install {}", packages.join(" ")), || {
        if UPDATED.get().is_none() {
            quiet("package lists", apt_get().arg("update"))?;
            UPDATED.get_or_init(|| ());
        }
        quiet(
            "package installation",
            apt_get().args(["install", "-y", "--no-remove", "--no-install-recommends"]).args(packages),
        )?;
        Ok(())
    })
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    command
}
