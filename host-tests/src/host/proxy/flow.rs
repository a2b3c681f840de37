//! The downstream side of a request: it arrives, the filters see it, the router takes it, the answer goes back.
//!
//! Retries do not show here. A local reply of a filter passes the response side of all filters, the same context's
//! included; a client that hangs up brings no response callback.

use std::rc::Rc;
use std::time::Duration;

use super::Core;
use super::attempts::Live;
use super::chain::{Chain, Key, LoggedMaps, Piece};
use super::cluster::Steering;
use super::events::Event;
use super::info::{Info, Route};
use super::model::{AttemptEnd, AttemptRecord, Outcome, Request, RequestId, Source};
use super::policy::Policy;
use super::replies::{GRPC, LATE, RouterReply, flags};
use crate::host::context::Facts;
use crate::host::{Body as Side, Headers, LocalResponse};

/// Without it Envoy finds no route.
const PROTOCOL: &str = "x-forwarded-proto";

/// A request under way.
pub(super) struct Exchange {
    pub(super) thread: usize,
    /// Pieces that the client has not sent yet, last first, and its trailers.
    unsent: Vec<Vec<u8>>,
    gap: Duration,
    unsent_trailers: Option<Headers>,
    pub(super) down: Chain,
    /// What the router has got.
    pub(super) routed: Option<Routed>,
    pub(super) steering: Steering,
    pub(super) policy: Policy,
    pub(super) attempts: Vec<AttemptRecord>,
    /// Retries so far, those that have not begun included.
    pub(super) retries: u32,
    /// Retries that have not begun.
    pub(super) pending_retries: u32,
    /// Attempts under way; more than one only where they are hedged.
    pub(super) live: Vec<Live>,
    /// Who answers, once the answer has entered the filters.
    pub(super) source: Option<Source>,
    /// What has come out at the client.
    pub(super) answer: Option<(Option<u16>, Headers)>,
    pub(super) answer_body: Vec<u8>,
    answer_trailers: Headers,
    /// The client's headers said by which protocol it came, as a connection manager makes them.
    has_protocol: bool,
    /// It is a gRPC request, whose local answers look otherwise.
    pub(super) is_grpc: bool,
    /// The cluster that the route leads to; `None` if it does not exist.
    pub(super) cluster: Option<usize>,
    pub(super) info: Rc<Info>,
}

/// A request as it left the last filter, as far as it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Routed {
    pub(super) headers: Headers,
    pub(super) body: Option<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
    pub(super) complete: bool,
}

impl Exchange {
    /// Headers that went to the endpoint last, if any did.
    pub(super) fn sent_headers(&self) -> Option<Headers> {
        self.attempts.last().map(|last| &last.headers).filter(|headers| !headers.is_empty()).cloned()
    }

    fn logged_maps(&self) -> LoggedMaps {
        let routed = || self.routed.as_ref().map(|routed| routed.headers.clone());
        let request = self.sent_headers().or_else(routed).unwrap_or_default();
        (request, self.answer.as_ref().map(|(_, headers)| headers.clone()))
    }
}

impl Core {
    /// Works on a chain; `None` if its stream is gone.
    pub(super) fn chain<R>(&self, key: Key, run: impl FnOnce(&mut Chain) -> R) -> Option<R> {
        let mut exchanges = self.exchanges.borrow_mut();
        match key {
            Key::Down(id) => Some(run(&mut exchanges.get_mut(&id)?.down)),
            Key::Up(id, number) => {
                let live = exchanges.get_mut(&id)?.live.iter_mut().find(|live| live.number == number)?;
                Some(run(&mut live.chain))
            }
        }
    }

    /// Works on a request under way.
    pub(super) fn exchange<R>(&self, id: RequestId, run: impl FnOnce(&mut Exchange) -> R) -> Option<R> {
        self.exchanges.borrow_mut().get_mut(&id).map(|exchange| run(exchange))
    }

    /// A request arrives on a worker's connection.
    pub(super) fn accept(&self, id: RequestId, thread: usize, request: Request) {
        if self.draining.get() {
            return self.turn_away(id, thread);
        }
        self.world.note("client", || format!("request {id} → worker-{}", thread - 1));
        let headers_only = request.is_headers_only();
        let mut headers = request.headers;
        if self.setup.strip_steering {
            headers.remove(&self.setup.steering_header);
        }
        if let Some(after) = request.abort_after {
            self.schedule(thread, after, Event::Abort { id });
        }
        let cluster = self.cluster_of(headers.get(":path").unwrap_or_default());
        let info = Rc::new(Info::new(id, self.route_of(cluster), self.world.now_ns()));
        let facts: Rc<dyn Facts> = Rc::<Info>::clone(&info);
        let down = self.open_chain(thread, &self.setup.downstream, &facts);
        let mut unsent = request.chunks;
        unsent.reverse();
        let exchange = Exchange {
            thread,
            unsent,
            gap: request.chunk_gap,
            unsent_trailers: Some(request.trailers).filter(|trailers| !trailers.is_empty()),
            down,
            routed: None,
            steering: Steering::default(),
            policy: Policy::default(),
            attempts: Vec::new(),
            retries: 0,
            pending_retries: 0,
            live: Vec::new(),
            source: None,
            answer: None,
            answer_body: Vec::new(),
            answer_trailers: Headers::new(),
            has_protocol: headers.get(PROTOCOL).is_some(),
            is_grpc: headers.get("content-type").is_some_and(|kind| kind.starts_with(GRPC.as_bytes())),
            cluster,
            info,
        };
        self.exchanges.borrow_mut().insert(id, Box::new(exchange));
        self.pass(Key::Down(id), Side::Request, 0, Piece::Headers(headers, headers_only));
        if !headers_only {
            self.request_pieces(id);
        }
    }

