//! What the VM remembers per stream. Context ids come from the host, in ascending order, shared by roots and streams;
//! any of them may be unknown, seen twice, or never ended.
//!
//! A stream costs a map entry only once there is something to remember: between its creation and its headers, which
//! follow each other at once, its root is kept in one field.

use crate::sessions::Session;
use crate::vm::PoolId;
use core::hash::{BuildHasherDefault, Hasher};
use core::time::Duration;
use plimsoll_engine::{Attempt, Candidates, Time};
use std::collections::HashMap;

/// Context ids ascend, so a stream this far behind the newest whose headers have not come is one whose end was never
/// reported.
const FRESH_BEHIND: u32 = 100_000;
/// An attempt whose end the host never reported is given up after this long, or its endpoint would look busy for
/// ever. Longer than any request that is not a subscription.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Something under way.
#[derive(Debug)]
pub enum Stream {
    /// Created; belongs to this root.
    Fresh(u32),
    /// An attempt that an observer watches.
    Attempt(PoolId, Attempt),
    /// A request that the picker watches itself: the attempt on the first candidate, all candidates, and its session.
    Request(PoolId, Attempt, Candidates, Option<Session>),
    /// A request whose client may get a cookie with its answer.
    Session(Session),
}

/// All streams of the VM.
#[derive(Debug, Default)]
pub struct Streams {
    newest: Option<(u32, u32)>,
    map: HashMap<u32, Stream, BuildHasherDefault<ContextHasher>>,
}

impl Streams {
    /// A stream was created under a root.
    pub fn create(&mut self, context: u32, root: u32) {
        if let Some((older, its_root)) = self.newest.replace((context, root)) {
            // Its headers have not come yet: it gets an entry like any other.
            self.map.entry(older).or_insert(Stream::Fresh(its_root));
        }
    }

    /// The root of a stream whose headers have come for the first time; `None` if it is unknown or past that.
    pub fn begin(&mut self, context: u32) -> Option<u32> {
        if let Some((newest, root)) = self.newest
            && newest == context
        {
            self.newest = None;
            return Some(root);
        }
        match self.map.get(&context) {
            Some(Stream::Fresh(root)) => {
                let root = *root;
                self.map.remove(&context);
                Some(root)
            }
            _ => None,
        }
    }

    /// Remembers what a stream is doing.
    pub fn put(&mut self, context: u32, stream: Stream) {
        self.map.insert(context, stream);
    }

    /// What a stream is doing.
    pub fn get_mut(&mut self, context: u32) -> Option<&mut Stream> {
        self.map.get_mut(&context)
    }

    /// A stream is over.
    pub fn end(&mut self, context: u32) -> Option<Stream> {
        if self.newest.is_some_and(|(newest, _)| newest == context) {
            self.newest = None;
            return None;
        }
        self.map.remove(&context)
    }

    /// Streams whose end was never reported, taken out.
    pub fn overdue(&mut self, now: Time) -> Vec<Stream> {
        let newest = self.newest.map_or(0, |(context, _)| context);
        let old = |context: &u32, stream: &Stream| match stream {
            Stream::Fresh(_) => newest.saturating_sub(*context) > FRESH_BEHIND,
            Stream::Attempt(_, attempt) | Stream::Request(_, attempt, ..) => now.since(attempt.started()) > LIMIT,
            Stream::Session(session) => now.since(session.at) > LIMIT,
        };
        let contexts: Vec<u32> =
            self.map.iter().filter(|(context, stream)| old(context, stream)).map(|(context, _)| *context).collect();
        contexts.iter().filter_map(|context| self.map.remove(context)).collect()
    }
}

/// Context ids are small ascending numbers chosen by the host: a multiplication spreads them well enough.
#[derive(Default)]
pub struct ContextHasher(u64);

impl Hasher for ContextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_once_whatever_the_order() {
        let mut streams = Streams::default();
        assert_eq!(streams.begin(7), None, "never created");
        streams.create(1, 100);
        streams.create(2, 200);
        assert_eq!(streams.begin(1), Some(100), "another was created in between");
        assert_eq!(streams.begin(1), None, "doubled");
        assert_eq!(streams.begin(2), Some(200));
        streams.create(3, 100);
        assert!(streams.end(3).is_none());
        assert_eq!(streams.begin(3), None, "late");
    }
}
