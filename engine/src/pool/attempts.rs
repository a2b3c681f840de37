//! One attempt on one endpoint, from its start to its settlement. [`Attempt`] cannot be copied and finishing consumes
//! it, so that no attempt is settled twice.

use super::refresh::SLOW_TIMES;
use super::{Pool, by_load};
use crate::config::CircuitConfig;
use crate::detect::Call;
use crate::endpoint::LocalCircuit;
use crate::evidence::{Evidence, ProbeResult};
use crate::time::{Time, micros};
use core::time::Duration;
use plimsoll_snapshot::{CircuitState, FailureKind};

/// An answer "too much" counts as one that took this many times the pool's middle, where latencies are compared: the
/// endpoint gets less, in proportion to how often it says so.
const OVERLOAD_TIMES: f32 = 4.0;

/// An attempt under way.
#[derive(Debug)]
#[must_use = "an attempt that is not finished stays in flight for ever"]
pub struct Attempt {
    position: u32,
    membership: u32,
    key: u64,
    generation: u64,
    probe: bool,
    /// It is one of the requests that the pool's half-open circuit let through.
    pool_probe: bool,
    /// Of the pool's circuit.
    pool_generation: u64,
    trace: Option<u128>,
    retry: bool,
    /// Step of the load that it found, under `hcl`.
    load_step: u8,
    started: Time,
    answer: Answer,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    None,
    /// One whose end tells what it counts as.
    Held(Duration),
    Counted,
}

impl Attempt {
    /// Hash of the address of its endpoint.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Time {
        self.started
    }

    /// The trace that it belongs to (W3C's trace id), to be shown if it fails.
    pub fn set_trace(&mut self, trace: u128) {
        self.trace = Some(trace);
    }

    /// Another endpoint has failed this request before. If this one does, too, it counts as a failure, but is no evidence:
    /// some requests fail wherever they go, and endpoints that are avoided get little else.
    pub fn mark_retry(&mut self) {
        self.retry = true;
    }

    /// The answer's head has come.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.answer != Answer::None
    }

    /// The head of the answer has come, and what it counts as is not known yet.
    #[must_use]
    pub fn held(&self) -> bool {
        matches!(self.answer, Answer::Held(_))
    }
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// It did not.
    Failure(FailureKind),
    /// It said "too much": a reason to send less, none to eject.
    Overload,
    /// It says nothing about the endpoint: the client's mistake.
    Ignored,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The exchange ended as it should.
    Complete,
    /// The endpoint broke it off, or never answered.
    Failed(FailureKind),
    /// Not the endpoint's doing (the client left, the proxy gave up): counts for nothing.
    Abandoned,
}

impl Pool {
    /// Positions are what they were when the attempt began: no configuration came since.
    #[must_use]
    pub fn is_current(&self, attempt: &Attempt) -> bool {
        attempt.membership == self.membership
    }

    /// An attempt on the endpoint at `position` begins; `None` if there is no such endpoint.
    pub fn start(&mut self, position: u32, now: Time) -> Option<Attempt> {
        let peers_scale = if self.by_load.is_kept() { self.damped_peers_scale(now) } else { 0.0 };
        let hot = self.hot.get_mut(position as usize)?;
        let cold = self.cold.get_mut(position as usize)?;
        let load_step = if self.by_load.is_kept() { by_load::step(Self::load(hot, peers_scale)) } else { 0 };
        hot.in_flight = hot.in_flight.saturating_add(1);
        let class = hot.class;
        let probe = cold.probes_picked > 0 && hot.circuit == LocalCircuit::Shared(CircuitState::HalfOpen);
        if probe {
            cold.probes_picked = cold.probes_picked.saturating_sub(1);
            cold.probes.begin(now);
        }
        let (key, generation) = (cold.key, hot.generation);
        let peers = cold.detectors.peers_waiting;
        cold.detectors.wait(cold.detectors.waiting.saturating_add(1), peers, now, self.levels.answers);
        self.note_start(position, class);
        let pool_probe = self.begin_pool_probe(now);
        Some(Attempt {
            position,
            membership: self.membership,
            key,
            generation,
            probe,
            pool_probe,
            pool_generation: self.breaker.generation,
            trace: None,
            retry: false,
            load_step,
            started: now,
            answer: Answer::None,
        })
    }

    /// The head of the answer has come. Later calls for the same attempt change nothing.
    pub fn answer(&mut self, attempt: &mut Attempt, now: Time, outcome: Outcome) {
        if attempt.answered() {
            return;
        }
        self.note_answer(attempt, now);
        let latency = now.since(attempt.started);
        match outcome {
            // A probe passes with the head: its permit would expire under a long body.
            Outcome::Success if self.config.detect_truncated && !attempt.probe && !attempt.pool_probe => {
                attempt.answer = Answer::Held(latency)
            }
            outcome => {
                attempt.answer = Answer::Counted;
                self.settle(attempt, now, latency, outcome);
            }
        }
    }

