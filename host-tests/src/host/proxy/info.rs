//! What properties of a stream tell that is not in its maps. In Envoy the answer's code, flags and details belong to
//! the request, so the upstream filters' streams of all attempts read the same as the downstream filters' streams.
//!
//! That is why flags say nothing of an attempt that is tried again, and why a body that breaks off has its flag only
//! after the observer's done: both were seen on Envoy 1.40 with a guest that logs these properties in each callback.
//!
//! Streams hold a handle on these facts and encode one when the guest asks for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::Core;
use super::model::RequestId;
use crate::host::Value;
use crate::host::context::{Facts, KeptValues};

/// Known as soon as there is a connection.
const LOCAL_ADDRESS: &str = "127.0.0.1:40000";
const CLIENT_ADDRESS: &str = "127.0.0.1:40000";
const LISTENER_ADDRESS: &str = "127.0.0.1:10000";

/// What is known of the route that a request takes.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub(super) cluster: Rc<str>,
    pub(super) name: Rc<str>,
    pub(super) virtual_host: Rc<str>,
    pub(super) endpoints: usize,
}

/// What is known of a request.
#[derive(Debug, Default)]
pub(super) struct Info {
    pub(super) request: RequestId,
    pub(super) route: Route,
    /// Nanoseconds since 1970.
    pub(super) started_ns: u64,
    /// How long it took, once it has ended.
    pub(super) took: Cell<Option<Duration>>,
    /// Bytes of bodies that came from the client and went to it.
    pub(super) received: Cell<u64>,
    pub(super) sent: Cell<u64>,
    pub(super) code: Cell<Option<u16>>,
    pub(super) flags: Cell<u64>,
    pub(super) details: RefCell<Option<Rc<str>>>,
    /// The endpoint of the latest attempt.
    pub(super) upstream: RefCell<Option<Rc<str>>>,
    /// It has a connection.
    pub(super) connected: Cell<bool>,
    /// Why it has none; there, and empty, until it fails.
    pub(super) failure: Cell<&'static str>,
    /// From the request's end to the answer's; known with the last byte, and only then.
    pub(super) latency: Cell<Option<Duration>>,
    /// How many attempts there were.
    pub(super) attempts: Cell<u32>,
    kept: KeptValues,
}

/// Address and port of `ip:port`.
fn port(address: &str) -> Value {
    Value::Uint(address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default())
}

/// What Envoy makes of an HTTP status where a gRPC status is asked for.
pub(super) fn grpc_status(code: u16) -> i64 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

impl Info {
    pub(super) fn new(request: RequestId, route: Route, started_ns: u64) -> Self {
        Self { request, route, started_ns, ..Self::default() }
    }

    pub(super) fn add_flags(&self, flags: u64) {
        self.flags.set(self.flags.get() | flags);
    }

    pub(super) fn set_details(&self, details: &str) {
        *self.details.borrow_mut() = Some(details.into());
    }

    /// A new attempt begins.
    pub(super) fn try_endpoint(&self, endpoint: &Rc<str>) {
        self.attempts.set(self.attempts.get() + 1);
        *self.upstream.borrow_mut() = Some(Rc::clone(endpoint));
        self.connected.set(false);
        self.failure.set("");
        self.latency.set(None);
    }

    fn common(&self, path: &[u8]) -> Option<Value> {
        if let Some(leaf) = path.strip_prefix(b"upstream\0") {
            return self.of_upstream(leaf);
        }
        Some(match path {
            b"connection_id" | b"connection\0id" => Value::Uint(self.request),
            b"connection\0mtls" => Value::Bool(false),
            b"connection\0requested_server_name" | b"metadata" => Value::from(""),
            b"source\0address" => Value::from(CLIENT_ADDRESS),
            b"source\0port" => port(CLIENT_ADDRESS),
            b"destination\0address" => Value::from(LISTENER_ADDRESS),
            b"destination\0port" => port(LISTENER_ADDRESS),
            b"request\0protocol" => Value::from("HTTP/1.1"),
            b"request\0time" => Value::Time(self.started_ns),
            b"request\0duration" => Value::Duration(self.took.get()?),
            b"response\0flags" => Value::Uint(self.flags.get()),
            b"response\0code" => Value::Uint(u64::from(self.code.get()?)),
            b"response\0code_details" => Value::from(&**self.details.borrow().as_ref()?),
            b"response\0grpc_status" => Value::Int(grpc_status(self.code.get()?)),
            b"response\0size" => Value::Uint(self.sent.get()),
            b"response\0backend_latency" => Value::Duration(self.latency.get()?),
            b"xds\0cluster_name" => Value::from(&*self.route.cluster),
            b"xds\0route_name" => Value::from(&*self.route.name),
            b"xds\0virtual_host_name" => Value::from(&*self.route.virtual_host),
            b"xds\0listener_direction" => Value::Uint(0),
            _ => return None,
        })
    }

    fn of_upstream(&self, leaf: &[u8]) -> Option<Value> {
        match leaf {
            b"request_attempt_count" => return Some(Value::Uint(u64::from(self.attempts.get()))),
            b"num_endpoints" => return Some(Value::Uint(self.route.endpoints as u64)),
            _ => {}
        }
        let upstream = self.upstream.borrow();
        let address = upstream.as_ref()?;
        Some(match leaf {
            b"address" => Value::from(&**address),
            b"port" => port(address),
            b"transport_failure_reason" => Value::from(self.failure.get()),
            b"cx_pool_ready_duration" => Value::Duration(Duration::ZERO),
            b"local_address" if self.connected.get() => Value::from(LOCAL_ADDRESS),
            _ => return None,
        })
    }
}

impl Facts for Info {
    fn property(&self, path: &[u8]) -> Option<Value> {
        self.common(path)
    }

    fn transferred(&self) -> (u64, u64) {
        (self.received.get(), self.sent.get())
    }

    fn kept(&self) -> Option<KeptValues> {
        Some(Rc::clone(&self.kept))
    }
}

/// What is known of an attempt, beside its request: where attempts run side by side, each has its own endpoint.
#[derive(Debug)]
pub(super) struct AttemptInfo {
    pub(super) request: Rc<Info>,
    pub(super) endpoint: Rc<str>,
    pub(super) number: u32,
}

impl Facts for AttemptInfo {
    fn property(&self, path: &[u8]) -> Option<Value> {
        Some(match path {
            b"upstream\0address" => Value::from(&*self.endpoint),
            b"upstream\0request_attempt_count" => Value::Uint(u64::from(self.number)),
            _ => return self.request.common(path),
        })
    }

    fn transferred(&self) -> (u64, u64) {
        self.request.transferred()
    }

    fn kept(&self) -> Option<KeptValues> {
        self.request.kept()
    }
}

impl Core {
    /// What is known of a request under way.
    pub(super) fn info(&self, id: RequestId) -> Option<Rc<Info>> {
        self.exchange(id, |exchange| Rc::clone(&exchange.info))
    }

    /// Something became known of a request: both sides can read it from now on.
    pub(super) fn inform(&self, id: RequestId, change: impl FnOnce(&Info)) {
        if let Some(info) = self.info(id) {
            change(&info);
        }
    }
}
