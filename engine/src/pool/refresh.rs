//! What happens on the tick: epochs turn, scores become weights, other workers' counts come in, and this worker's
//! counts go out. O(endpoints), never per request.

use super::Pool;
use crate::config::{CircuitConfig, EndpointConfig};
use crate::endpoint::{EPOCH, Hot};
use crate::ewma::{Fading, decay};
use crate::order::nth;
use crate::rng::Rng;
use crate::score::{Sample, Stage, score, weight_factor};
use crate::time::{Time, micros};
use alloc::vec::Vec;
use core::time::Duration;
use plimsoll_snapshot::CircuitState;
use plimsoll_snapshot::cell::CellEndpoint;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::sketch::{CompactSketch, Sketch, bucket};

/// How often scores are turned into weights: often enough to react, seldom enough that tables are not rebuilt on
/// every tick.
const SCORE_EVERY: Duration = Duration::from_secs(1);
/// A shorter period costs more than it brings, a longer one makes news of the other workers worthless.
const SHORTEST_TICK: Duration = Duration::from_millis(10);
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// What an entry of another worker adds to the period: 100 times what reading it takes.
const TICK_PER_ENTRY: Duration = Duration::from_micros(10);
const RAREST_TICK: Duration = Duration::from_secs(1);
/// Latencies are averaged over this many service times. Fewer make noise look like slowness, more are late: 15 to 100
/// gave the same within 2 % in pools of 8 to 100 endpoints with services of 2 ms to 2 s.
const AVERAGED: u32 = 50;
const SHORTEST_AVERAGE: Duration = Duration::from_millis(100);
const LONGEST_AVERAGE: Duration = Duration::from_secs(60);
/// The average of an idle endpoint fades over this many service times, so that it is tried again, and over Finagle's 10 s
/// at least. A time without regard to the service was tried: where answers took longer, an endpoint ten times slower
/// looked fast again before it had answered, and got everything.
const FADES: u32 = 100;
const FADES_AT_LEAST: Duration = Duration::from_secs(10);
/// News of other workers that are worth less than this are worth nothing.
const WORTHLESS: f32 = 0.05;
/// An answer is slow if it takes this many times the middle of the endpoints' mean latencies, unless a limit is configured:
/// by the means of all workers, so that all agree. Where services are exponential, 8 % of all answers are, and 44 % of an
/// endpoint that takes three times as long.
pub(super) const SLOW_TIMES: f64 = 2.5;
/// Answers below which their distribution is not known.
const ENOUGH_ANSWERS: u64 = 100;
/// The score of an answer before that: the mean of all.
pub(super) const USUAL_SLOWNESS: u64 = 100;
/// What an answer is thought to take before one was seen.
const FIRST_GUESS_US: f64 = 10_000.0;

/// The pool's own level: latency of the present and the last epoch, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Window {
    sketches: [Sketch; 2],
    /// Answers of this epoch, without those of endpoints that may have become slow; with those of earlier ones if they were
    /// too few.
    compared: Sketch,
    /// Answers that take longer are slow.
    slow_above_us: Option<u32>,
    /// By the bucket of a latency: −ln of the share of all answers that take as long or longer, in hundredths. Empty while
    /// there were few.
    slowness: Vec<u16>,
    /// 99.9th percentile of the answers of the last epoch that had enough.
    pub(super) longest: Option<Duration>,
    /// Median of the endpoints' mean latencies.
    middle_us: Option<f64>,
    /// Mean service time over all endpoints.
    pub(super) mean_us: Option<f64>,
    spans: Spans,
    /// Median of the latencies that the endpoints are compared by: where a new one starts.
    pub(super) usual_us: Option<f32>,
    epoch_began: Time,
    scored: Time,
    pub(super) ticked: Time,
    /// How many other workers are alive.
    peers: u32,
    /// When the oldest of the other workers' counts was published; `None` when there are none.
    peers_at: Option<Time>,
}

impl Window {
    /// An answer, and whether others may be compared with it.
    pub(super) fn add(&mut self, latency_us: u32, compared: bool) {
        let [now, _] = &mut self.sketches;
        now.add(latency_us);
        if compared {
            self.compared.add(latency_us);
        }
    }

    /// See [`plimsoll_snapshot::cell::Heard::late`].
    pub(super) fn is_late(&self, latency_us: u32) -> bool {
        self.middle_us.is_some_and(|middle| f64::from(latency_us) > middle * SLOW_TIMES)
    }

