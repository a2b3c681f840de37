//! Shared data: one map per `vm_id`, common to all VMs, with compare-and-swap.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
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
            run(caller, HostCall::SetSharedData, |call| {
                let (key, value) = (call.read(Slice(key, key_size))?, call.read(Slice(value, size))?);
                call.note(|| format!("cas {cas}"));
                let state = call.state();
                state.world.store().set(&state.vm_id, &key, &value, cas)?;
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn get(call: &mut Call<'_, '_>, key: Slice, answer: Answer, cas_at: u32) -> Outcome {
    let key = call.read(key)?;
    let state = call.state();
    let found = state.world.store().get(&state.vm_id, &key).map(|(value, cas)| (value.to_vec(), cas));
    let (value, cas) = found.ok_or(Status::NotFound)?;
    call.give(answer, &value)?;
    call.note(|| format!("cas {cas}"));
    call.put_u32(cas_at, cas)
}
