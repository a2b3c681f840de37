//! The upstream side of a request: attempts on endpoints, what comes back, retries.
//!
//! Each attempt is a stream of its own in the observer: request headers with `upstream.address` and
//! `upstream.request_attempt_count` readable, then response headers or nothing, then done.

use std::time::Duration;

use super::Proxy;
use super::events::{Event, FromUpstream};
use super::flow::{RouterReply, flags};
use super::model::{Attempt, AttemptEnd, AttemptRecord, Behaviour, RequestId, Source};
use crate::host::{Headers, Value};

/// A refusal on the same machine takes about this long.
const REFUSAL: Duration = Duration::from_micros(200);
const REFUSED: &str = "delayed connect error: Connection refused";
/// Known as soon as there is a connection.
const LOCAL_ADDRESS: &str = "127.0.0.1:40000";
/// In this header the router tells the endpoint how long it will wait.
const TIMEOUT_HEADER: &str = "x-envoy-expected-rq-timeout-ms";
const BODY: &[u8] = b"ok\n";

impl Proxy {
    /// Picks the next endpoint and sends the request there.
    pub(super) fn start_attempt(&mut self, id: RequestId) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let Some((at, steered)) = self.cluster.pick(&mut exchange.steering, &mut self.rng) else {
            let reply = RouterReply { status: 503, flags: flags::NO_HOST, details: "no_healthy_upstream" };
            return self.router_reply(id, &reply);
        };
        let endpoint = self.cluster.endpoint(at).to_owned();
        let number = exchange.attempts.len() as u32 + 1;
        let (started, end) = (self.world.elapsed(), None);
        exchange.attempts.push(AttemptRecord { endpoint: endpoint.clone(), steered, started, end });
        exchange.live = Some(None);
        let how = if steered { "" } else { " by fallback" };
        self.world.note("router", || format!("request {id} attempt {number} → {endpoint}{how}"));
        let headers = exchange.headers.clone();
        self.observe_start(id, &endpoint, number);
        let attempt = Attempt { request: id, number, endpoint: &endpoint, elapsed: started, headers: &headers };
        let behaviour = (self.cluster.script(at))(attempt, &mut self.rng);
        if !matches!(behaviour, Behaviour::Refuse) {
            self.tell_observer(id, "upstream.local_address", LOCAL_ADDRESS.into());
        }
        self.schedule_behaviour(id, number as usize, behaviour);
        if let Some(timeout) = self.setup.per_try_timeout {
            let (attempt, what) = (number as usize, FromUpstream::PerTryTimeout);
            self.schedule(timeout, Event::Upstream { id, attempt, what });
        }
    }

    fn observe_start(&mut self, id: RequestId, endpoint: &str, number: u32) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let (thread, mut headers, body) = (exchange.thread, exchange.headers.clone(), exchange.body.clone());
        if let Some(timeout) = self.setup.per_try_timeout {
            headers.replace(TIMEOUT_HEADER, timeout.as_millis().to_string());
        }
        let root = self.setup.upstream.as_ref().and_then(|plugin| self.threads[thread].root(&plugin.root_id));
        let Some(root) = root else { return };
        let cluster = self.cluster.name.clone();
        let Some(context) = self.guarded(thread, |vm| vm.open_stream(root)) else { return };
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.live = Some(Some(context));
        }
        self.inform(id, |_| {});
        self.guarded(thread, |vm| {
            if let Some(stream) = vm.stream_mut(context) {
                stream.properties.set("upstream.address", endpoint);
                stream.properties.set("upstream.request_attempt_count", u64::from(number));
                stream.properties.set("xds.cluster_name", cluster.as_str());
                // There, and empty until the connection fails.
                stream.properties.set("upstream.transport_failure_reason", "");
            }
            vm.request_headers(context, headers, body.is_empty())?;
            if !body.is_empty() {
                vm.request_body(context, body, true)?;
            }
            Ok(())
        });
        self.run_actions(thread);
    }

    fn schedule_behaviour(&mut self, id: RequestId, attempt: usize, behaviour: Behaviour) {
        let mut later = |delay, what| self.schedule(delay, Event::Upstream { id, attempt, what });
        match behaviour {
            // Headers and body come together; the order of scheduling keeps them apart.
            Behaviour::Respond { latency, .. } => {
                later(latency, FromUpstream::Headers);
                later(latency, FromUpstream::BodyEnd);
            }
            Behaviour::Stream { latency, body_time, .. } => {
                later(latency, FromUpstream::Headers);
                later(latency + body_time, FromUpstream::BodyEnd);
            }
            Behaviour::Truncate { latency, body_time, .. } => {
                later(latency, FromUpstream::Headers);
                later(latency + body_time, FromUpstream::Cut);
            }
            Behaviour::Refuse => later(REFUSAL, FromUpstream::Refused),
            Behaviour::Reset { after } => later(after, FromUpstream::Reset),
            Behaviour::Hang => {}
            Behaviour::ClientAbort { after } => self.schedule(after, Event::Abort { id }),
        }
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.status = behaviour.answers();
        }
    }

    /// Something comes from an endpoint, or does not come in time.
    pub(super) fn hear_upstream(&mut self, id: RequestId, attempt: usize, what: FromUpstream) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        if exchange.live.is_none() || exchange.attempts.len() != attempt {
            return;
        }
        let (status, answered) = (exchange.status, exchange.answer.is_some());
        match what {
            FromUpstream::Headers => self.upstream_headers(id, status),
            FromUpstream::BodyEnd => {
                // Known with the last byte, and only then.
                self.tell_observer(id, "response.backend_latency", Value::Duration(Duration::from_millis(1)));
                self.observed(id, |vm, context| vm.response_body(context, Vec::new(), true).map(drop));
                self.end_attempt(id, AttemptEnd::Status(status));
                self.respond_body(id, &[], true);
                self.finish(id, false);
            }
            FromUpstream::Cut => self.cut(id, status),
            FromUpstream::Refused => {
                self.tell_observer(id, "upstream.transport_failure_reason", REFUSED.into());
                let details = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}";
                let reply = RouterReply { status: 503, flags: flags::REFUSED, details };
                self.attempt_failed(id, AttemptEnd::Refused, &reply);
            }
            FromUpstream::Reset => {
                let details = "upstream_reset_before_response_started{connection_termination}";
                let reply = RouterReply { status: 503, flags: flags::RESET, details };
                self.attempt_failed(id, AttemptEnd::Reset, &reply);
            }
            FromUpstream::PerTryTimeout if answered => {}
            FromUpstream::PerTryTimeout => {
                let details = "upstream_per_try_timeout";
                let reply = RouterReply { status: 504, flags: flags::TIMEOUT, details };
                self.attempt_failed(id, AttemptEnd::Timeout, &reply);
            }
        }
    }

    /// Headers and the first piece of the body.
    fn upstream_headers(&mut self, id: RequestId, status: u16) {
        let headers = Headers::response(status);
        let seen = headers.clone();
        self.inform(id, |info| info.details = Some("via_upstream"));
        self.observed(id, |vm, context| vm.response_headers(context, seen, false).map(drop));
        let failed = status >= self.setup.retries.statuses_from;
        if failed && self.may_retry(id) {
            self.end_attempt(id, AttemptEnd::Status(status));
            return self.retry(id);
        }
        if failed {
            self.give_up(id);
        }
        self.respond(id, headers, Source::Upstream);
        self.observed(id, |vm, context| vm.response_body(context, BODY.to_vec(), false).map(drop));
        self.respond_body(id, BODY, false);
    }

    /// The body breaks off: the observer ends before the flag is set.
    fn cut(&mut self, id: RequestId, status: u16) {
        self.end_attempt(id, AttemptEnd::Truncated(status));
        self.inform(id, |info| {
            info.flags |= flags::CUT;
            info.details = Some("upstream_reset_after_response_started{protocol_error}");
        });
        self.finish(id, true);
    }

    /// An attempt ended without an answer: another one, or the router's reply.
    fn attempt_failed(&mut self, id: RequestId, end: AttemptEnd, reply: &RouterReply) {
        let again = self.may_retry(id);
        if !again {
            self.give_up(id);
        }
        self.end_attempt(id, end);
        if again { self.retry(id) } else { self.router_reply(id, reply) }
    }

    /// No retry is left, where there were some.
    fn give_up(&mut self, id: RequestId) {
        if self.setup.retries.limit > 0 {
            self.inform(id, |info| info.flags |= flags::RETRIES_USED_UP);
        }
    }

    fn may_retry(&self, id: RequestId) -> bool {
        let attempts = self.exchanges.get(&id).map_or(0, |exchange| exchange.attempts.len());
        attempts > 0 && attempts <= self.setup.retries.limit as usize
    }

    fn retry(&mut self, id: RequestId) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let retry = exchange.attempts.len().min(16) as u32;
        let base = self.setup.retries.backoff.as_nanos() as u64;
        let bound = base.saturating_mul((1 << retry) - 1).min(base.saturating_mul(10));
        let delay = Duration::from_nanos(self.rng.below(bound));
        self.schedule(delay, Event::Retry { id });
    }

    fn tell_observer(&mut self, id: RequestId, property: &str, value: Value) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let (thread, Some(context)) = (exchange.thread, exchange.live.flatten()) else { return };
        if let Some(stream) = self.threads[thread].vm.stream_mut(context) {
            stream.properties.set(property, value);
        }
    }

    /// Ends the attempt under way, if there is one: done and delete in the observer.
    pub(super) fn end_attempt(&mut self, id: RequestId, end: AttemptEnd) {
        let now = self.world.elapsed();
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let (thread, Some(observer)) = (exchange.thread, exchange.live.take()) else { return };
        if let Some(attempt) = exchange.attempts.last_mut() {
            attempt.end = Some((end, now));
        }
        if let Some(context) = observer {
            self.guarded(thread, |vm| vm.end_upstream(context));
            self.run_actions(thread);
        }
    }
}
