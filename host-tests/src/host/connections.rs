//! TCP connections of a VM, for guests that are network filters: new connection, data both ways, closes.
//!
//! A connection ends in another order than a request: done, log, delete. It ends with the downstream side.

use super::Flow;
use super::callbacks::CallbackKind as Kind;
use super::context::{Phase, StreamKind};
use super::vm::{Vm, VmError};

/// A side of a connection, by the number of its buffer in the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Towards the client: what it sent.
    Downstream = 2,
    /// Towards the upstream: what it sent.
    Upstream = 3,
}

/// Who closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseType {
    /// Nobody knows; the upstream's closes are always of this type.
    Unknown = 0,
    /// The proxy.
    Local = 1,
    /// The peer.
    Remote = 2,
}

impl Vm {
    /// Creates a context for a connection and tells the guest of it: its id, and whether it is held back.
    pub fn open_connection(&mut self, root: u32) -> Result<(u32, Flow), VmError> {
        let context = self.open_context(root, StreamKind::Tcp)?;
        let word = self.raw(Kind::NewConnection, &[context])?;
        Ok((context, self.flow(word)))
    }

    /// What the client sent. It stays readable and changeable while the guest holds it back.
    pub fn downstream_data(&mut self, context: u32, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        self.data(context, Side::Downstream, bytes, end)
    }

    /// What the upstream sent. Its end closes the upstream side.
    pub fn upstream_data(&mut self, context: u32, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        let flow = self.data(context, Side::Upstream, bytes, end)?;
        if end {
            self.upstream_close(context, CloseType::Unknown)?;
        }
        Ok(flow)
    }

    /// The client's side closed: the context is over.
    pub fn downstream_close(&mut self, context: u32, by: CloseType) -> Result<(), VmError> {
        self.raw(Kind::DownstreamClose, &[context, by as u32])?;
        if let Some(stream) = self.stream_mut(context) {
            stream.downstream_closed = true;
        }
        self.end_connection(context)
    }

    /// The upstream's side closed.
    pub fn upstream_close(&mut self, context: u32, by: CloseType) -> Result<(), VmError> {
        self.raw(Kind::UpstreamClose, &[context, by as u32])?;
        if self.stream(context).is_some_and(|stream| stream.downstream_closed) {
            return self.end_connection(context);
        }
        Ok(())
    }

    fn end_connection(&mut self, context: u32) -> Result<(), VmError> {
        if self.stream(context).is_none() {
            return Ok(());
        }
        self.enter(context, Phase::Done);
        self.raw(Kind::Done, &[context])?;
        self.enter(context, Phase::Log);
        self.raw(Kind::Log, &[context])?;
        self.delete_stream(context)
    }

    fn data(&mut self, context: u32, side: Side, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        let (kind, size) = match side {
            Side::Downstream => (Kind::DownstreamData, bytes.len() as u32),
            Side::Upstream => (Kind::UpstreamData, bytes.len() as u32),
        };
        if let Some(stream) = self.stream_mut(context) {
            stream.end_of_stream = end;
            stream.give_buffer(side as usize, bytes);
        }
        let word = self.raw(kind, &[context, size, u32::from(end)])?;
        let flow = self.flow(word);
        if flow == Flow::Continue
            && let Some(stream) = self.stream_mut(context)
        {
            stream.shut_buffer(side as usize);
        }
        Ok(flow)
    }
}
