//! The downstream side of a request: it arrives, the filter sees it, the router takes it, the answer goes back.
//!
//! Retries do not show here. A local reply of the filter re-enters the same context's response headers; a client that
//! hangs up brings no response callback.

use std::time::Duration;

use super::Proxy;
use super::cluster::Steering;
use super::events::Event;
use super::info::Info;
use super::model::{AttemptEnd, AttemptRecord, Outcome, Request, RequestId, Source};
use super::setup::FailurePolicy;
use crate::host::{Body, Flow, Headers, Map, Value, Vm, VmError};

/// Response flags as Envoy's bits.
pub(super) mod flags {
    pub(in super::super) const NO_HOST: u64 = 0x2;
    pub(in super::super) const TIMEOUT: u64 = 0x4;
    pub(in super::super) const REFUSED: u64 = 0x20;
    pub(in super::super) const RESET: u64 = 0x40;
    pub(in super::super) const CLIENT_GONE: u64 = 0x4000;
    pub(in super::super) const RETRIES_USED_UP: u64 = 0x8000;
    pub(in super::super) const CUT: u64 = 0x80_0000;
}

/// A request under way.
pub(super) struct Exchange {
    pub(super) thread: usize,
    /// The filter's context; none if the filter is bypassed.
    pub(super) context: Option<u32>,
    /// The filter paused the request.
    waiting: bool,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    pub(super) steering: Steering,
    pub(super) attempts: Vec<AttemptRecord>,
    /// The attempt under way: its context in the observer, if there is one.
    pub(super) live: Option<Option<u32>>,
    /// What the attempt under way will answer.
    pub(super) status: u16,
    /// The answer, as soon as its headers went to the client.
    pub(super) answer: Option<(u16, Headers, Source)>,
    pub(super) answer_body: Vec<u8>,
    pub(super) info: Info,
    started_ns: u64,
}

/// An answer that the router makes itself.
pub(super) struct RouterReply {
    pub(super) status: u16,
    pub(super) flags: u64,
    pub(super) details: &'static str,
}

impl Proxy {
    /// A request arrives on a worker's connection.
    pub(super) fn accept(&mut self, id: RequestId, request: Request) {
        let drawn = self.rng.index(self.setup.workers);
        let worker = request.worker.filter(|worker| *worker < self.setup.workers).unwrap_or(drawn);
        let thread = worker + 1;
        self.world.note("client", || format!("request {id} → worker-{worker}"));
        let mut headers = request.headers;
        if self.setup.strip_steering {
            headers.remove(&self.setup.steering_header);
        }
        let exchange = Exchange {
            thread,
            context: None,
            waiting: false,
            headers,
            body: request.body,
            steering: Steering::default(),
            attempts: Vec::new(),
            live: None,
            status: 0,
            answer: None,
            answer_body: Vec::new(),
            info: Info::default(),
            started_ns: self.world.now_ns(),
        };
        self.exchanges.insert(id, exchange);
        if let Some(after) = request.abort_after {
            self.schedule(after, Event::Abort { id });
        }
        let root = self.setup.downstream.as_ref().and_then(|plugin| self.threads[thread].root(&plugin.root_id));
        match root {
            None => self.route(id),
            Some(_) if self.threads[thread].vm.is_dead() => match self.setup.failure_policy {
                FailurePolicy::Open => self.route(id),
                FailurePolicy::Closed => self.fail(id),
            },
            Some(root) => self.filter_request(id, thread, root),
        }
    }

    fn filter_request(&mut self, id: RequestId, thread: usize, root: u32) {
        let Some(context) = self.guarded(thread, |vm| vm.open_stream(root)) else { return };
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        (exchange.context, exchange.waiting) = (Some(context), true);
        let (headers, body) = (exchange.headers.clone(), exchange.body.clone());
        let flow = self.guarded(thread, |vm| {
            if let Some(stream) = vm.stream_mut(context) {
                stream.properties.set("connection_id", Value::Uint(id));
                stream.properties.set("source.address", "127.0.0.1:40000");
            }
            let flow = vm.request_headers(context, headers, body.is_empty())?;
            if flow == Flow::Continue && !body.is_empty() {
                return vm.request_body(context, body, true);
            }
            Ok(flow)
        });
        self.run_actions(thread);
        if flow == Some(Flow::Continue) {
            self.go_on(id, thread, context);
        }
    }

    /// A paused request goes on.
    pub(super) fn resume_request(&mut self, thread: usize, context: u32) {
        if let Some(id) = self.find(thread, context) {
            self.go_on(id, thread, context);
        }
    }

    fn go_on(&mut self, id: RequestId, thread: usize, context: u32) {
        self.threads[thread].vm.resume(context, Body::Request);
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        if std::mem::take(&mut exchange.waiting) {
            exchange.headers = self.threads[thread].vm.map(context, Map::RequestHeaders);
            self.route(id);
        }
    }

