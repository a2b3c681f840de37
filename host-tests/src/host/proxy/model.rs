//! What goes into a modelled proxy and what comes out: requests, upstream behaviours, outcomes.

use std::fmt;
use std::time::Duration;

use super::replies::{broken_off, complete_headers};
use crate::host::{Headers, HttpCall, HttpReply, Rng};

/// Names a request within one proxy; counts from 1.
pub type RequestId = u64;

/// What a client sends, and how long it is ready to wait.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Headers with the pseudo-headers.
    pub headers: Headers,
    /// Pieces of the body, as the client sends them; none for a request without a body.
    pub chunks: Vec<Vec<u8>>,
    /// Between the pieces.
    pub chunk_gap: Duration,
    /// Trailers; empty for none.
    pub trailers: Headers,
    /// The worker that gets the connection; drawn from the seed if `None`.
    pub worker: Option<usize>,
    /// The client hangs up so long after sending.
    pub abort_after: Option<Duration>,
}

impl Request {
    /// A plain GET.
    pub fn get(path: &str) -> Self {
        Self { headers: Headers::get_request(path), ..Self::default() }
    }

    /// A POST with a body in one piece.
    pub fn post(path: &str, body: impl AsRef<[u8]>) -> Self {
        let mut request = Self::get(path).body(body);
        request.headers.replace(":method", "POST");
        request
    }

    /// Adds a header.
    pub fn header(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(key, value);
        self
    }

    /// Adds a piece to the body. The end comes by itself after the last one, as HTTP/1 codecs tell it.
    pub fn body(mut self, piece: impl AsRef<[u8]>) -> Self {
        self.chunks.push(piece.as_ref().to_vec());
        self
    }

    /// Lets time pass between the pieces of the body.
    pub fn chunk_gap(mut self, gap: Duration) -> Self {
        self.chunk_gap = gap;
        self
    }

    /// Adds a trailer.
    pub fn trailer(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.trailers.add(key, value);
        self
    }

    /// Sends it over a connection of this worker.
    pub fn on_worker(mut self, worker: usize) -> Self {
        self.worker = Some(worker);
        self
    }

    /// Lets the client hang up.
    pub fn aborting_after(mut self, after: Duration) -> Self {
        self.abort_after = Some(after);
        self
    }

    pub(super) fn is_headers_only(&self) -> bool {
        self.chunks.is_empty() && self.trailers.is_empty()
    }
}

/// What an endpoint does with one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers; the body comes with the headers.
    Respond {
        /// HTTP status.
        status: u16,
        /// Until the headers.
        latency: Duration,
    },
    /// Answers; the body ends later.
    Stream {
        /// HTTP status.
        status: u16,
        /// Until the headers.
        latency: Duration,
        /// From the headers to the end of the body.
        body_time: Duration,
    },
    /// Refuses the connection.
    Refuse,
    /// Neither accepts nor refuses the connection; the router gives it up.
    Unreachable {
        /// The cluster's `connect_timeout`.
        after: Duration,
    },
    /// Breaks the connection before the headers.
    Reset {
        /// When.
        after: Duration,
    },
    /// Answers with something that is no HTTP.
    Garbage {
        /// When.
        after: Duration,
    },
    /// Never answers.
    Hang,
    /// Answers and breaks the connection within the body.
    Truncate {
        /// HTTP status.
        status: u16,
        /// Until the headers.
        latency: Duration,
        /// From the headers to the break.
        body_time: Duration,
    },
    /// Never answers, and the client hangs up.
    ClientAbort {
        /// When.
        after: Duration,
    },
}

impl Behaviour {
    /// A 200 after so many milliseconds.
    pub fn ok(latency_ms: u64) -> Self {
        Self::status(200, latency_ms)
    }

    pub(super) fn answers(self) -> u16 {
        match self {
            Self::Respond { status, .. } | Self::Stream { status, .. } | Self::Truncate { status, .. } => status,
            Self::Refuse
            | Self::Unreachable { .. }
            | Self::Reset { .. }
            | Self::Garbage { .. }
            | Self::Hang
            | Self::ClientAbort { .. } => 0,
        }
    }

    /// Any status after so many milliseconds.
    pub fn status(status: u16, latency_ms: u64) -> Self {
        Self::Respond { status, latency: Duration::from_millis(latency_ms) }
    }
}

/// What an endpoint does with one attempt, and what its answer looks like.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether and when it answers.
    pub behaviour: Behaviour,
    /// Headers besides the status.
    pub headers: Headers,
    /// Pieces of the body. With [`Behaviour::Stream`] the end comes `body_time` after the headers and the pieces are
    /// spread evenly before it; otherwise all comes with the headers. None: an answer of headers only.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers; empty for none.
    pub trailers: Headers,
}

impl Answer {
    /// With the body `ok` and a line's end.
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, headers: Headers::new(), chunks: vec![b"ok\n".to_vec()], trailers: Headers::new() }
    }

    pub(super) fn is_headers_only(&self) -> bool {
        self.chunks.is_empty() && self.trailers.is_empty()
    }

    /// Adds a header.
    pub fn header(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(key, value);
        self
    }

    /// Replaces the body.
    pub fn body<B: AsRef<[u8]>>(mut self, pieces: impl IntoIterator<Item = B>) -> Self {
        self.chunks = pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect();
        self
    }

    /// Adds a trailer.
    pub fn trailer(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.trailers.add(key, value);
        self
    }
}

