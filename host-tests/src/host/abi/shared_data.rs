//! Shared data: one map per `vm_id`, common to all VMs, with compare-and-swap.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Fault, Outcome, Slice, peek, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::vm::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::GetSharedData.name(),
        |caller: Caller<'_, VmState>, key: u32, key_size: u32, data: u32, size: u32, cas_at: u32| {
            run(caller, HostCall::GetSharedData, |call| get(call, Slice(key, key_size), Answer(data, size), cas_at))
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::SetSharedData.name(),
        |caller: Caller<'_, VmState>, key: u32, key_size: u32, value: u32, size: u32, cas: u32| {
            run(caller, HostCall::SetSharedData, |call| set(call, Slice(key, key_size), Slice(value, size), cas))
        },
    )?;
    Ok(())
}

/// Without a value ngx_wasm_module deletes the key. Where Envoy would go on growing, it traps when nothing can make room.
fn set(call: &mut Call<'_, '_>, key: Slice, value: Slice, cas: u32) -> Outcome {
    call.check(key)?;
    call.check(value)?;
    call.note(|| format!("cas {cas}"));
    let (memory, state) = call.split();
    let (key, bytes) = (peek(memory, key)?, peek(memory, value)?);
    let mut store = state.world.store();
    if state.profile.is_ngx() && value.0 == 0 && value.1 == 0 {
        return Ok(store.delete(&state.vm_id, key, cas)?);
    }
    match store.set(&state.vm_id, key, bytes, cas) {
        Err(Status::InternalFailure) if state.profile.is_ngx() => {
            Err(Fault::trap("failed setting value to shm (could not write to slab)"))
        }
        other => Ok(other?),
    }
}

fn get(call: &mut Call<'_, '_>, key: Slice, answer: Answer, cas_at: u32) -> Outcome {
    call.check(key)?;
    let (memory, state) = call.split();
    let key = peek(memory, key)?;
    // Copied, because the store cannot stay borrowed while the guest allocates.
    let found = state.world.store().read(&state.vm_id, key).map(|(value, cas)| (value.to_vec(), cas));
    let (value, cas) = found.ok_or(Status::NotFound)?;
    call.give(answer, &value)?;
    call.note(|| format!("cas {cas}"));
    call.put_u32(cas_at, cas)
}