    fn route_of(&self, cluster: Option<usize>) -> Route {
        let clusters = self.clusters.borrow();
        let cluster = cluster.and_then(|at| clusters.get(at));
        let (route, virtual_host) = &self.names;
        Route {
            cluster: cluster.map_or_else(|| "".into(), |cluster| Rc::clone(&cluster.name)),
            name: Rc::clone(route),
            virtual_host: Rc::clone(virtual_host),
            endpoints: cluster.map_or(0, |cluster| cluster.len()),
        }
    }

    /// The listener is closed.
    fn turn_away(&self, id: RequestId, thread: usize) {
        self.world.note("client", || format!("request {id} is turned away"));
        let outcome = Outcome {
            status: None,
            headers: Headers::new(),
            body: Vec::new(),
            trailers: Headers::new(),
            source: Source::Nobody,
            truncated: false,
            worker: thread - 1,
            attempts: Vec::new(),
            took: Duration::ZERO,
        };
        self.outcomes.borrow_mut().insert(id, outcome);
    }

    /// The client sends its body: all of it, or the next piece if it takes its time; after the last one, the end.
    pub(super) fn request_pieces(&self, id: RequestId) {
        loop {
            let taken = self.exchange(id, |exchange| {
                let piece = exchange.unsent.pop();
                let trailers = if piece.is_none() { exchange.unsent_trailers.take() } else { None };
                (piece, trailers, exchange.gap, exchange.thread)
            });
            let Some((piece, trailers, gap, thread)) = taken else { return };
            let more = piece.is_some();
            let piece = match (piece, trailers) {
                (Some(data), _) => {
                    self.inform(id, |info| info.received.set(info.received.get() + data.len() as u64));
                    Piece::Data(data, false)
                }
                (None, Some(trailers)) => Piece::Trailers(trailers),
                (None, None) => Piece::Data(Vec::new(), true),
            };
            self.pass(Key::Down(id), Side::Request, 0, piece);
            if !more {
                return;
            }
            if !gap.is_zero() {
                return self.schedule(thread, gap, Event::Pieces { id });
            }
        }
    }

    /// Something has passed all filters of a chain.
    pub(super) fn arrive_at_end(&self, key: Key, side: Side, piece: Piece) {
        match (key, side) {
            (Key::Down(id), Side::Request) => self.route(id, piece),
            (Key::Down(id), Side::Response) => self.reach_client(id, piece),
            (Key::Up(id, number), Side::Request) => self.reach_endpoint(id, number, piece),
            (Key::Up(id, number), Side::Response) => self.reach_router(id, number, piece),
        }
    }

    /// The router takes a piece of the request. With the headers the list is frozen and the first attempt starts; with
    /// the last piece the timeout begins to run.
    fn route(&self, id: RequestId, piece: Piece) {
        if let Piece::Headers(headers, _) = &piece {
            let protocol = self.exchange(id, |exchange| exchange.has_protocol) == Some(true);
            if headers.get(":path").is_none() || protocol && headers.get(PROTOCOL).is_none() {
                let (flags, details) = (flags::NO_ROUTE, "route_not_found");
                return self.router_reply(id, &RouterReply { status: 404, flags, details, body: "".into() });
            }
        }
        let steering_header = &self.setup.steering_header;
        let Some((thread, first, complete, timeout)) = self.exchange(id, |exchange| {
            let first = exchange.routed.is_none();
            let routed = exchange.routed.get_or_insert_default();
            match &piece {
                Piece::Headers(headers, end) => {
                    (routed.headers, routed.complete) = (headers.clone(), *end);
                    exchange.policy = Policy::of(&self.setup, &mut routed.headers);
                    exchange.steering = Steering::parse(headers.get(steering_header));
                }
                Piece::Data(data, end) => {
                    routed.body.get_or_insert_default().extend(data);
                    routed.complete = *end;
                }
                Piece::Trailers(trailers) => {
                    (routed.trailers, routed.complete) = (Some(trailers.clone()), true);
                }
            }
            (exchange.thread, first, routed.complete, exchange.policy.timeout)
        }) else {
            return;
        };
        if complete && !timeout.is_zero() {
            self.schedule(thread, timeout, Event::Timeout { id });
        }
        if first {
            return self.start_attempt(id);
        }
        for number in self.live_numbers(id) {
            self.pass(Key::Up(id, number), Side::Request, 0, piece.clone());
        }
    }

