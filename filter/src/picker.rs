//! The picker: an HTTP filter that writes the ordered list of endpoints into [`HEADER`]. Two host calls per request:
//! clock and header. With several pools behind one picker, a third one asks for the cluster of the route.
//!
//! With `observe: request` the picker also watches the final response, as well as it can: the address that answered
//! tells which candidates before it must have failed.

use crate::abi::now;
use crate::answers::{self, Said};
use crate::host::{self, Headers};
use crate::observer::parse_number;
use crate::reading::{Reading, Wishes};
use crate::sessions::Session;
use crate::streams::Stream;
use crate::traces;
use crate::vm::{self, PoolId, Vm};
use core::time::Duration;
use plimsoll_config::Observe;
use plimsoll_engine::{Attempt, Candidates, Ending, Outcome, Pool, Refusal, Refused, Request, Time, address_key};
use plimsoll_snapshot::FailureKind;
use std::rc::Rc;

/// The header that steers the cluster: `ip:port,ip:port,…`, best first.
pub const HEADER: &str = "x-plimsoll-endpoint";

/// Which pool steers a request.
#[derive(Default)]
pub(crate) enum Target {
    /// None of ours.
    #[default]
    None,
    /// This one, and what it wants to know first.
    Pool(PoolId, Option<Rc<Reading>>),
    /// The one of the route's cluster, which the host has to tell.
    ByCluster,
}

enum Plan {
    /// With this list; the trace of the request is worth knowing.
    Steer(String, bool),
    Refuse(Refused),
    Pass,
}

/// Steers a request; false if it was answered here.
pub(crate) fn steer(context: u32, root: u32) -> bool {
    let now = now();
    let target = vm::with(|vm| {
        let root = vm.root(root)?;
        let first = root.pools.first().copied();
        Some(if root.pools.len() > 1 { Target::ByCluster } else { vm.target(first) })
    });
    let target = match target.flatten() {
        Some(Target::ByCluster) => cluster_target(root),
        target => target.unwrap_or_default(),
    };
    let planned = match target {
        Target::Pool(id, None) => vm::with(|vm| plan(vm, context, id, None, now)),
        Target::Pool(id, Some(reading)) => {
            let mut wishes = vm::with(|vm| core::mem::take(&mut vm.wishes)).unwrap_or_default();
            reading.read(&mut wishes);
            let planned = vm::with(|vm| plan(vm, context, id, Some((&reading, &wishes)), now));
            vm::with(|vm| vm.wishes = wishes);
            planned
        }
        Target::None | Target::ByCluster => None,
    };
    match planned.unwrap_or(Plan::Pass) {
        Plan::Steer(text, suspicious) => {
            let _ = host::replace_request_header(HEADER, &text);
            vm::with(|vm| vm.text = text);
            if suspicious {
                traces::keep(context);
            }
            true
        }
        Plan::Refuse(refused) => {
            let answered = refuse(&refused);
            if !answered {
                let _ = host::remove_request_header(HEADER);
            }
            !answered
        }
        Plan::Pass => {
            // Not ours to steer, and not the client's either.
            let _ = host::remove_request_header(HEADER);
            true
        }
    }
}

fn cluster_target(root: u32) -> Target {
    let cluster = host::property("xds\0cluster_name", <[u8]>::to_vec).unwrap_or_default();
    vm::with(|vm| vm.target(vm.pool_of_cluster(root, &cluster))).unwrap_or_default()
}

