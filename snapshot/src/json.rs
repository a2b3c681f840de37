//! The answers of the admin API as JSON. Here and not where they are put together: serde's code is made anew in each
//! crate that calls it, and so is what frees an answer, therefore by value; and this crate is compiled for size.

use crate::view::{Events, Health, Snapshot, Workers};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Serialize;
use serde_json::to_vec;

/// The answer to `GET snapshot`.
///
/// # Errors
/// Those of serde; none is known.
pub fn snapshot(answer: Snapshot) -> Result<Vec<u8>, String> {
    written(&answer)
}

/// The answer to `GET events`.
///
/// # Errors
/// Those of serde; none is known.
pub fn events(answer: Events) -> Result<Vec<u8>, String> {
    written(&answer)
}

/// The answer to `GET healthz`.
///
/// # Errors
/// Those of serde; none is known.
pub fn health(answer: Health) -> Result<Vec<u8>, String> {
    written(&answer)
}

/// The answer to `GET workers`.
///
/// # Errors
/// Those of serde; none is known.
pub fn workers(answer: Workers) -> Result<Vec<u8>, String> {
    written(&answer)
}

fn written<T: Serialize>(answer: &T) -> Result<Vec<u8>, String> {
    to_vec(answer).map_err(|error| error.to_string())
}
