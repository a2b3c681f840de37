//! Who is best among a few endpoints, for the strategies that compare: `least_request`, `peak_ewma` (and `range`, inside
//! a range), `least_response_time` and `hcl`. Each gives an endpoint a cost, and the lowest goes first.
//!
//! Load is the requests under way: this worker's exactly, the others' by what their news are worth, see `refresh`.
//!
//! Where weights differ, the draw follows them, and so must the verdict between idle endpoints: by (load + 1) / weight
//! the heavier one of an idle pool would get everything. So among idle endpoints the first one drawn goes first, unless
//! another is clearly faster.

use super::Pool;
use super::pick::Candidates;
use super::plan::Group;
use crate::config::MAX_CANDIDATES;
use crate::endpoint::Hot;
use crate::ewma::Fading;
use crate::rng::Rng;
use crate::time::Time;

/// Candidates that `least_request` compares: with more, and counts that are old, all workers run to the same endpoint.
const COMPARED_BY_LOAD: usize = 2;
/// Candidates compared by latency. Each more finds a fast endpoint in an uneven pool more often, and costs a pick more:
/// a fifth of 100 at half speed, 8 workers: a mean of 1.13, 1.07, 1.06, 1.06 S with 2, 5, 6, 8 of them.
const COMPARED_BY_LATENCY: usize = 6;
/// Up to this many eligible endpoints `least_response_time` looks at all of them.
const SCANNED: usize = 64;
/// Below this load, the others' decayed part included, an endpoint counts as idle.
const IDLE: f32 = 0.5;
/// How many times dearer than the cheapest endpoint the first one drawn may be, if it is idle: averages of equal
/// endpoints differ by less, unless they have hardly any traffic.
const CLEARLY: f32 = 2.0;
/// What a hot endpoint costs under `hcl`, in microseconds: more than any latency.
const HOT: f32 = 1e10;

/// The cheapest so far, cheapest first; of equals the one that came first.
struct Ranking {
    best: [(f32, u32); MAX_CANDIDATES],
    length: usize,
    limit: usize,
    worst: f32,
}

impl Ranking {
    fn new(limit: usize) -> Self {
        let (best, limit) = ([(f32::INFINITY, 0); MAX_CANDIDATES], limit.min(MAX_CANDIDATES));
        Self { best, length: 0, limit, worst: f32::INFINITY }
    }

    fn add(&mut self, cost: f32, position: u32) {
        if self.length == self.limit && self.worst <= cost {
            return;
        }
        self.length = self.length.saturating_add(1).min(self.limit);
        let Some(ranked) = self.best.get_mut(..self.length) else { return };
        // What is dearer moves back by one, and what is last falls out.
        let mut carried = (cost, position);
        let mut moves = false;
        for slot in ranked.iter_mut() {
            moves |= cost < slot.0;
            if moves {
                core::mem::swap(slot, &mut carried);
            }
        }
        if !moves && let Some(last) = ranked.last_mut() {
            *last = carried;
        }
        self.worst = ranked.last().map_or(f32::INFINITY, |(cost, _)| *cost);
    }

    fn append_to(&self, picked: &mut Candidates, wanted: usize) {
        for (_, position) in self.best.iter().take(self.length) {
            if picked.length < wanted && !picked.contains(*position) {
                picked.push(*position);
            }
        }
    }
}

impl Pool {
    /// Requests under way at an endpoint, the others' scaled by what their news are worth.
    pub(super) fn load(hot: &Hot, peers_scale: f32) -> f32 {
        hot.in_flight as f32 + peers_scale * hot.peers_in_flight
    }

    /// The first of two by chance, unless the second has fewer requests under way per weight.
    pub(super) fn pick_by_load(&self, group: &Group, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let peers_scale = self.peers_scale(now);
        // Weight decides on who is drawn and, under load, on who wins. If it also decided between idle endpoints (by
        // (load + 1) / weight) or if the two always differed, the lightest of an idle pool would get nothing, and the
        // lighter of two busy ones nearly as much as the other.
        let drawn = if group.sampler.is_weighted() {
            group.draw_freely(COMPARED_BY_LOAD, picked, rng)
        } else {
            group.draw(COMPARED_BY_LOAD, picked, rng)
        };
        self.push_ranked(picked, drawn.as_slice(), |hot, _| Self::load(hot, peers_scale) / hot.weight);
    }

    /// The lowest latency^1.5 × (load + 1) / weight of a few. Latency counts for more than load: what was measured contains
    /// the waiting that load causes, and on an endpoint with free slots load costs nothing. Of the exponents 1, 1.5 and 2,
    /// 1 gave slow endpoints half as much again, 2 let queues grow where every endpoint has a single slot.
    pub(super) fn pick_by_latency(&self, group: &Group, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let view = LatencyView { exponent: Exponent::OneAndAHalf, ..self.latency_view(now) };
        let drawn = group.draw(COMPARED_BY_LATENCY, picked, rng);
        self.push_idle(group, picked, drawn.as_slice(), &view);
        self.push_ranked(picked, drawn.as_slice(), |hot, _| view.cost(hot));
    }

