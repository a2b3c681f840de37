//! What is known of a request's answer: code, flags, details. In Envoy it belongs to the request, so the observer's
//! streams of all attempts read the same as the filter's stream, at the time they read it.
//!
//! That is why flags say nothing of an attempt that is tried again, and why a body that breaks off has its flag only
//! after the observer's done: both were seen on Envoy 1.40 with a guest that logs these properties in each callback.

use super::Proxy;
use super::model::RequestId;
use crate::host::{Stream, Value};

/// Code, flags and details of a request's answer, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Info {
    pub(super) code: Option<u16>,
    pub(super) flags: u64,
    pub(super) details: Option<&'static str>,
}

impl Info {
    fn write(&self, stream: &mut Stream) {
        stream.properties.set("response.flags", Value::Uint(self.flags));
        if let Some(code) = self.code {
            stream.properties.set("response.code", Value::Uint(u64::from(code)));
        }
        if let Some(details) = self.details {
            stream.properties.set("response.code_details", details);
        }
    }
}

impl Proxy {
    /// Something became known of a request's answer: both sides can read it from now on.
    pub(super) fn inform(&mut self, id: RequestId, change: impl FnOnce(&mut Info)) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        change(&mut exchange.info);
        let (info, vm) = (exchange.info.clone(), &mut self.threads[exchange.thread].vm);
        for context in [exchange.context, exchange.live.flatten()].into_iter().flatten() {
            if let Some(stream) = vm.stream_mut(context) {
                info.write(stream);
            }
        }
    }
}