fn plan(vm: &mut Vm, context: u32, id: PoolId, read: Option<(&Reading, &Wishes)>, now: Time) -> Plan {
    vm.carries_traffic = true;
    let mut rng = vm.rng.clone();
    let mut text = core::mem::take(&mut vm.text);
    let Some(state) = vm.pool_mut(id) else { return Plan::Pass };
    let request = read.map_or_else(Request::default, |(_, wishes)| Request {
        key: (!wishes.key.is_empty()).then_some(wishes.key.as_slice()),
        sticky: wishes.named.and_then(|key| state.pool.position(key)),
        subset: wishes.subset,
    });
    let picked = state.pool.pick_for(&request, now, &mut rng);
    let sticks = read.filter(|(reading, _)| reading.sessions().is_some());
    let session = sticks.map(|(_, wishes)| Session { pool: id, named: wishes.named, at: now });
    let (mut stream, mut suspicious) = (None, false);
    let plan = match picked {
        Ok(candidates) => {
            write_list(&mut text, &state.pool, &candidates);
            if state.observe == Observe::Request
                && let Some(first) = candidates.as_slice().first()
            {
                let attempt = state.pool.start(*first, now);
                suspicious = attempt.as_ref().is_some_and(|attempt| state.pool.is_suspicious(attempt));
                stream = attempt.map(|attempt| Stream::Request(id, attempt, candidates, session));
            }
            stream = stream.or(session.map(Stream::Session));
            Plan::Steer(text, suspicious)
        }
        Err(refused) => Plan::Refuse(refused),
    };
    vm.rng = rng;
    if let Some(stream) = stream {
        vm.streams.put(context, stream);
    }
    plan
}

fn write_list(text: &mut String, pool: &Pool, candidates: &Candidates) {
    text.clear();
    for position in candidates.as_slice() {
        if let Some(endpoint) = pool.endpoint(*position) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&endpoint.address);
        }
    }
}

/// Answers 503 with the reason, and where waiting helps the time after which it is worth trying again; false if the host
/// would not. 503 also where nothing fits the request, as other balancers do: there may be such a path or not, what is
/// not there is somebody to ask.
fn refuse(refused: &Refused) -> bool {
    let waits = refused.retry_after.max(Duration::from_millis(1)).as_millis() as u64;
    let seconds = waits.div_ceil(1000).to_string();
    let (reason, details, body, headers): (_, _, &[u8], usize) = match refused.reason {
        Refusal::NoEndpoint => ("no_endpoint", "plimsoll_no_endpoint", b"no endpoint may be called now\n", 2),
        Refusal::PoolOpen => ("pool_open", "plimsoll_pool_open", b"the circuit of the pool is open\n", 2),
        Refusal::NoMatch => ("no_match", "plimsoll_no_match", b"no endpoint serves such requests\n", 1),
    };
    let list = [("x-plimsoll-refused", reason), ("retry-after", seconds.as_str())];
    host::send_local_response(503, details, list.get(..headers).unwrap_or(&list), body).is_ok()
}

/// The final response's headers, in `observe: request`.
pub(crate) fn answered(context: u32) {
    let now = now();
    let status = host::header(Headers::Response, ":status", parse_number).unwrap_or(0);
    let address = host::property("upstream\0address", address_key).ok();
    let head = vm::with(|vm| {
        let watched = vm.watched(context)?;
        Some((watched.id, watched.state.classify.head(status)))
    });
    let said = head.flatten().and_then(|(id, head)| by_endpoint(status, answers::look(id, head)));
    vm::with(|vm| {
        let (Some(said), Some(_)) = (said, address) else {
            if let Some(Stream::Request(pool, attempt, ..)) = vm.streams.end(context) {
                vm.finish(pool, attempt, now, Ending::Abandoned);
            }
            return;
        };
        if let Some(Stream::Request(id, attempt, mut candidates, _)) = vm.streams.end(context) {
            let attempt = credit(vm, id, attempt, &mut candidates, address, now, said);
            if let Some(attempt) = attempt {
                vm.streams.put(context, Stream::Request(id, attempt, candidates, None));
            }
        }
    });
}

/// What an answer says of the endpoint. What is no success has to be told from what the proxy answered by itself; to a
/// gRPC call it does so with a 200 and a gRPC status. `None`: it says nothing.
#[inline(never)]
fn by_endpoint(status: u32, said: Said) -> Option<Said> {
    let good = match said {
        Said::Outcome(outcome) => matches!(outcome, Outcome::Success | Outcome::Ignored) && status < 500,
        Said::Whole(outcome) => outcome == Outcome::Success,
        Said::Later => true,
    };
    if good {
        return Some(said);
    }
    match host::property("response\0code_details", failure) {
        Ok(Some(FailureKind::Status)) | Err(_) => Some(said),
        Ok(kind) => kind.map(|kind| Said::Outcome(Outcome::Failure(kind))),
    }
}

