//! What is known of a request's answer: code, flags, details. In Envoy it belongs to the request, so the observer's
//! streams of all attempts read the same as the filter's stream, at the time they read it.
//!
//! That is why flags say nothing of an attempt that is tried again, and why a body that breaks off has its flag only
//! after the observer's done: both were seen on Envoy 1.40 with a guest that logs these properties in each callback.

use super::Core;
use super::chain::Key;
use super::model::RequestId;
use crate::host::{Stream, Value};

/// Code, flags and details of a request's answer, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Info {
    pub(super) code: Option<u16>,
    pub(super) flags: u64,
    pub(super) details: Option<String>,
}

impl Info {
    fn write(&self, stream: &mut Stream) {
        stream.properties.set("response.flags", Value::Uint(self.flags));
        if let Some(code) = self.code {
            stream.properties.set("response.code", Value::Uint(u64::from(code)));
        }
        if let Some(details) = &self.details {
            stream.properties.set("response.code_details", details.as_str());
        }
    }
}

/// What the properties of a new stream say.
pub(super) enum Facts {
    Downstream { request: RequestId, info: Info },
    Upstream { endpoint: String, attempt: u32, cluster: String, connected: bool, info: Info },
}

impl Facts {
    pub(super) fn write(&self, stream: &mut Stream) {
        match self {
            Self::Downstream { request, info } => {
                stream.properties.set("connection_id", Value::Uint(*request));
                stream.properties.set("source.address", "127.0.0.1:40000");
                info.write(stream);
            }
            Self::Upstream { endpoint, attempt, cluster, connected, info } => {
                stream.properties.set("upstream.address", endpoint.as_str());
                stream.properties.set("upstream.request_attempt_count", u64::from(*attempt));
                stream.properties.set("xds.cluster_name", cluster.as_str());
                // There, and empty until the connection fails.
                stream.properties.set("upstream.transport_failure_reason", "");
                if *connected {
                    stream.properties.set("upstream.local_address", super::attempts::LOCAL_ADDRESS);
                }
                info.write(stream);
            }
        }
    }
}

impl Core {
    /// What a new stream of a chain can read.
    pub(super) fn facts(&self, key: Key) -> Option<Facts> {
        let exchanges = self.exchanges.borrow();
        Some(match key {
            Key::Down(id) => Facts::Downstream { request: id, info: exchanges.get(&id)?.info.clone() },
            Key::Up(id, number) => {
                let exchange = exchanges.get(&id)?;
                let live = exchange.live.iter().find(|live| live.number == number)?;
                Facts::Upstream {
                    endpoint: live.endpoint.clone(),
                    attempt: number,
                    cluster: self.cluster.borrow().name.clone(),
                    connected: live.connected,
                    info: exchange.info.clone(),
                }
            }
        })
    }

    /// Something became known of a request's answer: both sides can read it from now on.
    pub(super) fn inform(&self, id: RequestId, change: impl FnOnce(&mut Info)) {
        let mut exchanges = self.exchanges.borrow_mut();
        let Some(exchange) = exchanges.get_mut(&id) else { return };
        change(&mut exchange.info);
        let chains = std::iter::once(&exchange.down).chain(exchange.live.iter().map(|live| &live.chain));
        for filter in chains.flatten() {
            self.vm(filter.slot, |vm| {
                if let Some(stream) = vm.stream_mut(filter.context) {
                    exchange.info.write(stream);
                }
            });
        }
    }

    /// Sets a property on the upstream filters' streams of an attempt.
    pub(super) fn tell_upstream(&self, id: RequestId, number: u32, property: &str, value: &Value) {
        let mut exchanges = self.exchanges.borrow_mut();
        let live =
            exchanges.get_mut(&id).and_then(|exchange| exchange.live.iter_mut().find(|live| live.number == number));
        for filter in live.into_iter().flat_map(|live| &live.chain) {
            self.vm(filter.slot, |vm| {
                if let Some(stream) = vm.stream_mut(filter.context) {
                    stream.properties.set(property, value.clone());
                }
            });
        }
    }
}
