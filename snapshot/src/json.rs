//! The answers of the admin API as JSON. Here and not where they are put together: serde's code is made anew in each
//! crate that calls it, and this crate is compiled for size.

use crate::view::{Events, Health, Snapshot};
use alloc::vec::Vec;
use serde_json::{Error, to_vec};

/// The answer to `GET snapshot`.
///
/// # Errors
/// Those of serde; none is known.
pub fn snapshot(answer: &Snapshot) -> Result<Vec<u8>, Error> {
    to_vec(answer)
}

/// The answer to `GET events`.
///
/// # Errors
/// Those of serde; none is known.
pub fn events(answer: &Events) -> Result<Vec<u8>, Error> {
    to_vec(answer)
}

/// The answer to `GET healthz`.
///
/// # Errors
/// Those of serde; none is known.
pub fn health(answer: &Health) -> Result<Vec<u8>, Error> {
    to_vec(answer)
}
