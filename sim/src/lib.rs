//! Deterministic discrete-event simulator of a load balancer and its endpoints. Time is virtual and one seed decides
//! everything, so the same [`Scenario`] and [`Subject`] give the same [`Report`] to the last bit, natively and in
//! WebAssembly.
//!
//! Before it says anything about us, the simulator has to reproduce queueing theory (`tests/oracles.rs`) and figures of
//! other programs (`tests/believed`).

mod agenda;
mod balancer;
mod client;
mod dice;
pub mod file;
mod report;
mod run;
mod scenario;
pub mod statistics;
mod subject;
mod traffic;
pub mod trial;
pub mod wire;
mod world;

pub use plimsoll_engine::Time;

pub use balancer::{Attempt, Balancer, Change, Ending, Pick, Request, Verdict};
pub use report::{Bucket, EndpointReport, Outcomes, Report, Samples, VerdictReport};
pub use run::{Play, Progress, run, run_with};
pub use scenario::{
    Antagonist, Client, Endpoint, Extent, Fault, FaultKind, Flapping, Keys, RetryBudget, RetryOn, Scenario, Service,
    Shape, Targets, Throttle, Traffic, Warming,
};
pub use subject::{Cost, Counts, Engine, Envoy, EnvoyPolicy, Model, Nginx, NginxPolicy, Outlier, Subject};
