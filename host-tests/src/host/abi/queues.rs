//! Shared queues: unbounded, told to the root that registered last.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::vm::VmState;

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, HostCall::RegisterQueue.name(), |caller: Guest<'_>, name: u32, size: u32, at: u32| {
        run(caller, HostCall::RegisterQueue, |call| register(call, Slice(name, size), at))
    })?;
    linker.func_wrap(
        MODULE,
        HostCall::ResolveQueue.name(),
        |caller: Guest<'_>, vm_id: u32, vm_id_size: u32, name: u32, size: u32, at: u32| {
            run(caller, HostCall::ResolveQueue, |call| {
                let (vm_id, name) = (call.read_text(Slice(vm_id, vm_id_size))?, call.read(Slice(name, size))?);
                let id = call.state().world.store().resolve_queue(&vm_id, &name).ok_or(Status::NotFound)?;
                call.put_u32(at, id)
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::Enqueue.name(), |caller: Guest<'_>, queue: u32, data: u32, size: u32| {
        run(caller, HostCall::Enqueue, |call| {
            let item = call.read(Slice(data, size))?;
            call.state().world.store().enqueue(queue, &item)?;
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::Dequeue.name(), |caller: Guest<'_>, queue: u32, data: u32, size: u32| {
        run(caller, HostCall::Dequeue, |call| {
            let item = call.state().world.store().dequeue(queue)?;
            call.give(Answer(data, size), &item)
        })
    })?;
    Ok(())
}

fn register(call: &mut Call<'_, '_>, name: Slice, at: u32) -> Outcome {
    let name = call.read(name)?;
    let state = call.state();
    let root = state.context();
    if !state.roots.contains_key(&root) {
        return Err(Status::BadArgument.into());
    }
    let id = state.world.store().register_queue(&state.vm_id, &name, &state.name, root);
    call.put_u32(at, id)
}