    /// The router takes the request: the list is frozen, the timeout runs, the first attempt starts.
    fn route(&mut self, id: RequestId) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.steering = Steering::parse(exchange.headers.get(&self.setup.steering_header));
        self.schedule(self.setup.timeout, Event::Timeout { id });
        self.start_attempt(id);
    }

    /// Headers of the answer go to the client, through the filter.
    pub(super) fn respond(&mut self, id: RequestId, headers: Headers, source: Source) {
        let status = headers.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        self.inform(id, |info| info.code = Some(status));
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let (thread, context) = (exchange.thread, exchange.context);
        exchange.answer = Some((status, headers.clone(), source));
        let Some(context) = context else { return };
        let changed = self.guarded(thread, |vm| {
            vm.response_headers(context, headers, false)?;
            Ok(vm.map(context, Map::ResponseHeaders))
        });
        if let (Some(exchange), Some(changed)) = (self.exchanges.get_mut(&id), changed) {
            exchange.answer = Some((status, changed, source));
        }
        self.run_actions(thread);
    }

    /// A piece of the answer's body goes to the client, through the filter.
    pub(super) fn respond_body(&mut self, id: RequestId, piece: &[u8], end: bool) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let (thread, context) = (exchange.thread, exchange.context);
        exchange.answer_body.extend(piece);
        if let Some(context) = context {
            self.guarded(thread, |vm| vm.response_body(context, piece.to_vec(), end));
            self.run_actions(thread);
        }
    }

    /// The router answers by itself.
    pub(super) fn router_reply(&mut self, id: RequestId, reply: &RouterReply) {
        self.inform(id, |info| {
            info.flags |= reply.flags;
            info.details = Some(reply.details);
        });
        self.respond(id, Headers::response(reply.status), Source::Router);
        self.respond_body(id, reply.details.as_bytes(), true);
        self.finish(id, false);
    }

    /// The filter answers by itself.
    pub(super) fn local_response(&mut self, thread: usize, context: u32) {
        let Some(id) = self.find(thread, context) else { return };
        let Some(local) = self.threads[thread].vm.take_local_response(context) else { return };
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.waiting = false;
        let answered = exchange.answer.is_some();
        exchange.answer_body = Vec::new();
        let mut headers = Headers::response(local.status as u16);
        local.headers.iter().for_each(|(key, value)| headers.add(key, value));
        if answered {
            // Sent in the response phase: it replaces the answer and does not re-enter.
            exchange.answer = Some((local.status as u16, headers, Source::Filter));
            exchange.answer_body = local.body;
            return;
        }
        self.respond(id, headers, Source::Filter);
        if !local.body.is_empty() {
            self.respond_body(id, &local.body, true);
        }
        self.end_attempt(id, AttemptEnd::Aborted);
        self.finish(id, false);
    }

    /// The filter resets the stream.
    pub(super) fn close(&mut self, thread: usize, context: u32) {
        if let Some(id) = self.find(thread, context) {
            self.end_attempt(id, AttemptEnd::Aborted);
            self.finish(id, false);
        }
    }

    /// The request's own timeout.
    pub(super) fn time_out(&mut self, id: RequestId) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let answered = exchange.answer.is_some();
        self.end_attempt(id, AttemptEnd::Timeout);
        if answered {
            self.finish(id, true);
        } else {
            let reply = RouterReply { status: 504, flags: flags::TIMEOUT, details: "response_timeout" };
            self.router_reply(id, &reply);
        }
    }

    /// The client hangs up: the filter's stream ends first, then the attempt's.
    pub(super) fn abort(&mut self, id: RequestId) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        self.world.note("client", || format!("request {id} hangs up"));
        exchange.answer = None;
        let (thread, context) = (exchange.thread, exchange.context);
        self.inform(id, |info| {
            info.flags |= flags::CLIENT_GONE;
            info.details = Some("downstream_remote_disconnect");
        });
        if let (Some(context), Some(exchange)) = (context, self.exchanges.get_mut(&id)) {
            exchange.context = None;
            self.guarded(thread, |vm| vm.end_stream(context));
            self.run_actions(thread);
        }
        self.end_attempt(id, AttemptEnd::Aborted);
        self.finish(id, false);
    }

    /// A dead VM answers for its filter.
    fn fail(&mut self, id: RequestId) {
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.answer = Some((503, Headers::response(503), Source::Filter));
            self.finish(id, false);
        }
    }

    /// All requests of a thread whose VM trapped get 503. No callback comes for their streams.
    pub(super) fn lose_thread(&mut self, thread: usize) {
        let lost = |(id, exchange): (&RequestId, &Exchange)| (exchange.thread == thread).then_some(*id);
        let lost: Vec<RequestId> = self.exchanges.iter().filter_map(lost).collect();
        for id in lost {
            self.end_attempt(id, AttemptEnd::Lost);
            self.fail(id);
        }
    }

    /// The end of a request: log, done, delete for the filter; the outcome for the client.
    pub(super) fn finish(&mut self, id: RequestId, truncated: bool) {
        let Some(exchange) = self.exchanges.remove(&id) else { return };
        let thread = exchange.thread;
        if let Some(context) = exchange.context {
            self.guarded(thread, |vm| vm.end_stream(context));
        }
        let (status, headers, source) = match exchange.answer {
            Some((status, headers, source)) => (Some(status), headers, source),
            None => (None, Headers::new(), Source::Nobody),
        };
        let took = Duration::from_nanos(self.world.now_ns() - exchange.started_ns);
        let (body, worker, attempts) = (exchange.answer_body, thread - 1, exchange.attempts);
        let outcome = Outcome { status, headers, body, source, truncated, worker, attempts, took };
        self.world.note("client", || format!("request {id} ← {outcome}"));
        self.outcomes.insert(id, outcome);
        self.run_actions(thread);
    }

    fn find(&self, thread: usize, context: u32) -> Option<RequestId> {
        let mut live = self.exchanges.iter();
        live.find(|(_, exchange)| exchange.thread == thread && exchange.context == Some(context)).map(|(id, _)| *id)
    }

    /// Runs something on the observer's stream of the attempt under way.
    pub(super) fn observed(&mut self, id: RequestId, run: impl FnOnce(&mut Vm, u32) -> Result<(), VmError>) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let (thread, observer) = (exchange.thread, exchange.live.flatten());
        if let Some(context) = observer {
            self.guarded(thread, |vm| run(vm, context));
            self.run_actions(thread);
        }
    }
}
