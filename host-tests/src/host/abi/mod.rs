//! The host's side of the ABI, one file per family of host calls.
//!
//! Every call goes through [`call::run`]: it counts, keeps the rules for restricted phases, checks the guest's pointers,
//! and writes the trace. A hostile guest gets a status, never a panic of the host. Status codes, and what is checked
//! before what, are those of proxy-wasm-cpp-host (`src/exports.cc`) and of Envoy's `Context`; where ngx_wasm_module
//! answers misuse with a trap, so does its profile here.

mod buffers;
mod call;
mod calls;
mod foreign;
mod grpc;
mod header_rules;
mod headers;
mod legacy;
mod log;
mod metrics;
mod names;
mod properties;
mod queues;
mod shared_data;
mod streams;
mod time;
mod wasi;
mod wasi_stubs;

pub(crate) use call::Restriction;
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
        legacy::link,
        shared_data::link,
        queues::link,
        metrics::link,
        calls::link,
        grpc::link,
        foreign::link,
        wasi::link,
        wasi_stubs::link,
    ] {
        family(linker)?;
    }
    Ok(())
}