impl From<Behaviour> for Answer {
    fn from(behaviour: Behaviour) -> Self {
        Self::new(behaviour)
    }
}

/// What a script knows of the attempt that it decides on.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The request.
    pub request: RequestId,
    /// 1 for the first attempt.
    pub number: u32,
    /// `ip:port`.
    pub endpoint: &'a str,
    /// Virtual time since the proxy started.
    pub elapsed: Duration,
    /// What the endpoint receives.
    pub headers: &'a Headers,
}

/// Decides what an endpoint does.
pub(super) type Script = Box<dyn FnMut(Attempt<'_>, &mut Rng) -> Answer>;

/// How a cluster answers a guest's HTTP call.
#[derive(Clone, Debug)]
pub struct CallAnswer {
    /// When; after the call's own timeout the guest gets a 504 instead.
    pub after: Duration,
    /// What.
    pub reply: HttpReply,
    /// Then the router adds how long it took.
    pub(super) of_an_endpoint: bool,
}

impl CallAnswer {
    /// A status after so many milliseconds.
    pub fn status(status: u16, after_ms: u64) -> Self {
        let reply = HttpReply { headers: Headers::response(status), ..HttpReply::default() };
        Self { after: Duration::from_millis(after_ms), reply, of_an_endpoint: true }
    }

    /// Gives it a body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.reply.body = body.as_ref().to_vec();
        self
    }

    /// Adds a header.
    pub fn header(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.reply.headers.add(key, value);
        self
    }

    /// Adds a trailer.
    pub fn trailer(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.reply.trailers.add(key, value);
        self
    }

    /// A connection that is refused or breaks before the headers: Envoy makes a 503 of it.
    pub fn unreachable(after_ms: u64) -> Self {
        Self::of_the_router(503, after_ms, &broken_off(false, "connection termination"))
    }

    /// Something that is no HTTP: Envoy makes a 502 of it.
    pub fn garbage(after_ms: u64) -> Self {
        Self::of_the_router(502, after_ms, &broken_off(false, "protocol error"))
    }

    /// What the router says instead of an endpoint.
    pub(super) fn of_the_router(status: u16, after_ms: u64, text: &str) -> Self {
        let mut answer = Self::status(status, after_ms).body(text);
        complete_headers(&mut answer.reply.headers, text.as_bytes());
        Self { of_an_endpoint: false, ..answer }
    }

    /// A body that breaks off: the guest gets nothing at all, not even headers.
    pub fn cut(after_ms: u64) -> Self {
        Self { after: Duration::from_millis(after_ms), reply: HttpReply::default(), of_an_endpoint: false }
    }
}

/// Decides how a cluster answers a guest's HTTP call.
pub(super) type CallScript = Box<dyn FnMut(&HttpCall, &mut Rng) -> CallAnswer>;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// With an answer.
    Status(u16),
    /// With an answer whose body broke off.
    Truncated(u16),
    /// The connection was refused.
    Refused,
    /// There was no connection in time.
    Unreachable,
    /// The connection broke before the answer.
    Reset,
    /// No answer within the per-try timeout or the request's timeout.
    Timeout,
    /// The client hung up, or somebody else answered first.
    Aborted,
    /// The VM trapped.
    Lost,
}

/// One attempt of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// `ip:port`.
    pub endpoint: String,
    /// Taken from the steering header, not from the fallback policy.
    pub steered: bool,
    /// Since the proxy started.
    pub started: Duration,
    /// `None` while it is under way.
    pub end: Option<(AttemptEnd, Duration)>,
    /// What the endpoint got, after all filters: headers.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
}

impl AttemptRecord {
    pub(super) fn new(endpoint: &str, steered: bool, started: Duration) -> Self {
        let (headers, body, trailers) = Default::default();
        Self { endpoint: endpoint.to_owned(), steered, started, end: None, headers, body, trailers }
    }
}

/// Who made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An endpoint.
    Upstream,
    /// The router, after its attempts failed.
    Router,
    /// The filter.
    Filter,
    /// Nobody: the client hung up.
    Nobody,
}

/// What the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status; `None` if the client hung up first.
    pub status: Option<u16>,
    /// Headers of the answer.
    pub headers: Headers,
    /// Body of the answer.
    pub body: Vec<u8>,
    /// Trailers of the answer.
    pub trailers: Headers,
    /// Who made it.
    pub source: Source,
    /// The body broke off.
    pub truncated: bool,
    /// The worker that served it.
    pub worker: usize,
    /// Its attempts in order.
    pub attempts: Vec<AttemptRecord>,
    /// From sending to the end.
    pub took: Duration,
}

impl Outcome {
    /// A 2xx from an endpoint with its whole body.
    pub fn is_ok(&self) -> bool {
        self.source == Source::Upstream && !self.truncated && self.status.is_some_and(|status| status / 100 == 2)
    }

    /// The endpoints of the attempts in order.
    pub fn endpoints(&self) -> Vec<&str> {
        self.attempts.iter().map(|attempt| attempt.endpoint.as_str()).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("no answer".to_owned(), |status| status.to_string());
        write!(f, "{status} from {:?} on worker {} after {:?}:", self.source, self.worker, self.took)?;
        for attempt in &self.attempts {
            let fallback = if attempt.steered { "" } else { " (fallback)" };
            write!(f, " {}{fallback} {:?};", attempt.endpoint, attempt.end.map(|(end, _)| end))?;
        }
        Ok(())
    }
}
