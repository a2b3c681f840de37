//! All that detectors know of one endpoint: of this worker's own results, taken in at once, and of the other workers',
//! taken in on the tick. Results of an older generation, and those while the circuit is not closed, never get here.

use crate::detect::{Excursion, Steps, Totals, Usual};
use crate::rated::Rated;
use crate::time::Time;
use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;
use plimsoll_snapshot::cell::Heard;

/// How many traces of bad attempts are kept.
const TRACES: usize = 3;
/// Attempts that have to be waiting: one may be a long poll among short requests.
const SILENT_ATTEMPTS: u32 = 3;
/// A sum of evidence for slowness above this makes an endpoint a suspect, that is tried again until it is clear what is the
/// matter with it, see `pool::first`: a strategy that avoids what is slow would never know. Two answers of the slowest percent
/// do, and once in a thousand answers chance.
const SLOW_SUSPECT: f32 = 6.0;
/// A sum of evidence above this makes an endpoint suspicious: more than one hit.
const SUSPICIOUS: f32 = 3.5;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detectors {
    /// This worker's own results, to publish.
    pub(crate) own: Heard,
    /// The sum of the other workers' when it was last read.
    pub(crate) peers: Option<Heard>,
    /// All of them, in the order heard.
    pub(crate) all: Heard,
    pub(crate) failing: Excursion,
    pub(crate) slowing: Excursion,
    /// When `slowing` left zero.
    pub(crate) slow_since: Time,
    /// How often it is slow on other days.
    pub(crate) usual: Usual,
    /// What a slow answer and another one add; `None` before enough is known.
    pub(crate) slow_steps: Option<Steps>,
    /// When the present run of failures began: the pool's calls and failures, and its own.
    pub(crate) run_began: (Totals, Totals),
    /// For rates, where they are configured.
    pub(crate) rated: Option<Box<Rated>>,
    /// Mean latency of its own answers on other days, as this worker saw them.
    usual_us: Mean,
    /// Attempts of this worker whose answer has not begun.
    pub(crate) waiting: u32,
    /// The same of the other workers, when they last published.
    pub(crate) peers_waiting: u32,
    /// Since when nothing came although enough of them waited.
    pub(crate) quiet_since: Time,
    /// How many answers the pool had had by then.
    quiet_answers: u64,
    traces: Traces,
}

impl Detectors {
    /// The circuit has changed: what was seen before says nothing about it now. What is usual stays.
    pub(crate) fn restart(&mut self) {
        self.failing.clear();
        self.slowing.clear();
        self.replace_window();
        self.traces = Traces::default();
    }

    /// Calls are looked at in another window from now on.
    pub(crate) fn replace_window(&mut self) {
        self.rated = None;
    }

    /// An answer while nothing is the matter.
    pub(crate) fn learn_latency(&mut self, latency_us: u32) {
        self.usual_us.observe(latency_us as f32);
    }

    /// Mean latency on other days, microseconds; `None` if this worker has seen none.
    pub(crate) fn usual_us(&self) -> Option<f32> {
        (self.usual_us.seen > 0).then_some(self.usual_us.mean)
    }

    /// Attempts wait for their answers: of this worker, and of the others.
    /// `answers` are those of the whole pool so far.
    pub(crate) fn wait(&mut self, waiting: u32, peers_waiting: u32, now: Time, answers: u64) {
        let before = self.is_waited_for();
        (self.waiting, self.peers_waiting) = (waiting, peers_waiting);
        if !before {
            (self.quiet_since, self.quiet_answers) = (now, answers);
        }
    }

    /// One of its attempts, or several, have an answer, or are over without any.
    pub(crate) fn note_answer(&mut self, now: Time, answers: u64) {
        (self.quiet_since, self.quiet_answers) = (self.quiet_since.max(now), answers);
    }

    fn is_waited_for(&self) -> bool {
        self.waiting > 0 && self.waiting.saturating_add(self.peers_waiting) >= SILENT_ATTEMPTS
    }

    /// Attempts of all workers whose answer has not begun.
    pub(crate) fn waiting_of_all(&self) -> u32 {
        self.waiting.saturating_add(self.peers_waiting)
    }

    /// How long so many attempts have all been waiting for that silence says something, and how many answers others gave
    /// meanwhile; `answers` are those of the whole pool so far.
    pub(crate) fn silent_for(&self, now: Time, answers: u64) -> Option<(Duration, u64)> {
        self.is_waited_for().then(|| (now.since(self.quiet_since), answers.wrapping_sub(self.quiet_answers)))
    }

    /// There is some evidence that it has become slow.
    pub(crate) fn may_be_slow(&self) -> bool {
        self.slowing.sum() > SLOW_SUSPECT
    }

    /// More results like the last ones would be an alarm.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.failing.sum() > SUSPICIOUS || self.slowing.sum() > SUSPICIOUS
    }

    /// A bad attempt had this trace.
    pub(crate) fn keep_trace(&mut self, trace: Option<u128>) {
        if let Some(trace) = trace {
            self.traces.keep(trace);
        }
    }

    /// The traces kept, in hexadecimal, the latest first.
    pub(crate) fn trace_ids(&self) -> Vec<String> {
        self.traces
            .0
            .as_deref()
            .map(|traces| traces.iter().flatten().map(|trace| hexadecimal(*trace)).collect())
            .unwrap_or_default()
    }
}

/// Of the last ones, evenly at first.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    mean: f32,
    seen: u8,
}

impl Mean {
    /// Few answers that are slow because the endpoint is about to be ejected shall not move it.
    const OVER: u8 = 100;

    fn observe(&mut self, value: f32) {
        self.seen = self.seen.saturating_add(1).min(Self::OVER);
        self.mean += (value - self.mean) / f32::from(self.seen);
    }
}

#[derive(Clone, Debug, Default)]
struct Traces(Option<Box<[Option<u128>; TRACES]>>);

impl Traces {
    fn keep(&mut self, trace: u128) {
        let traces = self.0.get_or_insert_default();
        traces.rotate_right(1);
        if let Some(first) = traces.first_mut() {
            *first = Some(trace);
        }
    }
}

fn hexadecimal(trace: u128) -> String {
    let digit = |shift: u32| char::from_digit((trace >> shift) as u32 & 15, 16).unwrap_or('0');
    (0..u128::BITS).step_by(4).rev().map(digit).collect()
}

/// As failures are added up.
pub(crate) fn failures(heard: &Heard) -> Totals {
    Totals { calls: heard.calls, amount: heard.failures, marked: heard.failures }
}

/// As slowness is added up.
pub(crate) fn slow_answers(heard: &Heard) -> Totals {
    Totals { calls: heard.calls.saturating_sub(heard.failures), amount: heard.slowness, marked: heard.late }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_traces_are_kept_as_they_are_written_in_headers() {
        let mut detectors = Detectors::default();
        assert!(detectors.trace_ids().is_empty());
        for trace in [1, 2, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 4] {
            detectors.keep_trace(Some(trace));
        }
        let want = [
            "00000000000000000000000000000004",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00000000000000000000000000000002",
        ];
        assert_eq!(detectors.trace_ids(), want);
        detectors.restart();
        assert_eq!(detectors.trace_ids(), Vec::<String>::new());
    }
}
