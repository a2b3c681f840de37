//! Stream contexts of a VM in a host's order: create, headers, bodies, trailers, log, done, delete.
//!
//! Pausing keeps the map or the body open, so that the guest can change it until it lets the stream go on. After a local
//! response the stream does not go on, whatever the guest answers.

use std::rc::Rc;

use super::Headers;
use super::callbacks::CallbackKind as Kind;
use super::context::{Body, Facts, LocalResponse, Map, Phase, Stream, StreamKind};
use super::vm::{Vm, VmError};

/// What the guest wants after headers, a body or trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Wait until the guest lets the stream go on.
    Pause,
}

impl Vm {
    /// Creates a stream context under a root; its id.
    pub fn open_stream(&mut self, root: u32) -> Result<u32, VmError> {
        self.open_context(root, StreamKind::Http)
    }

    pub(crate) fn open_context(&mut self, root: u32, kind: StreamKind) -> Result<u32, VmError> {
        let context = self.reserve_stream();
        self.create(context, root, kind, None)?;
        Ok(context)
    }

    /// A number for a stream that is created later: Envoy numbers all filters of a chain before the first one runs.
    pub fn reserve_stream(&mut self) -> u32 {
        self.new_context_id()
    }

    /// Creates a stream context with a reserved number, under a root.
    pub fn create_stream(&mut self, context: u32, root: u32) -> Result<(), VmError> {
        self.create(context, root, StreamKind::Http, None)
    }

    /// As [`Vm::create_stream`], with facts that the guest can read as properties.
    pub(crate) fn create_stream_with(
        &mut self,
        context: u32,
        root: u32,
        facts: Option<Rc<dyn Facts>>,
    ) -> Result<(), VmError> {
        self.create(context, root, StreamKind::Http, facts)
    }

    fn create(
        &mut self,
        context: u32,
        root: u32,
        kind: StreamKind,
        facts: Option<Rc<dyn Facts>>,
    ) -> Result<(), VmError> {
        let plugin = self.store.data().roots.get(&root).map(|root| root.plugin.clone());
        let mut stream = Stream::new(root, plugin.unwrap_or_default(), kind);
        if let Some(kept) = facts.as_ref().and_then(|facts| facts.kept()) {
            stream.kept = kept;
        }
        stream.facts = facts;
        self.store.data_mut().streams.insert(context, Box::new(stream));
        self.raw(Kind::ContextCreate, &[context, root]).map(drop)
    }

    /// Request headers. They stay changeable while the guest pauses.
    pub fn request_headers(&mut self, context: u32, headers: Headers, end: bool) -> Result<Flow, VmError> {
        self.headers(context, Kind::RequestHeaders, Map::RequestHeaders, headers, end)
    }

    /// Response headers.
    pub fn response_headers(&mut self, context: u32, headers: Headers, end: bool) -> Result<Flow, VmError> {
        self.headers(context, Kind::ResponseHeaders, Map::ResponseHeaders, headers, end)
    }

    /// A piece of the request body.
    pub fn request_body(&mut self, context: u32, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        self.body(context, Kind::RequestBody, Body::Request, bytes, end)
    }

    /// A piece of the response body.
    pub fn response_body(&mut self, context: u32, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        self.body(context, Kind::ResponseBody, Body::Response, bytes, end)
    }

    /// Request trailers.
    pub fn request_trailers(&mut self, context: u32, trailers: Headers) -> Result<Flow, VmError> {
        self.trailers(context, Kind::RequestTrailers, Map::RequestTrailers, trailers)
    }

    /// Response trailers.
    pub fn response_trailers(&mut self, context: u32, trailers: Headers) -> Result<Flow, VmError> {
        self.trailers(context, Kind::ResponseTrailers, Map::ResponseTrailers, trailers)
    }

    /// Ends a downstream stream: log, done, delete.
    pub fn end_stream(&mut self, context: u32) -> Result<(), VmError> {
        self.log_stream(context)?;
        self.end_upstream(context)
    }

