//! Which property a context can read when, and what a guest keeps there itself.
//!
//! As in Envoy the first part of a path names an attribute of the host, else a value that the guest kept under exactly
//! that name. Whole attributes cannot be read (status 3), only their leaves. Attributes that are read from a header map
//! are there while the map is; of the others, the host gives what it knows.

use std::borrow::Cow;

use super::context::{Kept, Map, Root, Stream, StreamKind};
use super::properties::{self, Value, trim};
use super::{Headers, Profile, Status};

/// Attributes that have leaves and cannot be read whole.
const WHOLE: &[&[u8]] = &[
    b"request",
    b"response",
    b"connection",
    b"upstream",
    b"source",
    b"destination",
    b"xds",
    b"filter_state",
    b"upstream_filter_state",
];
/// Leaves of `request` that do not come from the header map.
const OF_THE_STREAM: &[&[u8]] = &[b"time", b"size", b"total_size", b"duration", b"protocol", b"headers"];

impl Stream {
    /// A property, if this phase has it.
    pub(crate) fn property(&self, path: &[u8], profile: &Profile) -> Result<Cow<'_, [u8]>, Status> {
        let path = trim(path);
        if !profile.knows(path) {
            return Err(Status::NotFound);
        }
        if path.is_empty() {
            return Err(Status::SerializationFailure);
        }
        let mut parts = path.splitn(3, |byte| *byte == 0);
        let (first, leaf, name) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let from_map = first == b"request" && !leaf.is_some_and(|leaf| OF_THE_STREAM.contains(&leaf));
        if from_map && leaf.is_some() && !self.shows(Map::RequestHeaders) && !profile.is_ngx() {
            return Err(Status::NotFound);
        }
        if let Some(value) = self.properties.get(path) {
            return Ok(profile.encode(value));
        }
        if let Some(value) = self.counted(first, leaf, name) {
            return Ok(profile.encode(&value).into_owned().into());
        }
        if let Some(value) = self.facts.as_ref().and_then(|facts| facts.property(path)) {
            return Ok(profile.encode(&value).into_owned().into());
        }
        if path == b"xds\0upstream_host_metadata"
            && self.facts.as_ref().is_some_and(|facts| facts.property(b"upstream\0address").is_some())
        {
            // A message of protobuf, which Envoy does not hand out.
            return Err(Status::SerializationFailure);
        }
        let Some(leaf) = leaf else {
            return self.top(first, path);
        };
        let found = match first {
            b"request" if name.is_some() && leaf != b"headers" => None,
            b"request" if self.shows(Map::RequestHeaders) || profile.is_ngx() => {
                properties::from_headers(self.map(Map::RequestHeaders), leaf, name)
            }
            b"response" if matches!(leaf, b"headers" | b"trailers") => {
                let map = if leaf == b"headers" { Map::ResponseHeaders } else { Map::ResponseTrailers };
                let shown = self.shows(map) || profile.is_ngx();
                shown.then(|| properties::from_headers(self.map(map), b"headers", name)).flatten()
            }
            b"response" if leaf == b"flags" && self.kind == StreamKind::Http && !profile.is_ngx() => {
                Some(Value::Uint(0).bytes().into_owned().into())
            }
            b"filter_state" => self.filter_state.get(&path[first.len() + 1..]).map(|value| value.as_slice().into()),
            _ => None,
        };
        found.ok_or(Status::NotFound)
    }

    /// Sizes, and whole maps in the encoding of maps; a map that cannot be seen now counts as empty.
    fn counted(&self, first: &[u8], leaf: Option<&[u8]>, name: Option<&[u8]>) -> Option<Value> {
        let size = |map: Map| if self.shows(map) { self.map(map).byte_size() as u64 } else { 0 };
        let whole = |map: Map| {
            let empty = Headers::new();
            Value::Bytes(if self.shows(map) { self.map(map) } else { &empty }.encode())
        };
        let (received, sent) = self.facts.as_ref().map_or((0, 0), |facts| facts.transferred());
        if name.is_some() {
            return None;
        }
        Some(match (first, leaf?) {
            (b"request", b"size") => {
                let headers = self.map(Map::RequestHeaders);
                let length = headers.text("content-length").filter(|_| self.shows(Map::RequestHeaders));
                Value::Uint(length.and_then(|length| length.parse().ok()).unwrap_or(received))
            }
            (b"request", b"total_size") => Value::Uint(received + size(Map::RequestHeaders)),
            (b"request", b"headers") => whole(Map::RequestHeaders),
            (b"response", b"total_size") => {
                Value::Uint(sent + size(Map::ResponseHeaders) + size(Map::ResponseTrailers))
            }
            (b"response", b"headers") => whole(Map::ResponseHeaders),
            (b"response", b"trailers") => whole(Map::ResponseTrailers),
            _ => return None,
        })
    }

    fn top(&self, first: &[u8], path: &[u8]) -> Result<Cow<'_, [u8]>, Status> {
        match first {
            b"plugin_root_id" | b"plugin_name" => Ok(self.root_id.root_id.as_bytes().into()),
            first if WHOLE.contains(&first) => Err(Status::SerializationFailure),
            _ => {
                let kept = self.kept.borrow();
                kept.get(path).map(|kept| kept.value.bytes().into_owned().into()).ok_or(Status::NotFound)
            }
        }
    }

    /// Keeps a value under the guest's path. One that was declared to be written once stays.
    pub(crate) fn keep(&mut self, path: &[u8], value: &[u8], read_only: bool) -> Result<(), Status> {
        let mut values = self.kept.borrow_mut();
        match values.get_mut(path) {
            Some(kept) if kept.read_only => return Err(Status::BadArgument),
            Some(kept) => kept.value = Value::Bytes(value.to_vec()),
            None => drop(values.insert(path.to_vec(), Kept { value: Value::Bytes(value.to_vec()), read_only })),
        }
        Ok(())
    }
}

impl Root {
    /// A root knows its plugin, and what a test gave it.
    pub(crate) fn property(&self, path: &[u8], profile: &Profile) -> Result<Cow<'_, [u8]>, Status> {
        let path = trim(path);
        if !profile.knows(path) {
            return Err(Status::NotFound);
        }
        if let Some(value) = self.properties.get(path) {
            return Ok(profile.encode(value));
        }
        match path {
            b"" => Err(Status::SerializationFailure),
            b"plugin_root_id" | b"plugin_name" => Ok(self.plugin.root_id.as_bytes().into()),
            _ => Err(Status::NotFound),
        }
    }
}
