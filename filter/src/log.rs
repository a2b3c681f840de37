//! The host's log: one line for each transition of a circuit, by the worker that made it. A pool that flaps must not fill
//! a disk, so a worker writes a burst of 20 lines, then 5 a second; how many it kept back is one line of its own. What
//! is left out here is in the event log.

use crate::host::{self, Level};
use crate::vm;
use plimsoll_config::units::decimal;
use plimsoll_engine::Time;
use plimsoll_snapshot::{CircuitState, Event, Reason};

/// Lines that may come at once.
const BURST: u64 = 20;
const PER_SECOND: u64 = 5;
/// What a line costs: in these units a millisecond gives back [`PER_SECOND`].
const COST: u64 = 1000;

/// How many lines may still come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    spent: u64,
    at: Time,
    suppressed: u32,
}

impl Limit {
    /// Whether a line may be written now.
    fn takes(&mut self, now: Time) -> bool {
        let passed = now.since(self.at).as_millis() as u64;
        self.spent = self.spent.saturating_sub(passed.saturating_mul(PER_SECOND));
        self.at = now;
        let spent = self.spent.saturating_add(COST);
        let takes = spent <= BURST.saturating_mul(COST);
        if takes {
            self.spent = spent;
        }
        takes
    }

    /// How many lines were kept back, if that may be said now.
    fn owed(&mut self, now: Time) -> Option<u32> {
        if self.suppressed == 0 || !self.takes(now) {
            return None;
        }
        Some(core::mem::take(&mut self.suppressed))
    }
}

/// Writes a line about a transition, if the log takes one.
#[cold]
pub(crate) fn transition(event: &Event, now: Time) {
    own_up(now);
    let takes = vm::with(|vm| {
        let takes = vm.log.suppressed == 0 && vm.log.takes(now);
        vm.log.suppressed = vm.log.suppressed.saturating_add(u32::from(!takes));
        takes
    });
    if takes != Some(false) {
        let opens = matches!(event.transition.to, CircuitState::Open | CircuitState::ForcedOpen);
        host::log(if opens { Level::Warn } else { Level::Info }, &line(event));
    }
}

/// Says how many lines were kept back, once the log takes one again.
pub(crate) fn own_up(now: Time) {
    if vm::with(|vm| vm.log.suppressed) != Some(0) {
        admit(now);
    }
}

#[cold]
fn admit(now: Time) {
    if let Some(Some(suppressed)) = vm::with(|vm| vm.log.owed(now)) {
        host::log(Level::Warn, &format!("plimsoll: {suppressed} more transitions, not logged"));
    }
}

/// As `plimsoll: pool orders endpoint order-3 (10.0.2.10:8002): closed -> open, failures 4.2 of 3, 12 samples, …`.
fn line(event: &Event) -> String {
    let Event { pool, endpoint, address, transition, .. } = event;
    let Reason { signal, observed, threshold, samples, share, pool: others, failure, trace_ids } = &transition.reason;
    let mut text = String::new();
    add(&mut text, "plimsoll: pool ", pool);
    // The pool's own circuit is no endpoint's.
    if !address.is_empty() {
        add(&mut text, " endpoint ", endpoint);
        add(&mut text, " (", address);
        text.push(')');
    }
    add(&mut text, ": ", transition.from.name());
    add(&mut text, " -> ", transition.to.name());
    add(&mut text, ", ", signal.name());
    let numbers = [
        (" ", Some(*observed)),
        (" of ", Some(*threshold)),
        (", samples ", Some(*samples as f64)),
        (", share ", *share),
        (", others ", *others),
    ];
    for (what, number) in numbers {
        if let Some(number) = number {
            // To three places.
            let thousandths = (number * 1000.0) as i64;
            add(&mut text, what, &decimal(thousandths as f64 / 1000.0));
        }
    }
    if let Some(kind) = failure {
        add(&mut text, ", last failure ", kind.name());
    }
    trace_ids.iter().for_each(|trace| add(&mut text, ", trace ", trace));
    text
}

#[inline(never)]
fn add(text: &mut String, before: &str, part: &str) {
    text.push_str(before);
    text.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_snapshot::{FailureKind, Signal, Transition};

    #[test]
    fn a_burst_passes_then_five_a_second_and_what_was_kept_back_is_told() {
        let mut limit = Limit::default();
        let began = 1_800_000_000_000;
        let mut passed = Vec::new();
        for ms in 0..10_000 {
            passed.extend(limit.takes(Time::from_millis(began + ms)).then_some(ms));
        }
        assert_eq!(passed.iter().filter(|ms| **ms < 100).count(), 20);
        assert_eq!(passed.len(), 20 + 49, "{passed:?}");
        limit.suppressed = 7;
        assert_eq!(limit.owed(Time::from_millis(began + 10_000)), Some(7));
        assert_eq!(limit.owed(Time::from_millis(began + 10_000)), None);
        assert!(!limit.takes(Time::from_millis(began)), "a clock that steps back gives nothing");
    }

    #[test]
    fn a_line_has_all_of_the_reason() {
        let reason = Reason {
            signal: Signal::Failures,
            observed: 6.907_755,
            threshold: 6.5,
            samples: 12,
            share: Some(0.75),
            pool: Some(0.0104),
            failure: Some(FailureKind::ConnectTimeout),
            trace_ids: vec!["4bf92f3577b34da6a3ce929d0e0e4736".into()],
        };
        let (from, to) = (CircuitState::Closed, CircuitState::Open);
        let event = Event {
            seq: 1,
            pool: "orders".into(),
            endpoint: "order-3".into(),
            address: "10.0.2.10:8002".into(),
            transition: Transition { at_ms: 0, from, to, reason },
        };
        assert_eq!(
            line(&event),
            "plimsoll: pool orders endpoint order-3 (10.0.2.10:8002): closed -> open, failures 6.907 of 6.5, samples 12, \
             share 0.75, others 0.01, last failure connect_timeout, trace 4bf92f3577b34da6a3ce929d0e0e4736"
        );
        let pool = Event { endpoint: String::new(), address: String::new(), ..event };
        assert!(line(&pool).starts_with("plimsoll: pool orders: closed -> open, failures"));
    }
}