    /// Lets the guest log a stream; its end follows.
    pub fn log_stream(&mut self, context: u32) -> Result<(), VmError> {
        self.enter(context, Phase::Log);
        self.raw(Kind::Log, &[context])?;
        self.enter(context, Phase::Idle);
        Ok(())
    }

    /// Ends an upstream stream, which gets no log: done, delete. As in Envoy, a stream's answer to done is not waited
    /// for; only roots are.
    pub fn end_upstream(&mut self, context: u32) -> Result<(), VmError> {
        self.enter(context, Phase::Done);
        self.raw(Kind::Done, &[context])?;
        self.delete_stream(context)
    }

    /// Deletes a stream.
    pub fn delete_stream(&mut self, context: u32) -> Result<(), VmError> {
        self.enter(context, Phase::Done);
        let deleted = self.raw(Kind::Delete, &[context]);
        if let Some(stream) = self.store.data_mut().streams.remove(&context) {
            self.close_costs(&stream);
        }
        deleted.map(drop)
    }

    /// A paused stream goes on. Envoy takes the request's headers from the guest then; those of a response stay, though
    /// nobody looks at them any more.
    pub fn resume(&mut self, context: u32, side: Body) {
        if let Some(stream) = self.stream_mut(context)
            && side == Body::Request
        {
            stream.let_go();
        }
    }

    /// Takes the answer that the guest sent itself.
    pub fn take_local_response(&mut self, context: u32) -> Option<LocalResponse> {
        self.stream_mut(context)?.local_response.take()
    }

    /// What a callback's answer means.
    pub(crate) fn flow(&self, word: u32) -> Flow {
        if word == 0 && !self.store.data().stop_iteration { Flow::Continue } else { Flow::Pause }
    }

    fn headers(&mut self, context: u32, kind: Kind, map: Map, headers: Headers, end: bool) -> Result<Flow, VmError> {
        let count = headers.len() as u32;
        // nginx does not know yet whether a body follows.
        let told = end && !self.store.data().profile.is_ngx();
        self.enter(context, if map == Map::RequestHeaders { Phase::Request } else { Phase::Response });
        if let Some(stream) = self.stream_mut(context) {
            stream.end_of_stream = end;
            stream.open_map(map, headers);
        }
        let word = self.raw(kind, &[context, count, u32::from(told)])?;
        Ok(self.leave(context, word, |stream| stream.shut_map(map)))
    }

    fn body(&mut self, context: u32, kind: Kind, body: Body, bytes: Vec<u8>, end: bool) -> Result<Flow, VmError> {
        let size = bytes.len() as u32;
        self.enter(context, if body == Body::Request { Phase::Request } else { Phase::Response });
        if let Some(stream) = self.stream_mut(context) {
            stream.end_of_stream = end;
            stream.give_buffer(body as usize, bytes);
        }
        let word = self.raw(kind, &[context, size, u32::from(end)])?;
        Ok(self.leave(context, word, |stream| stream.shut_buffer(body as usize)))
    }

    fn trailers(&mut self, context: u32, kind: Kind, map: Map, trailers: Headers) -> Result<Flow, VmError> {
        let count = trailers.len() as u32;
        self.enter(context, if map == Map::RequestTrailers { Phase::Request } else { Phase::Response });
        if let Some(stream) = self.stream_mut(context) {
            stream.open_map(map, trailers);
        }
        let word = self.raw(kind, &[context, count])?;
        Ok(self.leave(context, word, |stream| stream.shut_map(map)))
    }

    pub(crate) fn enter(&mut self, context: u32, phase: Phase) {
        if let Some(stream) = self.stream_mut(context) {
            stream.phase = phase;
        }
    }

    /// A callback is over: what it could touch is shut if the stream goes on.
    fn leave(&mut self, context: u32, word: u32, shut: impl FnOnce(&mut Stream)) -> Flow {
        let flow = self.flow(word);
        if let Some(stream) = self.stream_mut(context) {
            stream.phase = Phase::Idle;
            if flow == Flow::Continue {
                shut(stream);
            }
        }
        flow
    }
}
