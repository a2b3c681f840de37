//! A deterministic proxy-wasm host (ABI 0.1.0 to 0.2.1) on wasmtime that behaves as Envoy does.
//!
//! All state lives in the stores of the VMs and in one [`World`]; time is virtual and one seed drives every choice, so
//! tests run in parallel and a run can be repeated. [`Vm`] drives one instance of a guest callback by callback; `proxy`
//! puts workers, a main thread, a cluster and modelled upstreams around it. [`Guest`] is compiled once and shared.

mod abi;
mod attributes;
mod callbacks;
mod connections;
mod context;
mod costs;
pub mod explore;
mod grpc;
mod guest;
mod headers;
mod metrics;
mod profile;
mod properties;
mod proto;
pub mod proxy;
mod rng;
mod roots;
mod state;
mod status;
mod store;
mod streams;
mod trace;
mod vm;
mod world;

pub use abi::HostCall;
pub use callbacks::CallbackKind;
pub use connections::{CloseType, Side};
pub use context::{Body, LocalResponse, Map, Phase, Plugin, Stream, StreamKind};
pub use costs::{CallCounts, CallbackCost, Costs, StreamCost, StreamCosts};
pub use grpc::{GrpcCall, GrpcStart};
pub use guest::{AbiVersion, Guest, LoadError};
pub use headers::Headers;
pub use metrics::{MetricIds, MetricKind, Metrics};
pub use profile::Profile;
pub use properties::{Properties, Value, path};
pub use rng::Rng;
pub use roots::StartError;
pub use status::Status;
pub use store::{Cas, Eviction, QueueOwner, SharedStore};
pub use streams::Flow;
pub use trace::Trace;
pub use vm::{Action, HttpCall, HttpReply, Vm, VmError};
pub use world::{LogLine, START_NS, World};
