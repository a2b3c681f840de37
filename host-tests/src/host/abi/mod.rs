//! The host's side of the ABI, one file per family of host calls.
//!
//! Every call goes through [`call::run`]: it counts, keeps the rules for restricted phases, checks the guest's pointers,
//! and writes the trace. A hostile guest gets a status, never a panic of the host.

mod buffers;
mod call;
mod calls;
mod headers;
mod log;
mod metrics;
mod names;
mod properties;
mod queues;
mod shared_data;
mod streams;
mod time;

pub use names::HostCall;

use wasmtime::Linker;

use super::vm::VmState;

/// The module that every import of the ABI names.
const MODULE: &str = "env";

/// Offers all families to a linker.
pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for family in [
        log::link,
        time::link,
        properties::link,
        headers::link,
        buffers::link,
        streams::link,
        shared_data::link,
        queues::link,
        metrics::link,
        calls::link,
    ] {
        family(linker)?;
    }
    Ok(())
}
