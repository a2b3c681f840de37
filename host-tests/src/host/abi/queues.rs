//! Shared queues: unbounded, told to the root that registered last.
//!
//! ngx_wasm_module's queues are declared in nginx' configuration; here any name is one. It traps on a token that is
//! none, and nobody is told of an item.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Fault, Outcome, Slice, peek, run};
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
                let state = call.state();
                let vm_id = if vm_id.is_empty() { state.vm_id.as_str() } else { vm_id.as_str() };
                let id = state.world.store().resolve_queue(vm_id, &name).ok_or(Status::NotFound)?;
                call.put_u32(at, id)
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::Enqueue.name(), |caller: Guest<'_>, queue: u32, data: u32, size: u32| {
        run(caller, HostCall::Enqueue, |call| {
            call.note(|| queue.to_string());
            call.check(Slice(data, size))?;
            let (memory, state) = call.split();
            let item = peek(memory, Slice(data, size))?;
            let put = state.world.store().enqueue(queue, item);
            misuse(state, put)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::Dequeue.name(), |caller: Guest<'_>, queue: u32, data: u32, size: u32| {
        run(caller, HostCall::Dequeue, |call| {
            call.note(|| queue.to_string());
            let taken = call.state().world.store().dequeue(queue);
            let item = misuse(call.state(), taken)?;
            call.give(Answer(data, size), &item)
        })
    })?;
    Ok(())
}

fn misuse<T>(state: &VmState, outcome: Result<T, Status>) -> Result<T, Fault> {
    match outcome {
        Err(Status::NotFound) if state.profile.is_ngx() => Err(Fault::trap("could not find queue")),
        other => Ok(other?),
    }
}

/// A stream registers for its root, which is told.
fn register(call: &mut Call<'_, '_>, name: Slice, at: u32) -> Outcome {
    call.check(name)?;
    let (memory, state) = call.split();
    let name = peek(memory, name)?;
    let root = state.root_id();
    let id = state.world.store().register_queue(&state.vm_id, name, &state.name, root);
    call.put_u32(at, id)
}
