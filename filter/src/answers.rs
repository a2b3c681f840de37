//! What an answer says of its endpoint, by the pool's rules ([`plimsoll_config::Classify`]). Most say it by their status.
//! Only a 503 costs a further host call, and a gRPC call one or two: for its status, in the headers or in the trailers.

use crate::abi::now;
use crate::host::{self, Headers};
use crate::observer::{client_left, parse_number};
use crate::streams::Stream;
use crate::vm::{self, PoolId};
use plimsoll_config::{Class, Classify, Head};
use plimsoll_engine::{Attempt, Candidates, Ending, Outcome, Pool, Time};
use plimsoll_snapshot::FailureKind;

const STATUS: &str = "grpc-status";

/// What is known of an answer by its head.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// What it counts as.
    Outcome(Outcome),
    /// What it counts as, of a call that ended with its head.
    Whole(Outcome),
    /// It depends on the trailers.
    Later,
}

impl Said {
    /// It blames the endpoint.
    pub(crate) fn is_failure(self) -> bool {
        matches!(self, Self::Outcome(Outcome::Failure(_)) | Self::Whole(Outcome::Failure(_)))
    }
}

fn outcome(class: Class, kind: FailureKind) -> Outcome {
    match class {
        Class::Success => Outcome::Success,
        Class::Failure => Outcome::Failure(kind),
        Class::Overload => Outcome::Overload,
        Class::Ignored => Outcome::Ignored,
    }
}

/// What the head says, if its status is all that it takes.
pub(crate) fn by_status(head: Head) -> Option<Said> {
    match head {
        Head::Is(class) => Some(Said::Outcome(outcome(class, FailureKind::Status))),
        Head::RetryAfter | Head::Grpc => None,
    }
}

/// Reads what the head says beside its status.
#[inline(never)]
pub(crate) fn look(id: PoolId, head: Head) -> Said {
    match head {
        Head::Is(class) => Said::Outcome(outcome(class, FailureKind::Status)),
        Head::RetryAfter => {
            let told = host::header(Headers::Response, "retry-after", |_| ()).is_ok();
            Said::Outcome(if told { Outcome::Overload } else { Outcome::Failure(FailureKind::Status) })
        }
        Head::Grpc => grpc(id, Headers::Response).map_or(Said::Later, Said::Whole),
    }
}

/// What the gRPC status in these headers says. One that is no number is taken as one that gRPC does not know.
#[inline(never)]
fn grpc(id: PoolId, map: Headers) -> Option<Outcome> {
    let read = |text: &[u8]| Some(parse_number(text)).filter(|code| *code > 0 || text == b"0").unwrap_or(u32::MAX);
    let code = host::header(map, STATUS, read).ok()?;
    let class = |classify: &Classify| outcome(classify.grpc(code), FailureKind::Grpc);
    vm::with(|vm| vm.pool_mut(id).map(|state| class(&state.classify))).flatten()
}

/// Takes note of what an answer's head said.
#[inline(never)]
pub(crate) fn note(pool: &mut Pool, attempt: &mut Attempt, now: Time, said: Said) {
    match said {
        Said::Outcome(outcome) => pool.answer(attempt, now, outcome),
        Said::Whole(outcome) => {
            pool.hold(attempt, now);
            pool.release(attempt, now, outcome);
        }
        Said::Later => pool.hold(attempt, now),
    }
}

/// The trailers of an answer, of an attempt or of a request: a gRPC call ends with them.
pub(crate) fn trailers(context: u32) {
    let waiting = vm::with(|vm| {
        let watched = vm.watched(context)?;
        (watched.attempt.held() && watched.state.classify.is_grpc()).then_some(watched.id)
    });
    let Some(Some(id)) = waiting else { return };
    let outcome = grpc(id, Headers::ResponseTrailers).unwrap_or(Outcome::Failure(FailureKind::Grpc));
    let now = if outcome == Outcome::Success { Time::default() } else { now() };
    vm::with(|vm| match vm.streams.end(context)? {
        Stream::Request(id, attempt, candidates, _) if is_retry(&candidates) => {
            finish_retry(&mut vm.pool_mut(id)?.pool, attempt, now, outcome);
            None
        }
        stream => {
            vm.streams.put(context, stream);
            let watched = vm.watched(context)?;
            watched.state.pool.release(watched.attempt, now, outcome);
            Some(())
        }
    });
}

/// A request whose attempt is a retry, of which it is not known when it began, has no candidates.
pub(crate) fn is_retry(candidates: &Candidates) -> bool {
    candidates.as_slice().is_empty()
}

/// How a call ends whose status never came: if its client did not leave, the endpoint owes it.
pub(crate) fn without_status() -> Ending {
    if client_left() { Ending::Abandoned } else { Ending::Failed(FailureKind::Grpc) }
}

/// Ends an attempt whose start is not known: a success has no latency to count, the others need none.
#[cold]
pub(crate) fn finish_retry(pool: &mut Pool, mut attempt: Attempt, now: Time, outcome: Outcome) {
    if outcome == Outcome::Success {
        return pool.finish(attempt, now, Ending::Abandoned);
    }
    // One that was held already is released, any other answered.
    pool.answer(&mut attempt, now, outcome);
    pool.release(&mut attempt, now, outcome);
    pool.finish(attempt, now, Ending::Complete);
}
