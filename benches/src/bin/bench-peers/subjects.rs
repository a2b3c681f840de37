//! The proxies that are compared. All of them may try a request three times, wait half a second for each answer and a
//! quarter for a connection, and have one worker unless `--workers` says more; the rest is what a good engineer would
//! set up, once, for all rows.

use crate::{haproxy, nginx};
use anyhow::{Context, Result, bail};
use plimsoll_benches::cpu;
use plimsoll_host_tests::bed::{Envoy, EnvoyConfig, Process};
use plimsoll_snapshot::{CircuitState, Event};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;

const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const ROUTE: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/\
                     routes/0/route";
const CLUSTER: &str = "/static_resources/clusters/0";
const FALLBACK: &str = "/static_resources/clusters/0/load_balancing_policy/policies/0/typed_extension_config/\
                        typed_config/fallback_policy/policies/0/typed_extension_config";

/// One proxy with its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `envoy/envoy.yaml` as it is.
    Plimsoll,
    /// The same routes and limits without the filter: LEAST_REQUEST, outlier detection, retries on other hosts.
    EnvoyTuned,
    /// As the tuned one, with ROUND_ROBIN.
    EnvoyRoundRobin,
    /// As the tuned one, without retries on 5xx and without a timeout per try.
    EnvoyPlain,
    HaProxy,
    Nginx,
}

impl Subject {
    pub(crate) const ALL: [Self; 6] =
        [Self::Plimsoll, Self::EnvoyTuned, Self::EnvoyRoundRobin, Self::EnvoyPlain, Self::HaProxy, Self::Nginx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "Envoy with Plimsoll",
            Self::EnvoyTuned => "Envoy LEAST_REQUEST",
            Self::EnvoyRoundRobin => "Envoy ROUND_ROBIN",
            Self::EnvoyPlain => "Envoy plain",
            Self::HaProxy => "HAProxy leastconn",
            Self::Nginx => "nginx least_conn",
        }
    }

    /// Starts it in front of these endpoints.
    pub(crate) async fn start(self, endpoints: &[SocketAddr], workers: u32) -> Result<Running> {
        let started = match self {
            Self::HaProxy => haproxy::start(endpoints, workers).await,
            Self::Nginx => nginx::start(endpoints, workers).await,
            _ => Envoy::start(&self.envoy(endpoints)?, workers).await.map(|envoy| Running::Envoy(Box::new(envoy))),
        };
        started.with_context(|| self.name().to_owned())
    }

    fn envoy(self, endpoints: &[SocketAddr]) -> Result<EnvoyConfig> {
        let config = EnvoyConfig::from_repo()?.endpoints(endpoints).dashboard_files(None).log_level("warn");
        if self == Self::Plimsoll {
            return Ok(config);
        }
        let mut edited = None;
        let config = config.edit(|file| edited = self.edit(file)).without_wasm();
        edited.context("envoy/envoy.yaml lacks a part that the bench changes")?;
        Ok(config)
    }

    fn edit(self, file: &mut Value) -> Option<()> {
        let detection = json!({"interval": "1s", "consecutive_5xx": 5, "max_ejection_percent": 50});
        file.pointer_mut(CLUSTER)?.as_object_mut()?.insert("outlier_detection".into(), detection);
        let retries = file.pointer_mut(ROUTE)?.get_mut("retry_policy")?.as_object_mut()?;
        retries.insert("host_selection_retry_max_attempts".into(), json!(5));
        let previous = json!({
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config":
                {"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
        });
        retries.insert("retry_host_predicate".into(), json!([previous]));
        if self == Self::EnvoyPlain {
            retries.insert("retry_on".into(), json!("reset,connect-failure,refused-stream"));
            retries.remove("per_try_timeout")?;
        }
        if self == Self::EnvoyRoundRobin {
            *file.pointer_mut(FALLBACK)? = json!({
                "name": "envoy.load_balancing_policies.round_robin",
                "typed_config":
                    {"@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin"},
            });
        }
        Some(())
    }
}

/// A proxy that serves; dropping it stops it.
pub(crate) enum Running {
    Envoy(Box<Envoy>),
    /// Fields drop in order: the process ends before its folder goes.
    Other {
        process: Process,
        target: SocketAddr,
        _folder: TempDir,
    },
}

/// What a proxy says that it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// How often it took an endpoint out, where it says so.
    pub(crate) ejections: Option<u64>,
    /// What the filter tells about its circuits.
    pub(crate) events: Vec<Event>,
}

impl Running {
    /// Starts a program that serves at `target` and lives in `folder`.
    pub(crate) async fn spawn(command: &mut Command, target: SocketAddr, folder: TempDir) -> Result<Self> {
        let log = folder.path().join("output");
        let output = std::fs::File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).current_dir(folder.path());
        let mut process = Process::spawn(command).context("cannot be started")?;
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(target).await.is_err() {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = process.ended() {
                bail!("ended at its start ({status}):\n{}", said());
            }
            if Instant::now() > deadline {
                bail!("does not serve after {START_TIMEOUT:?}:\n{}", said());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Self::Other { process, target, _folder: folder })
    }

    pub(crate) fn target(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.public(),
            Self::Other { target, .. } => *target,
        }
    }

    /// Processor time of it and its children.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let id = match self {
            Self::Envoy(envoy) => envoy.id(),
            Self::Other { process, .. } => process.id(),
        };
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        std::iter::once(id).chain(children).map(cpu::used).sum()
    }

    pub(crate) async fn told(&self, subject: Subject) -> Result<Told> {
        let Self::Envoy(envoy) = self else { return Ok(Told::default()) };
        if subject == Subject::Plimsoll {
            let events = envoy.admin().events(0).await?.events;
            let opened = events.iter().filter(|event| event.transition.to == CircuitState::Open).count();
            return Ok(Told { ejections: Some(opened as u64), events });
        }
        let stats = envoy.stats().await?;
        let ejected = stats.get("cluster.demo.outlier_detection.ejections_enforced_total").copied();
        Ok(Told { ejections: Some(ejected.unwrap_or(0)), events: Vec::new() })
    }
}

/// The program that `variable` names, or the first of `names` on the PATH or where administrators' programs lie.
pub(crate) fn find(variable: &str, name: &str) -> Result<std::path::PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain([Path::new("/usr/sbin").into(), Path::new("/usr/local/sbin").into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("no {name}: install it, or set {variable}, or leave it out with --only"))
}
