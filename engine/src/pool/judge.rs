//! From results to alarms. Each worker feeds its detectors with all workers' results: its own at once, the others' on
//! the tick, from the cumulative counts in their cells. So all come to the same verdict within a tick of each other, and
//! the first to write it down is the one that counts.
//!
//! An endpoint is compared with the others of the pool, in the same time: see [`crate::detect::Excursion`]. The same
//! holds for failures in a row and for rates, unless configured otherwise.

use super::Pool;
use super::refresh::USUAL_SLOWNESS;
use crate::circuit::was_told;
use crate::config::CircuitMode;
use crate::detect::{Alarm, Call, Counts, Kind, Noise, Rates, Steps, Totals, Verdict, threshold};
use crate::detectors::{failures, slow_answers};
use crate::endpoint::{Cold, Hot, LocalCircuit};
use crate::evidence::Evidence;
use crate::rated::Rated;
use crate::score::Sample;
use crate::time::Time;
use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;
use plimsoll_snapshot::cell::Heard;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::{CircuitState, Reason, Signal};

/// Results of an endpoint between false alarms that are wanted, by the theory's bound: a pool at 1,000 requests a second
/// has one in a day, and because the bound is some 16 times too low, one in weeks. With the 600 that make the threshold 11
/// in a pool of 100, a healthy pool of ten lost an endpoint each 20 minutes.
const WANTED_RUN: f64 = 1e8;
/// Where sums of slowness climb so many times higher by chance than they should, requests wait in queues, and an endpoint
/// with a queue cannot be told from one that has become slow. To eject it would make the other queues longer: in a pool at
/// nine tenths of its capacity, that took out one after the other and doubled the mean latency.
const MOST_TRUSTED_NOISE: f32 = 1.15;
/// Slowness ejects nobody while one in so many endpoints is out: the rest has more to do then, and what is slow because of
/// that would be the next.
const SLOWNESS_MAY_EJECT: usize = 4;
/// Share of slow answers below which an endpoint is not called slow, however unusual its answers are: where times hardly
/// vary, a little waiting is far in the tail.
const LEAST_SLOW: f64 = 0.25;
/// A queue that came by chance makes answers a few times slower, not many times: an endpoint whose answers have a mean score
/// below this …
const MUCH_SLOWER: f64 = 4.0;
/// … has to be slow for so many mean answers of the pool, in which such a queue has gone …
const OUTLASTS: f64 = 100.0;
/// … but not longer.
const OUTLASTS_MOST: Duration = Duration::from_secs(10);
/// Share of failures that k failures in a row are meant for.
const RUN_MEANT_FOR: f64 = 0.01;
/// How many times more often than the others an endpoint has to fail, or be slow, before a rate is its own fault.
const RATE_STANDS_OUT: f64 = 2.0;

/// The pool's levels, against which its endpoints are judged.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    /// Everything heard of all endpoints.
    pub(super) all: Heard,
    /// Which other workers' counts were last added up.
    who: u64,
    /// Usual share of failures among those that are not the worst.
    failing: f64,
    failing_steps: Steps,
    /// Sum of evidence that is an alarm.
    pub(super) threshold: f32,
    /// How far sums of slowness climb by chance.
    pub(super) noise: Noise,
    /// Attempts, of all endpoints and workers, that have an answer.
    pub(super) answers: u64,
}

impl Default for Levels {
    fn default() -> Self {
        let failing_steps = Steps::against(Kind::Failure, 0.0);
        Self {
            all: Heard::default(),
            who: 0,
            failing: 0.0,
            failing_steps,
            threshold: 0.0,
            noise: Noise::default(),
            answers: 0,
        }
    }
}

impl Levels {
    /// The pool has so many endpoints now.
    pub(super) fn resize(&mut self, endpoints: usize) {
        self.threshold = threshold(WANTED_RUN, endpoints) as f32;
    }
}

impl Pool {
    /// One result as detectors take it.
    pub(super) fn heard(&self, call: Call, latency_us: u32) -> Heard {
        let (failed, slow) = (u64::from(call.failed), u64::from(call.slow));
        Heard {
            calls: 1,
            failures: failed,
            slow: slow.saturating_sub(failed),
            slow_failures: slow.min(failed),
            late: u64::from(!call.failed && self.window.is_late(latency_us)),
            slowness: if call.failed { 0 } else { self.window.slowness(latency_us) },
        }
    }

