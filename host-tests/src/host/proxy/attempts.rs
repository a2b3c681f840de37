//! The upstream side of a request: attempts on endpoints, what comes back, retries and hedges.
//!
//! Each attempt is a stream of its own in the upstream filters: request headers with `upstream.address` and
//! `upstream.request_attempt_count` readable, then response headers or nothing, then done.

use std::rc::Rc;
use std::time::Duration;

use super::Core;
use super::chain::{Chain, Key, Piece};
use super::events::{Event, FromUpstream};
use super::flow::Routed;
use super::info::AttemptInfo;
use super::model::{Answer, Attempt, AttemptEnd, AttemptRecord, Behaviour, RequestId, Source};
use super::policy::Failed;
use super::replies::{RouterReply, flags};
use crate::host::context::Facts;
use crate::host::{Body as Side, Headers};

/// A refusal on the same machine takes about this long.
const REFUSAL: Duration = Duration::from_micros(200);
const REFUSED: &str = "delayed connect error: Connection refused";
/// In this header the router tells the endpoint how long it will wait.
const TIMEOUT_HEADER: &str = "x-envoy-expected-rq-timeout-ms";

/// What Envoy's codec says of a request that it cannot write.
const NO_METHOD: &str = "missing required header: :method";
/// In this one it tells the client how long the endpoint took.
pub(super) const SERVICE_TIME_HEADER: &str = "x-envoy-upstream-service-time";
/// An attempt under way.
pub(super) struct Live {
    pub(super) number: u32,
    pub(super) chain: Chain,
    /// The endpoint has the whole request.
    sent: bool,
    /// What the endpoint does, and what of its answer is still to come.
    answer: Rc<Answer>,
    /// It was late, and another attempt runs beside it.
    pub(super) hedged: bool,
}

impl Core {
    /// Picks the next endpoint and sends the request there.
    pub(super) fn start_attempt(&self, id: RequestId) {
        let picked = self.exchange(id, |exchange| {
            let at = exchange.cluster?;
            let clusters = self.clusters.borrow();
            let picked = clusters[at].pick(&mut exchange.steering, &mut self.rng.borrow_mut());
            Some(picked.map(|(endpoint, steered)| (at, endpoint, steered)))
        });
        match picked {
            None => {}
            Some(None) => {
                let (flags, details) = (flags::NO_CLUSTER, "cluster_not_found");
                self.router_reply(id, &RouterReply { status: 503, flags, details, body: "".into() });
            }
            Some(Some(None)) => {
                let (flags, details) = (flags::NO_HOST, "no_healthy_upstream");
                self.router_reply(id, &RouterReply { status: 503, flags, details, body: "no healthy upstream".into() });
            }
            Some(Some(Some((cluster, at, steered)))) => self.try_endpoint(id, cluster, at, steered),
        }
    }

    fn try_endpoint(&self, id: RequestId, cluster: usize, at: usize, steered: bool) {
        let endpoint = Rc::clone(self.clusters.borrow()[cluster].endpoint(at));
        let started = self.world.elapsed();
        let Some((thread, routed, request)) = self.exchange(id, |exchange| {
            if let (Some(last), Some(routed)) = (exchange.sent_headers(), exchange.routed.as_mut()) {
                // One map for all attempts: what upstream filters changed stays.
                routed.headers = last;
            }
            exchange.attempts.push(AttemptRecord::new(&endpoint, steered, started));
            (exchange.thread, exchange.routed.clone().unwrap_or_default(), Rc::clone(&exchange.info))
        }) else {
            return;
        };
        request.try_endpoint(&endpoint);
        let number = request.attempts.get();
        let how = if steered { "" } else { " by fallback" };
        self.world.note("router", || format!("request {id} attempt {number} → {endpoint}{how}"));
        let attempt = Attempt { request: id, number, endpoint: &endpoint, elapsed: started, headers: &routed.headers };
        let answer = self.clusters.borrow_mut()[cluster].script(at)(attempt, &mut self.rng.borrow_mut());
        let connected = !matches!(answer.behaviour, Behaviour::Refuse | Behaviour::Unreachable { .. });
        let behaviour = answer.behaviour;
        let info = Rc::clone(&request);
        let facts: Rc<dyn Facts> = Rc::new(AttemptInfo { request, endpoint, number });
        let chain = self.open_chain(thread, &self.setup.upstream, &facts);
        let live = Live { number, chain, sent: false, answer: Rc::new(answer), hedged: false };
        self.exchange(id, |exchange| exchange.live.push(live));
        self.send_routed(id, number, routed);
        info.connected.set(connected);
        match behaviour {
            Behaviour::Refuse => self.later(thread, id, number, REFUSAL, FromUpstream::Refused),
            Behaviour::Unreachable { after } => self.later(thread, id, number, after, FromUpstream::Unreachable),
            _ => {}
        }
    }

