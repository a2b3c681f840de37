//! Steering a stream: local responses, going on, closing, the effective context, deferred ends.
//!
//! All of it takes effect after the running callback has returned, but that what a guest lets go of is out of its reach
//! at once. Nothing here fails for a context without a stream; it just does nothing.

use wasmtime::{Caller, Linker};

use super::call::{Call, Fault, Outcome, Slice, peek, run};
use super::header_rules as rules;
use super::{HostCall, MODULE};
use crate::host::connections::Side;
use crate::host::context::{Body, LocalResponse, StreamKind};
use crate::host::vm::{Action, VmState};
use crate::host::{Headers, Map, Status};

type Guest<'a> = Caller<'a, VmState>;

/// The highest status of gRPC.
const LAST_GRPC_STATUS: u32 = 16;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        HostCall::SendLocalResponse.name(),
        |caller: Guest<'_>, status: u32, a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, grpc_status: u32| {
            run(caller, HostCall::SendLocalResponse, |call| {
                let (details, body, headers) = (Slice(a, b), Slice(c, d), Slice(e, f));
                send_local_response(call, status, grpc_status, [details, body, headers])
            })
        },
    )?;
    linker.func_wrap(MODULE, HostCall::ContinueStream.name(), |caller: Guest<'_>, side: u32| {
        run(caller, HostCall::ContinueStream, |call| {
            call.note(|| side.to_string());
            let_go_on(call, side)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::CloseStream.name(), |caller: Guest<'_>, side: u32| {
        run(caller, HostCall::CloseStream, |call| {
            call.note(|| side.to_string());
            close(call, side)
        })
    })?;
    linker.func_wrap(MODULE, HostCall::SetEffectiveContext.name(), |caller: Guest<'_>, context: u32| {
        run(caller, HostCall::SetEffectiveContext, |call| {
            call.note(|| context.to_string());
            let state = call.state_mut();
            // ngx_wasm_module takes any number and goes on as before.
            if state.profile.is_ngx() {
                return Ok(());
            }
            // 0 is the VM itself, which stands for "the callback's own".
            if context != 0 && !state.has_context(context) {
                return Err(Status::BadArgument.into());
            }
            state.effective = (context != 0).then_some(context);
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, HostCall::Done.name(), |caller: Guest<'_>| {
        run(caller, HostCall::Done, |call| {
            let state = call.state_mut();
            let context = state.root_id();
            let root = state.root_mut().filter(|root| root.pending_done).ok_or(Status::NotFound)?;
            root.pending_done = false;
            state.actions.push(Action::Done { context });
            Ok(())
        })
    })?;
    Ok(())
}

/// Lets a stream go on. Whichever side of a request it names, the request's maps and body are gone at once.
pub(super) fn let_go_on(call: &mut Call<'_, '_>, side: u32) -> Outcome {
    let state = call.state_mut();
    let context = state.context();
    let kind = state.stream().map(|stream| stream.kind);
    match side {
        0 | 1 => {
            if kind == Some(StreamKind::Http) {
                let side = if side == 0 { Body::Request } else { Body::Response };
                state.actions.push(Action::Continue { context, side });
            }
            if let Some(stream) = state.stream_mut() {
                stream.let_go();
            }
            Ok(())
        }
        2 => {
            if kind == Some(StreamKind::Tcp) {
                state.actions.push(Action::ContinueConnection { context });
            }
            Ok(())
        }
        3 => Err(Status::Unimplemented.into()),
        _ => Err(Status::BadArgument.into()),
    }
}

fn close(call: &mut Call<'_, '_>, side: u32) -> Outcome {
    let state = call.state_mut();
    let context = state.context();
    let action = match (side, state.stream().map(|stream| stream.kind)) {
        (4.., _) => return Err(Status::BadArgument.into()),
        (0 | 1, Some(StreamKind::Http)) => Action::Close { context },
        (2, Some(StreamKind::Tcp)) => Action::CloseConnection { context, side: Side::Downstream },
        (3, Some(StreamKind::Tcp)) => Action::CloseConnection { context, side: Side::Upstream },
        _ => return Ok(()),
    };
    state.actions.push(action);
    Ok(())
}

/// The first local response of a stream counts; Envoy takes a second one without complaint and cannot send it any more,
/// ngx_wasm_module traps. One from a context without a request goes nowhere, but stops the callback's stream, too.
fn send_local_response(call: &mut Call<'_, '_>, status: u32, grpc_status: u32, parts: [Slice; 3]) -> Outcome {
    call.note(|| status.to_string());
    for part in parts {
        call.check(part)?;
    }
    let [details, body, headers] = parts;
    let (memory, state) = call.split();
    let details = peek(memory, details)?.iter().map(|byte| if is_space(*byte) { b'_' } else { *byte }).collect();
    let (body, pairs) = (peek(memory, body)?, Headers::decode_or_empty(peek(memory, headers)?));
    state.stop_iteration = true;
    let context = state.context();
    let is_ngx = state.profile.is_ngx();
    let Some(stream) = state.streams.get_mut(&context).filter(|stream| stream.kind == StreamKind::Http) else {
        return Ok(());
    };
    if stream.local_response.is_some() {
        return if is_ngx { Err(Fault::trap("local response already stashed")) } else { Ok(()) };
    }
    let headers = rules::collect(&pairs, Map::ResponseHeaders as u32);
    let grpc_status = (grpc_status <= LAST_GRPC_STATUS).then_some(grpc_status);
    stream.local_response = Some(LocalResponse { status, details, body: body.to_vec(), headers, grpc_status });
    state.actions.push(Action::LocalResponse { context });
    Ok(())
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
