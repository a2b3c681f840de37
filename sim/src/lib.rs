//! Deterministic discrete-event simulator of a load balancer and its endpoints. Time is virtual and one seed decides
//! everything, so the same [`Scenario`] gives the same [`Report`] to the last bit, natively and in a browser.
//!
//! Traffic is an open loop: Poisson arrivals that do not wait for answers. Each [`Upstream`] serves from one queue,
//! first come first served. The [`Subject`] decides where each request goes: the engine itself, with one worker or
//! several that exchange what they exchange in the proxy, or a baseline whose results are known from queueing theory.
//! Before it says anything about us, the simulator has to reproduce those (`tests/oracles.rs`).

mod agenda;
mod dice;
mod fleet;
mod report;
mod run;
mod scenario;
pub mod statistics;
mod upstream;

pub use report::Report;
pub use run::run;
pub use scenario::{Scenario, Subject, Upstream};
