//! What the router does with a request whose attempts fail: the route's settings, and the headers by which a filter or
//! a client overrides them. The headers go no further than the router.

use std::time::Duration;

use super::setup::{Retries, Setup};
use crate::host::Headers;

const RETRY_ON: &str = "x-envoy-retry-on";
const MAX_RETRIES: &str = "x-envoy-max-retries";
const STATUS_CODES: &str = "x-envoy-retriable-status-codes";
const TIMEOUT: &str = "x-envoy-upstream-rq-timeout-ms";
const PER_TRY_TIMEOUT: &str = "x-envoy-upstream-rq-per-try-timeout-ms";
const HEDGE: &str = "x-envoy-hedge-on-per-try-timeout";

/// How an attempt failed, as far as retries tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// An answer.
    Status(u16),
    /// No connection.
    Connect,
    /// No answer: the connection broke, or what came was no HTTP.
    Reset,
    /// No answer in time.
    Timeout,
}

/// Which failures are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RetryOn {
    server_errors: bool,
    gateway_errors: bool,
    resets: bool,
    connect_failures: bool,
    conflicts: bool,
    listed: bool,
}

/// The settings of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    on: RetryOn,
    /// Statuses from here up are failures, where the route says so.
    statuses_from: Option<u16>,
    listed: Vec<u16>,
    pub(super) limit: u32,
    pub(super) backoff: Duration,
    pub(super) timeout: Duration,
    /// Only where it is shorter than the whole timeout.
    pub(super) per_try_timeout: Option<Duration>,
    pub(super) hedge: bool,
}

impl Policy {
    /// Takes the overriding headers out of a request.
    pub(super) fn of(setup: &Setup, headers: &mut Headers) -> Self {
        let Retries { limit, statuses_from, backoff } = setup.retries.clone();
        let on = RetryOn { resets: limit > 0, connect_failures: limit > 0, ..RetryOn::default() };
        let mut policy = Self {
            on,
            statuses_from: (limit > 0).then_some(statuses_from),
            listed: Vec::new(),
            limit,
            backoff,
            timeout: setup.timeout,
            per_try_timeout: setup.per_try_timeout,
            hedge: setup.hedge,
        };
        if let Some(on) = take(headers, RETRY_ON) {
            policy.on.add(&on);
            policy.limit = policy.limit.max(1);
        }
        if let Some(listed) = take(headers, STATUS_CODES) {
            policy.listed = listed.split(',').filter_map(|code| code.trim().parse().ok()).collect();
        }
        if let Some(limit) = take(headers, MAX_RETRIES).and_then(|limit| limit.parse().ok())
            && policy.limit > 0
        {
            policy.limit = limit;
        }
        let millis = |text: String| text.parse().ok().map(Duration::from_millis);
        if let Some(timeout) = take(headers, TIMEOUT).and_then(millis) {
            policy.timeout = timeout;
        }
        if let Some(timeout) = take(headers, PER_TRY_TIMEOUT).and_then(millis) {
            policy.per_try_timeout = Some(timeout);
        }
        if let Some(hedge) = take(headers, HEDGE) {
            policy.hedge = hedge == "true";
        }
        let total = policy.timeout;
        policy.per_try_timeout = policy.per_try_timeout.filter(|timeout| total.is_zero() || *timeout < total);
        policy
    }

    /// How long the router waits for one attempt; 0 for ever.
    pub(super) fn patience(&self) -> Duration {
        self.per_try_timeout.unwrap_or(self.timeout)
    }

    /// Whether a failure of this kind is tried again, if retries are left.
    pub(super) fn wants_retry(&self, failed: Failed) -> bool {
        let on = self.on;
        match failed {
            Failed::Status(status) => {
                self.statuses_from.is_some_and(|from| status >= from)
                    || on.server_errors && status >= 500
                    || on.gateway_errors && (502..=504).contains(&status)
                    || on.conflicts && status == 409
                    || on.listed && self.listed.contains(&status)
            }
            Failed::Connect => on.connect_failures || on.resets || on.server_errors || on.gateway_errors,
            Failed::Reset | Failed::Timeout => on.resets || on.server_errors || on.gateway_errors,
        }
    }
}

impl RetryOn {
    fn add(&mut self, text: &str) {
        for word in text.split(',') {
            match word.trim() {
                "5xx" => self.server_errors = true,
                "gateway-error" => self.gateway_errors = true,
                "reset" | "reset-before-request" => self.resets = true,
                "connect-failure" => self.connect_failures = true,
                "retriable-4xx" => self.conflicts = true,
                "retriable-status-codes" => self.listed = true,
                _ => {}
            }
        }
    }
}

fn take(headers: &mut Headers, name: &str) -> Option<String> {
    let value = headers.text(name)?;
    headers.remove(name);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Guest;

    fn policy(pairs: &[(&str, &str)]) -> (Policy, Headers) {
        let wasm = wat::parse_str(
            r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) (i32.const 0)))"#,
        );
        let guest = Guest::compile(&wasm.expect("well-formed")).expect("compiles");
        let mut headers = Headers::from_pairs(pairs.iter().copied());
        (Policy::of(&Setup::new(&guest), &mut headers), headers)
    }

    #[test]
    fn without_retries_nothing_is_tried_again() {
        let (policy, _) = policy(&[]);
        assert_eq!((policy.limit, policy.wants_retry(Failed::Reset)), (0, false));
    }

    #[test]
    fn headers_override_the_route_and_go_no_further() {
        let (policy, left) = policy(&[
            ("x-envoy-retry-on", "retriable-status-codes,connect-failure"),
            ("x-envoy-retriable-status-codes", "418, 503"),
            ("x-envoy-max-retries", "3"),
            ("x-envoy-upstream-rq-timeout-ms", "700"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "200"),
            ("x-other", "1"),
        ]);
        assert_eq!(left, Headers::from_pairs([("x-other", "1")]));
        assert_eq!((policy.limit, policy.patience()), (3, Duration::from_millis(200)));
        let wants = [Failed::Status(418), Failed::Status(500), Failed::Connect, Failed::Reset];
        assert_eq!(wants.map(|failed| policy.wants_retry(failed)), [true, false, true, false]);
    }

    #[test]
    fn a_per_try_timeout_counts_only_below_the_whole() {
        let (policy, _) =
            policy(&[("x-envoy-upstream-rq-timeout-ms", "100"), ("x-envoy-upstream-rq-per-try-timeout-ms", "100")]);
        assert_eq!(policy.per_try_timeout, None);
    }
}
