//! One worker's histogram of one endpoint: half the resolution and half the width of the pool's, 384 bytes, because there
//! are a thousand of them, twice.

use super::{CoarseSketch, bucket, buckets};
use crate::codec::{Malformed, Reader, Writer};
use alloc::vec::Vec;

const BUCKETS: usize = buckets::<3>();

/// Counts per bucket, up to 65,535 each: at 13,000 requests a second of equal latency, an epoch of 5 s is clipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactSketch {
    counts: [u16; BUCKETS],
    clipped: u32,
}

const _: () = assert!(size_of::<CompactSketch>() == 384 + size_of::<u32>(), "as small as stated");

impl Default for CompactSketch {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], clipped: 0 }
    }
}

impl CompactSketch {
    /// Counts one value in microseconds.
    pub fn add(&mut self, micros: u32) {
        self.add_many(bucket::<3>(micros), 1);
    }

    fn add_many(&mut self, bucket: usize, count: u16) {
        if let Some(slot) = self.counts.get_mut(bucket) {
            let taken = count.min(u16::MAX.saturating_sub(*slot));
            *slot = slot.saturating_add(taken);
            self.clipped = self.clipped.saturating_add(u32::from(count.saturating_sub(taken)));
        }
    }

    /// Adds another sketch's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.used() {
            self.add_many(bucket, count);
        }
        self.clipped = self.clipped.saturating_add(other.clipped);
    }

    fn used(&self) -> impl Iterator<Item = (usize, u16)> + '_ {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used().next().is_none()
    }

    /// How many values found a full count and are missing in the percentiles.
    #[must_use]
    pub fn clipped(&self) -> u32 {
        self.clipped
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.varint(u64::from(self.clipped));
        writer.varint(self.used().count() as u64);
        for (bucket, count) in self.used() {
            writer.varint(bucket as u64);
            writer.varint(u64::from(count));
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let clipped = reader.small()?;
        let used: Vec<(u32, u32)> = reader.list(|r| Ok((r.small()?, r.small()?)))?;
        let mut sketch = Self { clipped, ..Self::default() };
        for (bucket, count) in used {
            let bucket = usize::try_from(bucket).ok().filter(|bucket| *bucket < BUCKETS).ok_or(Malformed)?;
            sketch.add_many(bucket, u16::try_from(count).map_err(|_| Malformed)?);
        }
        Ok(sketch)
    }
}

impl CoarseSketch {
    /// Adds one worker's counts.
    pub fn merge_compact(&mut self, other: &CompactSketch) {
        for (bucket, count) in other.used() {
            self.add_many(bucket, u32::from(count));
        }
        self.clipped = self.clipped.saturating_add(u64::from(other.clipped));
    }
}
