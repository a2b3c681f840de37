//! Calls out of the guest: HTTP calls, which are recorded for the test to answer, and foreign functions.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, run};
use super::{HostCall, MODULE};
use crate::host::vm::{Action, HttpCall, VmState};
use crate::host::{Headers, Status};

/// Tokens step by this, as in Envoy.
const TOKEN_STEP: u32 = 4;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::HttpCall.name(),
        |caller: Caller<'_, VmState>,
         a: u32,
         b: u32,
         c: u32,
         d: u32,
         e: u32,
         f: u32,
         g: u32,
         h: u32,
         timeout: u32,
         at: u32| {
            run(caller, HostCall::HttpCall, |call| {
                let parts = [Slice(a, b), Slice(c, d), Slice(e, f), Slice(g, h)];
                dispatch(call, parts, timeout, at)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::CallForeignFunction.name(),
        |caller: Caller<'_, VmState>, name: u32, name_size: u32, args: u32, args_size: u32, data: u32, size: u32| {
            run(caller, HostCall::CallForeignFunction, |call| {
                let (name, args) = (call.read(Slice(name, name_size))?, call.read(Slice(args, args_size))?);
                let function = call.state().world.foreign(&name).ok_or(Status::NotFound)?;
                let answer = function(&args)?;
                if answer.is_empty() {
                    return Ok(());
                }
                call.give(Answer(data, size), &answer)
            })
        },
    )?;
    Ok(())
}

/// Records the call under a new token. The answer goes to the root of the calling context.
fn dispatch(call: &mut Call<'_, '_>, parts: [Slice; 4], timeout_ms: u32, at: u32) -> Outcome {
    let [upstream, headers, body, trailers] = parts;
    let upstream = call.read_text(upstream)?;
    let headers = Headers::decode(&call.read(headers)?)?;
    let body = call.read(body)?;
    let trailers = Headers::decode(&call.read(trailers)?)?;
    let complete = [":method", ":path", ":authority"].iter().all(|key| headers.get(key).is_some());
    let state = call.state_mut();
    if !complete || !state.clusters.contains(&upstream) {
        return Err(Status::BadArgument.into());
    }
    let context = state.context();
    let context = state.streams.get(&context).map_or(context, |stream| stream.root);
    state.next_token += TOKEN_STEP;
    let token = state.next_token;
    state.actions.push(Action::HttpCall(HttpCall { token, context, upstream, headers, body, trailers, timeout_ms }));
    call.put_u32(at, token)
}
