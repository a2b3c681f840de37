//! The observer: the same filter inside the cluster, once per attempt. Four host calls per attempt: clock and address
//! when it begins, status and clock when its answer comes. Its end costs none, unless there was no answer, or one where
//! truncated answers are to be told from whole ones. What else an answer may cost is told in [`crate::answers`], and on an
//! endpoint that is suspected an attempt costs its trace's id.

use crate::abi::now;
use crate::answers;
use crate::host::{self, Headers};
use crate::streams::Stream;
use crate::vm::{self, Located, PoolId};
use crate::{broken, traces};
use core::time::Duration;
use plimsoll_engine::{Attempt, Ending, address_key};
use plimsoll_snapshot::FailureKind;

/// The one bit of the proxy's response flags that is of use when an attempt is over: the client left. Those that say
/// how an attempt failed are set afterwards, if at all (Envoy's `CoreResponseFlag`).
const CLIENT_LEFT: u64 = 0x4000;
/// In this header Envoy's router tells the endpoint how long it will wait for this attempt, in milliseconds.
const TIMEOUT_HEADER: &str = "x-envoy-expected-rq-timeout-ms";

/// How long the router waits for an attempt in a pool. Nothing else tells a connection that broke from an answer that
/// did not come in time. Read for the first attempt and after every failure, because routes may differ.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    asked: bool,
    timeout: Option<Duration>,
}

/// An attempt begins.
pub(crate) fn begin(context: u32) -> bool {
    let now = now();
    let Ok(key) = host::property("upstream\0address", address_key) else { return true };
    let mut located = vm::with(|vm| vm.locate(key)).unwrap_or(Located::Nowhere);
    if located == Located::Ambiguous {
        let cluster = host::property("xds\0cluster_name", <[u8]>::to_vec).unwrap_or_default();
        located = vm::with(|vm| vm.locate_in(&cluster, key)).unwrap_or(Located::Nowhere);
    }
    if let Located::At(id, position) = located {
        let begun = vm::with(|vm| {
            let state = vm.pool_mut(id)?;
            let (attempt, asked) = (state.pool.start(position, now)?, state.patience.asked);
            let suspicious = state.pool.is_suspicious(&attempt);
            vm.streams.put(context, Stream::Attempt(id, attempt));
            Some((asked, suspicious))
        });
        let (asked, suspicious) = begun.flatten().unwrap_or((true, false));
        if !asked {
            learn_patience(id);
        }
        if suspicious {
            traces::keep(context);
        }
    }
    true
}

fn learn_patience(id: PoolId) {
    let millis = host::header(Headers::Request, TIMEOUT_HEADER, parse_number).unwrap_or(0);
    let timeout = (millis > 0).then(|| Duration::from_millis(u64::from(millis)));
    vm::with(|vm| {
        if let Some(state) = vm.pool_mut(id) {
            state.patience = Patience { asked: true, timeout };
        }
    });
}

/// The attempt's answer begins.
pub(crate) fn answered(context: u32) {
    let Ok(status) = host::header(Headers::Response, ":status", parse_number) else { return };
    let now = now();
    let unclear = vm::with(|vm| {
        let watched = vm.watched(context)?;
        let head = watched.state.classify.head(status);
        match answers::by_status(head) {
            Some(said) if !said.is_failure() => answers::note(&mut watched.state.pool, watched.attempt, now, said),
            _ => return Some((watched.id, head)),
        }
        None
    });
    if let Some(Some((id, head))) = unclear {
        let said = answers::look(id, head);
        let retry = said.is_failure() && is_retry();
        vm::with(|vm| {
            let watched = vm.watched(context)?;
            if retry {
                watched.attempt.mark_retry();
            }
            answers::note(&mut watched.state.pool, watched.attempt, now, said);
            Some(())
        });
    }
}

/// Another endpoint has failed this request before. Costs a host call, so only failures ask.
#[inline(never)]
fn is_retry() -> bool {
    let count =
        host::property("upstream\0request_attempt_count", |bytes| bytes.try_into().map_or(0, u64::from_le_bytes));
    count.unwrap_or(0) > 1
}

/// The attempt is over.
pub(crate) fn ended(id: PoolId, mut attempt: Attempt) {
    let ending = match attempt.answered() {
        true if attempt.held() => held_ending(id),
        true => Ending::Complete,
        false => unanswered(id, &attempt),
    };
    if matches!(ending, Ending::Failed(_)) && is_retry() {
        attempt.mark_retry();
    }
    // The time matters only where there was no whole answer.
    let now = if ending == Ending::Complete { attempt.started() } else { now() };
    if broken::settles(ending) {
        vm::with(|vm| vm.finish(id, attempt, now, ending));
    }
}

/// How an answer came to its end whose head did not say all.
fn held_ending(id: PoolId) -> Ending {
    if vm::with(|vm| vm.pool_mut(id).is_some_and(|state| state.classify.is_grpc())) == Some(true) {
        answers::without_status()
    // Known as soon as the last byte is here. The flags do not tell: the one for a broken body is set afterwards.
    } else if host::property("response\0backend_latency", |_| ()).is_ok() {
        Ending::Complete
    } else if client_left() {
        Ending::Abandoned
    } else {
        Ending::Failed(FailureKind::Truncated)
    }
}

/// Whose fault it is that no answer came.
fn unanswered(id: PoolId, attempt: &Attempt) -> Ending {
    if client_left() {
        return Ending::Abandoned;
    }
    // There is one as soon as there is a connection: refused, unreachable and not connected in time have none.
    if host::property("upstream\0local_address", |_| ()).is_err() {
        // There and empty while nothing has gone wrong.
        let told = host::property("upstream\0transport_failure_reason", |reason| !reason.is_empty());
        return Ending::Failed(if told == Ok(true) { FailureKind::Connect } else { FailureKind::ConnectTimeout });
    }
    let waited = now().since(attempt.started());
    let timeout = vm::with(|vm| {
        let state = vm.pool_mut(id)?;
        state.patience.asked = false;
        state.patience.timeout
    });
    // Timers count whole milliseconds of another clock.
    let broke = timeout.flatten().is_some_and(|timeout| waited < timeout.mul_f64(0.95));
    Ending::Failed(if broke { FailureKind::Reset } else { FailureKind::Timeout })
}

/// The client hung up.
#[inline(never)]
pub(crate) fn client_left() -> bool {
    let flags = host::property("response\0flags", |bytes| bytes.try_into().map_or(0, u64::from_le_bytes));
    flags.unwrap_or(0) & CLIENT_LEFT != 0
}

/// A header's value as a number; 0 if it is none.
pub(crate) fn parse_number(text: &[u8]) -> u32 {
    core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}
