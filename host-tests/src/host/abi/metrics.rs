//! Metrics: values common to all VMs, ids of the VM's own.

use wasmtime::{Caller, Linker};

use super::call::{Slice, run};
use super::{HostCall, MODULE};
use crate::host::vm::VmState;

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::DefineMetric.name(),
        |caller: Guest<'_>, kind: u32, name: u32, size: u32, at: u32| {
            run(caller, HostCall::DefineMetric, |call| {
                call.note(|| kind.to_string());
                let name = call.read_text(Slice(name, size))?;
                let world = call.state().world.clone();
                let id = call.state_mut().metric_ids.define(&mut world.store().metrics, kind, &name)?;
                call.put_u32(at, id)
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::IncrementMetric.name(), |caller: Guest<'_>, id: u32, offset: i64| {
        run(caller, HostCall::IncrementMetric, |call| {
            call.note(|| format!("{id}, {offset}"));
            let state = call.state();
            state.metric_ids.increment(&mut state.world.store().metrics, id, offset)?;
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::RecordMetric.name(), |caller: Guest<'_>, id: u32, value: u64| {
        run(caller, HostCall::RecordMetric, |call| {
            call.note(|| format!("{id}, {value}"));
            let state = call.state();
            state.metric_ids.record(&mut state.world.store().metrics, id, value)?;
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::GetMetric.name(), |caller: Guest<'_>, id: u32, at: u32| {
        run(caller, HostCall::GetMetric, |call| {
            let state = call.state();
            let value = state.metric_ids.get(&state.world.store().metrics, id)?;
            call.put_u64(at, value)
        })
    })?;
    Ok(())
}