    /// The head of an answer has come whose end will tell what it counts as; its latency is that of the head.
    pub fn hold(&mut self, attempt: &mut Attempt, now: Time) {
        if attempt.answered() {
            return;
        }
        self.note_answer(attempt, now);
        attempt.answer = Answer::Held(now.since(attempt.started));
    }

    /// What an answer counts as whose head was held. A success counts as of its head, so `now` may be unknown for it.
    pub fn release(&mut self, attempt: &mut Attempt, now: Time, outcome: Outcome) {
        if let Answer::Held(latency) = attempt.answer {
            attempt.answer = Answer::Counted;
            let now = if outcome == Outcome::Success { attempt.started.after(latency) } else { now };
            self.settle(attempt, now, latency, outcome);
        }
    }

    /// The attempt is over: it leaves the in-flight count, and it is settled if its answer did not do so.
    pub fn finish(&mut self, mut attempt: Attempt, now: Time, ending: Ending) {
        if let Some(position) = self.find(&attempt)
            && let Some(hot) = self.hot.get_mut(position)
        {
            hot.in_flight = hot.in_flight.saturating_sub(1);
            let class = hot.class;
            self.note_end(position as u32, class);
        }
        if !attempt.answered() {
            self.end_waiting(&attempt, now, ending != Ending::Abandoned);
        }
        let since_start = now.since(attempt.started);
        match (core::mem::replace(&mut attempt.answer, Answer::Counted), ending) {
            (Answer::Held(latency), Ending::Complete) => {
                self.settle(&attempt, attempt.started.after(latency), latency, Outcome::Success);
            }
            // A head without an ending that says more: the answer came, so it was one.
            (Answer::None, Ending::Complete) => self.settle(&attempt, now, since_start, Outcome::Success),
            (Answer::None | Answer::Held(_), Ending::Failed(kind)) => {
                self.settle(&attempt, now, since_start, Outcome::Failure(kind));
            }
            (Answer::None | Answer::Held(_), Ending::Abandoned) => self.give_back(&attempt),
            (Answer::Counted, _) => {}
        }
    }

    /// The answer of an attempt has begun.
    fn note_answer(&mut self, attempt: &Attempt, now: Time) {
        self.levels.answers = self.levels.answers.wrapping_add(1);
        self.end_waiting(attempt, now, true);
    }

    /// An attempt does not wait for its answer any more. `heard`: something came of it.
    fn end_waiting(&mut self, attempt: &Attempt, now: Time, heard: bool) {
        let latency_us = || micros(now.since(attempt.started));
        if attempt.pool_probe && attempt.pool_generation == self.breaker.generation {
            self.breaker.probes.note_answer(now, self.window.is_slow(latency_us()));
        }
        let Some(position) = self.find(attempt) else { return };
        let slow = attempt.probe && self.is_slow_probe(position, latency_us());
        let (Some(hot), Some(cold)) = (self.hot.get(position), self.cold.get_mut(position)) else { return };
        cold.detectors.waiting = cold.detectors.waiting.saturating_sub(1);
        if heard {
            cold.detectors.note_answer(now, self.levels.answers);
        }
        if attempt.probe && hot.generation == attempt.generation {
            cold.probes.note_answer(now, slow);
        }
    }

    /// Whether a probe was slower than it should be. An endpoint that is slow every day does not have to become faster to
    /// come back, where it is compared with others at all.
    fn is_slow_probe(&self, position: usize, latency_us: u32) -> bool {
        let CircuitConfig { relative, outliers, .. } = self.config.circuit;
        if !relative {
            return self.window.is_slow(latency_us);
        }
        // A worker that has seen nothing of it yet lets it in: detectors will tell.
        let usual = self.cold.get(position).and_then(|cold| cold.detectors.usual_us());
        let for_itself = usual.is_some_and(|usual| latency_us as f32 > usual * SLOW_TIMES as f32);
        for_itself && (self.window.is_slow(latency_us) || outliers && self.window.is_late(latency_us))
    }

    fn find(&self, attempt: &Attempt) -> Option<usize> {
        if attempt.membership == self.membership {
            return Some(attempt.position as usize);
        }
        let position = self.position(attempt.key)? as usize;
        // An endpoint that left and came back since is another one: it never saw this attempt.
        self.cold.get(position).filter(|cold| cold.joined <= attempt.membership).map(|_| position)
    }

