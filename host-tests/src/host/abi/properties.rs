//! Properties. What a context can read in which phase is decided in `attributes.rs`.

use std::borrow::Cow;

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, peek, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::properties::{Value, trim};
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

fn find<'a>(state: &'a VmState, path: &[u8]) -> Result<Cow<'a, [u8]>, Status> {
    if trim(path) == b"plugin_vm_id" && state.profile.knows(b"plugin_vm_id") {
        return Ok(state.vm_id.as_bytes().into());
    }
    match (state.stream(), state.root()) {
        (Some(stream), _) => stream.property(path, &state.profile),
        (None, Some(root)) => root.property(path, &state.profile),
        (None, None) => Err(Status::NotFound),
    }
}

fn get(call: &mut Call<'_, '_>, path: Slice, answer: Answer) -> Outcome {
    call.check(path)?;
    let (memory, state) = call.split();
    // Copied, because the path lies in the memory that the value goes to.
    let value = find(state, peek(memory, path)?)?.into_owned();
    call.give(answer, &value)
}

/// In Envoy only a stream keeps values. In ngx_wasm_module those under `wasmx` are kept, by roots too, and writing a
/// variable of nginx that does not exist is an error.
fn set(call: &mut Call<'_, '_>, path: Slice, value: Slice) -> Outcome {
    call.check(path)?;
    call.check(value)?;
    let (memory, state) = call.split();
    let (path, value) = (peek(memory, path)?, peek(memory, value)?);
    if state.profile.is_ngx() {
        let own = path.starts_with(b"wasmx\0") || path.starts_with(b"ngx\0");
        let context = state.context();
        let kept = match (state.streams.get_mut(&context), state.roots.get_mut(&context)) {
            (Some(stream), _) => &mut stream.properties,
            (None, Some(root)) => &mut root.properties,
            (None, None) => return Err(Status::NotFound.into()),
        };
        if !own {
            return Err(Status::NotFound.into());
        }
        kept.set_path(path, Value::Bytes(value.to_vec()));
        return Ok(());
    }
    let read_only = state.root().and_then(|root| root.declared.get(path)).copied().unwrap_or(false);
    let stream = state.stream_mut().ok_or(Status::NotFound)?;
    Ok(stream.keep(path, value, read_only)?)
}