    /// Sends what the router has of a request so far.
    fn send_routed(&self, id: RequestId, number: u32, routed: Routed) {
        let key = Key::Up(id, number);
        let headers_only = routed.complete && routed.body.is_none() && routed.trailers.is_none();
        let mut headers = routed.headers;
        if headers.get(":scheme").is_none() {
            headers.add(":scheme", "http");
        }
        let patience = self.exchange(id, |exchange| exchange.policy.patience()).unwrap_or_default();
        if !patience.is_zero() {
            headers.replace(TIMEOUT_HEADER, patience.as_millis().to_string());
        }
        self.pass(key, Side::Request, 0, Piece::Headers(headers, headers_only));
        if let Some(body) = routed.body {
            let end = routed.complete && routed.trailers.is_none();
            self.pass(key, Side::Request, 0, Piece::Data(body, end));
        }
        if let Some(trailers) = routed.trailers {
            self.pass(key, Side::Request, 0, Piece::Trailers(trailers));
        }
    }

    /// Works on an attempt under way.
    pub(super) fn live<R>(&self, id: RequestId, number: u32, run: impl FnOnce(&mut Live) -> R) -> Option<R> {
        self.exchange(id, |exchange| exchange.live.iter_mut().find(|live| live.number == number).map(run)).flatten()
    }

    fn later(&self, thread: usize, id: RequestId, attempt: u32, delay: Duration, what: FromUpstream) {
        self.schedule(thread, delay, Event::Upstream { id, attempt, what });
    }

    /// A piece of the request has passed the upstream filters. When it is whole the endpoint begins to work on it.
    pub(super) fn reach_endpoint(&self, id: RequestId, number: u32, piece: Piece) {
        let end = self.exchange(id, |exchange| {
            let attempt = exchange.attempts.get_mut(number as usize - 1)?;
            Some(match piece {
                Piece::Headers(headers, end) => {
                    attempt.headers = headers;
                    end
                }
                Piece::Data(data, end) => {
                    attempt.body.extend(data);
                    end
                }
                Piece::Trailers(trailers) => {
                    attempt.trailers = trailers;
                    true
                }
            })
        });
        if end.flatten() != Some(true) {
            return;
        }
        let record = self.exchange(id, |exchange| {
            let attempt = exchange.attempts.get(number as usize - 1)?;
            let promised = attempt.headers.text("content-length").and_then(|length| length.parse().ok());
            let short = promised.is_some_and(|promised: usize| attempt.body.len() < promised);
            Some((attempt.headers.get(":method").is_some(), short))
        });
        let Some((has_method, short)) = record.flatten() else { return };
        if !has_method {
            let details = "missing_required_header";
            let reply = RouterReply { status: 503, flags: flags::CUT, details, body: NO_METHOD.into() };
            return self.attempt_failed(id, number, (AttemptEnd::Reset, Failed::Reset), &reply);
        }
        let found = self.exchange(id, |exchange| (exchange.thread, exchange.policy.per_try_timeout));
        let behaviour = self.live(id, number, |live| {
            let first = !std::mem::replace(&mut live.sent, true);
            // An endpoint that was promised more goes on waiting for it.
            let behaviour = if short { Behaviour::Hang } else { live.answer.behaviour };
            first.then_some((behaviour, live.answer.chunks.len()))
        });
        if let (Some((thread, per_try_timeout)), Some(Some((behaviour, chunks)))) = (found, behaviour) {
            self.schedule_behaviour(thread, id, number, behaviour, chunks);
            if let Some(timeout) = per_try_timeout {
                self.later(thread, id, number, timeout, FromUpstream::PerTryTimeout);
            }
        }
    }

