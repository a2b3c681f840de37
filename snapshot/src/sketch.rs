//! Latency histograms with log-linear buckets: 2^K sub-buckets per power of two, the layout of HDR histograms. Adding is a
//! count-leading-zeros and a shift, merging is addition, so percentiles of several workers come from merged buckets and
//! are never averaged.
//!
//! | | sub-buckets | counts | bytes | error of a percentile |
//! |---|---|---|---|---|
//! | [`Sketch`], per pool | 16 | 368 × u32 | 1,472 | 1/33 = 3.03 % |
//! | [`CompactSketch`], per endpoint and worker | 8 | 192 × u16 | 384 | 1/17 = 5.88 % |
//! | [`CoarseSketch`], its sum over workers | 8 | 192 × u32 | 768 | 1/17 |
//!
//! A bucket has the values L to U. The harmonic mean of the two stands for all of them, off by (U − L) / (U + L) at both
//! ends. With s = 2^shift, L is at least 2^K s and U = L + s − 1, so that is below s / (2 · 2^K s + s) = 1 / (2^(K+1) + 1).
//!
//! Values are microseconds, up to 2^26 − 1 (67 s); larger ones count in the last bucket. A count that is full stays full;
//! what it did not take is told by `clipped`.

mod compact;

pub use compact::CompactSketch;

use crate::codec::{Malformed, Reader, Writer};
use crate::view::LatencyMs;
use alloc::{boxed::Box, vec, vec::Vec};

/// Powers of two that are told apart.
const EXPONENTS: u32 = 26;

/// Counts per bucket, 2^K buckets for each power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLinear<const K: u32> {
    counts: Box<[u32]>,
    total: u64,
    clipped: u64,
}

/// The histogram of a pool.
pub type Sketch = LogLinear<4>;
/// The histogram of an endpoint, all workers together.
pub type CoarseSketch = LogLinear<3>;

/// Number of buckets.
#[must_use]
pub const fn buckets<const K: u32>() -> usize {
    (EXPONENTS.saturating_sub(K).saturating_add(1) << K) as usize
}

/// The bucket of a value in microseconds.
#[must_use]
pub fn bucket<const K: u32>(micros: u32) -> usize {
    let exponent = micros.max(1).ilog2();
    if exponent < K {
        return micros as usize;
    }
    let shift = exponent.saturating_sub(K);
    let within = (micros >> shift) & (1_u32 << K).saturating_sub(1);
    let index = (shift.saturating_add(1) << K).saturating_add(within);
    (index as usize).min(buckets::<K>().saturating_sub(1))
}

/// The value that stands for a bucket, in microseconds.
#[must_use]
pub fn middle<const K: u32>(bucket: usize) -> f64 {
    let bucket = bucket.min(buckets::<K>().saturating_sub(1)) as u32;
    if bucket < 1 << K {
        return f64::from(bucket);
    }
    let shift = (bucket >> K).saturating_sub(1);
    let low = ((1 << K) | (bucket & (1_u32 << K).saturating_sub(1))) << shift;
    let (low, high) = (f64::from(low), f64::from(low) + f64::from((1_u32 << shift).saturating_sub(1)));
    2.0 * low * high / (low + high)
}

impl<const K: u32> Default for LogLinear<K> {
    fn default() -> Self {
        Self { counts: vec![0; buckets::<K>()].into_boxed_slice(), total: 0, clipped: 0 }
    }
}

impl<const K: u32> LogLinear<K> {
    /// Counts one value in microseconds.
    pub fn add(&mut self, micros: u32) {
        self.add_many(bucket::<K>(micros), 1);
    }

    fn add_many(&mut self, bucket: usize, count: u32) {
        if let Some(slot) = self.counts.get_mut(bucket) {
            let taken = count.min(u32::MAX.saturating_sub(*slot));
            *slot = slot.saturating_add(taken);
            self.total = self.total.saturating_add(u64::from(taken));
            self.clipped = self.clipped.saturating_add(u64::from(count.saturating_sub(taken)));
        }
    }

    /// Adds another sketch's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.add_many(bucket, *count);
        }
        self.clipped = self.clipped.saturating_add(other.clipped);
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.clipped = 0;
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// For each bucket the share of all values that are in it or above, 0 to 1; nothing without values.
    pub fn tails(&self) -> impl Iterator<Item = f64> + '_ {
        let total = self.total as f64;
        let mut left = self.total;
        self.counts.iter().filter(move |_| total > 0.0).map(move |count| {
            let share = left as f64 / total;
            left = left.saturating_sub(u64::from(*count));
            share
        })
    }

    /// How many values found a full count and are missing in the percentiles.
    #[must_use]
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// The value, in microseconds, that the share `q` (0 to 1) of all values does not exceed; `None` without values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        // The rank of the value is ⌈q·n⌉, at least the first.
        let rank = (q.clamp(0.0, 1.0) * self.total as f64).max(1.0);
        let mut seen = 0_u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(u64::from(*count));
            if seen as f64 >= rank {
                return Some(middle::<K>(bucket));
            }
        }
        None
    }

    /// The percentiles that the admin API shows.
    #[must_use]
    pub fn latency_ms(&self) -> Option<LatencyMs> {
        let at = |q| self.quantile(q).map(|micros| micros / 1000.0);
        Some(LatencyMs { p50: at(0.5)?, p90: at(0.9)?, p99: at(0.99)? })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        let used: Vec<(usize, u32)> = self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        writer.varint(self.clipped);
        writer.varint(used.len() as u64);
        for (bucket, count) in used {
            writer.varint(bucket as u64);
            writer.varint(u64::from(count));
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let mut sketch = Self { clipped: reader.varint()?, ..Self::default() };
        for (bucket, count) in reader.list(|r| Ok((r.small()?, r.small()?)))? {
            let bucket = usize::try_from(bucket).map_err(|_| Malformed)?;
            if bucket >= buckets::<K>() {
                return Err(Malformed);
            }
            sketch.add_many(bucket, count);
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests;
