//! The clock, which is virtual, and the timer of a root context.

use wasmtime::{Caller, Linker};

use super::call::{Call, Fault, Outcome, run};
use super::{HostCall, MODULE};
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

/// Only a root has a timer, so a stream sets its root's; 0 stops it. Setting the same period again starts it anew, as in
/// Envoy; ngx_wasm_module wants a root to ask, and once only.
fn set_tick_period(call: &mut Call<'_, '_>, period_ms: u32) -> Outcome {
    call.note(|| period_ms.to_string());
    let state = call.state_mut();
    let (now, is_ngx, is_root) = (state.world.now_ns(), state.profile.is_ngx(), state.stream().is_none());
    if is_ngx && !is_root {
        return Err(Fault::trap("can only set tick_period in root context"));
    }
    let Some(root) = state.root_mut() else { return Ok(()) };
    if is_ngx && period_ms > 0 && root.tick_period.is_some() {
        return Err(Fault::trap("tick_period already set"));
    }
    root.tick_period = (period_ms > 0).then(|| u64::from(period_ms) * MS);
    root.next_tick = root.tick_period.map(|period| now.saturating_add(period));
    Ok(())
}
