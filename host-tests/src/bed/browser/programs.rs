//! Chromium and chromedriver as processes: where they are found, how they are started, when they are ready.

use super::super::{ports, process::Process};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A browser with a new profile on a busy machine takes some seconds.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Lines of each log in an error.
const TAIL: usize = 12;
const HINT: &str = "run `cargo xtask test`, or install chromium and chromedriver, or set CHROMIUM and CHROMEDRIVER";

/// Both programs, ready to be used.
pub(super) struct Programs {
    // Fields drop in order: who steers, who is steered, their files.
    _driver: Process,
    _chromium: Process,
    folder: Folder,
    devtools: SocketAddr,
    address: SocketAddr,
}

impl Programs {
    pub(super) async fn start() -> Result<Self> {
        let chromium = find("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?;
        let driver = find("CHROMEDRIVER", &["chromedriver"])?;
        let folder = Folder::new()?;
        let mut chromium = folder.spawn(&chromium, "chromium", &chromium_arguments(folder.path()))?;
        let port = wait_for("Chromium", &mut chromium, &folder, async || devtools_port(folder.path())).await?;
        let address = ports::free()?;
        let mut driver = folder.spawn(&driver, "chromedriver", &[format!("--port={}", address.port())])?;
        let answers = async || TcpStream::connect(address).await.ok().map(drop);
        wait_for("chromedriver", &mut driver, &folder, answers).await?;
        let devtools = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { _driver: driver, _chromium: chromium, folder, devtools, address })
    }

    /// Where the browser is steered.
    pub(super) fn devtools(&self) -> SocketAddr {
        self.devtools
    }

    /// Where chromedriver listens.
    pub(super) fn driver(&self) -> SocketAddr {
        self.address
    }

    /// The ends of both logs.
    pub(super) fn tail(&self) -> String {
        self.folder.tail()
    }
}

/// The browser's profile, temporary files and both logs.
struct Folder(Option<TempDir>);

impl Folder {
    fn new() -> Result<Self> {
        Ok(Self(Some(tempfile::Builder::new().prefix("plimsoll-browser-").tempdir()?)))
    }

    fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), TempDir::path)
    }

    fn spawn(&self, program: &Path, name: &str, arguments: &[String]) -> Result<Process> {
        let log = File::create(self.path().join(name).with_extension("log"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path());
        // Both leave files in the folder for temporary ones.
        command.env("TMPDIR", self.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Process::spawn(&mut command).with_context(|| format!("cannot start {}", program.display()))
    }

    fn tail(&self) -> String {
        let mut tail = String::new();
        for name in ["chromium.log", "chromedriver.log"] {
            let log = fs::read_to_string(self.path().join(name)).unwrap_or_default();
            // A machine without a desktop has no D-Bus, of which Chromium complains at length.
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("dbus/")).collect();
            tail += &format!("{name}:\n{}\n", lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        }
        tail
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Chromium's own children end a moment after it and may write until then.
        let Some(folder) = self.0.take().map(TempDir::keep) else { return };
        for _ in 0..100 {
            if fs::remove_dir_all(&folder).is_ok() {
                return;
            }
            std::thread::sleep(POLL);
        }
        eprintln!("cannot remove {}", folder.display());
    }
}

/// The program that `variable` names, else the first of `names` on the PATH.
fn find(variable: &str, names: &[&str]) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable}={} is not a file", path.display());
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    files.find(|file| file.is_file()).with_context(|| format!("no {}: {HINT}", names[0]))
}

fn chromium_arguments(profile: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless",
        "--disable-gpu",
        // UDP ports of its own, which no test here needs.
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Containers have a tiny /dev/shm.
        "--disable-dev-shm-usage",
        "--force-color-profile=srgb",
        "--lang=en-US",
        "--window-size=1440,1000",
        "--remote-debugging-port=0",
    ]
    .map(Into::into)
    .into();
    // As root Chromium refuses to start with its sandbox.
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        arguments.push("--no-sandbox".into());
    }
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push("about:blank".into());
    arguments
}

/// The port that the browser has chosen; it writes it into a file of its profile.
fn devtools_port(profile: &Path) -> Option<u16> {
    let text = fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
    // The second line is written last.
    let (port, _) = text.split_once('\n').filter(|(_, path)| !path.is_empty())?;
    port.parse().ok()
}

async fn wait_for<T>(
    name: &str,
    process: &mut Process,
    folder: &Folder,
    ready: impl AsyncFn() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(ready) = ready().await {
            return Ok(ready);
        }
        if let Some(status) = process.ended() {
            bail!("{name} ended at its start ({status}); logs end with\n{}", folder.tail());
        }
        if Instant::now() > deadline {
            bail!("{name} is not ready after {START_TIMEOUT:?}; logs end with\n{}", folder.tail());
        }
        tokio::time::sleep(POLL).await;
    }
}
