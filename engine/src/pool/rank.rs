//! Who is best among a few endpoints, for the strategies that compare.

use super::Pool;
use super::pick::Candidates;
use super::plan::Group;
use crate::config::MAX_CANDIDATES;
use crate::endpoint::Hot;
use crate::rng::Rng;
use crate::time::Time;

/// Candidates compared when in-flight counts are exact, or as good: five find a fast endpoint in an uneven pool more
/// often than two.
const COMPARED_WHEN_FRESH: usize = 5;
/// Candidates compared when the other workers' counts are old: with more, all workers run to the same endpoint.
const COMPARED_WHEN_STALE: usize = 2;

impl Pool {
    /// The first of two by chance, unless the second has fewer requests under way per weight.
    pub(super) fn pick_by_load(&self, group: &Group, picked: &mut Candidates, rng: &mut Rng) {
        // Weight decides on who is drawn and, under load, on who wins. If it also decided between idle endpoints (by
        // (load + 1) / weight) or if the two always differed, the lightest of an idle pool would get nothing, and the
        // lighter of two busy ones nearly as much as the other.
        let drawn = if group.sampler.is_weighted() {
            group.draw_freely(COMPARED_WHEN_STALE, picked, rng)
        } else {
            group.draw(COMPARED_WHEN_STALE, picked, rng)
        };
        self.push_ranked(picked, &drawn, |hot| hot.in_flight as f32 / hot.weight);
    }

    pub(super) fn pick_by_latency(&self, group: &Group, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let (peers_scale, fresh) = self.peers_scale(now);
        let middle = self.window.middle_us();
        let compared = if fresh { COMPARED_WHEN_FRESH } else { COMPARED_WHEN_STALE };
        let drawn = group.draw(compared, picked, rng);
        self.push_ranked(picked, &drawn, |hot| {
            // Without history it counts as the pool's middle, but the first attempt goes there whatever the others are
            // like: their averages fade while they wait, its own cannot, so it might wait for ever.
            let load = hot.in_flight as f32 + peers_scale * hot.peers_in_flight;
            let untried = if load < 1.0 { 0.0 } else { middle.max(1.0) };
            let latency = hot.ewma.read(now).map_or(untried, |latency| latency.max(1.0));
            latency * (load + 1.0) / hot.weight
        });
    }

    /// Appends the endpoints drawn, the lowest cost first.
    fn push_ranked(&self, picked: &mut Candidates, drawn: &Candidates, cost: impl Fn(&Hot) -> f32) {
        let mut ranked = [(f32::MAX, 0_u32); MAX_CANDIDATES];
        for (slot, position) in ranked.iter_mut().zip(drawn.as_slice()) {
            *slot = (self.hot.get(*position as usize).map_or(f32::MAX, &cost), *position);
        }
        let ranked = ranked.get_mut(..drawn.length).unwrap_or_default();
        // Stable, and the order drawn is random: ties fall by chance.
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, position) in ranked {
            if picked.length < self.config.candidates {
                picked.push(*position);
            }
        }
    }
}
