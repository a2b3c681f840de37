//! Metrics: values common to all VMs, ids of the VM's own.

use wasmtime::{Caller, Linker};

use super::call::{Call, Fault, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::vm::VmState;

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::DefineMetric.name(),
        |caller: Guest<'_>, kind: u32, name: u32, size: u32, at: u32| {
            run(caller, HostCall::DefineMetric, |call| define(call, kind, Slice(name, size), at))
        },
    )?;
    linker.func_wrap(MODULE, HostCall::IncrementMetric.name(), |caller: Guest<'_>, id: u32, offset: i64| {
        run(caller, HostCall::IncrementMetric, |call| {
            call.note(|| format!("{id}, {offset}"));
            let state = call.state();
            let metrics = &mut state.world.store().metrics;
            if state.profile.is_ngx() {
                return state.metric_ids.increment_ngx(metrics, id, offset).map_err(Fault::trap);
            }
            Ok(state.metric_ids.increment(metrics, id, offset)?)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::RecordMetric.name(), |caller: Guest<'_>, id: u32, value: u64| {
        run(caller, HostCall::RecordMetric, |call| {
            call.note(|| format!("{id}, {value}"));
            let state = call.state();
            let metrics = &mut state.world.store().metrics;
            if state.profile.is_ngx() {
                return state.metric_ids.record_ngx(metrics, id, value).map_err(Fault::trap);
            }
            Ok(state.metric_ids.record(metrics, id, value)?)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::GetMetric.name(), |caller: Guest<'_>, id: u32, at: u32| {
        run(caller, HostCall::GetMetric, |call| {
            call.note(|| id.to_string());
            let state = call.state();
            let found = state.metric_ids.get(&mut state.world.store().metrics, id);
            let value = if state.profile.is_ngx() { found.map_err(Fault::trap)? } else { found? };
            call.put_u64(at, value)
        })
    })?;
    Ok(())
}

fn define(call: &mut Call<'_, '_>, kind: u32, name: Slice, at: u32) -> Outcome {
    call.note(|| kind.to_string());
    let name = call.read_text(name)?;
    let id = define_in(call.state_mut(), kind, &name)?;
    call.put_u32(at, id)
}

fn define_in(state: &mut VmState, kind: u32, name: &str) -> Result<u32, Fault> {
    let (world, ids) = (&state.world, &mut state.metric_ids);
    let metrics = &mut world.store().metrics;
    if state.profile.is_ngx() {
        ids.define_once(metrics, kind, name).map_err(Fault::trap)
    } else {
        ids.define(metrics, kind, name).map_err(Fault::from)
    }
}