/// Settles the candidates that must have failed before the one that answered, and that one. What is returned is in
/// flight until the response ends.
fn credit(
    vm: &mut Vm,
    id: PoolId,
    mut attempt: Attempt,
    candidates: &mut Candidates,
    address: Option<u64>,
    now: Time,
    said: Said,
) -> Option<Attempt> {
    let state = vm.pool_mut(id)?;
    let pool = &mut state.pool;
    if !pool.is_current(&attempt) {
        // A configuration came since, and the list's positions mean other endpoints now.
        if address == Some(attempt.key()) {
            answers::note(pool, &mut attempt, now, said);
            return Some(attempt);
        }
        pool.finish(attempt, now, Ending::Abandoned);
        return None;
    }
    let served = address.and_then(|key| pool.position(key));
    let list = candidates.as_slice();
    let Some(order) = served.and_then(|served| list.iter().position(|position| *position == served)) else {
        // The fallback policy's choice: all that is known is that nobody on the list answered.
        pool.finish(attempt, now, Ending::Abandoned);
        return None;
    };
    if order == 0 {
        answers::note(pool, &mut attempt, now, said);
        return Some(attempt);
    }
    pool.finish(attempt, now, Ending::Failed(FailureKind::Reset));
    for position in list.get(1..order).unwrap_or(&[]) {
        if let Some(mut failed) = pool.start(*position, now) {
            failed.mark_retry();
            pool.finish(failed, now, Ending::Failed(FailureKind::Reset));
        }
    }
    let mut retry = pool.start(*list.get(order)?, now)?;
    retry.mark_retry();
    let (Said::Outcome(outcome) | Said::Whole(outcome)) = said else {
        pool.hold(&mut retry, now);
        *candidates = Candidates::default();
        return Some(retry);
    };
    answers::finish_retry(pool, retry, now, outcome);
    None
}

/// What an error says of the endpoint, by the router's details: a real answer, or the router's own that stands for
/// what the endpoint did. `None` for those of other filters and for limits of the proxy.
fn failure(details: &[u8]) -> Option<FailureKind> {
    let details = core::str::from_utf8(details).ok()?;
    if details.starts_with("upstream_reset") {
        if details.ends_with("{overflow}") {
            return None;
        }
        let kinds: [(&str, FailureKind); 3] = [
            ("connection_failure", FailureKind::Connect),
            ("connection_timeout", FailureKind::ConnectTimeout),
            ("protocol_error", FailureKind::Protocol),
        ];
        // Byte by byte, for few bytes: the search of the standard library takes 3 KiB.
        let has = |part: &str| details.as_bytes().windows(part.len()).any(|window| window == part.as_bytes());
        let kind = kinds.iter().find(|(part, _)| has(part));
        return Some(kind.map_or(FailureKind::Reset, |(_, kind)| *kind));
    }
    if details.starts_with("upstream_per_try_timeout") || details.starts_with("response_timeout") {
        return Some(FailureKind::Timeout);
    }
    details.starts_with("via_upstream").then_some(FailureKind::Status)
}

/// The request is over, in `observe: request`. Without any answer, not even one of the proxy's own, its client left.
pub(crate) fn ended(id: PoolId, attempt: Attempt) {
    let ending = match attempt.answered() {
        true if attempt.held() => answers::without_status(),
        true => Ending::Complete,
        false => Ending::Abandoned,
    };
    let started = attempt.started();
    vm::with(|vm| vm.finish(id, attempt, started, ending));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_tell_whose_fault_an_error_is_and_which() {
        let cases = [
            ("via_upstream", Some(FailureKind::Status)),
            ("upstream_reset_before_response_started{connection_termination}", Some(FailureKind::Reset)),
            ("upstream_reset_before_response_started{protocol_error}", Some(FailureKind::Protocol)),
            ("upstream_reset_before_response_started{connection_timeout}", Some(FailureKind::ConnectTimeout)),
            (
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                Some(FailureKind::Connect),
            ),
            ("upstream_reset_before_response_started{overflow}", None),
            ("upstream_per_try_timeout", Some(FailureKind::Timeout)),
            ("response_timeout", Some(FailureKind::Timeout)),
            ("no_healthy_upstream", None),
            ("route_not_found", None),
        ];
        for (details, kind) in cases {
            assert_eq!(failure(details.as_bytes()), kind, "{details}");
        }
        assert_eq!(failure(&[0xff]), None);
    }
}
