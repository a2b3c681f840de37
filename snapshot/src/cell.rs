//! What one worker publishes for the others, one record per pool. Each has one writer, so no compare-and-swap:
//! [`Cell`] every tick (counts that decisions use), [`SketchCell`] every second (histograms that only people read,
//! and that are too large to copy on every tick).

use crate::codec::{Malformed, Reader, Writer};
use crate::sketch::{CompactSketch, Sketch};
use crate::view::FailuresBy;
use alloc::vec::Vec;

const CELL_VERSION: u8 = 4;
const SKETCH_VERSION: u8 = 2;

/// One worker's counts for one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Writer, as registered.
    pub worker: u32,
    /// Tells a worker from an earlier one under the same number.
    pub nonce: u64,
    /// Hash of the configuration that the counts were made under.
    pub generation: u64,
    /// When it was published, Unix milliseconds.
    pub at_ms: u64,
    /// Requests steered.
    pub picks: u64,
    /// Requests refused because nothing may be called.
    pub refused: u64,
    /// Failed attempts by kind, of all endpoints and of those that have left.
    pub failures_by: FailuresBy,
    /// Counts per endpoint.
    pub endpoints: Vec<CellEndpoint>,
}

/// One worker's counts for one endpoint. Windowed counts cover the last 5 to 10 s, the others all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellEndpoint {
    /// Hash of the address.
    pub key: u64,
    /// Attempts under way.
    pub in_flight: u32,
    /// Those of them whose answer has not begun.
    pub waiting: u32,
    /// Attempts finished.
    pub requests: u64,
    /// Attempts failed.
    pub failures: u64,
    /// Answers slower than the pool's limit.
    pub slow: u64,
    /// Answers that said "too much".
    pub overloads: u64,
    /// Attempts that said nothing.
    pub ignored: u64,
    /// What detectors may use: results of attempts begun under the circuit's present generation, while it was closed.
    pub heard: Heard,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Attempts finished in the window.
    pub recent_requests: u32,
    /// Attempts failed in the window.
    pub recent_failures: u32,
    /// Answers in the window that said "too much".
    pub recent_overloads: u32,
    /// Sum of the latencies of the window's successes, microseconds.
    pub recent_latency_us: u64,
}

/// Results that detectors may use, since the worker began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Successes and failures.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Slow successes among them.
    pub slow: u64,
    /// Slow failures among them.
    pub slow_failures: u64,
    /// Successes that took a multiple of what is usual in the pool, whatever is configured as slow.
    pub late: u64,
    /// How slow the successes were, all together: for each the logarithm of the share of the pool's answers that take as
    /// long, in hundredths; where nothing is unusual, 100 for each on average.
    pub slowness: u64,
}

impl Heard {
    /// What came since `earlier`; `None` if this is of another life: some count is lower.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        Some(Self {
            calls: self.calls.checked_sub(earlier.calls)?,
            failures: self.failures.checked_sub(earlier.failures)?,
            slow: self.slow.checked_sub(earlier.slow)?,
            slow_failures: self.slow_failures.checked_sub(earlier.slow_failures)?,
            late: self.late.checked_sub(earlier.late)?,
            slowness: self.slowness.checked_sub(earlier.slowness)?,
        })
    }

    /// Adds what came.
    pub fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.failures = self.failures.saturating_add(more.failures);
        self.slow = self.slow.saturating_add(more.slow);
        self.slow_failures = self.slow_failures.saturating_add(more.slow_failures);
        self.late = self.late.saturating_add(more.late);
        self.slowness = self.slowness.saturating_add(more.slowness);
    }
}

impl Cell {
    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(CELL_VERSION);
        writer.varint(u64::from(self.worker));
        writer.key(self.nonce);
        writer.key(self.generation);
        for value in [self.at_ms, self.picks, self.refused].iter().chain(&self.failures_by.0) {
            writer.varint(*value);
        }
        writer.varint(self.endpoints.len() as u64);
        for endpoint in &self.endpoints {
            writer.key(endpoint.key);
            for value in [
                u64::from(endpoint.in_flight),
                u64::from(endpoint.waiting),
                endpoint.requests,
                endpoint.failures,
                endpoint.slow,
                endpoint.overloads,
                endpoint.ignored,
                endpoint.heard.calls,
                endpoint.heard.failures,
                endpoint.heard.slow,
                endpoint.heard.slow_failures,
                endpoint.heard.late,
                endpoint.heard.slowness,
                u64::from(endpoint.consecutive_failures),
                u64::from(endpoint.recent_requests),
                u64::from(endpoint.recent_failures),
                u64::from(endpoint.recent_overloads),
                endpoint.recent_latency_us,
            ] {
                writer.varint(value);
            }
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, CELL_VERSION)?;
        let cell = Self {
            worker: reader.small()?,
            nonce: reader.key()?,
            generation: reader.key()?,
            at_ms: reader.varint()?,
            picks: reader.varint()?,
            refused: reader.varint()?,
            failures_by: FailuresBy(reader.counts()?),
            endpoints: reader.list(|r| {
                Ok(CellEndpoint {
                    key: r.key()?,
                    in_flight: r.small()?,
                    waiting: r.small()?,
                    requests: r.varint()?,
                    failures: r.varint()?,
                    slow: r.varint()?,
                    overloads: r.varint()?,
                    ignored: r.varint()?,
                    heard: Heard {
                        calls: r.varint()?,
                        failures: r.varint()?,
                        slow: r.varint()?,
                        slow_failures: r.varint()?,
                        late: r.varint()?,
                        slowness: r.varint()?,
                    },
                    consecutive_failures: r.small()?,
                    recent_requests: r.small()?,
                    recent_failures: r.small()?,
                    recent_overloads: r.small()?,
                    recent_latency_us: r.varint()?,
                })
            })?,
        };
        reader.end()?;
        Ok(cell)
    }
}