    /// This worker's own result, of the present generation, while the circuit is closed. `pool_generation` is that of the
    /// pool's circuit when the attempt began.
    pub(super) fn hear_own(&mut self, position: usize, heard: &Heard, pool_generation: u64, now: Time) {
        let failed = heard.failures > 0;
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position), self.cold.get_mut(position)) else { return };
        if failed && hot.failures_in_row == 0 {
            cold.detectors.run_began = (failures(&self.levels.all), failures(&cold.detectors.all));
        }
        hot.failures_in_row = if failed { hot.failures_in_row.saturating_add(1) } else { 0 };
        // The others cannot tell that a result is from before the pool's circuit changed: they are not told.
        let of_this_pool = self.config.pool_circuit.is_none() || pool_generation == self.breaker.generation;
        if of_this_pool {
            cold.detectors.own.add(heard);
        }
        let before = self.levels.all;
        self.hear(position, heard, &before, now);
        if of_this_pool {
            self.hear_of_pool(heard, now);
        }
        self.suspect(position, now);
        // A good call may be the one that makes calls enough for a rate; all else takes a bad one.
        let bad = failed || heard.slowness > USUAL_SLOWNESS && self.has_evidence_against(position);
        if bad || self.config.circuit.rates.is_some() {
            self.judge(position, failed, now);
        }
    }

    /// Nearly never: it takes a second look to tell.
    fn has_evidence_against(&self, position: usize) -> bool {
        let threshold = self.levels.threshold;
        let of = |cold: &Cold| cold.detectors.failing.sum().max(cold.detectors.slowing.sum());
        self.cold.get(position).is_some_and(|cold| of(cold) >= threshold)
    }

    /// Whether the endpoint has to be tried again on purpose.
    fn suspect(&mut self, position: usize, now: Time) {
        let (Some(hot), Some(cold)) = (self.hot.get(position), self.cold.get(position)) else { return };
        // What warms up has a share that is small on purpose.
        let slow = cold.detectors.may_be_slow() && cold.warming_since.is_none();
        if hot.failures_in_row > 0 || slow {
            self.suspects.add(position as u32, now, hot);
        } else {
            self.suspects.remove(position as u32);
        }
    }

    /// What the other workers have heard since the last time.
    pub(super) fn hear_others(&mut self, peers: &MergedPool, now: Time) {
        // Of another set of workers the sums say nothing about what came since: it begins anew from here.
        let same = core::mem::replace(&mut self.levels.who, peers.who) == peers.who;
        // What all endpoints did in this tick is of the same time. Heard and judged one by one, the last of them would have
        // begun after the others, with nobody to compare with: a shared outage ejected endpoints from the end of the list.
        let before = self.levels.all;
        let mut heard = Vec::new();
        for (position, merged) in peers.endpoints.iter().enumerate() {
            let Some(cold) = self.cold.get_mut(position).filter(|cold| cold.key == merged.counts.key) else { continue };
            let earlier = cold.detectors.peers.replace(merged.counts.heard);
            let more = earlier.filter(|_| same).and_then(|earlier| merged.counts.heard.since(&earlier));
            let more = more.filter(|more| more.calls > 0);
            let answers = more.map_or(0, |more| more.calls.saturating_sub(more.failures));
            self.levels.answers = self.levels.answers.wrapping_add(answers);
            heard.push((position, merged.counts.waiting, more));
        }
        let answers = self.levels.answers;
        let closed = LocalCircuit::Shared(CircuitState::Closed);
        let mut news = Vec::new();
        for (position, waiting, more) in heard {
            let Some(cold) = self.cold.get_mut(position) else { continue };
            cold.detectors.wait(cold.detectors.waiting, waiting, now, answers);
            let Some(more) = more else { continue };
            cold.detectors.note_answer(now, answers);
            if self.hot.get(position).is_some_and(|hot| hot.circuit == closed) {
                self.hear(position, &more, &before, now);
                self.hear_of_pool(&more, now);
                if more.failures > 0 || more.slowness > more.calls.saturating_mul(USUAL_SLOWNESS) {
                    news.push(position);
                }
            }
        }
        for position in news {
            // This worker's own run of failures is not news.
            self.judge(position, false, now);
        }
    }

    /// Takes in results of an endpoint; `before` is what was heard of all endpoints before the time that they are of.
    fn hear(&mut self, position: usize, more: &Heard, before: &Heard, now: Time) {
        let rates = self.config.circuit.rates;
        let Some(cold) = self.cold.get_mut(position) else { return };
        let detectors = &mut cold.detectors;
        let _ = detectors.failing.observe(&failures(more), self.levels.failing_steps, &failures(before));
        let answers = slow_answers(more);
        if detectors.slowing.sum() <= 0.0 {
            detectors.slow_since = now;
        }
        if let Some(steps) = detectors.slow_steps
            && let Some(peak) = detectors.slowing.observe(&answers, steps, &slow_answers(before))
        {
            self.levels.noise.observe(peak);
        }
        if !detectors.may_be_slow() {
            detectors.usual.observe(answers.calls, answers.amount);
        }
        if let Some(rates) = rates {
            let rated = detectors.rated.get_or_insert_with(|| Box::new(Rated::new(rates.window)));
            rated.record(more, before, &detectors.all, now);
        }
        detectors.all.add(more);
        self.levels.all.add(more);
    }

    /// Ejects the endpoint if a detector says so and the cap allows. This worker stops using it at once; the others follow
    /// when the tick has written it down.
    fn judge(&mut self, position: usize, failed: bool, now: Time) {
        if !self.hot.get(position).is_some_and(|hot| hot.circuit == LocalCircuit::Shared(CircuitState::Closed)) {
            return;
        }
        let run = if failed { self.judge_run(position) } else { None };
        let reason = run
            .or_else(|| self.judge_excursion(position, Kind::Failure, now))
            .or_else(|| self.judge_excursion(position, Kind::Slowness, now))
            .or_else(|| self.judge_rates(position));
        if let Some(reason) = reason {
            self.open(position, reason, now);
        }
    }

    pub(super) fn open(&mut self, position: usize, mut reason: Reason, now: Time) {
        let only_told = self.config.circuit.mode == CircuitMode::MetricsOnly;
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position), self.cold.get_mut(position)) else { return };
        if only_told && was_told(&self.circuits, cold.key, now) || !only_told && self.out >= self.config.max_ejected() {
            return;
        }
        reason.trace_ids = cold.detectors.trace_ids();
        let (key, generation) = (cold.key, hot.generation);
        if only_told {
            hot.failures_in_row = 0;
            cold.detectors.restart();
        } else {
            self.set_local(position as u32, LocalCircuit::Opening);
        }
        self.suspects.remove(position as u32);
        self.evidence.push(Evidence::Opening { key, generation, reason });
    }

    /// Failures in a row: as many as configured, and so many that it would happen as seldom by chance at the others' rate
    /// as the configured number does at 1 %.
    fn judge_run(&self, position: usize) -> Option<Reason> {
        let (hot, cold) = (self.hot.get(position)?, self.cold.get(position)?);
        let (run, wanted) = (hot.failures_in_row, self.config.circuit.consecutive_failures);
        if wanted == 0 || run < wanted {
            return None;
        }
        let limit = self.run_limit(hot, cold);
        (f64::from(run) >= limit).then(|| Reason {
            observed: f64::from(run),
            threshold: limit,
            samples: u64::from(run),
            pool: self.others_in_run(cold).share(),
            failure: cold.last_failure,
            ..crate::circuit::reason(Signal::ConsecutiveFailures)
        })
    }

    /// What the others did in the present run of failures.
    fn others_in_run(&self, cold: &Cold) -> Totals {
        let (pool, own) = &cold.detectors.run_began;
        failures(&self.levels.all).since(pool).since(&failures(&cold.detectors.all).since(own))
    }

    /// Failures in a row that eject an endpoint: a whole number.
    pub(super) fn run_limit(&self, hot: &Hot, cold: &Cold) -> f64 {
        let wanted = f64::from(self.config.circuit.consecutive_failures);
        if !self.config.circuit.relative {
            return wanted;
        }
        // Before a run has begun nobody did anything in it.
        let others = if hot.failures_in_row > 0 { self.others_in_run(cold) } else { Totals::default() };
        let seen = others.level(Kind::Failure, self.levels.failing).max(RUN_MEANT_FOR);
        // Rounding of the quotient shall not ask for one more.
        libm::ceil(wanted * (libm::log(RUN_MEANT_FOR) / libm::log(seen.min(0.9999))) - 1e-6)
    }

    /// Evidence of slowness that is an alarm; `None` while none is.
    pub(super) fn slowness_threshold(&self) -> Option<f32> {
        let out = self.out.saturating_mul(SLOWNESS_MAY_EJECT);
        if self.out > 0 && out >= self.hot.len() {
            return None;
        }
        let noise = self.levels.noise.factor().filter(|noise| *noise <= MOST_TRUSTED_NOISE)?;
        Some(self.levels.threshold * noise)
    }

    fn judge_excursion(&mut self, position: usize, kind: Kind, now: Time) -> Option<Reason> {
        if !self.config.circuit.outliers {
            return None;
        }
        let threshold = match kind {
            Kind::Failure => self.levels.threshold,
            Kind::Slowness => self.slowness_threshold()?,
        };
        let cold = self.cold.get_mut(position)?;
        let detectors = &mut cold.detectors;
        let (signal, alarm) = match kind {
            Kind::Failure => {
                let pool = failures(&self.levels.all);
                (Signal::Failures, detectors.failing.alarm(kind, &pool, self.levels.failing, threshold))
            }
            Kind::Slowness => {
                let (pool, usual) = (slow_answers(&self.levels.all), detectors.usual.level()?);
                (Signal::Slowness, detectors.slowing.alarm(kind, &pool, usual, threshold))
            }
        };
        let unclear = |alarm: &Alarm| {
            let mean_us = self.window.mean_us.unwrap_or_default();
            let outlasts = Duration::from_micros((mean_us * OUTLASTS) as u64).min(OUTLASTS_MOST);
            let by_chance = alarm.level < MUCH_SLOWER && now.since(cold.detectors.slow_since) < outlasts;
            kind == Kind::Slowness && (alarm.share < LEAST_SLOW || by_chance)
        };
        let Alarm { evidence, calls, share, others, .. } = alarm.filter(|alarm| !unclear(alarm))?;
        Some(Reason {
            observed: evidence,
            threshold: f64::from(threshold),
            samples: calls,
            share: Some(share),
            pool: others,
            failure: cold.last_failure.filter(|_| kind == Kind::Failure),
            ..crate::circuit::reason(signal)
        })
    }

    fn judge_rates(&self, position: usize) -> Option<Reason> {
        let rates = self.config.circuit.rates.as_ref()?;
        let cold = self.cold.get(position)?;
        let rated = cold.detectors.rated.as_ref()?;
        let counts = &rated.counts;
        let Verdict::Reached { failures: failing, .. } = rates.judge(counts) else { return None };
        let (own, others) = rated.compared(&self.levels.all, &cold.detectors.all);
        let (signal, hits, limit) = match failing {
            true => (Signal::FailureRate, counts.failures, rates.limits.failure_percent),
            false => (Signal::SlowRate, counts.slow, rates.limits.slow_percent),
        };
        let percent = |of: &Counts| if failing { of.failure_percent() } else { of.slow_percent() };
        let calls = f64::from(counts.calls.max(1));
        let others = percent(&others).map(|percent| percent / 100.0);
        let own = percent(&own).unwrap_or_default() / 100.0;
        let stands_out = others.is_none_or(|others| own >= RATE_STANDS_OUT * others);
        (stands_out || !self.config.circuit.relative).then(|| Reason {
            observed: f64::from(hits) * 100.0 / calls,
            threshold: f64::from(limit),
            samples: u64::from(counts.calls),
            pool: others,
            failure: cold.last_failure.filter(|_| failing),
            ..crate::circuit::reason(signal)
        })
    }

    /// Once a second: what is usual for the pool and for each endpoint. `samples` are all workers' of the last seconds.
    pub(super) fn relevel(&mut self, samples: &[Sample]) {
        self.levels.failing = failing_but_the_worst(samples);
        self.levels.failing_steps = Steps::against(Kind::Failure, self.levels.failing);
        for cold in &mut self.cold {
            let detectors = &mut cold.detectors;
            detectors.usual.fade();
            detectors.slow_steps = detectors.usual.level().map(|usual| Steps::against(Kind::Slowness, usual));
        }
    }
}

/// Share of failures among all but the endpoint that has the most: the worst is not the measure of itself.
fn failing_but_the_worst(samples: &[Sample]) -> f64 {
    let rate = |failures: u64, requests: u64| if requests > 0 { failures as f64 / requests as f64 } else { 0.0 };
    let (mut all, mut worst) = (Totals::default(), Totals::default());
    for sample in samples {
        let one = Totals { calls: sample.requests, amount: sample.failures, marked: 0 };
        all = all.plus(&one);
        if rate(one.amount, one.calls) > rate(worst.amount, worst.calls) {
            worst = one;
        }
    }
    let rest = all.since(&worst);
    rate(rest.amount, rest.calls).max(Rates::default().floor)
}
