//! The clock, which is virtual, and the timer of a root context.

use wasmtime::{Caller, Linker};

use super::call::{Call, Outcome, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::vm::VmState;

const MS: u64 = 1_000_000;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, HostCall::GetCurrentTime.name(), |caller: Caller<'_, VmState>, at: u32| {
        run(caller, HostCall::GetCurrentTime, |call| {
            let now = call.state().world.now_ns();
            call.put_u64(at, now)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::SetTickPeriod.name(), |caller: Caller<'_, VmState>, period: u32| {
        run(caller, HostCall::SetTickPeriod, |call| set_tick_period(call, period))
    })?;
    Ok(())
}

/// Only a root has a timer; 0 stops it. Setting the same period again starts it anew, as in Envoy.
fn set_tick_period(call: &mut Call<'_, '_>, period_ms: u32) -> Outcome {
    call.note(|| period_ms.to_string());
    let (context, now) = (call.state().context(), call.state().world.now_ns());
    let root = call.state_mut().roots.get_mut(&context).ok_or(Status::BadArgument)?;
    root.tick_period = (period_ms > 0).then(|| u64::from(period_ms) * MS);
    root.next_tick = root.tick_period.map(|period| now + period);
    Ok(())
}
