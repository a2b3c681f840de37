//! What only guests of ABI 0.1.0 import, and what Emscripten expects of any host.

use wasmtime::{Caller, Linker};

use super::call::{Answer, run, run_as};
use super::streams::let_go_on;
use super::{HostCall, MODULE};
use crate::host::vm::VmState;

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, HostCall::GetConfiguration.name(), |caller: Guest<'_>, data: u32, size: u32| {
        run(caller, HostCall::GetConfiguration, |call| {
            let root = call.state().context();
            let configuring = |state: &VmState| state.roots.get(&root).is_some_and(|root| root.configuring);
            // The plugin's while it is configured, the VM's at any other time.
            if configuring(call.state()) || call.state().profile.is_ngx() {
                let plugin = call.state().root().map(|root| root.plugin.clone());
                let bytes = plugin.as_ref().map_or(&[][..], |plugin| &plugin.configuration);
                call.give(Answer(data, size), bytes)
            } else {
                let len = call.state().vm_configuration.len();
                call.give_with(Answer(data, size), len, |state| Some(&state.vm_configuration))
            }
        })
    })?;
    linker.func_wrap(MODULE, HostCall::ContinueRequest.name(), |caller: Guest<'_>| {
        run(caller, HostCall::ContinueRequest, |call| let_go_on(call, 0))
    })?;
    linker.func_wrap(MODULE, HostCall::ContinueResponse.name(), |caller: Guest<'_>| {
        run(caller, HostCall::ContinueResponse, |call| let_go_on(call, 1))
    })?;
    // There is one route here, so there is nothing to find again.
    linker.func_wrap(MODULE, HostCall::ClearRouteCache.name(), |caller: Guest<'_>| {
        run(caller, HostCall::ClearRouteCache, |_| Ok(()))
    })?;
    linker.func_wrap(MODULE, HostCall::PthreadEqual.name(), |caller: Guest<'_>, a: u32, b: u32| {
        let equal = i32::from(a == b);
        run_as(caller, HostCall::PthreadEqual, (equal, ""), |_| Ok((equal, "")))
    })?;
    linker.func_wrap(MODULE, HostCall::MemoryGrowth.name(), |caller: Guest<'_>, _memory: u32| {
        run_as(caller, HostCall::MemoryGrowth, (0, ""), |_| Ok((0, ""))).map(drop)
    })?;
    Ok(())
}
