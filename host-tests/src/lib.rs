#![cfg_attr(feature = "wasm-host", doc = include_str!("../README.md"))]
//!
//! # This crate
//!
//! [`host`] is what the page above is about. [`bed`] is what Plimsoll is tested and shown with besides: real processes
//! (Envoy, upstreams, a browser), and `filtered` makes it a subject of the simulator. The filter is met only as a file,
//! never linked.

pub mod bed;
mod failure_policy;
#[cfg(feature = "wasm-host")]
pub mod filtered;
#[cfg(feature = "wasm-host")]
pub mod host;
