//! Which property a context can read when, and what a guest keeps there itself.
//!
//! As in Envoy the first part of a path names an attribute of the host, else a value that the guest kept under exactly
//! that name. Whole attributes cannot be read (status 3), only their leaves. Attributes that are read from a header map
//! are there while the map is; of the others, the host gives what it knows.

use std::borrow::Cow;

use super::context::{Kept, Map, Root, Stream, StreamKind};
use super::properties::{self, Value, trim};
use super::{Profile, Status};

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
const OF_THE_STREAM: &[&[u8]] = &[b"time", b"size", b"duration", b"protocol"];

impl Stream {
    /// A property, if this phase has it.
    pub(crate) fn property(&self, path: &[u8], profile: &Profile) -> Result<Cow<'_, [u8]>, Status> {
        let path = trim(path);
        if !profile.knows(path) {
            return Err(Status::NotFound);
        }
        let mut parts = path.splitn(3, |byte| *byte == 0);
        let first = parts.next().filter(|first| !first.is_empty()).ok_or(Status::SerializationFailure)?;
        let (leaf, name) = (parts.next(), parts.next());
        let from_map = first == b"request" && !leaf.is_some_and(|leaf| OF_THE_STREAM.contains(&leaf));
        if from_map && leaf.is_some() && !self.shows(Map::RequestHeaders) && !profile.is_ngx() {
            return Err(Status::NotFound);
        }
        if let Some(value) = self.properties.get(path) {
            return Ok(profile.encode(value));
        }
        if let Some(value) = self.facts.as_ref().and_then(|facts| facts.property(path)) {
            return Ok(profile.encode(&value).into_owned().into());
        }
        let Some(leaf) = leaf else {
            return self.top(first, path);
        };
        let found = match first {
            b"request" if leaf == b"headers" && name.is_none() => return Err(Status::SerializationFailure),
            b"request" if leaf == b"total_size" => {
                let size = Value::Uint(self.map(Map::RequestHeaders).byte_size() as u64);
                Some(profile.encode(&size).into_owned().into())
            }
            b"request" => properties::from_headers(self.map(Map::RequestHeaders), leaf, name),
            b"response" if matches!(leaf, b"headers" | b"trailers") => {
                let map = if leaf == b"headers" { Map::ResponseHeaders } else { Map::ResponseTrailers };
                let name = name.ok_or(Status::SerializationFailure)?;
                let shown = self.shows(map) || profile.is_ngx();
                shown.then(|| properties::from_headers(self.map(map), leaf, Some(name))).flatten()
            }
            b"response" if leaf == b"flags" && self.kind == StreamKind::Http && !profile.is_ngx() => {
                Some(Value::Uint(0).bytes().into_owned().into())
            }
            b"filter_state" => self.filter_state.get(&path[first.len() + 1..]).map(|value| value.as_slice().into()),
            _ => None,
        };
        found.ok_or(Status::NotFound)
    }

    fn top(&self, first: &[u8], path: &[u8]) -> Result<Cow<'_, [u8]>, Status> {
        match first {
            b"plugin_root_id" | b"plugin_name" => Ok(self.root_id.root_id.as_bytes().into()),
            first if WHOLE.contains(&first) => Err(Status::SerializationFailure),
            _ => self.kept.get(path).map(|kept| kept.value.bytes()).ok_or(Status::NotFound),
        }
    }

    /// Keeps a value under the guest's path. One that was declared to be written once stays.
    pub(crate) fn keep(&mut self, path: &[u8], value: &[u8], read_only: bool) -> Result<(), Status> {
        match self.kept.get_mut(path) {
            Some(kept) if kept.read_only => return Err(Status::BadArgument),
            Some(kept) => kept.value = Value::Bytes(value.to_vec()),
            None => drop(self.kept.insert(path.to_vec(), Kept { value: Value::Bytes(value.to_vec()), read_only })),
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
