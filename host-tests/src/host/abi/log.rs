//! Logging.

use wasmtime::{Caller, Linker};

use super::call::{Slice, run};
use super::{HostCall, MODULE};
use crate::host::Status;
use crate::host::vm::VmState;

const CRITICAL: u32 = 5;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::Log.name(),
        |caller: Caller<'_, VmState>, level: u32, data: u32, size: u32| {
            run(caller, HostCall::Log, |call| {
                if level > CRITICAL {
                    return Err(Status::BadArgument.into());
                }
                let message = call.read_text(Slice(data, size))?;
                let state = call.state();
                state.world.push_log(&state.name, level, message);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::GetLogLevel.name(), |caller: Caller<'_, VmState>, at: u32| {
        run(caller, HostCall::GetLogLevel, |call| {
            let level = call.state().world.log_level();
            call.put_u32(at, level)
        })
    })?;
    Ok(())
}
