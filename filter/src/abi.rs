//! The functions that the host calls (proxy-wasm ABI 0.2.1). Each one that is exported costs every stream 0.2 to
//! 0.3 µs, wanted or not, so these are all: no body, no log, no delete; trailers, which hosts tell only where there are
//! some. What a stream still has when it is done is settled there.
//!
//! Whatever comes, in whatever order, each function returns.

#![allow(unsafe_code)]

use crate::host::{self, Level};
use crate::sessions::{self, Session};
use crate::streams::Stream;
use crate::{admin, answers, broken, observer, picker, shared, tick, vm};
use plimsoll_config::{Accepted, DEFAULT_TICK, Role};
use plimsoll_engine::Time;
use std::rc::Rc;

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// Says which version of the ABI this is.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// The host asks for memory for a value that it returns.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

/// A root (parent 0) or a stream comes into being.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    vm::with(|vm| {
        if parent != 0 {
            vm.streams.create(context, parent);
        } else if vm.root(context).is_none() {
            vm.roots.push((context, vm::Root::default()));
        }
    });
}

/// The VM starts, or a root is added to it.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_vm_start(_root: u32, _size: usize) -> u32 {
    1
}

/// A root gets its configuration; 0 refuses it, and the host keeps what it had.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    // A size of 0 is an empty configuration; the host may not even have a buffer then.
    let text = if size == 0 { Vec::new() } else { host::configuration(size).unwrap_or_default() };
    match Accepted::parse(&text) {
        Ok(accepted) => {
            configure(root, accepted);
            1
        }
        Err(reason) => {
            host::log(Level::Error, &format!("plimsoll: configuration refused: {reason}"));
            0
        }
    }
}

fn configure(root: u32, accepted: Accepted) {
    let name = host::property("plugin_root_id", <[u8]>::to_vec).unwrap_or_default();
    let (role, period) = (accepted.role, accepted.tick.unwrap_or(DEFAULT_TICK));
    let pools: Vec<String> = accepted.pools.iter().map(|pool| pool.engine.name.clone()).collect();
    broken::confess();
    shared::prepare(&pools);
    vm::with(|vm| {
        let installed = if role == Role::Picker { vm.install(&name, &accepted, now()) } else { Vec::new() };
        if vm.root(root).is_none() {
            vm.roots.push((root, vm::Root::default()));
        }
        if let Some(root) = vm.root_mut(root) {
            root.name = name;
            root.pools = installed;
            root.period = period;
            root.config = Some(Rc::new(accepted));
        }
    });
    if role == Role::Picker {
        tick::catch_up(&pools);
        tick::set_period(period);
    }
}

/// A root's timer.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_tick(root: u32) {
    tick::run(root);
}

/// A request's headers, downstream or of one attempt upstream.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(context: u32, _headers: u32, _end: u32) -> u32 {
    #[cfg(all(feature = "test-trap", target_arch = "wasm32"))]
    if host::header(host::Headers::Request, "x-plimsoll-test-trap", |_| ()).is_ok() {
        core::arch::wasm32::unreachable();
    }
    let role = vm::with(|vm| {
        let root = vm.streams.begin(context)?;
        Some((root, vm.role(root)?))
    });
    let proceed = match role.flatten() {
        Some((root, Role::Picker)) => picker::steer(context, root),
        Some((_, Role::Observer)) => observer::begin(context),
        Some((_, Role::Admin)) => admin::answer(),
        None => true,
    };
    if proceed { CONTINUE } else { PAUSE }
}

/// Who waits for a response.
enum Watched {
    Attempt,
    Request(Option<Session>),
    Session(Session),
}

/// A response's headers.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_headers(context: u32, _headers: u32, _end: u32) -> u32 {
    let watched = vm::with(|vm| match vm.streams.get_mut(context) {
        Some(Stream::Attempt(_, attempt)) if !attempt.answered() => Some(Watched::Attempt),
        Some(Stream::Request(_, attempt, _, session)) if !attempt.answered() => Some(Watched::Request(session.take())),
        Some(Stream::Session(session)) => {
            let session = *session;
            vm.streams.end(context);
            Some(Watched::Session(session))
        }
        _ => None,
    });
    match watched.flatten() {
        Some(Watched::Attempt) => observer::answered(context),
        Some(Watched::Request(session)) => {
            picker::answered(context);
            session.iter().for_each(sessions::answered);
        }
        Some(Watched::Session(session)) => sessions::answered(&session),
        None => {}
    }
    CONTINUE
}

/// A response's trailers.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_trailers(context: u32, _trailers: u32) -> u32 {
    answers::trailers(context);
    CONTINUE
}

/// A stream or a root is over; 1: nothing is left to do.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_done(context: u32) -> u32 {
    let ended = vm::with(|vm| {
        let stream = vm.streams.end(context);
        if stream.is_none() {
            vm.remove_root(context);
        }
        stream
    });
    match ended.flatten() {
        Some(Stream::Attempt(pool, attempt)) => observer::ended(pool, attempt),
        Some(Stream::Request(pool, attempt, ..)) => picker::ended(pool, attempt),
        Some(Stream::Fresh(_) | Stream::Session(_)) | None => {}
    }
    1
}

/// The host's clock as the engine takes it.
pub(crate) fn now() -> Time {
    Time::from_nanos(host::now())
}