    /// Headers of an answer enter the filters.
    pub(super) fn respond(&self, id: RequestId, headers: Headers, end: bool, source: Source) {
        let status = status_of(&headers);
        self.inform(id, |info| info.code.set(status));
        self.exchange(id, |exchange| exchange.source = Some(source));
        self.pass(Key::Down(id), Side::Response, 0, Piece::Headers(headers, end));
    }

    /// A piece of the answer comes out at the client.
    fn reach_client(&self, id: RequestId, piece: Piece) {
        if let Piece::Headers(headers, _) = &piece
            && headers.get(":status").is_none()
        {
            let (details, body) = (b"missing_required_header:_:status", b"missing required header: :status");
            let (details, body) = (details.to_vec(), body.to_vec());
            let local = LocalResponse { status: 502, body, details, ..LocalResponse::default() };
            return self.filter_reply(id, local);
        }
        let ended = self.exchange(id, |exchange| match piece {
            Piece::Headers(mut headers, end) => {
                // Framing is the codec's.
                headers.remove("transfer-encoding");
                exchange.answer = Some((status_of(&headers), headers));
                end
            }
            Piece::Data(data, end) => {
                let sent = &exchange.info.sent;
                sent.set(sent.get() + data.len() as u64);
                exchange.answer_body.extend(data);
                end
            }
            Piece::Trailers(trailers) => {
                exchange.answer_trailers = trailers;
                true
            }
        });
        if ended == Some(true) {
            self.finish(id, false);
        }
    }

    /// Ends all attempts under way.
    pub(super) fn end_attempts(&self, id: RequestId, end: AttemptEnd) {
        self.live_numbers(id).into_iter().for_each(|number| self.end_attempt(id, number, end));
    }

    /// The numbers of the attempts under way.
    pub(super) fn live_numbers(&self, id: RequestId) -> Vec<u32> {
        let numbers = self.exchange(id, |exchange| exchange.live.iter().map(|live| live.number).collect());
        numbers.unwrap_or_default()
    }

    /// A filter, or the proxy at its end, resets the stream.
    pub(super) fn close(&self, id: RequestId) {
        self.finish(id, true);
    }

    /// The request's own timeout.
    pub(super) fn time_out(&self, id: RequestId) {
        let Some(answered) = self.exchange(id, |exchange| exchange.source.is_some()) else { return };
        self.end_attempts(id, AttemptEnd::Timeout);
        if answered {
            self.finish(id, true);
        } else {
            let reply =
                RouterReply { status: 504, flags: flags::TIMEOUT, details: "response_timeout", body: LATE.into() };
            self.router_reply(id, &reply);
        }
    }

    /// The client hangs up: the filters' streams end first, then the attempts'.
    pub(super) fn abort(&self, id: RequestId) {
        if self.exchange(id, |exchange| (exchange.answer, exchange.source) = (None, None)).is_none() {
            return;
        }
        self.world.note("client", || format!("request {id} hangs up"));
        self.inform(id, |info| {
            info.add_flags(flags::CLIENT_GONE);
            info.set_details("downstream_remote_disconnect");
        });
        self.finish(id, false);
    }

    /// The end of a request: log, done, delete for the filters, the same without log for attempts that still run; the
    /// outcome for the client.
    pub(super) fn finish(&self, id: RequestId, truncated: bool) {
        let Some(down) = self.exchange(id, |exchange| std::mem::take(&mut exchange.down)) else { return };
        self.inform(id, |info| {
            info.took.set(Some(Duration::from_nanos(self.world.now_ns() - info.started_ns)));
        });
        let maps = || self.exchange(id, |exchange| exchange.logged_maps()).unwrap_or_default();
        self.close_chain(down, Some(&maps));
        self.end_attempts(id, AttemptEnd::Aborted);
        let Some(exchange) = self.exchanges.borrow_mut().remove(&id) else { return };
        let (status, headers) = exchange.answer.unwrap_or_default();
        let source = if status.is_some() { exchange.source } else { None };
        let outcome = Outcome {
            status,
            headers,
            body: exchange.answer_body,
            trailers: exchange.answer_trailers,
            source: source.unwrap_or(Source::Nobody),
            truncated: truncated && status.is_some(),
            worker: exchange.thread - 1,
            attempts: exchange.attempts,
            took: exchange.info.took.get().unwrap_or_default(),
        };
        self.world.note("client", || format!("request {id} ← {outcome}"));
        self.outcomes.borrow_mut().insert(id, outcome);
    }
}

pub(super) fn status_of(headers: &Headers) -> Option<u16> {
    headers.text(":status").and_then(|status| status.parse().ok())
}
