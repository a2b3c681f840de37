//! The host's side of a guest's contexts: roots with their plugin, streams with maps and buffers.
//!
//! What a stream's guest may touch depends on the phase. A map or a body is open from its callback until the guest lets
//! the stream go on, so a paused request can be read and changed later; in the log phase the headers and the response's
//! trailers can be read as well; else a map is shut and the guest gets status 2. What a stream's properties are is in
//! `attributes.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::costs::StreamCost;
use super::grpc::GrpcCalls;
use super::properties::{Properties, Value};
use super::vm::HttpReply;
use super::{Headers, Status};

/// Which callback of a stream is running; [`Phase::Idle`] between callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// None.
    #[default]
    Idle,
    /// `proxy_on_request_*`.
    Request,
    /// `proxy_on_response_*`.
    Response,
    /// `proxy_on_log`.
    Log,
    /// `proxy_on_done`.
    Done,
}

/// One of the four maps of a stream, in the ABI's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Request headers.
    RequestHeaders = 0,
    /// Request trailers.
    RequestTrailers = 1,
    /// Response headers.
    ResponseHeaders = 2,
    /// Response trailers.
    ResponseTrailers = 3,
}

/// One of the buffers of a stream, in the ABI's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Request body.
    Request = 0,
    /// Response body.
    Response = 1,
}

/// What kind of stream a context is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A request and its response.
    Http,
    /// A TCP connection.
    Tcp,
}

/// An answer that the guest sent instead of the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status.
    pub status: u32,
    /// Details for the access log; white space in them became `_`, as Envoy does it.
    pub details: Vec<u8>,
    /// Body.
    pub body: Vec<u8>,
    /// Headers besides the status.
    pub headers: Headers,
    /// The gRPC status, if the guest gave one of those that exist.
    pub grpc_status: Option<u32>,
}

/// A root context: one plugin in one VM.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) plugin: Rc<Plugin>,
    /// Nanoseconds; `None` while no timer runs.
    pub(crate) tick_period: Option<u64>,
    pub(crate) next_tick: Option<u64>,
    /// The plugin's configuration can be read while it is created and configured, and at no other time.
    pub(crate) configuring: bool,
    /// `proxy_on_done` said "not yet".
    pub(crate) pending_done: bool,
    /// What a test gave it, or in nginx the guest itself.
    pub(crate) properties: Properties,
    /// Properties that the guest declared, and whether they are written once only.
    pub(crate) declared: BTreeMap<Vec<u8>, bool>,
    /// What arrives from outside, while its callback runs.
    pub(crate) incoming: Incoming,
    pub(crate) grpc: GrpcCalls,
    /// Code and message of what ended last: `proxy_get_status`.
    pub(crate) status: (u32, Vec<u8>),
}

/// Answers to calls, each readable while its callback runs.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) http: Option<HttpReply>,
    pub(crate) initial_metadata: Option<Headers>,
    pub(crate) trailing_metadata: Option<Headers>,
    pub(crate) message: Vec<u8>,
}

impl Root {
    pub(crate) fn new(plugin: Rc<Plugin>) -> Self {
        Self {
            plugin,
            tick_period: None,
            next_tick: None,
            configuring: false,
            pending_done: false,
            properties: Properties::default(),
            declared: BTreeMap::new(),
            incoming: Incoming::default(),
            grpc: GrpcCalls::default(),
            status: (0, Vec::new()),
        }
    }
}

/// A plugin's configuration: which root it is and what it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugin {
    /// `root_id`; also the plugin's name.
    pub root_id: String,
    /// Bytes of the configuration, in Envoy JSON.
    pub configuration: Vec<u8>,
}

impl Plugin {
    /// A plugin by `root_id` with a configuration.
    pub fn new(root_id: &str, configuration: impl AsRef<[u8]>) -> Self {
        Self { root_id: root_id.to_owned(), configuration: configuration.as_ref().to_vec() }
    }
}

/// Where a stream's properties come from besides its maps and what was set.
pub(crate) trait Facts: fmt::Debug {
    /// A value by its path.
    fn property(&self, path: &[u8]) -> Option<Value>;

    /// Bytes of bodies that came from the client and went to it so far.
    fn transferred(&self) -> (u64, u64) {
        (0, 0)
    }

    /// Where the guests of one request keep values in common.
    fn kept(&self) -> Option<KeptValues> {
        None
    }
}

/// Values that guests keep under their own paths. All filters of a request share them, upstream filters too.
pub(crate) type KeptValues = Rc<RefCell<BTreeMap<Vec<u8>, Kept>>>;

/// A value that the guest keeps in its stream's filter state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) value: Value,
    pub(crate) read_only: bool,
}