    /// The lowest mean latency × (load + 1) / weight: of all in a small group, of a few in a large one.
    pub(super) fn pick_by_mean(&self, group: &Group, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let view = self.latency_view(now);
        let count = group.eligible.len();
        if count > SCANNED {
            let drawn = group.draw(COMPARED_BY_LATENCY, picked, rng);
            self.push_idle(group, picked, drawn.as_slice(), &view);
            return self.push_ranked(picked, drawn.as_slice(), |hot, _| view.cost(hot));
        }
        // From a random start, so that ties fall by chance.
        let start = group.sampler.draw(rng) as usize;
        let mut all = [0_u32; SCANNED];
        let (after, before) = group.eligible.split_at_checked(start).map_or((&[][..], &[][..]), |(a, b)| (b, a));
        for (slot, position) in all.iter_mut().zip(after.iter().chain(before)) {
            *slot = *position;
        }
        let all = all.get(..count).unwrap_or_default();
        self.push_idle(group, picked, all, &view);
        self.push_best(picked, all, |hot| view.cost(hot));
    }

    /// Prequal's rule on what this proxy sees: of those that are not hot the one with the lowest latency at its present
    /// load, and if all are hot, the one with the lowest load.
    pub(super) fn pick_hot_or_cold(&self, group: &Group, picked: &mut Candidates, now: Time, rng: &mut Rng) {
        let view = self.latency_view(now);
        let drawn = group.draw(COMPARED_BY_LATENCY, picked, rng);
        self.push_idle(group, picked, drawn.as_slice(), &view);
        self.push_ranked(picked, drawn.as_slice(), |hot, position| {
            let load = Self::load(hot, view.peers_scale);
            if load / hot.weight > self.by_load.hot_above() {
                return HOT * (1.0 + load / hot.weight);
            }
            let known = if hot.ewma.is_penalised() { None } else { self.by_load.read(position, load, view.fading) };
            known.unwrap_or_else(|| view.latency(hot))
        });
    }

    fn latency_view(&self, now: Time) -> LatencyView {
        LatencyView {
            peers_scale: self.damped_peers_scale(now),
            middle: self.window.middle_us(),
            fading: self.window.fading(now),
            exponent: Exponent::One,
        }
    }

    /// Where weights differ: appends the first one drawn if it is idle and no other, whatever its weight, is clearly
    /// cheaper.
    fn push_idle(&self, group: &Group, picked: &mut Candidates, drawn: &[u32], view: &LatencyView) {
        if !group.sampler.is_weighted() || picked.length >= self.config.candidates {
            return;
        }
        let hot = |position: &u32| self.hot.get(*position as usize);
        let Some((first, idle)) = drawn.first().and_then(|first| Some((*first, hot(first)?))) else { return };
        if Self::load(idle, view.peers_scale) >= IDLE || picked.contains(first) {
            return;
        }
        let cheapest = drawn.iter().filter_map(hot).map(|hot| view.weightless(hot)).fold(f32::MAX, f32::min);
        if view.weightless(idle) <= cheapest * CLEARLY {
            picked.push(first);
        }
    }

    /// Appends these endpoints, at most [`MAX_CANDIDATES`], the lowest cost first; ties in their order.
    fn push_ranked(&self, picked: &mut Candidates, drawn: &[u32], cost: impl Fn(&Hot, u32) -> f32) {
        let mut ranked = [(f32::MAX, 0_u32); MAX_CANDIDATES];
        for (slot, position) in ranked.iter_mut().zip(drawn) {
            *slot = (self.hot.get(*position as usize).map_or(f32::MAX, |hot| cost(hot, *position)), *position);
        }
        let ranked = ranked.get_mut(..drawn.len()).unwrap_or_default();
        // Stable, and the order drawn is random: ties fall by chance.
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, position) in ranked {
            if picked.length < self.config.candidates && !picked.contains(*position) {
                picked.push(*position);
            }
        }
    }

    /// The same for any number of endpoints.
    fn push_best(&self, picked: &mut Candidates, positions: &[u32], cost: impl Fn(&Hot) -> f32) {
        let wanted = self.config.candidates;
        let mut ranking = Ranking::new(wanted);
        for position in positions {
            if let Some(hot) = self.hot.get(*position as usize) {
                ranking.add(cost(hot), *position);
            }
        }
        ranking.append_to(picked, wanted);
    }
}

/// What latencies and loads mean at the time of a pick.
struct LatencyView {
    peers_scale: f32,
    middle: f32,
    fading: Fading,
    exponent: Exponent,
}

/// How much latency counts beside load.
#[derive(Clone, Copy)]
enum Exponent {
    One,
    OneAndAHalf,
}

impl LatencyView {
    /// Microseconds. Without history an endpoint counts as the pool's middle, but the first attempt goes there whatever the
    /// others are like: their averages fade while they wait, its own cannot, so it might wait for ever.
    fn latency(&self, hot: &Hot) -> f32 {
        let untried = if Pool::load(hot, self.peers_scale) < 1.0 { 0.0 } else { self.middle.max(1.0) };
        let Some(latency) = hot.ewma.read(self.fading) else { return untried };
        // A failure counts as 5 s; where answers usually take longer than a tenth of a second, as fifty of them.
        let scale = if hot.ewma.is_penalised() { (self.middle / 100_000.0).max(1.0) } else { 1.0 };
        (latency * scale).max(1.0)
    }

    fn weightless(&self, hot: &Hot) -> f32 {
        let latency = self.latency(hot);
        let raised = match self.exponent {
            Exponent::One => latency,
            Exponent::OneAndAHalf => latency * libm::sqrtf(latency),
        };
        raised * (Pool::load(hot, self.peers_scale) + 1.0)
    }

    fn cost(&self, hot: &Hot) -> f32 {
        self.weightless(hot) / hot.weight
    }
}
