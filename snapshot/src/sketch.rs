//! Latency histogram with log-linear buckets: 16 sub-buckets per power of two, so any value is off by at most
//! 1/33 (3.03 %). Adding is a count-leading-zeros and a shift, merging is addition, so percentiles of several workers
//! come from merged buckets and are never averaged.
//!
//! The bucket layout is that of HDR histograms with four significant bits. Values are microseconds, up to 2^26 − 1
//! (67 s); larger ones count in the last bucket.

use crate::codec::{Malformed, Reader, Writer};
use crate::view::LatencyMs;
use alloc::{boxed::Box, vec, vec::Vec};

/// Number of buckets.
pub const BUCKETS: usize = 368;

/// Counts per bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    counts: Box<[u32]>,
    total: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0 }
    }
}

/// The bucket of a value in microseconds.
#[must_use]
pub fn bucket(micros: u32) -> usize {
    if micros < 16 {
        return micros as usize;
    }
    let exponent = micros.ilog2();
    let within = (micros >> exponent.saturating_sub(4)) & 15;
    let index = (exponent.saturating_sub(3) << 4).saturating_add(within);
    (index as usize).min(BUCKETS.saturating_sub(1))
}

/// The value that stands for a bucket, in microseconds.
#[must_use]
pub fn middle(bucket: usize) -> f64 {
    let bucket = bucket.min(BUCKETS.saturating_sub(1)) as u32;
    if bucket < 16 {
        return f64::from(bucket);
    }
    let shift = (bucket >> 4).saturating_sub(1);
    let low = (16 | (bucket & 15)) << shift;
    let (low, high) = (f64::from(low), f64::from(low) + f64::from((1_u32 << shift).saturating_sub(1)));
    // The harmonic mean is off by the same share of the lowest and of the highest value.
    2.0 * low * high / (low + high)
}

impl Sketch {
    /// Counts one value in microseconds.
    pub fn add(&mut self, micros: u32) {
        self.add_many(bucket(micros), 1);
    }

    fn add_many(&mut self, bucket: usize, count: u32) {
        if let Some(slot) = self.counts.get_mut(bucket) {
            *slot = slot.saturating_add(count);
            self.total = self.total.saturating_add(u64::from(count));
        }
    }

    /// Adds another sketch's counts.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.add_many(bucket, *count);
        }
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
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
                return Some(middle(bucket));
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
        writer.varint(used.len() as u64);
        for (bucket, count) in used {
            writer.varint(bucket as u64);
            writer.varint(u64::from(count));
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let mut sketch = Self::default();
        for (bucket, count) in reader.list(|r| Ok((r.small()?, r.small()?)))? {
            let bucket = usize::try_from(bucket).map_err(|_| Malformed)?;
            if bucket >= BUCKETS {
                return Err(Malformed);
            }
            sketch.add_many(bucket, count);
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_is_never_off_by_more_than_one_part_in_33(micros in 1_u32..(1 << 26)) {
            let got = middle(bucket(micros));
            prop_assert!((got - f64::from(micros)).abs() / f64::from(micros) <= 1.0 / 33.0);
        }

        #[test]
        fn merging_equals_adding_everything(a in prop::collection::vec(any::<u32>(), 0..50),
                                            b in prop::collection::vec(any::<u32>(), 0..50)) {
            let fill = |values: &[u32]| values.iter().fold(Sketch::default(), |mut s, v| { s.add(*v); s });
            let mut merged = fill(&a);
            merged.merge(&fill(&b));
            prop_assert_eq!(merged, fill(&[a, b].concat()));
        }
    }

    #[test]
    fn the_edges_of_every_octave_keep_the_bound() {
        for exponent in 4..26 {
            for micros in [1_u32 << exponent, (17 << (exponent - 4)) - 1, (2 << exponent) - 1] {
                let got = middle(bucket(micros));
                assert!((got - f64::from(micros)).abs() / f64::from(micros) <= 1.0 / 33.0, "{got} for {micros}");
            }
        }
    }

    #[test]
    fn buckets_are_in_order_and_the_last_one_takes_the_rest() {
        assert_eq!(bucket(15), 15);
        assert_eq!(bucket(16), 16);
        assert_eq!(bucket((1 << 26) - 1), BUCKETS - 1);
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_of_one_to_a_thousand() {
        let mut sketch = Sketch::default();
        for value in 1..=1000 {
            sketch.add(value * 1000);
        }
        let latency = sketch.latency_ms().unwrap();
        for (got, want) in [(latency.p50, 500.0), (latency.p90, 900.0), (latency.p99, 990.0)] {
            assert!((got - want).abs() / want <= 0.0304, "{got} for {want}");
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
