//! Every decision of the load balancer: which endpoint gets a request, what an attempt says about its endpoint, when
//! a circuit opens and closes. `no_std`: this crate cannot read a clock, roll dice or call a host. Time and randomness
//! are arguments, so a run is a function of its inputs, natively and in wasm.
//!
//! A [`Pool`] is one worker's view: it picks ([`Pool::pick`]), follows attempts ([`Pool::start`], [`Pool::answer`],
//! [`Pool::finish`]), takes in what other workers published ([`Pool::absorb`]) and turns its evidence into a proposal
//! for the circuits record that all workers share ([`Pool::propose`], [`Pool::adopt`]). Nothing here knows how the
//! record is stored.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod circuit;
mod config;
pub mod detect;
mod detectors;
mod endpoint;
mod evidence;
mod ewma;
pub mod hashing;
mod order;
mod pool;
mod positions;
mod rated;
mod request;
mod rng;
mod rotation;
mod sampler;
mod score;
mod time;

pub use circuit::{POOL_KEY, Proposal};
pub use config::{
    CircuitConfig, CircuitMode, EndpointConfig, Forced, HashingConfig, KeyBound, KeyRange, MAX_CANDIDATES, NoMatch,
    PoolCircuitConfig, PoolConfig, RateConfig, Strategy, WhenOpen,
};
pub use endpoint::address_key;
pub use order::sort_by;
pub use pool::{Attempt, Candidates, Ending, EndpointView, Outcome, Pool, Refusal, Refused, middle_us};
pub use positions::Positions;
pub use request::{Request, subset_key};
pub use rng::Rng;
pub use score::{Sample, Stage, score, status};
pub use time::Time;
