//! Buffers: bodies, data of connections, the answer of a call, configurations.
//!
//! A body is open in its own callback, and as long as the guest holds it back; outside it is empty, not missing.
//! Setting is for three cases only, as in Envoy: at 0 the first bytes are replaced, or nothing, so that the data stands
//! in front; from the end on it is appended; in between is an error.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Fault, Outcome, Slice, peek, run};
use super::{HostCall, MODULE};
use crate::host::context::{Phase, Stream};
use crate::host::vm::VmState;
use crate::host::{Body, Status};

const HTTP_CALL_BODY: u32 = 4;
const GRPC_MESSAGE: u32 = 5;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const CALL_DATA: u32 = 8;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::GetBuffer.name(),
        |caller: Caller<'_, VmState>, buffer: u32, start: u32, max: u32, data: u32, size: u32| {
            run(caller, HostCall::GetBuffer, |call| get(call, buffer, Slice(start, max), Answer(data, size)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::SetBuffer.name(),
        |caller: Caller<'_, VmState>, buffer: u32, start: u32, length: u32, data: u32, size: u32| {
            run(caller, HostCall::SetBuffer, |call| set(call, buffer, Slice(start, length), Slice(data, size)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::GetBufferStatus.name(),
        |caller: Caller<'_, VmState>, buffer: u32, length_at: u32, flags_at: u32| {
            run(caller, HostCall::GetBufferStatus, |call| {
                call.note(|| buffer.to_string());
                let length = find(call.state(), buffer)?.len() as u32;
                call.put_u32(length_at, length)?;
                call.put_u32(flags_at, 0)
            })
        },
    )?;
    Ok(())
}

/// A buffer's bytes. Only an answer that is not there and a configuration out of its time are missing.
fn find(state: &VmState, buffer: u32) -> Result<&[u8], Status> {
    let incoming = || state.root().map(|root| &root.incoming);
    match buffer {
        0..=3 => Ok(state.stream().map_or(&[], |stream| stream.read_buffer(buffer as usize))),
        HTTP_CALL_BODY => {
            let reply = incoming().and_then(|incoming| incoming.http.as_ref());
            reply.map(|reply| reply.body.as_slice()).ok_or(Status::NotFound)
        }
        GRPC_MESSAGE => Ok(incoming().map_or(&[], |incoming| incoming.message.as_slice())),
        VM_CONFIGURATION => Ok(&state.vm_configuration),
        PLUGIN_CONFIGURATION => {
            let root = state.roots.get(&state.context());
            let root = root.filter(|root| root.configuring || state.profile.is_ngx()).ok_or(Status::NotFound)?;
            Ok(&root.plugin.configuration)
        }
        CALL_DATA => Ok(&state.call_data),
        _ => Err(Status::BadArgument),
    }
}

/// The part that a guest asked for: nothing from beyond the end.
fn part(bytes: &[u8], range: Slice) -> &[u8] {
    let start = range.0 as usize;
    let end = start.saturating_add(range.1 as usize).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

/// In ngx_wasm_module a body out of its step is misuse, and one that is not there is missing.
fn check_step(state: &VmState, buffer: u32, writing: bool) -> Result<(), Fault> {
    if !state.profile.is_ngx() || buffer > 1 {
        return Ok(());
    }
    let phase = state.stream().map(|stream| stream.phase);
    let in_step = match (buffer, phase) {
        (0, Some(Phase::Request)) => true,
        (0, Some(Phase::Log)) => !writing,
        (1, Some(Phase::Response)) => state.stream().is_some_and(|stream| stream.has_buffer(1)),
        _ => false,
    };
    if !in_step {
        let name = if buffer == Body::Request as u32 { "request" } else { "response" };
        return Err(Fault::trap(format!("can only use the {name} body during its own steps")));
    }
    let there = |stream: &Stream| !stream.read_buffer(buffer as usize).is_empty();
    if writing || state.stream().is_some_and(there) { Ok(()) } else { Err(Status::NotFound.into()) }
}

fn get(call: &mut Call<'_, '_>, buffer: u32, range: Slice, answer: Answer) -> Outcome {
    call.note(|| format!("{buffer}, {}, {}", range.0, range.1));
    check_step(call.state(), buffer, false)?;
    let len = part(find(call.state(), buffer)?, range).len();
    call.give_with(answer, len, |state| find(state, buffer).ok().map(|bytes| part(bytes, range)))
}

fn set(call: &mut Call<'_, '_>, buffer: u32, range: Slice, data: Slice) -> Outcome {
    call.note(|| format!("{buffer}, {}, {}", range.0, range.1));
    check_step(call.state(), buffer, true)?;
    find(call.state(), buffer)?;
    call.check(data)?;
    let (memory, state) = call.split();
    let data = peek(memory, data)?;
    let stream = state.stream_mut().filter(|_| buffer <= 3).ok_or(Status::BadArgument)?;
    let bytes = stream.write_buffer(buffer as usize).ok_or(Status::BadArgument)?;
    let (start, length) = (range.0 as usize, range.1 as usize);
    if start == 0 {
        bytes.splice(..length.min(bytes.len()), data.iter().copied());
    } else if start >= bytes.len() {
        bytes.extend_from_slice(data);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}