    fn settle(&mut self, attempt: &Attempt, now: Time, latency: Duration, outcome: Outcome) {
        let latency_us = micros(latency);
        let slow = self.window.is_slow(latency_us);
        let failed = match outcome {
            Outcome::Success => false,
            Outcome::Failure(_) => true,
            Outcome::Overload | Outcome::Ignored => {
                if let Some(position) = self.find(attempt) {
                    self.count(position, now, latency, outcome, slow);
                }
                return self.give_back(attempt);
            }
        };
        let call = Call { failed, slow };
        let position = self.find(attempt);
        if attempt.pool_probe {
            // What those that are out, or are probed themselves, answer is no news of the pool.
            let serves = position.and_then(|position| self.hot.get(position)).is_none_or(|hot| hot.circuit.passes());
            let nobody_else = self.out >= self.hot.len();
            let result = if serves && !attempt.probe || nobody_else {
                probe_result(outcome, slow)
            } else {
                ProbeResult::Returned
            };
            self.end_pool_probe(attempt.pool_generation, result);
        }
        let Some(position) = position else { return };
        self.count(position, now, latency, outcome, slow);
        if outcome == Outcome::Success && self.by_load.is_kept() {
            self.by_load.record(position, attempt.load_step, now, latency, self.window.averaged_over());
        }
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position), self.cold.get_mut(position)) else { return };
        if hot.generation != attempt.generation {
            return;
        }
        match hot.circuit {
            LocalCircuit::Shared(CircuitState::HalfOpen) if attempt.probe => {
                let slow = self.is_slow_probe(position, latency_us);
                self.end_probe(position, attempt, probe_result(outcome, slow));
            }
            LocalCircuit::Shared(CircuitState::Closed) if !(call.failed && attempt.retry) => {
                if call.failed || call.slow {
                    cold.detectors.keep_trace(attempt.trace);
                }
                let heard = self.heard(call, latency_us);
                self.hear_own(position, &heard, attempt.pool_generation, now);
            }
            _ => {}
        }
    }

    /// Counts a finished attempt, whatever state the circuit is in.
    fn count(&mut self, position: usize, now: Time, latency: Duration, outcome: Outcome, slow: bool) {
        let averaged_over = self.window.averaged_over();
        let overloaded_us = self.window.middle_us() * OVERLOAD_TIMES;
        let latency_us = micros(latency);
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position), self.cold.get_mut(position)) else { return };
        if outcome == Outcome::Ignored {
            cold.ignored = cold.ignored.saturating_add(1);
            return;
        }
        cold.requests = cold.requests.saturating_add(1);
        let [recent, _] = &mut cold.recent;
        recent.requests = recent.requests.saturating_add(1);
        match outcome {
            Outcome::Success => {
                recent.latency_us = recent.latency_us.saturating_add(u64::from(latency_us));
                cold.slow = cold.slow.saturating_add(u64::from(slow));
                hot.ewma.record(now, latency, averaged_over);
                let as_usual = !cold.detectors.may_be_slow();
                self.window.add(latency_us, as_usual);
                if as_usual && hot.circuit.passes() {
                    cold.detectors.learn_latency(latency_us);
                }
                if let Some(sketch) = self.sketch_mut(position) {
                    sketch.add(latency_us);
                }
            }
            Outcome::Failure(kind) => {
                cold.failures = cold.failures.saturating_add(1);
                self.failures_by.count(kind);
                recent.failures = recent.failures.saturating_add(1);
                cold.last_failure = Some(kind);
                hot.ewma.penalise(now);
            }
            Outcome::Overload => {
                cold.overloads = cold.overloads.saturating_add(1);
                recent.overloads = recent.overloads.saturating_add(1);
                let counts_as = Duration::from_micros(overloaded_us as u64).max(latency);
                hot.ewma.record(now, counts_as, averaged_over);
            }
            Outcome::Ignored => {}
        }
    }

    /// An attempt on this endpoint is worth knowing the trace of: more results like its last ones would be an alarm.
    #[must_use]
    pub fn is_suspicious(&self, attempt: &Attempt) -> bool {
        let Some(position) = self.find(attempt) else { return false };
        let of = self.hot.get(position).zip(self.cold.get(position));
        of.is_some_and(|(hot, cold)| hot.failures_in_row > 0 || attempt.probe || cold.detectors.is_suspicious())
    }

    fn end_probe(&mut self, position: usize, attempt: &Attempt, result: ProbeResult) {
        if self.cold.get_mut(position).is_some_and(|cold| cold.probes.end()) {
            return;
        }
        self.evidence.push(Evidence::Probe { key: attempt.key, generation: attempt.generation, result });
    }

    /// An abandoned probe said nothing: its permit may be used again.
    fn give_back(&mut self, attempt: &Attempt) {
        if attempt.pool_probe {
            self.end_pool_probe(attempt.pool_generation, ProbeResult::Returned);
        }
        let Some(position) = self.find(attempt) else { return };
        let current = self.hot.get(position).is_some_and(|hot| hot.generation == attempt.generation);
        if attempt.probe && current {
            self.end_probe(position, attempt, ProbeResult::Returned);
        }
    }
}

fn probe_result(outcome: Outcome, slow: bool) -> ProbeResult {
    match outcome {
        Outcome::Failure(kind) => ProbeResult::Failed(kind),
        _ if slow => ProbeResult::Slow,
        _ => ProbeResult::Passed,
    }
}
