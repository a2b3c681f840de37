//! gRPC calls and streams of a guest: what it started, and what comes back.
//!
//! The guest's side is in `abi/grpc.rs`; here a test, or a proxy, plays the far end. A unary call ends with its message
//! or, if it fails, with a close; a stream gets metadata, messages, trailing metadata and a close. What was cancelled
//! hears nothing any more.

use std::collections::BTreeMap;

use super::Headers;
use super::callbacks::CallbackKind as Kind;
use super::vm::{Vm, VmError};

/// A unary gRPC call that the guest made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// Where it goes.
    pub start: GrpcStart,
    /// The request.
    pub message: Vec<u8>,
    /// How long the guest is ready to wait.
    pub timeout_ms: u32,
}

/// Where a gRPC call or stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStart {
    /// Its id: 5, 9, 13… for calls, 6, 10, 14… for streams.
    pub token: u32,
    /// The root context that gets the answers.
    pub context: u32,
    /// Name of the cluster.
    pub upstream: String,
    /// Name of the service.
    pub service: String,
    /// Name of the method.
    pub method: String,
    /// Metadata to begin with.
    pub metadata: Headers,
}

/// What one root has under way.
#[derive(Debug, Default)]
pub(crate) struct GrpcCalls(BTreeMap<u32, Ends>);

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    local: bool,
    remote: bool,
}

/// True for the id of a unary call.
pub(crate) fn is_call(token: u32) -> bool {
    token & 3 == 1
}

/// True for the id of a stream.
pub(crate) fn is_stream(token: u32) -> bool {
    token & 3 == 2
}

impl GrpcCalls {
    pub(crate) fn open(&mut self, token: u32) {
        self.0.insert(token, Ends::default());
    }

    pub(crate) fn has(&self, token: u32) -> bool {
        self.0.contains_key(&token)
    }

    pub(crate) fn forget(&mut self, token: u32) -> bool {
        self.0.remove(&token).is_some()
    }

    /// The guest closes. A call is gone; a stream when both ends have closed.
    pub(crate) fn close_local(&mut self, token: u32) -> bool {
        let Some(ends) = self.0.get_mut(&token) else { return false };
        ends.local = true;
        if ends.remote || is_call(token) {
            self.0.remove(&token);
        }
        true
    }

    fn close_remote(&mut self, token: u32) {
        if let Some(ends) = self.0.get_mut(&token) {
            ends.remote = true;
        }
    }

    fn after_close(&mut self, token: u32) {
        if is_call(token) || self.0.get(&token).is_some_and(|ends| ends.local) {
            self.0.remove(&token);
        }
    }
}

impl Vm {
    fn has_grpc(&self, root: u32, token: u32) -> bool {
        self.store.data().roots.get(&root).is_some_and(|root| root.grpc.has(token))
    }

    /// Metadata at the start of a stream's answers. It can be read during the callback only.
    pub fn grpc_initial_metadata(&mut self, root: u32, token: u32, metadata: Headers) -> Result<(), VmError> {
        self.grpc_metadata(Kind::GrpcInitialMetadata, root, token, metadata)
    }

    /// Metadata at the end of a stream's answers. It can be read during the callback only.
    pub fn grpc_trailing_metadata(&mut self, root: u32, token: u32, metadata: Headers) -> Result<(), VmError> {
        self.grpc_metadata(Kind::GrpcTrailingMetadata, root, token, metadata)
    }

    fn grpc_metadata(&mut self, kind: Kind, root: u32, token: u32, metadata: Headers) -> Result<(), VmError> {
        if !self.has_grpc(root, token) {
            return Ok(());
        }
        let count = metadata.len() as u32;
        let initial = kind == Kind::GrpcInitialMetadata;
        let give = |vm: &mut Self, metadata| {
            vm.with_root(root, |root| {
                let incoming = &mut root.incoming;
                *(if initial { &mut incoming.initial_metadata } else { &mut incoming.trailing_metadata }) = metadata;
            });
        };
        give(self, Some(metadata));
        let told = self.raw(kind, &[root, token, count]);
        give(self, None);
        told.map(drop)
    }

    /// A message, readable during the callback only. A unary call is over with it.
    pub fn grpc_message(&mut self, root: u32, token: u32, message: Vec<u8>) -> Result<(), VmError> {
        if !self.has_grpc(root, token) {
            return Ok(());
        }
        let size = message.len() as u32;
        self.with_root(root, |root| root.incoming.message = message);
        let told = self.raw(Kind::GrpcReceive, &[root, token, size]);
        self.with_root(root, |root| {
            root.incoming.message = Vec::new();
            if is_call(token) {
                root.grpc.forget(token);
            }
        });
        told.map(drop)
    }

    /// The far end closes with a gRPC status. `proxy_get_status` tells it; the message during the callback only.
    pub fn grpc_close(&mut self, root: u32, token: u32, status: u32, message: &str) -> Result<(), VmError> {
        if !self.has_grpc(root, token) {
            return Ok(());
        }
        let exported = self.exports(Kind::GrpcClose);
        self.with_root(root, |root| {
            root.grpc.close_remote(token);
            if exported {
                root.status = (status, message.as_bytes().to_vec());
            }
        });
        let told = self.raw(Kind::GrpcClose, &[root, token, status]);
        self.with_root(root, |root| {
            root.status.1.clear();
            root.grpc.after_close(token);
        });
        told.map(drop)
    }
}
