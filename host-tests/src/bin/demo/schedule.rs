//! When which endpoint is ill: one round is a quiet start, then four faults on four endpoints, each followed by a
//! recovery. Proportions are fixed, so that a short run shows the same story as a long one.

use plimsoll_host_tests::bed::Behaviour;
use std::time::Duration;

/// Parts of a round: quiet start, each fault, each recovery. An opening can outlast its fault by half the time
/// the fault took (the back-off grows by half each time), so a recovery must be longer than that.
const QUIET: u32 = 4;
const ILL: u32 = 8;
const WELL: u32 = 6;

/// One fault of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// As printed.
    pub(crate) name: &'static str,
    /// In words, for somebody who watches.
    pub(crate) words: &'static str,
    /// Which upstream, from 0.
    pub(crate) endpoint: usize,
    /// What it does meanwhile.
    pub(crate) behaviour: Behaviour,
    /// From the start of the round.
    pub(crate) from: Duration,
    /// From the start of the round.
    pub(crate) until: Duration,
}

impl Fault {
    /// A fault that must eject its endpoint. A slow one only loses its share.
    pub(crate) fn ejects(&self) -> bool {
        !matches!(self.behaviour, Behaviour::Slow { .. })
    }
}

/// One round.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Whole length.
    pub(crate) duration: Duration,
    /// In order, not overlapping.
    pub(crate) faults: Vec<Fault>,
}

impl Schedule {
    /// The round, spread over this time.
    pub(crate) fn over(duration: Duration) -> Self {
        let kinds = [
            ("slow", "answers 10 times slower", 1, Behaviour::Slow { factor: 10.0 }),
            ("failing", "answers 503 at once", 3, Behaviour::Failing { status: 503, fraction: 1.0 }),
            ("refusing", "refuses connections", 5, Behaviour::Refusing),
            ("hanging", "takes requests and never answers", 7, Behaviour::Hanging),
        ];
        let parts = QUIET + kinds.len() as u32 * (ILL + WELL);
        let part = duration / parts;
        let faults = kinds.iter().zip(0..).map(|(&(name, words, endpoint, behaviour), number)| {
            let from = part * (QUIET + number * (ILL + WELL));
            Fault { name, words, endpoint, behaviour, from, until: from + part * ILL }
        });
        Self { duration, faults: faults.collect() }
    }

    /// Where the time ends that belongs to this fault: at the next one, or with the round.
    pub(crate) fn recovery_end(&self, number: usize) -> Duration {
        self.faults.get(number + 1).map_or(self.duration, |next| next.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_four_faults_of_eight_seconds() {
        let schedule = Schedule::over(Duration::from_secs(60));
        assert_eq!(schedule.faults.len(), 4);
        for fault in &schedule.faults {
            assert_eq!(fault.until - fault.from, Duration::from_secs(8), "{}", fault.name);
        }
        assert_eq!(schedule.recovery_end(3), Duration::from_secs(60));
    }

    #[test]
    fn faults_hit_different_endpoints_one_after_the_other() {
        let schedule = Schedule::over(Duration::from_secs(30));
        for pair in schedule.faults.windows(2) {
            assert!(pair[0].until < pair[1].from);
            assert_ne!(pair[0].endpoint, pair[1].endpoint);
        }
    }
}
