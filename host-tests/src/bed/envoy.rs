//! A real Envoy: started in a folder of its own, waited for, asked through its admin interface, stopped on drop.
//!
//! Hot restart is off, so that any number of them run side by side without sharing memory. Start it from a
//! thread that lives as long as it should: the kernel ends it with that thread (see `process`).

use super::admin::AdminClient;
use super::config::{ACCESS_LOG_FILE, LISTENERS_FILE, Rendered};
use super::http;
use super::process::Process;
use anyhow::{Context, Result, bail, ensure};
use hyper::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// Compiling the wasm for every worker takes a second or two on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// File discovery is noticed at once; a new VM has to be compiled.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);
/// Lines of Envoy's log in an error.
const TAIL: usize = 25;
const LOG_FILE: &str = "envoy.log";

/// What became of an update of the public listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// In force.
    Accepted,
    /// Refused, the old one stays; why is in the log.
    Rejected,
}

/// Where a configuration listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// Where clients connect.
    pub(super) public: SocketAddr,
    /// Where the filter's admin API is, if it has one.
    pub(super) dashboard: Option<SocketAddr>,
    /// Envoy's own admin.
    pub(super) envoy_admin: SocketAddr,
}

/// What Envoy can be started with.
pub(super) trait Configuration {
    fn addresses(&self) -> Addresses;
    /// What has to exist before Envoy starts, in the order in which a user should mend it.
    fn files(&self) -> Vec<PathBuf>;
    /// Arguments about logging.
    fn logging(&self) -> Vec<String>;
    /// The files for an Envoy that lives in `folder`.
    fn render(&self, folder: &Path) -> Result<Rendered>;
}

/// A running Envoy.
pub struct Envoy {
    // Fields drop in order: the process ends before its folder goes.
    process: Process,
    addresses: Addresses,
    folder: TempDir,
}

/// The Envoy to run: `ENVOY`, or `envoy` on the PATH.
pub fn find_envoy() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ENVOY").map(PathBuf::from) {
        ensure!(path.is_file(), "ENVOY={} is not a file", path.display());
        return Ok(path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join("envoy")).find(|path| path.is_file());
    found.context("no Envoy: run `cargo xtask test`, or set ENVOY")
}

impl Envoy {
    /// Starts it with so many workers and waits until it serves.
    #[allow(private_bounds, reason = "the configurations of this module are all there are")]
    pub async fn start(config: &impl Configuration, workers: u32) -> Result<Self> {
        for file in config.files() {
            ensure!(file.is_file(), "{} is missing: run `cargo xtask build`", file.display());
        }
        let binary = find_envoy()?;
        let folder = tempfile::Builder::new().prefix("plimsoll-envoy-").tempdir()?;
        let rendered = config.render(folder.path())?;
        if let Some(listeners) = &rendered.listeners {
            write_json(&folder.path().join(LISTENERS_FILE), listeners)?;
        }
        let bootstrap = folder.path().join("envoy.json");
        write_json(&bootstrap, &rendered.bootstrap)?;
        let log = File::create(folder.path().join(LOG_FILE))?;
        let mut command = Command::new(&binary);
        command.arg("-c").arg(&bootstrap).args(["--concurrency", &workers.to_string()]);
        command.args(config.logging()).arg("--disable-hot-restart").current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = Process::spawn(&mut command).with_context(|| format!("cannot start {}", binary.display()))?;
        let mut envoy = Self { process, addresses: config.addresses(), folder };
        envoy.wait_until_ready().await?;
        Ok(envoy)
    }

    /// Where clients connect.
    pub fn public(&self) -> SocketAddr {
        self.addresses.public
    }

    /// Where the dashboard and the admin API are. Panics if the configuration has neither.
    pub fn dashboard(&self) -> SocketAddr {
        self.addresses.dashboard.expect("this configuration has no private listener")
    }

    /// Client of the filter's admin API.
    pub fn admin(&self) -> AdminClient {
        AdminClient::new(self.dashboard())
    }

    /// Process id, for CPU accounting.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// It has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// GET on Envoy's own admin, for example `/clusters`.
    pub async fn get(&self, path: &str) -> Result<String> {
        self.ask(Method::GET, path).await
    }

    /// POST on Envoy's own admin, for example `/drain_listeners`.
    pub async fn post(&self, path: &str) -> Result<String> {
        self.ask(Method::POST, path).await
    }

    /// Every counter and gauge that Envoy has used, by name.
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>> {
        let stats: Value = serde_json::from_str(&self.get("/stats?format=json").await?)?;
        let stats = stats["stats"].as_array().context("Envoy's /stats has no list")?;
        let pair = |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
        Ok(stats.iter().filter_map(pair).collect())
    }

    /// Envoy's log so far, the filter's lines in it.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG_FILE)).unwrap_or_default()
    }

    /// The access log so far, if the configuration asks for one. Envoy writes it with up to 10 s delay.
    pub fn access_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(ACCESS_LOG_FILE)).unwrap_or_default()
    }

    /// Puts the public listener of this configuration in force and waits for Envoy's verdict. Both
    /// configurations need a dynamic listener; nothing but the public listener changes.
    #[allow(private_bounds, reason = "the configurations of this module are all there are")]
    pub async fn update(&mut self, config: &impl Configuration) -> Result<Update> {
        let rendered = config.render(self.folder.path())?;
        let listeners = rendered.listeners.context("the new configuration has no dynamic listener")?;
        let before = self.stats().await?;
        let count = |stats: &BTreeMap<String, u64>, what| {
            stats.get(&format!("listener_manager.lds.{what}")).copied().unwrap_or(0)
        };
        // Envoy watches for a file that is moved into place, so it never reads half of one.
        let fresh = self.folder.path().join("listeners.new");
        write_json(&fresh, &listeners)?;
        std::fs::rename(&fresh, self.folder.path().join(LISTENERS_FILE))?;
        let deadline = Instant::now() + UPDATE_TIMEOUT;
        while Instant::now() < deadline {
            let now = self.stats().await?;
            if count(&now, "update_rejected") > count(&before, "update_rejected") {
                return Ok(Update::Rejected);
            }
            if count(&now, "update_success") > count(&before, "update_success") {
                self.addresses = config.addresses();
                return Ok(Update::Accepted);
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("Envoy did not notice the new listener within {UPDATE_TIMEOUT:?}; its log ends with\n{}", self.tail())
    }

    async fn ask(&self, method: Method, path: &str) -> Result<String> {
        let answer = http::exchange(self.addresses.envoy_admin, method, path).await?;
        ensure!(answer.status == StatusCode::OK, "Envoy's {path} answered {}: {}", answer.status, answer.text());
        Ok(answer.text())
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = self.process.ended() {
                bail!("Envoy ended at its start ({status}); its log ends with\n{}", self.tail());
            }
            // The admin answers before the listeners do.
            if self.get("/ready").await.is_ok() && tokio::net::TcpStream::connect(self.public()).await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("Envoy is not ready after {START_TIMEOUT:?}; its log ends with\n{}", self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn tail(&self) -> String {
        let log = self.log();
        // At its start Envoy logs long lists of its extensions; what went wrong is never at level info.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("][info][")).collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_vec(value)?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