    fn schedule_behaviour(&self, thread: usize, id: RequestId, number: u32, behaviour: Behaviour, chunks: usize) {
        let later = |delay, what| self.later(thread, id, number, delay, what);
        let (latency, body_time, last) = match behaviour {
            Behaviour::Respond { latency, .. } => (latency, Duration::ZERO, FromUpstream::End),
            Behaviour::Stream { latency, body_time, .. } => (latency, body_time, FromUpstream::End),
            Behaviour::Truncate { latency, body_time, .. } => (latency, body_time, FromUpstream::Cut),
            Behaviour::Reset { after } => return later(after, FromUpstream::Reset),
            Behaviour::Garbage { after } => return later(after, FromUpstream::Garbage),
            Behaviour::ClientAbort { after } => return self.schedule(thread, after, Event::Abort { id }),
            Behaviour::Refuse | Behaviour::Unreachable { .. } | Behaviour::Hang => return,
        };
        // At equal times the order of scheduling counts.
        later(latency, FromUpstream::Headers);
        for chunk in 0..chunks {
            let after = body_time * chunk as u32 / chunks as u32;
            later(latency + after, FromUpstream::Chunk(chunk as u32));
        }
        later(latency + body_time, last);
    }

    /// Something comes from an endpoint, or does not come in time.
    pub(super) fn hear_upstream(&self, id: RequestId, number: u32, what: FromUpstream) {
        let answered = self.exchange(id, |exchange| exchange.source.is_some());
        let (Some(answered), Some(answer)) = (answered, self.live(id, number, |live| Rc::clone(&live.answer))) else {
            return;
        };
        let (status, key) = (answer.behaviour.answers(), Key::Up(id, number));
        match what {
            FromUpstream::Headers => {
                let mut headers = Headers::response(status);
                answer.headers.iter().for_each(|(name, value)| headers.add(name, value));
                self.inform(id, |info| info.set_details("via_upstream"));
                self.pass(key, Side::Response, 0, Piece::Headers(headers, answer.is_headers_only()));
                if answer.is_headers_only() {
                    self.tell_latency(id, number);
                }
            }
            FromUpstream::Chunk(at) => {
                let chunk = answer.chunks.get(at as usize).cloned().unwrap_or_default();
                self.pass(key, Side::Response, 0, Piece::Data(chunk, false));
            }
            FromUpstream::End if answer.is_headers_only() => {}
            FromUpstream::End => {
                self.tell_latency(id, number);
                let last = if answer.trailers.is_empty() {
                    Piece::Data(Vec::new(), true)
                } else {
                    Piece::Trailers(answer.trailers.clone())
                };
                self.pass(key, Side::Response, 0, last);
            }
            FromUpstream::Cut if answered => self.cut(id, number, status),
            FromUpstream::Refused => {
                self.inform(id, |info| info.failure.set(REFUSED));
                let details = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}";
                let reply = self.broken(id, 503, flags::REFUSED, details, "remote connection failure");
                self.attempt_failed(id, number, (AttemptEnd::Refused, Failed::Connect), &reply);
            }
            FromUpstream::Unreachable => {
                let details = "upstream_reset_before_response_started{connection_timeout}";
                let reply = self.broken(id, 503, flags::REFUSED, details, "connection timeout");
                self.attempt_failed(id, number, (AttemptEnd::Unreachable, Failed::Connect), &reply);
            }
            FromUpstream::Reset => {
                let details = "upstream_reset_before_response_started{connection_termination}";
                let reply = self.broken(id, 503, flags::RESET, details, "connection termination");
                self.attempt_failed(id, number, (AttemptEnd::Reset, Failed::Reset), &reply);
            }
            // Cut while an upstream filter holds the answer back: to the router it has not begun.
            FromUpstream::Garbage | FromUpstream::Cut => {
                let end = if what == FromUpstream::Cut { AttemptEnd::Truncated(status) } else { AttemptEnd::Reset };
                let details = "upstream_reset_before_response_started{protocol_error}";
                let reply = self.broken(id, 502, flags::CUT, details, "protocol error");
                self.attempt_failed(id, number, (end, Failed::Reset), &reply);
            }
            FromUpstream::PerTryTimeout if answered => {}
            FromUpstream::PerTryTimeout => self.per_try_timeout(id, number),
        }
    }

    /// Known with the last byte, and only then.
    fn tell_latency(&self, id: RequestId, number: u32) {
        let took = self.took(id, number);
        self.inform(id, |info| info.latency.set(Some(took)));
    }

    /// Since an attempt started.
    fn took(&self, id: RequestId, number: u32) -> Duration {
        let started = self.exchange(id, |exchange| Some(exchange.attempts.get(number as usize - 1)?.started));
        started.flatten().map_or(Duration::ZERO, |started| self.world.elapsed().saturating_sub(started))
    }

    /// A piece of the answer has passed the upstream filters.
    pub(super) fn reach_router(&self, id: RequestId, number: u32, piece: Piece) {
        match piece {
            Piece::Headers(headers, end) => self.answer_begins(id, number, headers, end),
            Piece::Data(data, end) => {
                if end {
                    self.answer_ends(id, number);
                }
                self.pass(Key::Down(id), Side::Response, 0, Piece::Data(data, end));
            }
            Piece::Trailers(trailers) => {
                self.answer_ends(id, number);
                self.pass(Key::Down(id), Side::Response, 0, Piece::Trailers(trailers));
            }
        }
    }

    fn answer_begins(&self, id: RequestId, number: u32, mut headers: Headers, end: bool) {
        let status = headers.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        let failed = self.exchange(id, |exchange| exchange.policy.wants_retry(Failed::Status(status))) == Some(true);
        let mut others = self.live_numbers(id);
        others.retain(|other| *other != number);
        let waits = !others.is_empty() || self.retries_are_pending(id);
        if failed && (self.may_retry(id, Failed::Status(status)) || waits) {
            self.end_attempt(id, number, AttemptEnd::Status(status));
            // Where another attempt runs beside it, or is about to, that one may still answer.
            if !waits {
                self.retry(id);
            }
            return;
        }
        if failed {
            self.give_up(id);
        }
        others.into_iter().for_each(|other| self.end_attempt(id, other, AttemptEnd::Aborted));
        if end {
            self.end_attempt(id, number, AttemptEnd::Status(status));
        }
        headers.replace(SERVICE_TIME_HEADER, self.took(id, number).as_millis().to_string());
        self.respond(id, headers, end, Source::Upstream);
    }

    fn answer_ends(&self, id: RequestId, number: u32) {
        let status = self.live(id, number, |live| live.answer.behaviour.answers()).unwrap_or(0);
        self.end_attempt(id, number, AttemptEnd::Status(status));
    }

    /// The body breaks off: the observer ends before the flag is set.
    fn cut(&self, id: RequestId, number: u32, status: u16) {
        self.end_attempt(id, number, AttemptEnd::Truncated(status));
        self.inform(id, |info| {
            info.add_flags(flags::CUT);
            info.set_details("upstream_reset_after_response_started{protocol_error}");
        });
        self.finish(id, true);
    }

    /// Ends an attempt under way: done and delete in the upstream filters.
    pub(super) fn end_attempt(&self, id: RequestId, number: u32, end: AttemptEnd) {
        let now = self.world.elapsed();
        let chain = self.exchange(id, |exchange| {
            let at = exchange.live.iter().position(|live| live.number == number)?;
            let live = exchange.live.remove(at);
            if let Some(attempt) = exchange.attempts.get_mut(number as usize - 1) {
                attempt.end = Some((end, now));
            }
            Some(live.chain)
        });
        if let Some(chain) = chain.flatten() {
            self.close_chain(chain, None);
        }
    }
}
