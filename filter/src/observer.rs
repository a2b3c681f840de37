//! The observer: the same filter inside the cluster, once per attempt. Four host calls per attempt: clock and address
//! when it begins, status and clock when its answer comes. Its end costs none, unless truncated bodies are to be told
//! from whole ones, or there was no answer.

use crate::abi::now;
use crate::host::{self, Headers};
use crate::streams::Stream;
use crate::vm::{self, Located, PoolId, key_of};
use plimsoll_engine::{Attempt, Ending, Outcome};
use plimsoll_snapshot::FailureKind;

// Bits of the proxy's response flags (Envoy's `CoreResponseFlag`).
const LOCAL_RESET: u64 = 0x10;
const CONNECTION_FAILURE: u64 = 0x20;
const REMOTE_RESET: u64 = 0x40;
const OVERFLOW: u64 = 0x80;
const CLIENT_LEFT: u64 = 0x4000;
const PROTOCOL_ERROR: u64 = 0x80_0000;

/// An attempt begins.
pub(crate) fn begin(context: u32) -> bool {
    let now = now();
    let Ok(key) = host::property("upstream\0address", key_of) else { return true };
    let mut located = vm::with(|vm| vm.locate(key)).unwrap_or(Located::Nowhere);
    if located == Located::Ambiguous {
        let cluster = host::property("xds\0cluster_name", <[u8]>::to_vec).unwrap_or_default();
        located = vm::with(|vm| vm.locate_in(&cluster, key)).unwrap_or(Located::Nowhere);
    }
    if let Located::At(id, position) = located {
        vm::with(|vm| {
            let attempt = vm.pool_mut(id).and_then(|state| state.pool.start(position, now));
            if let Some(attempt) = attempt {
                vm.streams.put(context, Stream::Attempt(id, attempt));
            }
        });
    }
    true
}

/// The attempt's answer begins.
pub(crate) fn answered(context: u32) {
    let Ok(status) = host::header(Headers::Response, ":status", parse_status) else { return };
    let now = now();
    let outcome = if status >= 500 { Outcome::Failure(FailureKind::Status) } else { Outcome::Success };
    vm::with(|vm| {
        // Out and in again: the pool is in the same state.
        if let Some(Stream::Attempt(id, mut attempt)) = vm.streams.end(context) {
            if let Some(state) = vm.pool_mut(id) {
                state.pool.answer(&mut attempt, now, outcome);
            }
            vm.streams.put(context, Stream::Attempt(id, attempt));
        }
    });
}

/// The attempt is over.
pub(crate) fn ended(id: PoolId, attempt: Attempt) {
    let watches_body = vm::with(|vm| vm.pool_mut(id).is_some_and(|state| state.pool.config().detect_truncated));
    if attempt.answered() && watches_body != Some(true) {
        // Its outcome is counted; the time no longer matters.
        let started = attempt.started();
        vm::with(|vm| vm.finish(id, attempt, started, Ending::Complete));
        return;
    }
    let ending = if attempt.answered() { body_ending() } else { blame() };
    let now = now();
    vm::with(|vm| vm.finish(id, attempt, now, ending));
}

/// How an answer's body ended.
fn body_ending() -> Ending {
    let flags = flags();
    if flags & CLIENT_LEFT != 0 {
        Ending::Abandoned
    } else if flags & (PROTOCOL_ERROR | REMOTE_RESET | LOCAL_RESET) != 0 {
        Ending::Failed(FailureKind::Truncated)
    } else {
        Ending::Complete
    }
}

/// Whose fault it is that no answer came. A per-try timeout leaves no trace at all.
pub(crate) fn blame() -> Ending {
    let flags = flags();
    if flags & (CLIENT_LEFT | OVERFLOW) != 0 {
        return Ending::Abandoned;
    }
    let refused = host::property("upstream\0transport_failure_reason", |reason| !reason.is_empty()).unwrap_or(false);
    Ending::Failed(if refused || flags & CONNECTION_FAILURE != 0 {
        FailureKind::Connect
    } else if flags & (REMOTE_RESET | LOCAL_RESET | PROTOCOL_ERROR) != 0 {
        FailureKind::Reset
    } else {
        FailureKind::Timeout
    })
}

fn flags() -> u64 {
    host::property("response\0flags", |bytes| bytes.try_into().map_or(0, u64::from_le_bytes)).unwrap_or(0)
}

/// A status as a number; 0 if it is none.
pub(crate) fn parse_status(text: &[u8]) -> u32 {
    core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}
