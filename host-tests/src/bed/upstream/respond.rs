//! One request at an upstream: counted, then answered as the behaviour in force says.

use super::{Behaviour, NAME_HEADER, State};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Sleep;

const WHOLE: &[u8] = b"hello from a sample upstream\n";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The head of a cut-off answer promises this much.
const PROMISED: u64 = 4_096;
/// Lets the first part reach the wire before the cut.
const CUT_AFTER: Duration = Duration::from_millis(5);

/// Counts one request for as long as it is being handled, also if its connection is closed meanwhile.
struct InFlight(Arc<State>);

impl InFlight {
    fn enter(state: &Arc<State>) -> Self {
        state.requests.fetch_add(1, Ordering::Relaxed);
        let now = state.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        state.peak_in_flight.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The answer to one request; never returns while hanging or after asking for a reset.
pub(super) async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    reset: Arc<Notify>,
) -> hyper::Result<Response<Reply>> {
    let _in_flight = InFlight::enter(&state);
    let (head, body) = request.into_parts();
    *state.last_headers.lock().unwrap_or_else(PoisonError::into_inner) = Some(head.headers);
    body.collect().await?;
    let behaviour = *state.behaviour.borrow();
    match behaviour {
        Behaviour::Healthy | Behaviour::Refusing => work(&state, 1.0).await,
        Behaviour::Slow { factor } => work(&state, factor).await,
        Behaviour::Failing { status, fraction } => {
            if draw(&state, |rng| rng.f64()) < fraction {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                return Ok(response(&state, status, Reply::Whole(Some(Bytes::new()))));
            }
            work(&state, 1.0).await;
        }
        Behaviour::Overloaded => {
            let mut response = response(&state, StatusCode::SERVICE_UNAVAILABLE, Reply::Whole(Some(Bytes::new())));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Ok(response);
        }
        Behaviour::Grpc { status, trailers_only } => return Ok(call(&state, status, trailers_only)),
        Behaviour::Hanging => std::future::pending().await,
        Behaviour::Resetting => {
            reset.notify_one();
            std::future::pending().await
        }
        Behaviour::Truncating => {
            let cut =
                Reply::Cut { first: Some(Bytes::from_static(WHOLE)), then: Box::pin(tokio::time::sleep(CUT_AFTER)) };
            return Ok(response(&state, StatusCode::OK, cut));
        }
    }
    Ok(response(&state, StatusCode::OK, Reply::Whole(Some(Bytes::from_static(WHOLE)))))
}

/// Takes a slot, where they are limited, and holds it for as long as the answer takes.
async fn work(state: &State, factor: f64) {
    let _slot = match &state.slots {
        Some(slots) => slots.acquire().await.ok(),
        None => None,
    };
    let latency = draw(state, |rng| state.spec.latency.draw(rng));
    tokio::time::sleep(latency.mul_f64(factor)).await;
}

fn draw<T>(state: &State, from: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
    from(&mut state.rng.lock().unwrap_or_else(PoisonError::into_inner))
}

fn response(state: &State, status: StatusCode, reply: Reply) -> Response<Reply> {
    let response = Response::builder().status(status).header(NAME_HEADER, &state.spec.name);
    response.body(reply).expect("the name is a header value: it was chosen by the test")
}

/// The answer to a gRPC call, with an empty message unless the status is in the headers.
fn call(state: &State, status: u16, trailers_only: bool) -> Response<Reply> {
    let fields = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(status))]);
    let message = Some(Bytes::from_static(&[0; 5]));
    let (head, reply) = match trailers_only {
        true => (fields, Reply::Whole(None)),
        false => (HeaderMap::new(), Reply::Call { message, trailers: Some(fields) }),
    };
    let mut response = response(state, StatusCode::OK, reply);
    response.headers_mut().extend(head);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// An answer's body.
pub(super) enum Reply {
    /// All of it.
    Whole(Option<Bytes>),
    /// All of it, and trailers.
    Call {
        /// The body.
        message: Option<Bytes>,
        /// What comes after it.
        trailers: Option<HeaderMap>,
    },
    /// A part, then an error, which makes the server close the connection.
    Cut {
        /// Sent at once.
        first: Option<Bytes>,
        /// The cut.
        then: Pin<Box<Sleep>>,
    },
}

/// Ends a cut-off body.
#[derive(Debug)]
pub(super) struct CutOff;

impl std::fmt::Display for CutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut off on purpose")
    }
}

impl std::error::Error for CutOff {}

impl Body for Reply {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Call { message, trailers } => {
                let message = message.take().map(Frame::data);
                Poll::Ready(message.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Self::Cut { first, then } => match first.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => then.as_mut().poll(context).map(|()| Some(Err(CutOff))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Call { .. } => SizeHint::default(),
            Self::Cut { .. } => SizeHint::with_exact(PROMISED),
        }
    }
}
