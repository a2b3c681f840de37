//! Under which keys of shared data the records lie.

use crate::history::Resolution;
use alloc::{format, string::String};

/// Key of one worker's counts for a pool.
#[must_use]
pub fn cell_key(worker: u32, pool: &str) -> String {
    format!("plimsoll/1/cell/{worker}/{pool}")
}

/// Key of one worker's histograms for a pool.
#[must_use]
pub fn sketch_key(worker: u32, pool: &str) -> String {
    format!("plimsoll/1/sketch/{worker}/{pool}")
}

/// Key of a pool's circuits.
#[must_use]
pub fn circuits_key(pool: &str) -> String {
    format!("plimsoll/1/circuits/{pool}")
}

/// Key of what a pool's history counts from.
#[must_use]
pub fn history_base_key(pool: &str) -> String {
    format!("plimsoll/1/history/{pool}/base")
}

/// Key of a part of a pool's history.
#[must_use]
pub fn history_key(pool: &str, resolution: Resolution, chunk: u64) -> String {
    format!("plimsoll/1/history/{pool}/{}/{}", resolution.name(), resolution.slot(chunk))
}
