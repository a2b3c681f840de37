//! What `hcl` knows besides the rest: each endpoint's mean latency by the load that a request found when it arrived, and
//! the load above which an endpoint is hot. Latency as such only tells that an endpoint was busy, and by that rule the one
//! that is chosen least looks best; conditioned on the load on arrival it tells how fast the endpoint is (Prequal).
//!
//! 8 means of 16 bytes for each endpoint, allocated only under `hcl`.

use crate::endpoint::Hot;
use crate::ewma::{Fading, PeakEwma};
use crate::order::nth;
use crate::time::Time;
use alloc::{vec, vec::Vec};
use core::time::Duration;

/// Loads on arrival are told apart by their power of two: 0, 1, 2–3, 4–7 … 64 and more.
const STEPS: usize = 8;
const LAST_STEP: u32 = 7;
/// A mean that gets no answers fades so much faster than that of the whole endpoint: one of eight rests on few answers, and
/// a well endpoint that was slow by chance waited for 10 s.
const FADES_FASTER: f32 = 5.0;
/// An endpoint is hot above this quantile of the loads per weight. Prequal's value.
const HOT_QUANTILE: f64 = 0.84;

/// Latencies by load of all endpoints; empty under other strategies.
#[derive(Debug, Default)]
pub(super) struct ByLoad {
    means: Vec<[PeakEwma; STEPS]>,
    hot_above: f32,
}

/// The step that a load belongs to.
pub(super) fn step(load: f32) -> u8 {
    let load = (load + 0.5) as u32;
    u32::BITS.saturating_sub(load.leading_zeros()).min(LAST_STEP) as u8
}

impl ByLoad {
    /// Nothing is known of this many endpoints.
    pub(super) fn new(count: usize) -> Self {
        Self { means: vec![[PeakEwma::default(); STEPS]; count], hot_above: f32::MAX }
    }

    /// Takes over what is known of an endpoint that has moved from one position to another.
    pub(super) fn take_over(&mut self, position: usize, from: &mut Self, old: usize) {
        if let (Some(new), Some(old)) = (self.means.get_mut(position), from.means.get_mut(old)) {
            *new = *old;
        }
    }

    pub(super) fn forget(&mut self, position: usize) {
        if let Some(means) = self.means.get_mut(position) {
            *means = Default::default();
        }
    }

    pub(super) fn record(&mut self, position: usize, step: u8, now: Time, latency: Duration, over: Duration) {
        if let Some(mean) = self.means.get_mut(position).and_then(|means| means.get_mut(step as usize)) {
            mean.record(now, latency, over);
        }
    }

    /// Microseconds at this load, or at the nearest one that is known, lower ones first.
    pub(super) fn read(&self, position: u32, load: f32, fading: Fading) -> Option<f32> {
        let means = self.means.get(position as usize)?;
        let (lower, higher) = means.split_at_checked(usize::from(step(load)).saturating_add(1))?;
        lower.iter().rev().chain(higher).find_map(|mean| mean.read(fading.faster(FADES_FASTER)))
    }

    pub(super) fn hot_above(&self) -> f32 {
        self.hot_above
    }

    /// Finds the load above which an endpoint is hot: O(endpoints).
    pub(super) fn judge(&mut self, hot: &[Hot], peers_scale: f32) {
        let load = |hot: &Hot| f64::from(super::Pool::load(hot, peers_scale) / hot.weight);
        let loads: Vec<f64> = hot.iter().filter(|hot| hot.circuit.passes() && !hot.draining).map(load).collect();
        let rank = (loads.len().saturating_sub(1) as f64 * HOT_QUANTILE) as usize;
        if let Some(load) = nth(&loads, rank) {
            self.hot_above = load as f32;
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        !self.means.is_empty()
    }

    pub(super) fn set_back(&mut self, now: Time) {
        self.means.iter_mut().flatten().for_each(|mean| mean.set_back(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_fall_into_powers_of_two() {
        let steps = [0.0, 0.4, 0.6, 1.0, 2.0, 3.0, 4.0, 7.4, 7.6, 63.0, 64.0, 1e9].map(step);
        assert_eq!(steps, [0, 0, 1, 1, 2, 2, 3, 3, 4, 6, 7, 7]);
    }

    #[test]
    fn the_nearest_known_load_speaks_for_an_unknown_one() {
        let now = Time::from_millis(1_000_000);
        let fading = Fading::new(now, Duration::from_secs(10));
        let mut by_load = ByLoad::new(2);
        assert_eq!(by_load.read(0, 0.0, fading), None);
        by_load.record(0, step(2.0), now, Duration::from_millis(2), Duration::from_secs(1));
        by_load.record(0, step(20.0), now, Duration::from_millis(20), Duration::from_secs(1));
        let read = |load| by_load.read(0, load, fading);
        assert_eq!([0.0, 2.0, 9.0, 20.0, 90.0].map(read), [2000.0, 2000.0, 2000.0, 20_000.0, 20_000.0].map(Some));
        assert_eq!(by_load.read(1, 2.0, fading), None);
    }
}
