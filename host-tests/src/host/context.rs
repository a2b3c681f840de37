//! The host's side of a guest's contexts: roots with their plugin, streams with maps, buffers and properties.
//!
//! What a stream's guest may touch depends on the phase. A map is open from its callback until the guest lets the
//! stream go on, so a paused request can be read and changed later; in the log phase all maps can be read and none
//! written; else a map is shut and the guest gets status 2.

use std::fmt;
use std::rc::Rc;

use super::costs::StreamCost;
use super::properties::{self, Properties, Value};
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

/// One of the two bodies of a stream, in the ABI's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Request body.
    Request = 0,
    /// Response body.
    Response = 1,
}

/// An answer that the guest sent instead of the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status.
    pub status: u32,
    /// Details for the access log.
    pub details: Vec<u8>,
    /// Body.
    pub body: Vec<u8>,
    /// Headers besides the status.
    pub headers: Headers,
}

/// A root context: one plugin in one VM.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) plugin: Rc<Plugin>,
    /// Nanoseconds; `None` while no timer runs.
    pub(crate) tick_period: Option<u64>,
    pub(crate) next_tick: Option<u64>,
    /// The configuration can be read while the plugin starts, and at no other time.
    pub(crate) starting: bool,
    pub(crate) values: Properties,
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
    /// An encoded value by its path.
    fn property(&self, path: &[u8]) -> Option<Vec<u8>>;
}

/// A stream context.
#[derive(Debug)]
pub struct Stream {
    pub(crate) root: u32,
    pub(crate) root_id: Rc<Plugin>,
    pub(crate) phase: Phase,
    maps: [Headers; 4],
    open: [bool; 4],
    bodies: [Vec<u8>; 2],
    body_open: [bool; 2],
    pub(crate) local_response: Option<LocalResponse>,
    pub(crate) local_response_sent: bool,
    pub(crate) awaits_done: bool,
    pub(crate) cost: StreamCost,
    pub(crate) facts: Option<Rc<dyn Facts>>,
    /// What `proxy_get_property` finds, besides what comes from the maps.
    pub properties: Properties,
}

impl Stream {
    pub(crate) fn new(root: u32, root_id: Rc<Plugin>) -> Self {
        Self {
            root,
            root_id,
            phase: Phase::Idle,
            maps: Default::default(),
            open: [false; 4],
            bodies: Default::default(),
            body_open: [false; 2],
            local_response: None,
            local_response_sent: false,
            awaits_done: false,
            cost: StreamCost::default(),
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
        &self.bodies[body as usize]
    }

    pub(crate) fn open_map(&mut self, map: Map, headers: Headers) {
        self.maps[map as usize] = headers;
        self.open[map as usize] = true;
    }

    pub(crate) fn shut_map(&mut self, map: Map) {
        self.open[map as usize] = false;
    }

    pub(crate) fn give_body(&mut self, body: Body, bytes: Vec<u8>) {
        self.bodies[body as usize] = bytes;
        self.body_open[body as usize] = true;
    }

    pub(crate) fn shut_body(&mut self, body: Body) {
        self.body_open[body as usize] = false;
    }

    pub(crate) fn read_map(&self, map: usize) -> Result<&Headers, Status> {
        match self.phase {
            Phase::Log => self.maps.get(map).ok_or(Status::BadArgument),
            _ if self.open.get(map) == Some(&true) => Ok(&self.maps[map]),
            _ => Err(Status::BadArgument),
        }
    }

    pub(crate) fn write_map(&mut self, map: usize) -> Result<&mut Headers, Status> {
        match self.phase {
            Phase::Log => Err(Status::BadArgument),
            _ if self.open.get(map) == Some(&true) => Ok(&mut self.maps[map]),
            _ => Err(Status::BadArgument),
        }
    }

    pub(crate) fn open_body(&self, body: usize) -> Option<&[u8]> {
        self.body_open.get(body)?.then(|| self.bodies[body].as_slice())
    }

    pub(crate) fn open_body_mut(&mut self, body: usize) -> Option<&mut Vec<u8>> {
        self.body_open.get(body)?.then(|| &mut self.bodies[body])
    }

    /// A property, if this phase has it.
    pub(crate) fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let path = properties::trim(path);
        let mut parts = path.splitn(3, |byte| *byte == 0);
        let (first, leaf, name) = (parts.next()?, parts.next(), parts.next());
        let logging = self.phase == Phase::Log;
        let request_readable = logging || self.open[Map::RequestHeaders as usize];
        if first == b"request" && !request_readable {
            return None;
        }
        if let Some(value) = self.properties.get_raw(path) {
            return Some(value.to_vec());
        }
        if let Some(value) = self.facts.as_ref().and_then(|facts| facts.property(path)) {
            return Some(value);
        }
        match first {
            b"response" if leaf == Some(b"flags") => Some(Value::Uint(0).encode()),
            b"request" => properties::from_headers(self.map(Map::RequestHeaders), leaf?, name),
            b"response" if logging || self.open[Map::ResponseHeaders as usize] => properties::from_headers(
                self.map(Map::ResponseHeaders),
                b"headers",
                name.filter(|_| leaf == Some(b"headers")),
            ),
            b"plugin_root_id" | b"plugin_name" => Some(self.root_id.root_id.as_bytes().to_vec()),
            _ => None,
        }
    }
}
