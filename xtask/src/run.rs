//! Starts other programs: cargo as this xtask was started with, with a clean environment, and
//! helpers that turn an exit code into one readable line.
//!
//! `cargo run` hands xtask variables about the xtask package itself (`CARGO_PKG_NAME`, …). An inner
//! cargo must not see them: build scripts that look at them would run again for nothing.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The workspace's root directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's root")
}

/// The cargo that started xtask, in the workspace's root.
pub(crate) fn cargo() -> Command {
    clean_cargo(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A cargo of the caller's choice, in the workspace's root, without what cargo set for xtask only.
pub(crate) fn clean_cargo(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_xtask) {
            command.env_remove(name);
        }
    }
    command
}

fn is_about_xtask(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"].contains(&name)
}

/// Runs `command` with its output on the terminal; a failure names `what`.
pub(crate) fn checked(what: &str, command: &mut Command) -> Result<()> {
    let status =
        command.status().with_context(|| format!("{what}: cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{what}: {} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs `command` silently and returns what it wrote; a failure shows the end of its output.
pub(crate) fn quiet(what: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: cannot start {}", command.get_program().display()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let all = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = all.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        bail!("{what}: {} ended with {}\n  {tail}", name(command), output.status);
    }
    Ok(stdout)
}

/// Runs `command` without output for at most `limit`; true if it ended well in that time.
pub(crate) fn succeeds_within(limit: Duration, command: &mut Command) -> bool {
    let Ok(mut child) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return false;
    };
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if start.elapsed() < limit => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => {
                // Nothing more can be done about a child that cannot be killed.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The first file called `program` on the PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Prints what is being done, runs it, and prints how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let start = Instant::now();
    let result = work()?;
    println!("    {what}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(result)
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}
