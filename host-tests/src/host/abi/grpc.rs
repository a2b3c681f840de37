//! gRPC out of the guest: calls and streams are recorded for the test to play the far end (`host/grpc.rs`).
//!
//! The service is a serialised `GrpcService` that names a cluster, or, if the bytes are no such message, a cluster's
//! plain name. All belongs to the root of the calling context.

use wasmtime::{Caller, Linker};

use super::call::{Call, Outcome, Slice, peek, run};
use super::header_rules as rules;
use super::{HostCall, MODULE};
use crate::host::grpc::{self, GrpcCall, GrpcStart};
use crate::host::proto::{bytes_of, fields, text_of};
use crate::host::vm::{Action, VmState};
use crate::host::{Headers, Map, Status};

type Guest<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::GrpcCall.name(),
        |caller: Guest<'_>,
         a: u32,
         b: u32,
         c: u32,
         d: u32,
         e: u32,
         f: u32,
         g: u32,
         h: u32,
         i: u32,
         j: u32,
         timeout: u32,
         at: u32| {
            run(caller, HostCall::GrpcCall, |call| {
                let parts = [Slice(a, b), Slice(c, d), Slice(e, f), Slice(g, h)];
                unary(call, parts, Slice(i, j), timeout, at)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::GrpcStream.name(),
        |caller: Guest<'_>, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, at: u32| {
            run(caller, HostCall::GrpcStream, |call| {
                let parts = [Slice(a, b), Slice(c, d), Slice(e, f), Slice(g, h)];
                let start = start(call, parts, |state| state.tokens.grpc_stream())?;
                let token = begin(call.state_mut(), start.token);
                call.state_mut().actions.push(Action::GrpcStream(start));
                call.put_u32(at, token)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        HostCall::GrpcSend.name(),
        |caller: Guest<'_>, token: u32, data: u32, size: u32, end: u32| {
            run(caller, HostCall::GrpcSend, |call| send(call, token, Slice(data, size), end != 0))
        },
    )?;
    linker.func_wrap(MODULE, HostCall::GrpcCancel.name(), |caller: Guest<'_>, token: u32| {
        run(caller, HostCall::GrpcCancel, |call| end(call, token, false))
    })?;
    linker.func_wrap(MODULE, HostCall::GrpcClose.name(), |caller: Guest<'_>, token: u32| {
        run(caller, HostCall::GrpcClose, |call| end(call, token, true))
    })?;
    Ok(())
}

fn unary(call: &mut Call<'_, '_>, parts: [Slice; 4], request: Slice, timeout_ms: u32, at: u32) -> Outcome {
    for part in parts.into_iter().chain([request]) {
        peek(call.split().0, part)?;
    }
    let start = start(call, parts, |state| state.tokens.grpc_call())?;
    let message = call.read(request)?;
    let token = begin(call.state_mut(), start.token);
    call.state_mut().actions.push(Action::GrpcCall(GrpcCall { start, message, timeout_ms }));
    call.put_u32(at, token)
}

fn begin(state: &mut VmState, token: u32) -> u32 {
    if let Some(root) = state.root_mut() {
        root.grpc.open(token);
    }
    token
}

/// What calls and streams have in common.
fn start(
    call: &mut Call<'_, '_>,
    parts: [Slice; 4],
    token: impl FnOnce(&mut VmState) -> u32,
) -> Result<GrpcStart, super::call::Fault> {
    for part in parts {
        call.check(part)?;
    }
    let [target, service, method, metadata] = parts;
    let (memory, state) = call.split();
    let upstream = cluster(peek(memory, target)?, &state.clusters)?;
    let text = |slice| Ok::<_, Status>(String::from_utf8_lossy(peek(memory, slice)?).into_owned());
    let (service, method) = (text(service)?, text(method)?);
    let pairs = Headers::decode_or_empty(peek(memory, metadata)?);
    let metadata = rules::collect(&pairs, Map::RequestHeaders as u32);
    let token = token(state);
    // Envoy counts the id before it looks for the cluster that a message names.
    let upstream = upstream.ok_or(Status::BadArgument)?;
    if !state.clusters.contains(&upstream) {
        return Err(Status::InternalFailure.into());
    }
    Ok(GrpcStart { token, context: state.root_id(), upstream, service, method, metadata })
}

/// The cluster that a service names: `None` if it is a message without one.
fn cluster(service: &[u8], clusters: &[String]) -> Result<Option<String>, Status> {
    let by_name = || {
        let name = String::from_utf8_lossy(service).into_owned();
        if clusters.contains(&name) { Ok(Some(name)) } else { Err(Status::ParseFailure) }
    };
    let Some(service) = fields(service) else { return by_name() };
    let Some(envoy) = bytes_of(&service, 1) else { return Ok(None) };
    let Some(envoy) = fields(envoy) else { return by_name() };
    match text_of(&envoy, 1) {
        Ok("") => Ok(None),
        Ok(name) => Ok(Some(name.to_owned())),
        Err(_) => by_name(),
    }
}

fn send(call: &mut Call<'_, '_>, token: u32, message: Slice, end: bool) -> Outcome {
    call.note(|| token.to_string());
    let message = call.read(message)?;
    if !grpc::is_stream(token) {
        return Err(Status::BadArgument.into());
    }
    let state = call.state_mut();
    let context = state.root_id();
    state.root().filter(|root| root.grpc.has(token)).ok_or(Status::NotFound)?;
    state.actions.push(Action::GrpcSend { context, token, message, end });
    Ok(())
}

/// Closing a call cancels it; closing a stream ends the guest's side of it.
fn end(call: &mut Call<'_, '_>, token: u32, close: bool) -> Outcome {
    call.note(|| token.to_string());
    if !grpc::is_call(token) && !grpc::is_stream(token) {
        return Err(Status::BadArgument.into());
    }
    let state = call.state_mut();
    let context = state.root_id();
    let root = state.root_mut().ok_or(Status::NotFound)?;
    let known = if close { root.grpc.close_local(token) } else { root.grpc.forget(token) };
    if !known {
        return Err(Status::NotFound.into());
    }
    let action = if close && grpc::is_stream(token) {
        Action::GrpcClose { context, token }
    } else {
        Action::GrpcCancel { context, token }
    };
    state.actions.push(action);
    Ok(())
}
