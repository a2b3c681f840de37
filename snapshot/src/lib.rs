//! The types that cross a boundary: what the admin API answers and the dashboard reads ([`view`]), and what
//! the workers of one proxy write for each other into shared data ([`cell`], [`circuits`], [`events`], [`history`]). [`read`] is
//! how browsers read the former.
//!
//! Everything here is plain data with a version. JSON goes to people and programs, compact binary goes between
//! workers. Decoding never panics: anything unreadable is an error, and the reader treats it as absent.

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

pub mod cell;
pub mod circuits;
mod codec;
pub mod events;
pub mod history;
pub mod json;
pub mod keys;
pub mod merge;
pub mod read;
pub mod registry;
pub mod report;
pub mod sketch;
pub mod view;

pub use codec::Malformed;

pub use view::{
    Circuit, CircuitState, Endpoint, Event, Events, FailureKind, FailuresBy, Health, LatencyMs, Pool, Reason, Signal,
    Snapshot, Status, Transition, VERSION, Worker,
};
