//! Silence: an endpoint has attempts waiting and gives no answer, for longer than answers take. Looked for on the tick,
//! because there is no result that could tell.

use super::Pool;
use crate::endpoint::{Cold, Hot, LocalCircuit};
use crate::time::Time;
use alloc::vec::Vec;
use core::time::Duration;
use plimsoll_snapshot::{CircuitState, Reason, Signal};

/// An endpoint is silent if nothing came for this many times the pool's 99.9th percentile …
const SILENT_TIMES: f64 = 2.0;
/// … and this.
const SILENT_MARGIN: Duration = Duration::from_millis(50);
/// … up to this many times longer where answers come in bursts.
const MOST_NOISE: f32 = 3.0;
impl Pool {
    /// Endpoints that have attempts waiting and have not answered any for longer than answers take, while others do: since
    /// it went quiet they have answered a fifth more than they let wait. Where all are slow alike, and where all hang, they
    /// have not.
    pub(super) fn judge_silence(&mut self, now: Time) {
        let Some(longest) = self.window.longest.filter(|_| self.config.circuit.outliers) else { return };
        // Where requests queue, answers are late in bursts, and the last epoch may have been calmer.
        let noise = f64::from(self.levels.noise.factor().unwrap_or(1.0).min(MOST_NOISE));
        let limit = longest.mul_f64(SILENT_TIMES * noise).saturating_add(SILENT_MARGIN);
        let all_waiting: u64 = self.cold.iter().map(|cold| u64::from(cold.detectors.waiting_of_all())).sum();
        let answers = self.levels.answers;
        let silent = |(position, (hot, cold)): (usize, (&Hot, &Cold))| {
            let (quiet, others_answers) =
                cold.detectors.silent_for(now, answers).filter(|(quiet, _)| *quiet > limit)?;
            let waiting = cold.detectors.waiting_of_all();
            let others_waiting = all_waiting.saturating_sub(u64::from(waiting));
            let others_answer = others_answers.saturating_mul(5) > others_waiting.saturating_mul(6);
            let closed = hot.circuit == LocalCircuit::Shared(CircuitState::Closed);
            (closed && others_answer).then_some((position, quiet, waiting))
        };
        let silent: Vec<_> = self.hot.iter().zip(&self.cold).enumerate().filter_map(silent).collect();
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        for (position, quiet, waiting) in silent {
            let reason = Reason {
                observed: millis(quiet),
                threshold: millis(limit),
                samples: u64::from(waiting),
                pool: Some(millis(longest)),
                ..crate::circuit::reason(Signal::Silence)
            };
            self.open(position, reason, now);
        }
    }
}
