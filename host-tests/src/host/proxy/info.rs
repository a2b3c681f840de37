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
use crate::host::context::Facts;

/// Known as soon as there is a connection.
const LOCAL_ADDRESS: &str = "127.0.0.1:40000";
const CLIENT_ADDRESS: &str = "127.0.0.1:40000";

/// What is known of a request.
#[derive(Debug, Default)]
pub(super) struct Info {
    pub(super) request: RequestId,
    pub(super) cluster: Rc<str>,
    pub(super) code: Cell<Option<u16>>,
    pub(super) flags: Cell<u64>,
    pub(super) details: RefCell<Option<Rc<str>>>,
    /// The endpoint of the latest attempt.
    pub(super) upstream: RefCell<Option<Rc<str>>>,
    /// How many attempts there were.
    pub(super) attempts: Cell<u32>,
}

impl Info {
    pub(super) fn new(request: RequestId, cluster: &Rc<str>) -> Self {
        Self { request, cluster: Rc::clone(cluster), ..Self::default() }
    }

    pub(super) fn add_flags(&self, flags: u64) {
        self.flags.set(self.flags.get() | flags);
    }

    pub(super) fn set_details(&self, details: &str) {
        *self.details.borrow_mut() = Some(details.into());
    }

    fn common(&self, path: &[u8]) -> Option<Value> {
        Some(match path {
            b"connection_id" => Value::Uint(self.request),
            b"source\0address" => Value::from(CLIENT_ADDRESS),
            b"response\0flags" => Value::Uint(self.flags.get()),
            b"response\0code" => Value::Uint(u64::from(self.code.get()?)),
            b"response\0code_details" => Value::from(&**self.details.borrow().as_ref()?),
            b"upstream\0address" => Value::from(&**self.upstream.borrow().as_ref()?),
            b"upstream\0request_attempt_count" => Value::Uint(u64::from(Some(self.attempts.get()).filter(|n| *n > 0)?)),
            b"xds\0cluster_name" => Value::from(&*self.cluster),
            _ => return None,
        })
    }
}

impl Facts for Info {
    fn property(&self, path: &[u8]) -> Option<Value> {
        self.common(path)
    }
}

/// What is known of an attempt, beside its request.
#[derive(Debug)]
pub(super) struct AttemptInfo {
    pub(super) request: Rc<Info>,
    pub(super) endpoint: Rc<str>,
    pub(super) number: u32,
    pub(super) connected: Cell<bool>,
    /// Why there is no connection; there, and empty, until it fails.
    pub(super) failure: Cell<&'static str>,
    /// From the request's end to the answer's; known with the last byte, and only then.
    pub(super) latency: Cell<Option<Duration>>,
}

impl Facts for AttemptInfo {
    fn property(&self, path: &[u8]) -> Option<Value> {
        Some(match path {
            b"upstream\0address" => Value::from(&*self.endpoint),
            b"upstream\0request_attempt_count" => Value::Uint(u64::from(self.number)),
            b"upstream\0local_address" if self.connected.get() => Value::from(LOCAL_ADDRESS),
            b"upstream\0local_address" => return None,
            b"upstream\0transport_failure_reason" => Value::from(self.failure.get()),
            b"response\0backend_latency" => Value::Duration(self.latency.get()?),
            _ => return self.request.common(path),
        })
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
