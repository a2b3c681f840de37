//! HTTP calls out of the guest, which are recorded for the test to answer, and the status of what ended last.

use wasmtime::{Caller, Linker};

use super::call::{Answer, Call, Outcome, Slice, peek, run};
use super::header_rules as rules;
use super::{HostCall, MODULE};
use crate::host::vm::{Action, HttpCall, VmState};
use crate::host::{Headers, Map, Status};

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
                for part in parts {
                    call.check(part)?;
                }
                // The place of the token is tried first, so that no call is made whose token is lost.
                call.put_u32(at, 0)?;
                dispatch(call, parts, timeout, at)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::GetStatus.name(),
        |caller: Caller<'_, VmState>, code_at: u32, data: u32, size: u32| {
            run(caller, HostCall::GetStatus, |call| {
                let (code, message) = call.state().root().map(|root| root.status.clone()).unwrap_or_default();
                call.put_u32(code_at, code)?;
                call.give(Answer(data, size), &message)
            })
        },
    )?;
    Ok(())
}

/// Records the call under a new token. The answer goes to the root of the calling context.
fn dispatch(call: &mut Call<'_, '_>, parts: [Slice; 4], timeout_ms: u32, at: u32) -> Outcome {
    let [upstream, headers, body, trailers] = parts;
    let (memory, state) = call.split();
    let upstream = String::from_utf8_lossy(peek(memory, upstream)?).into_owned();
    let pairs = Headers::decode_or_empty(peek(memory, headers)?);
    let mut headers = rules::collect(&pairs, Map::RequestHeaders as u32);
    let trailers = Headers::decode_or_empty(peek(memory, trailers)?);
    let complete = [":method", ":path", ":authority"].iter().all(|key| headers.get(key).is_some());
    if timeout_ms > i32::MAX as u32 || !complete || !state.clusters.contains(&upstream) {
        return Err(Status::BadArgument.into());
    }
    let body = peek(memory, body)?.to_vec();
    if !body.is_empty() {
        rules::replace(&mut headers, Map::RequestHeaders as u32, b"content-length", body.len().to_string().as_bytes());
    }
    let context = state.root_id();
    let token = state.tokens.http();
    if state.profile.is_ngx() {
        // The root gets the answer there too, but host calls in that callback are for the context that made the call.
        state.callers.insert(token, state.context());
    }
    state.actions.push(Action::HttpCall(HttpCall { token, context, upstream, headers, body, trailers, timeout_ms }));
    call.put_u32(at, token)
}
