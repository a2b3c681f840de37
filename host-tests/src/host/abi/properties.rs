//! Properties. What a stream can read in which phase is decided in `context.rs`.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::properties::trim;
use crate::host::vm::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::GetProperty.name(),
        |caller: Caller<'_, VmState>, path: u32, path_size: u32, data: u32, size: u32| {
            run(caller, HostCall::GetProperty, |call| get(call, Slice(path, path_size), Answer(data, size)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::SetProperty.name(),
        |caller: Caller<'_, VmState>, path: u32, path_size: u32, value: u32, value_size: u32| {
            run(caller, HostCall::SetProperty, |call| set(call, Slice(path, path_size), Slice(value, value_size)))
        },
    )?;
    Ok(())
}

fn get(call: &mut Call<'_, '_>, path: Slice, answer: Answer) -> Outcome {
    let path = call.read(path)?;
    let state = call.state();
    let context = state.context();
    let value = match (state.streams.get(&context), state.roots.get(&context)) {
        (Some(stream), _) => stream.property(&path),
        (None, Some(root)) => match trim(&path) {
            b"plugin_root_id" | b"plugin_name" => Some(root.plugin.root_id.as_bytes().to_vec()),
            other => root.values.get_raw(other).map(<[u8]>::to_vec),
        },
        (None, None) => None,
    };
    let of_vm = (trim(&path) == b"plugin_vm_id").then(|| state.vm_id.as_bytes().to_vec());
    let value = value.or(of_vm).ok_or(Status::NotFound)?;
    call.give(answer, &value)
}

fn set(call: &mut Call<'_, '_>, path: Slice, value: Slice) -> Outcome {
    let (path, value) = (call.read(path)?, call.read(value)?);
    let state = call.state_mut();
    let context = state.context();
    if let Some(stream) = state.streams.get_mut(&context) {
        stream.properties.set_raw(&path, &value);
    } else if let Some(root) = state.roots.get_mut(&context) {
        root.values.set_raw(&path, &value);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}