/// One worker's histograms for one pool, of the last 5 to 10 s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SketchCell {
    /// Tells a worker from an earlier one under the same number.
    pub nonce: u64,
    /// When it was published, Unix milliseconds.
    pub at_ms: u64,
    /// Histogram of the whole pool.
    pub pool: Sketch,
    /// Histogram per endpoint, by the hash of its address; none in pools too large to keep them.
    pub endpoints: Vec<(u64, CompactSketch)>,
}

impl SketchCell {
    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(SKETCH_VERSION);
        writer.key(self.nonce);
        writer.varint(self.at_ms);
        self.pool.write(&mut writer);
        writer.varint(self.endpoints.len() as u64);
        for (key, sketch) in &self.endpoints {
            writer.key(*key);
            sketch.write(&mut writer);
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::decode_first(bytes, usize::MAX)
    }

    /// Reads the binary form, of the endpoints' histograms only the first `most`: the others cost nothing.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes, as far as they are read, are not such a record.
    pub fn decode_first(bytes: &[u8], most: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, SKETCH_VERSION)?;
        let (nonce, at_ms, pool) = (reader.key()?, reader.varint()?, Sketch::read(&mut reader)?);
        let length = usize::try_from(reader.varint()?).map_err(|_| Malformed)?;
        let mut endpoints = Vec::new();
        for _ in 0..length.min(most) {
            endpoints.push((reader.key()?, CompactSketch::read(&mut reader)?));
        }
        if length <= most {
            reader.end()?;
        }
        Ok(Self { nonce, at_ms, pool, endpoints })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint() -> impl Strategy<Value = CellEndpoint> {
        (any::<u64>(), any::<[u32; 6]>(), any::<[u64; 12]>()).prop_map(|(key, small, large)| CellEndpoint {
            key,
            in_flight: small[0],
            consecutive_failures: small[1],
            recent_requests: small[2],
            recent_failures: small[3],
            recent_overloads: small[4],
            waiting: small[5],
            requests: large[0],
            failures: large[1],
            slow: large[2],
            recent_latency_us: large[3],
            overloads: large[4],
            ignored: large[5],
            heard: Heard {
                calls: large[6],
                failures: large[7],
                slow: large[8],
                slow_failures: large[9],
                late: large[11],
                slowness: large[10],
            },
        })
    }

    proptest! {
        #[test]
        fn a_cell_survives_the_road(worker: u32, nonce: u64, generation: u64, at_ms: u64, picks: u64, refused: u64, kinds: [u64; 8],
                                    endpoints in prop::collection::vec(endpoint(), 0..20)) {
            let failures_by = FailuresBy(kinds);
            let cell = Cell { worker, nonce, generation, at_ms, picks, refused, failures_by, endpoints };
            prop_assert_eq!(Cell::decode(&cell.encode()), Ok(cell));
        }

        #[test]
        fn histograms_survive_the_road(nonce: u64, at_ms: u64, values in prop::collection::vec(any::<u32>(), 0..50)) {
            let (mut pool, mut sketch) = (Sketch::default(), CompactSketch::default());
            values.iter().for_each(|value| {
                pool.add(*value);
                sketch.add(*value);
            });
            let cell = SketchCell { nonce, at_ms, pool, endpoints: alloc::vec![(7, sketch), (8, CompactSketch::default())] };
            prop_assert_eq!(SketchCell::decode(&cell.encode()), Ok(cell));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Cell::decode(&bytes);
            let _ = SketchCell::decode(&bytes);
        }

        #[test]
        fn a_cut_record_is_refused(cut in 0_usize..40) {
            let bytes = Cell { endpoints: alloc::vec![CellEndpoint::default()], ..Cell::default() }.encode();
            prop_assert_eq!(Cell::decode(&bytes[..cut % bytes.len()]), Err(Malformed));
        }
    }
}
