//! Foreign functions: those that a test defines in its world, and those of Envoy that can be served here.
//!
//! Served are `clear_route_cache`, `set_envoy_filter_state`, `declare_property`, `compress` and `uncompress`. Not served
//! (unknown names give status 1): the expressions of CEL, `sign` and `verify_signature`, for which a test can define
//! what it needs. ngx_wasm_module has none of them, and traps on an unknown name.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use wasmtime::{Caller, Linker};

use super::call::{Call, Fault, Outcome, Slice, peek, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::proto::{fields, number_of, text_of};
use crate::host::vm::VmState;

/// What `uncompress` gives at most. Envoy has no bound but its memory.
const MOST_UNCOMPRESSED: u64 = 64 << 20;

/// Keys of Envoy's own filter state that a guest can set: those with an object factory.
const FILTER_STATE: &[&str] = &[
    "envoy.filters.listener.original_dst.local_ip",
    "envoy.filters.listener.original_dst.remote_ip",
    "envoy.hashable_string",
    "envoy.network.application_protocols",
    "envoy.network.transport_socket.original_dst_address",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.ratelimit.hits_addend",
    "envoy.string",
    "envoy.tcp_proxy.cluster",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.tcp_proxy.per_connection_idle_timeout_ms",
    "envoy.upstream.dynamic_host",
    "envoy.upstream.dynamic_port",
];

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::CallForeignFunction.name(),
        |caller: Caller<'_, VmState>, name: u32, name_size: u32, args: u32, args_size: u32, data: u32, size: u32| {
            run(caller, HostCall::CallForeignFunction, |call| {
                invoke(call, Slice(name, name_size), Slice(args, args_size), data, size)
            })
        },
    )?;
    Ok(())
}

/// Whatever the function says, pointer and length are written, unless the guest gave no place for them.
fn invoke(call: &mut Call<'_, '_>, name: Slice, args: Slice, data_at: u32, size_at: u32) -> Outcome {
    let name = call.read(name)?;
    call.check(args)?;
    let outcome = match call.state().world.foreign(&name) {
        Some(own) => {
            let args = peek(call.split().0, args)?.to_vec();
            own(&args)
        }
        None if call.state().profile.is_ngx() => return Err(Fault::trap("unknown foreign function")),
        None => {
            let (memory, state) = call.split();
            builtin(state, &name, peek(memory, args)?).ok_or(Status::NotFound)?
        }
    };
    let (bytes, status) = match outcome {
        Ok(bytes) => (bytes, Ok(())),
        Err(status) => (Vec::new(), Err(status.into())),
    };
    let size = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    if data_at != 0 {
        let at = if bytes.is_empty() { 0 } else { call.allocate(size)? };
        if at != 0 {
            call.put(at, &bytes)?;
        }
        call.put_u32(data_at, at)?;
    }
    if size_at != 0 {
        call.put_u32(size_at, size)?;
    }
    call.note(|| format!("→ {}", crate::host::trace::show(&bytes)));
    status
}

fn builtin(state: &mut VmState, name: &[u8], args: &[u8]) -> Option<Result<Vec<u8>, Status>> {
    Some(match name {
        // There is one route here, so there is nothing to find again.
        b"clear_route_cache" => Ok(Vec::new()),
        b"set_envoy_filter_state" => set_filter_state(state, args).map(|()| Vec::new()),
        b"declare_property" => declare(state, args).map(|()| Vec::new()),
        b"compress" => compress(args),
        b"uncompress" => uncompress(args),
        _ => return None,
    })
}

fn set_filter_state(state: &mut VmState, args: &[u8]) -> Result<(), Status> {
    let args = fields(args).ok_or(Status::BadArgument)?;
    let path = text_of(&args, 1).map_err(|_| Status::BadArgument)?;
    let value = text_of(&args, 2).map_err(|_| Status::BadArgument)?;
    if !FILTER_STATE.contains(&path) {
        return Err(Status::NotFound);
    }
    let stream = state.stream_mut().ok_or(Status::NotFound)?;
    stream.filter_state.insert(path.as_bytes().to_vec(), value.as_bytes().to_vec());
    Ok(())
}

/// Declares how a property is kept, once. Only what a root declares is looked at later; of it, whether the property can
/// be written more than once. Envoy acts for the callback's own context, whatever the effective one is.
fn declare(state: &mut VmState, args: &[u8]) -> Result<(), Status> {
    let args = fields(args).ok_or(Status::BadArgument)?;
    let name = text_of(&args, 1).map_err(|_| Status::BadArgument)?;
    let read_only = number_of(&args, 2) != 0;
    let current = state.current;
    let declared = match (state.streams.get_mut(&current), state.roots.get_mut(&current)) {
        (Some(stream), _) => &mut stream.declared,
        (None, Some(root)) => &mut root.declared,
        (None, None) => return Err(Status::NotFound),
    };
    if declared.contains_key(name.as_bytes()) {
        return Err(Status::BadArgument);
    }
    declared.insert(name.as_bytes().to_vec(), read_only);
    Ok(())
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).map_err(|_| Status::SerializationFailure)?;
    encoder.finish().map_err(|_| Status::SerializationFailure)
}

fn uncompress(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let mut plain = Vec::new();
    let mut decoder = ZlibDecoder::new(bytes).take(MOST_UNCOMPRESSED + 1);
    decoder.read_to_end(&mut plain).map_err(|_| Status::SerializationFailure)?;
    if plain.len() as u64 > MOST_UNCOMPRESSED { Err(Status::InternalFailure) } else { Ok(plain) }
}
