//! Buffers: bodies, the answer of an HTTP call, configurations.
//!
//! A body is open during its own callback only. Setting replaces a range: at 0 with length 0 prepends, past the end
//! appends, as in Envoy.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::vm::VmState;

const HTTP_CALL_BODY: u32 = 4;
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
                let length = find(call.state(), buffer)?.len() as u32;
                call.put_u32(length_at, length)?;
                call.put_u32(flags_at, 0)
            })
        },
    )?;
    Ok(())
}

fn find(state: &VmState, buffer: u32) -> Result<&[u8], Status> {
    let context = state.context();
    match buffer {
        0 | 1 => {
            state.streams.get(&context).and_then(|stream| stream.open_body(buffer as usize)).ok_or(Status::NotFound)
        }
        HTTP_CALL_BODY => state.reply.as_ref().map(|reply| reply.body.as_slice()).ok_or(Status::NotFound),
        VM_CONFIGURATION => Ok(&state.vm_configuration),
        PLUGIN_CONFIGURATION => {
            let root = state.roots.get(&context).filter(|root| root.starting).ok_or(Status::NotFound)?;
            Ok(&root.plugin.configuration)
        }
        CALL_DATA => Ok(&state.call_data),
        2 | 3 | 5 => Err(Status::NotFound),
        _ => Err(Status::BadArgument),
    }
}

fn get(call: &mut Call<'_, '_>, buffer: u32, range: Slice, answer: Answer) -> Outcome {
    call.note(|| format!("{buffer}, {}, {}", range.0, range.1));
    let bytes = find(call.state(), buffer)?;
    let end = range.0.checked_add(range.1).ok_or(Status::BadArgument)? as usize;
    let part = bytes.get(range.0 as usize..end.min(bytes.len())).unwrap_or_default().to_vec();
    call.give(answer, &part)
}

fn set(call: &mut Call<'_, '_>, buffer: u32, range: Slice, data: Slice) -> Outcome {
    call.note(|| format!("{buffer}, {}, {}", range.0, range.1));
    let data = call.read(data)?;
    let context = call.state().context();
    let stream = call.state_mut().streams.get_mut(&context);
    let body = match buffer {
        0 | 1 => stream.and_then(|stream| stream.open_body_mut(buffer as usize)).ok_or(Status::NotFound)?,
        _ => return Err(Status::BadArgument.into()),
    };
    let start = (range.0 as usize).min(body.len());
    let end = start.saturating_add(range.1 as usize).min(body.len());
    body.splice(start..end, data);
    Ok(())
}
