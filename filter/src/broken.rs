//! Mistakes made on purpose, each behind a feature of its own: what the exploring tests have to find. None of it is
//! part of `cargo xtask build`'s dist/, and a build that has one says so in the log when it is configured.
//!
//! The list of features is in Cargo.toml; the tests know the files as `target/test/plimsoll-broken-<what>.wasm`.

use crate::host::{self, Level};
use plimsoll_engine::{Ending, Pool};
use plimsoll_snapshot::circuits::Circuits;

/// Permits are claimed against the record as this worker remembers it from its last tick, not as it has just read it:
/// two workers may claim the same one.
pub(crate) const PERMITS: bool = cfg!(feature = "broken-permits");
/// Circuits are written whatever others have written since they were read.
pub(crate) const CIRCUITS: bool = cfg!(feature = "broken-circuits");
/// An attempt that the client gave up is forgotten instead of being ended.
pub(crate) const SETTLE: bool = cfg!(feature = "broken-settle");
/// 0 is taken for "write whatever is there" on every host.
pub(crate) const CAS: bool = cfg!(feature = "broken-cas");

/// The record that a proposal is made against.
pub(crate) fn record<'a>(pool: &'a Pool, read: &'a Circuits) -> &'a Circuits {
    if PERMITS { pool.circuits() } else { read }
}

/// The number that a change of a shared record is written with.
pub(crate) fn cas(key: &str, read: u32) -> u32 {
    if CIRCUITS && key.starts_with("plimsoll/1/circuits/") { 0 } else { read }
}

/// Whether an attempt that ends like this is ended in its pool.
pub(crate) fn settles(ending: Ending) -> bool {
    !(SETTLE && ending == Ending::Abandoned)
}

/// Says in the log what is broken.
pub(crate) fn confess() {
    // Said here, so that nothing of it is left in a build without mistakes: a loop might be kept.
    if !(PERMITS || CIRCUITS || SETTLE || CAS) {
        return;
    }
    for (broken, what) in [(PERMITS, "permits"), (CIRCUITS, "circuits"), (SETTLE, "settle"), (CAS, "cas")] {
        if broken {
            host::log(Level::Error, &format!("plimsoll: broken on purpose, for tests only: {what}"));
        }
    }
}