    pub(super) fn is_slow(&self, latency_us: u32) -> bool {
        self.slow_above_us.is_some_and(|limit| latency_us > limit)
    }

    /// See [`crate::detect::Kind::Slowness`].
    pub(super) fn slowness(&self, latency_us: u32) -> u64 {
        let score = self.slowness.get(bucket::<4>(latency_us));
        score.map_or(USUAL_SLOWNESS, |score| u64::from(*score))
    }

    /// Latency that an endpoint without history is thought to have, microseconds.
    pub(super) fn middle_us(&self) -> f32 {
        self.middle_us.unwrap_or(FIRST_GUESS_US) as f32
    }

    /// Over which time an endpoint's latency is averaged.
    pub(super) fn averaged_over(&self) -> Duration {
        self.spans.averaged_over
    }

    /// How the average of an idle endpoint fades.
    pub(super) fn fading(&self, now: Time) -> Fading {
        Fading::new(now, self.spans.fades_over)
    }

    /// The epoch is over: until the next one is, its answers are what others are compared with. Those of the present one
    /// would be contaminated by an endpoint that has just become slow.
    fn rotate(&mut self, now: Time) {
        self.epoch_began = now;
        // Where most may have become slow, it is not single endpoints that have: this is what is usual now.
        let [all, _] = &self.sketches;
        let over = if self.compared.total().saturating_mul(2) < all.total() { all } else { &self.compared };
        if over.total() >= ENOUGH_ANSWERS {
            let least = 1.0 / over.total() as f64;
            self.slowness.clear();
            self.slowness.extend(over.tails().map(|share| (libm::log(share.max(least)) * -100.0) as u16));
            self.longest = over.quantile(0.999).map(|micros| Duration::from_micros(micros as u64));
            self.compared.clear();
        }
        self.sketches.swap(0, 1);
        let [current, _] = &mut self.sketches;
        current.clear();
    }
}

/// What follows from the mean service time: worked out when that changes, not for each request.
#[derive(Clone, Copy, Debug)]
struct Spans {
    service: Duration,
    averaged_over: Duration,
    fades_over: Duration,
}

impl Spans {
    fn of(mean_us: f64) -> Self {
        let service = Duration::from_micros(mean_us.max(1.0) as u64);
        Self {
            service,
            averaged_over: service.saturating_mul(AVERAGED).clamp(SHORTEST_AVERAGE, LONGEST_AVERAGE),
            fades_over: service.saturating_mul(FADES).max(FADES_AT_LEAST),
        }
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self::of(FIRST_GUESS_US)
    }
}

/// One endpoint as a reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct EndpointView<'a> {
    /// As configured.
    pub config: &'a EndpointConfig,
    /// Hash of the address.
    pub key: u64,
    /// State of its circuit.
    pub circuit: CircuitState,
    /// Weight in force: 0 while ejected or draining.
    pub effective_weight: f64,
    /// New, draining, or as usual.
    pub stage: Stage,
}

impl Pool {
    /// Time has passed: turns epochs, and scores into weights.
    pub fn tick(&mut self, now: Time, rng: &mut Rng) {
        let requests = self.picks.saturating_add(self.refused);
        self.has_traffic = requests != self.requests_before;
        self.requests_before = requests;
        if now < self.window.ticked {
            self.set_back(now);
        }
        let passed = now.since(core::mem::replace(&mut self.window.ticked, now));
        if now.since(self.window.epoch_began) >= EPOCH {
            self.window.rotate(now);
            self.cold.iter_mut().for_each(crate::endpoint::Cold::rotate);
        }
        self.ramp_up(now);
        self.judge_silence(now);
        self.settle_streams(now);
        if now.since(self.window.scored) >= SCORE_EVERY {
            self.window.scored = now;
            self.rescore(now);
        }
        if self.by_load.is_kept() {
            let peers_scale = self.damped_peers_scale(now);
            self.by_load.judge(&self.hot, peers_scale);
        }
        self.choice.refresh(&self.config, &self.hot, rng);
        self.step_tables(passed);
    }

