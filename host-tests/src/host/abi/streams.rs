//! Steering a stream: local responses, going on, closing, the effective context, deferred ends.
//!
//! All of it takes effect after the running callback has returned.

use wasmtime::{Caller, Linker};

use super::call::{Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::context::{Body, LocalResponse};
use crate::host::vm::{Action, VmState};
use crate::host::{Headers, Status};

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::SendLocalResponse.name(),
        |caller: Guest<'_>, status: u32, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, _grpc_status: i32| {
            run(caller, HostCall::SendLocalResponse, |call| {
                let (details, body, headers) = (Slice(a, b), Slice(c, d), Slice(e, f));
                send_local_response(call, status, [details, body, headers])
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::ContinueStream.name(), |caller: Guest<'_>, side: u32| {
        run(caller, HostCall::ContinueStream, |call| {
            let side = [Body::Request, Body::Response].get(side as usize).copied().ok_or(Status::BadArgument)?;
            let context = stream_context(call)?;
            call.state_mut().actions.push(Action::Continue { context, side });
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::CloseStream.name(), |caller: Guest<'_>, side: u32| {
        run(caller, HostCall::CloseStream, |call| {
            if side > 1 {
                return Err(Status::BadArgument.into());
            }
            let context = stream_context(call)?;
            call.state_mut().actions.push(Action::Close { context });
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::SetEffectiveContext.name(), |caller: Guest<'_>, context: u32| {
        run(caller, HostCall::SetEffectiveContext, |call| {
            call.note(|| context.to_string());
            let state = call.state_mut();
            if !state.streams.contains_key(&context) && !state.roots.contains_key(&context) {
                return Err(Status::BadArgument.into());
            }
            state.effective = Some(context);
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::Done.name(), |caller: Guest<'_>| {
        run(caller, HostCall::Done, |call| {
            let state = call.state_mut();
            let context = state.context();
            let waits = state.streams.get(&context).is_some_and(|stream| stream.awaits_done);
            if !waits && !state.roots.contains_key(&context) {
                return Err(Status::NotFound.into());
            }
            state.actions.push(Action::Done { context });
            Ok(())
        })
    })?;
    Ok(())
}

fn stream_context(call: &Call<'_, '_>) -> Result<u32, Status> {
    let context = call.state().context();
    if call.state().streams.contains_key(&context) { Ok(context) } else { Err(Status::BadArgument) }
}

/// A second local response of a stream is refused; one from a root goes nowhere, as in Envoy.
fn send_local_response(call: &mut Call<'_, '_>, status: u32, parts: [Slice; 3]) -> Outcome {
    call.note(|| status.to_string());
    let [details, body, headers] = parts;
    let (details, body) = (call.read(details)?, call.read(body)?);
    let headers = Headers::decode(&call.read(headers)?)?;
    let state = call.state_mut();
    let context = state.context();
    let Some(stream) = state.streams.get_mut(&context) else {
        return Ok(());
    };
    if std::mem::replace(&mut stream.local_response_sent, true) {
        return Err(Status::BadArgument.into());
    }
    stream.local_response = Some(LocalResponse { status, details, body, headers });
    state.actions.push(Action::LocalResponse { context });
    Ok(())
}
