//! A bed of real processes and real sockets: Envoy with the configuration that users copy, upstreams whose
//! behaviour can be switched while they run, and load with honest latencies. The demo, the end-to-end tests and
//! the benches lie on it.
//!
//! Everything binds loopback only, is bounded in time and stops when its value is dropped, on a panic too. What
//! it lacks on purpose: any knowledge of the filter beyond its file name and its admin API.

pub mod admin;
#[cfg(feature = "browser")]
pub mod browser;
pub mod burst;
pub mod chain;
pub mod config;
pub mod connection;
pub mod envoy;
pub mod fleet;
mod http;
pub mod load;
mod patch;
pub mod ports;
pub mod process;
pub mod summary;
pub mod upstream;
pub mod wire;

pub use admin::AdminClient;
#[cfg(feature = "browser")]
pub use browser::Browser;
pub use burst::{Burst, BurstReport};
pub use chain::{ChainConfig, PluginSpec};
pub use config::{EnvoyConfig, FailurePolicy, PoolSpec, workspace_root};
pub use envoy::Envoy;
pub use fleet::{Fleet, FleetSpec};
pub use load::{Load, LoadRun};
pub use process::Process;
pub use summary::{Failure, Outcome, Record, Summary, percentile};
pub use upstream::{Behaviour, Latency, Upstream, UpstreamStats};