    /// The clock was set back: what was noted at a time still to come would stand still until then.
    fn set_back(&mut self, now: Time) {
        self.window.epoch_began = self.window.epoch_began.min(now);
        self.window.scored = self.window.scored.min(now);
        self.suspects.set_back(now);
        self.by_load.set_back(now);
        self.breaker.set_back(now);
        for cold in &mut self.cold {
            cold.warming_since = cold.warming_since.map(|since| since.min(now));
            cold.probes.set_back(now);
            cold.detectors.replace_window();
            cold.detectors.quiet_since = cold.detectors.quiet_since.min(now);
            cold.detectors.slow_since = cold.detectors.slow_since.min(now);
        }
        self.hot.iter_mut().for_each(|hot| hot.ewma.set_back(now));
    }

    fn rescore(&mut self, now: Time) {
        let samples: Vec<Sample> = self.cold.iter().map(crate::endpoint::Cold::merged).collect();
        self.window.middle_us = middle_us(&samples);
        // A pause does not change how long requests take.
        self.window.mean_us = overall_mean_us(&samples).or(self.window.mean_us);
        self.window.spans = self.window.mean_us.map(Spans::of).unwrap_or_default();
        self.window.usual_us = usual_us(&self.hot, self.window.fading(now));
        // One limit for both: a pool is slow by the same measure as its endpoints.
        let limit = |circuit: &CircuitConfig| circuit.rates.and_then(|rates| rates.slow_above);
        let configured = limit(&self.config.circuit).or_else(|| self.pool_circuit().and_then(limit)).map(micros);
        let relative = self.window.middle_us.map(|middle| (middle * SLOW_TIMES) as u32);
        self.window.slow_above_us = configured.or(relative).or(self.window.slow_above_us);
        self.relevel(&samples);
        let minimum = self.config.minimum_samples;
        for (cold, sample) in self.cold.iter_mut().zip(&samples) {
            cold.health = weight_factor(score(sample, self.window.middle_us, minimum));
        }
        for position in 0..self.hot.len() as u32 {
            self.reweigh(position, now);
        }
    }

    /// Takes in the sum of the other workers' counts, the oldest of them published at `at`; `None` when no other worker
    /// is alive. The oldest, because the sum is no better than that: taken for fresh, old counts make workers herd.
    pub fn absorb(&mut self, peers: &MergedPool, at: Option<Time>, now: Time) {
        self.window.peers_at = at;
        self.window.peers = peers.alive;
        for ((hot, cold), merged) in self.hot.iter_mut().zip(&mut self.cold).zip(&peers.endpoints) {
            if merged.counts.key != cold.key {
                continue;
            }
            hot.peers_in_flight = merged.counts.in_flight as f32;
            cold.peers = Sample::from(&merged.counts);
        }
        self.hear_others(peers, now);
        self.recount_under_way();
    }

    /// How often to tick, by what is known of this pool; `None` before any answer. News of other workers are worth most
    /// while they are younger than the mean service time, so that is the period, from 10 to 100 ms; but a tick reads an
    /// entry of each endpoint from each other worker and writes its own, and all of that shall take at most one part in a
    /// hundred of a processor: at 100 ns for an entry, no more often than every endpoints × workers × 10 µs. So 8 workers
    /// with 1,000 endpoints tick every 80 ms at most, with 10,000 every 800 ms; never less than once a second.
    #[must_use]
    pub fn tick_hint(&self) -> Option<Duration> {
        let service = Duration::from_micros(self.window.mean_us? as u64).clamp(SHORTEST_TICK, LONGEST_TICK);
        Some(service.max(self.tick_cost()).min(RAREST_TICK))
    }

    /// What this pool alone asks of the time between two ticks, see [`Pool::tick_hint`]. A tick works on all pools, so
    /// those of one worker add up, with traffic or without.
    #[must_use]
    pub fn tick_cost(&self) -> Duration {
        let workers = self.window.peers.saturating_add(1);
        TICK_PER_ENTRY.saturating_mul(u32::try_from(self.hot.len()).unwrap_or(u32::MAX).saturating_mul(workers))
    }

    /// How much the other workers' requests under way count where two are compared: e^(−age/S), S the mean service time.
    pub(super) fn peers_scale(&self, now: Time) -> f32 {
        let worth = self.window.peers_at.map_or(0.0, |at| decay(now.since(at), self.window.spans.service));
        // The least remainder would break every tie, on all workers alike: with news 20 S old they herd (in a model of it a
        // mean of 4.07 S in place of 3.85).
        if worth < WORTHLESS { 0.0 } else { worth }
    }