/// A stream context.
#[derive(Debug)]
pub struct Stream {
    pub(crate) root: u32,
    pub(crate) root_id: Rc<Plugin>,
    pub(crate) kind: StreamKind,
    pub(crate) phase: Phase,
    maps: [Headers; 4],
    open: [bool; 4],
    seen: [bool; 4],
    buffers: [Vec<u8>; 4],
    buffer_open: [bool; 4],
    pub(crate) end_of_stream: bool,
    pub(crate) downstream_closed: bool,
    pub(crate) local_response: Option<LocalResponse>,
    pub(crate) cost: StreamCost,
    pub(crate) facts: Option<Rc<dyn Facts>>,
    /// What `proxy_set_property` kept, by the guest's path.
    pub(crate) kept: KeptValues,
    pub(crate) declared: BTreeMap<Vec<u8>, bool>,
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What `proxy_get_property` finds, besides what comes from the maps.
    pub properties: Properties,
}

impl Stream {
    pub(crate) fn new(root: u32, root_id: Rc<Plugin>, kind: StreamKind) -> Self {
        Self {
            root,
            root_id,
            kind,
            phase: Phase::Idle,
            maps: Default::default(),
            open: [false; 4],
            seen: [false; 4],
            buffers: Default::default(),
            buffer_open: [false; 4],
            end_of_stream: false,
            downstream_closed: false,
            local_response: None,
            cost: StreamCost::default(),
            kept: KeptValues::default(),
            declared: BTreeMap::new(),
            filter_state: BTreeMap::new(),
            facts: None,
            properties: Properties::default(),
        }
    }

    /// A map as it stands, whether the guest may see it or not.
    pub fn map(&self, map: Map) -> &Headers {
        &self.maps[map as usize]
    }

    /// A body as it stands.
    pub fn body(&self, body: Body) -> &[u8] {
        &self.buffers[body as usize]
    }

    /// What a connection received, or sends, as it stands.
    pub fn data(&self, side: super::Side) -> &[u8] {
        &self.buffers[side as usize]
    }

    /// What the guest put into Envoy's own filter state with the foreign function `set_envoy_filter_state`.
    pub fn filter_state(&self, key: &str) -> Option<&[u8]> {
        self.filter_state.get(key.as_bytes()).map(Vec::as_slice)
    }

    pub(crate) fn open_map(&mut self, map: Map, headers: Headers) {
        self.maps[map as usize] = headers;
        (self.open[map as usize], self.seen[map as usize]) = (true, true);
    }

    /// Gives a map that can be read in the log phase only.
    pub(crate) fn remember_map(&mut self, map: Map, headers: Headers) {
        self.maps[map as usize] = headers;
        self.seen[map as usize] = true;
    }

    pub(crate) fn shut_map(&mut self, map: Map) {
        self.open[map as usize] = false;
    }

    pub(crate) fn give_buffer(&mut self, buffer: usize, bytes: Vec<u8>) {
        self.buffers[buffer] = bytes;
        self.buffer_open[buffer] = true;
    }

    pub(crate) fn shut_buffer(&mut self, buffer: usize) {
        self.buffer_open[buffer] = false;
    }

    /// What Envoy forgets at once when the guest lets a stream go on, whichever side it names.
    pub(crate) fn let_go(&mut self) {
        self.shut_map(Map::RequestHeaders);
        self.shut_map(Map::RequestTrailers);
        self.shut_buffer(Body::Request as usize);
    }

    /// A map for reading, if this phase has it.
    pub(crate) fn read_map(&self, map: usize) -> Result<&Headers, Status> {
        let readable = if self.phase == Phase::Log {
            map != Map::RequestTrailers as usize && self.seen.get(map) == Some(&true)
        } else {
            self.open.get(map) == Some(&true)
        };
        if readable { Ok(&self.maps[map]) } else { Err(self.no_map()) }
    }

    /// In the log phase a map that is not there is taken for an empty one.
    fn no_map(&self) -> Status {
        if self.phase == Phase::Log { Status::NotFound } else { Status::BadArgument }
    }

    /// A map for writing. Trailers come into being when they are written in the last callback of a body.
    pub(crate) fn write_map(&mut self, map: usize) -> Result<&mut Headers, Status> {
        let body = map / 2;
        let trailers = map == Map::RequestTrailers as usize || map == Map::ResponseTrailers as usize;
        if trailers && !self.open[map] && self.buffer_open[body] && self.end_of_stream {
            (self.open[map], self.seen[map]) = (true, true);
            self.maps[map] = Headers::new();
        }
        if self.open.get(map) == Some(&true) { Ok(&mut self.maps[map]) } else { Err(Status::BadArgument) }
    }

    /// A buffer for reading; one that is not open is empty.
    pub(crate) fn read_buffer(&self, buffer: usize) -> &[u8] {
        if self.buffer_open[buffer] { &self.buffers[buffer] } else { &[] }
    }

    pub(crate) fn write_buffer(&mut self, buffer: usize) -> Option<&mut Vec<u8>> {
        self.buffer_open[buffer].then(|| &mut self.buffers[buffer])
    }

    /// Whether a buffer's callback runs, or the guest held it back.
    pub(crate) fn has_buffer(&self, buffer: usize) -> bool {
        self.buffer_open[buffer]
    }

    /// Whether a map was ever given to this stream, for attributes that are read after its phase.
    pub(crate) fn shows(&self, map: Map) -> bool {
        self.open[map as usize] || self.phase == Phase::Log && self.seen[map as usize]
    }
}
