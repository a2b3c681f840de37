//! The picker: an HTTP filter that writes the ordered list of endpoints into [`HEADER`]. Two host calls per request:
//! clock and header. With several pools behind one picker, a third one asks for the cluster of the route.
//!
//! With `observe: request` the picker also watches the final response, as well as it can: the address that answered
//! tells which candidates before it must have failed.

use crate::abi::now;
use crate::host::{self, Headers};
use crate::observer::parse_number;
use crate::streams::Stream;
use crate::vm::{self, PoolId, Vm};
use core::time::Duration;
use plimsoll_config::Observe;
use plimsoll_engine::{Attempt, Candidates, Ending, Outcome, Pool, Refused, Time, address_key};
use plimsoll_snapshot::FailureKind;

/// The header that steers the cluster: `ip:port,ip:port,…`, best first.
pub const HEADER: &str = "x-plimsoll-endpoint";

enum Plan {
    Steer(String),
    Refuse(Refused),
    Pass,
}

/// Steers a request; false if it was answered here.
pub(crate) fn steer(context: u32, root: u32) -> bool {
    let now = now();
    let pool = match vm::with(|vm| vm.root(root).map(|root| (root.pools.len(), root.pools.first().copied()))).flatten()
    {
        Some((0 | 1, first)) => first,
        Some(_) => cluster_pool(root),
        None => None,
    };
    match vm::with(|vm| plan(vm, context, pool, now)).unwrap_or(Plan::Pass) {
        Plan::Steer(text) => {
            let _ = host::replace_request_header(HEADER, &text);
            vm::with(|vm| vm.text = text);
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

fn cluster_pool(root: u32) -> Option<PoolId> {
    let cluster = host::property("xds\0cluster_name", <[u8]>::to_vec).ok()?;
    vm::with(|vm| vm.pool_of_cluster(root, &cluster)).flatten()
}

fn plan(vm: &mut Vm, context: u32, id: Option<PoolId>, now: Time) -> Plan {
    let Some(id) = id else { return Plan::Pass };
    vm.carries_traffic = true;
    let mut rng = vm.rng.clone();
    let mut text = core::mem::take(&mut vm.text);
    let Some(state) = vm.pool_mut(id) else { return Plan::Pass };
    let picked = state.pool.pick(now, &mut rng);
    let mut watched = None;
    let plan = match picked {
        Ok(candidates) => {
            write_list(&mut text, &state.pool, &candidates);
            if state.observe == Observe::Request {
                let first = candidates.as_slice().first().copied();
                watched = first.and_then(|first| state.pool.start(first, now)).map(|attempt| (attempt, candidates));
            }
            Plan::Steer(text)
        }
        Err(refused) => Plan::Refuse(refused),
    };
    vm.rng = rng;
    if let Some((attempt, candidates)) = watched {
        vm.streams.put(context, Stream::Request(id, attempt, candidates));
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

/// Answers 503 with the time after which it is worth trying again; false if the host would not.
fn refuse(refused: &Refused) -> bool {
    let seconds = refused.retry_after.max(Duration::from_millis(1)).as_millis().div_ceil(1000).to_string();
    let headers = [("retry-after", seconds.as_str()), ("x-plimsoll-refused", "no_endpoint")];
    host::send_local_response(503, "plimsoll_no_endpoint", &headers, b"no endpoint may be called now\n").is_ok()
}

/// The final response's headers, in `observe: request`.
pub(crate) fn answered(context: u32) {
    let now = now();
    let status = host::header(Headers::Response, ":status", parse_number).unwrap_or(0);
    let address = host::property("upstream\0address", address_key).ok();
    // Only a failure needs to be told from what the proxy or another filter answered by itself.
    let outcome = if status < 500 {
        Some(Outcome::Success)
    } else {
        let kind = host::property("response\0code_details", failure).unwrap_or(Some(FailureKind::Status));
        kind.map(Outcome::Failure)
    };
    vm::with(|vm| {
        let (Some(outcome), Some(_)) = (outcome, address) else {
            if let Some(Stream::Request(pool, attempt, _)) = vm.streams.end(context) {
                vm.finish(pool, attempt, now, Ending::Abandoned);
            }
            return;
        };
        if let Some(Stream::Request(id, attempt, candidates)) = vm.streams.end(context) {
            let attempt = credit(vm, id, attempt, &candidates, address, now, outcome);
            if let Some(attempt) = attempt {
                vm.streams.put(context, Stream::Request(id, attempt, candidates));
            }
        }
    });
}

/// Settles the candidates that must have failed before the one that answered, and that one. What is returned is in
/// flight until the response ends.
fn credit(
    vm: &mut Vm,
    id: PoolId,
    mut attempt: Attempt,
    candidates: &Candidates,
    address: Option<u64>,
    now: Time,
    outcome: Outcome,
) -> Option<Attempt> {
    let state = vm.pool_mut(id)?;
    let pool = &mut state.pool;
    if !pool.is_current(&attempt) {
        // A configuration came since, and the list's positions mean other endpoints now.
        if address == Some(attempt.key()) {
            pool.answer(&mut attempt, now, outcome);
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
        pool.answer(&mut attempt, now, outcome);
        return Some(attempt);
    }
    pool.finish(attempt, now, Ending::Failed(FailureKind::Reset));
    for position in list.get(1..order).unwrap_or(&[]) {
        if let Some(failed) = pool.start(*position, now) {
            pool.finish(failed, now, Ending::Failed(FailureKind::Reset));
        }
    }
    // When the retry began is not known, so a success has no latency to count; a failure needs none.
    let retry = pool.start(*list.get(order)?, now)?;
    match outcome {
        Outcome::Failure(kind) => pool.finish(retry, now, Ending::Failed(kind)),
        Outcome::Success => pool.finish(retry, now, Ending::Abandoned),
    }
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
        let unconnected = details.contains("connection_failure") || details.contains("connection_timeout");
        return Some(if unconnected { FailureKind::Connect } else { FailureKind::Reset });
    }
    if details.starts_with("upstream_per_try_timeout") || details.starts_with("response_timeout") {
        return Some(FailureKind::Timeout);
    }
    details.starts_with("via_upstream").then_some(FailureKind::Status)
}

/// The request is over, in `observe: request`. Without any answer, not even one of the proxy's own, its client left.
pub(crate) fn ended(id: PoolId, attempt: Attempt) {
    let ending = if attempt.answered() { Ending::Complete } else { Ending::Abandoned };
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
            ("upstream_reset_before_response_started{protocol_error}", Some(FailureKind::Reset)),
            ("upstream_reset_before_response_started{connection_timeout}", Some(FailureKind::Connect)),
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
