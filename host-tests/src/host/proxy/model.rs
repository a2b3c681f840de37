//! What goes into a modelled proxy and what comes out: requests, upstream behaviours, outcomes.

use std::fmt;
use std::time::Duration;

use crate::host::{Headers, Rng};

/// Names a request within one proxy; counts from 1.
pub type RequestId = u64;

/// What a client sends, and how long it is ready to wait.
#[derive(Clone, Debug)]
pub struct Request {
    /// Headers with the pseudo-headers.
    pub headers: Headers,
    /// Body; empty for none.
    pub body: Vec<u8>,
    /// The worker that gets the connection; drawn from the seed if `None`.
    pub worker: Option<usize>,
    /// The client hangs up so long after sending.
    pub abort_after: Option<Duration>,
}

impl Request {
    /// A plain GET.
    pub fn get(path: &str) -> Self {
        Self { headers: Headers::get_request(path), body: Vec::new(), worker: None, abort_after: None }
    }

    /// Adds a header.
    pub fn header(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(key, value);
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
    /// Breaks the connection before the headers.
    Reset {
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
            Self::Refuse | Self::Reset { .. } | Self::Hang | Self::ClientAbort { .. } => 0,
        }
    }

    /// Any status after so many milliseconds.
    pub fn status(status: u16, latency_ms: u64) -> Self {
        Self::Respond { status, latency: Duration::from_millis(latency_ms) }
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
pub type Script = Box<dyn FnMut(Attempt<'_>, &mut Rng) -> Behaviour>;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// With an answer.
    Status(u16),
    /// With an answer whose body broke off.
    Truncated(u16),
    /// The connection was refused.
    Refused,
    /// The connection broke before the answer.
    Reset,
    /// No answer within the per-try timeout or the request's timeout.
    Timeout,
    /// The client hung up.
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
