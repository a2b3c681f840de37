//! Endpoints that are new or have recovered: their share grows in steps. Caches are cold and connections few then, and an
//! endpoint that was overloaded would be so again at once.
//!
//! After a circuit closes, the ramp begins at the time in the shared record, so all workers agree on it.

use super::Pool;
use crate::time::{Time, nanos};
use alloc::vec::Vec;
use core::time::Duration;

/// Parts of the weight, one after the other, each for a quarter of the ramp; whole after that.
const STEPS: [f64; 4] = [0.1, 0.2, 0.4, 0.8];

/// Part of its weight that an endpoint gets this long after it came.
pub(super) fn factor(elapsed: Duration, ramp: Duration) -> f64 {
    let step = nanos(elapsed).saturating_mul(STEPS.len() as u64).checked_div(nanos(ramp));
    step.and_then(|step| STEPS.get(usize::try_from(step).ok()?)).copied().unwrap_or(1.0)
}

impl Pool {
    /// The share of an endpoint begins to grow at `since`, unless that is long past.
    pub(crate) fn warm(&mut self, position: u32, since: Time) {
        // Before the first tick there is no clock to compare with: that tick will judge.
        let ticked = if self.window.ticked == Time::default() { since } else { self.window.ticked };
        // A record written just before the clock was set back has a time to come.
        let since = since.min(ticked);
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position as usize), self.cold.get_mut(position as usize))
        else {
            return;
        };
        if !hot.circuit.passes() || ticked.since(since) >= self.config.ramp {
            return;
        }
        if cold.warming_since.is_none() {
            self.warming.push(position);
        }
        cold.warming_since = cold.warming_since.max(Some(since));
        match self.window.usual_us {
            Some(usual) => hot.ewma.restart(ticked, usual),
            None => hot.ewma.clear(),
        }
        self.reweigh(position, ticked);
    }

    /// Lets the shares grow of those that warm up: O(those).
    pub(super) fn ramp_up(&mut self, now: Time) {
        if self.warming.is_empty() {
            return;
        }
        let warming = core::mem::take(&mut self.warming);
        let mut still = Vec::new();
        for position in warming {
            let Some(cold) = self.cold.get_mut(position as usize) else { continue };
            if cold.warming_since.is_none_or(|since| now.since(since) >= self.config.ramp) {
                cold.warming_since = None;
            } else {
                still.push(position);
            }
            self.reweigh(position, now);
        }
        self.warming = still;
    }

    /// Positions changed: lists them anew.
    pub(super) fn relist_warming(&mut self) {
        let warming = self.cold.iter().enumerate().filter(|(_, cold)| cold.warming_since.is_some());
        self.warming = warming.map(|(position, _)| position as u32).collect();
    }

    /// Brings the weight in force up to date: as configured, by health, and by how warm the endpoint is.
    pub(super) fn reweigh(&mut self, position: u32, now: Time) {
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position as usize), self.cold.get(position as usize)) else {
            return;
        };
        let warm = cold.warming_since.map_or(1.0, |since| factor(now.since(since), self.config.ramp));
        let weight = (f64::from(cold.config.weight) * cold.health * warm) as f32;
        // Tables are not rebuilt for less than one in a hundred, unless it is the configured weight: hashing needs that.
        let whole = weight == cold.config.weight as f32 && weight != hot.weight;
        if whole || (weight - hot.weight).abs() > 0.01 * hot.weight {
            hot.weight = weight;
            self.choice.mark(position, hot.class);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_doubles_from_a_tenth_in_quarters_of_the_ramp() {
        let at = |millis| factor(Duration::from_millis(millis), Duration::from_secs(10));
        let times = [0, 2499, 2500, 4999, 5000, 7499, 7500, 9999, 10_000, u64::MAX];
        assert_eq!(times.map(at), [0.1, 0.1, 0.2, 0.2, 0.4, 0.4, 0.8, 0.8, 1.0, 1.0]);
        assert_eq!(factor(Duration::ZERO, Duration::ZERO), 1.0);
    }
}