    /// The same where the best of several is taken. All workers run after the same news, so that what each corrects is
    /// corrected as often as there are workers: divided by their number, the pool corrects it once. 8 workers, 100
    /// endpoints, a fifth of them at half speed, load .8, news of one service time, in the simulator: a mean of 1.06 S,
    /// 1.24 S undivided.
    pub(super) fn damped_peers_scale(&self, now: Time) -> f32 {
        self.peers_scale(now) / self.window.peers.saturating_add(1) as f32
    }

    /// This worker's counts, to publish.
    #[must_use]
    pub fn counts(&self) -> Vec<CellEndpoint> {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let count = |(hot, cold): (&crate::endpoint::Hot, &crate::endpoint::Cold)| {
            let recent = cold.own();
            CellEndpoint {
                key: cold.key,
                in_flight: hot.in_flight,
                waiting: cold.detectors.waiting,
                requests: cold.requests,
                failures: cold.failures,
                slow: cold.slow,
                overloads: cold.overloads,
                ignored: cold.ignored,
                heard: cold.detectors.own,
                consecutive_failures: hot.failures_in_row,
                recent_requests: small(recent.requests),
                recent_failures: small(recent.failures),
                recent_overloads: small(recent.overloads),
                recent_latency_us: recent.latency_us,
            }
        };
        self.hot.iter().zip(&self.cold).map(count).collect()
    }

    /// This worker's histogram of the window over all endpoints, to publish.
    #[must_use]
    pub fn sketch(&self) -> Sketch {
        let [now, before] = &self.window.sketches;
        let mut sketch = now.clone();
        sketch.merge(before);
        sketch
    }

    /// This worker's histograms of the window, to publish: only endpoints that have one.
    #[must_use]
    pub fn sketches(&self) -> Vec<(u64, CompactSketch)> {
        let merged = |cold: &crate::endpoint::Cold| {
            let [now, before] = &**cold.sketches.as_ref()?;
            let mut sketch = now.clone();
            sketch.merge(before);
            (!sketch.is_empty()).then_some((cold.key, sketch))
        };
        self.cold.iter().filter_map(merged).collect()
    }

    /// Attempts under way per endpoint, the other workers' as last published included.
    #[must_use]
    pub fn in_flight_of_all(&self) -> Vec<u64> {
        self.hot.iter().map(|hot| u64::from(hot.in_flight).saturating_add(hot.peers_in_flight as u64)).collect()
    }

    /// The endpoints as a reader sees them, in the order of the configuration.
    pub fn view(&self) -> impl Iterator<Item = EndpointView<'_>> {
        let group = |hot: &Hot| self.choice.whole()?.groups.iter().find(|group| group.has(hot));
        self.hot.iter().zip(&self.cold).enumerate().map(move |(position, (hot, cold))| EndpointView {
            config: &cold.config,
            key: cold.key,
            circuit: self.circuit_state(position as u32),
            effective_weight: if group(hot).is_some_and(|group| group.serves(hot)) {
                f64::from(hot.weight)
            } else {
                0.0
            },
            stage: match cold.warming_since {
                _ if hot.draining => Stage::Draining,
                Some(_) => Stage::Warming,
                None => Stage::Serving,
            },
        })
    }
}

/// The median of the endpoints' mean latencies: one slow endpoint, or a third of them, does not move it.
#[must_use]
pub fn middle_us(samples: &[Sample]) -> Option<f64> {
    let means: Vec<f64> = samples.iter().filter_map(Sample::mean_us).collect();
    nth(&means, means.len() / 2)
}

fn usual_us(hot: &[Hot], fading: Fading) -> Option<f32> {
    let known = hot.iter().filter(|hot| hot.circuit.passes() && !hot.ewma.is_penalised());
    let latencies: Vec<f64> = known.filter_map(|hot| hot.ewma.read(fading)).map(f64::from).collect();
    nth(&latencies, latencies.len() / 2).map(|latency| latency as f32)
}

fn overall_mean_us(samples: &[Sample]) -> Option<f64> {
    let sum = samples.iter().fold(Sample::default(), |sum, sample| Sample {
        requests: sum.requests.saturating_add(sample.requests),
        failures: sum.failures.saturating_add(sample.failures),
        overloads: sum.overloads.saturating_add(sample.overloads),
        latency_us: sum.latency_us.saturating_add(sample.latency_us),
    });
    sum.mean_us()
}
