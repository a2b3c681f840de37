//! Windows of five seconds on a clock that the test moves, from a full second on as theirs.

use crate::arrange::{BEGAN, FAILED, GOOD, SLOW, SLOW_FAILED, ms};
use plimsoll_engine::Time;
use plimsoll_engine::detect::{Call, Counts, TimeWindow};

struct Bed {
    window: TimeWindow,
    now: Time,
}

impl Bed {
    fn new(seconds: u32) -> Self {
        Self { window: TimeWindow::new(seconds), now: BEGAN }
    }

    fn counts(&mut self) -> Counts {
        self.window.counts(self.now)
    }

    /// Time passes, then a call ends.
    fn after(&mut self, millis: u64, call: Call) -> Counts {
        self.now = self.now.after(ms(millis));
        self.window.record(self.now, call);
        self.counts()
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) -> Counts {
        self.now = self.now.after(ms(millis));
        self.counts()
    }
}

fn counted(calls: u32, failures: u32) -> Counts {
    Counts { calls, failures, ..Counts::default() }
}

pub(crate) fn a_new_one_is_empty_whatever_the_time() {
    for seconds in [0, 1, 4, 5, 1_700_000_000] {
        let mut bed = Bed { window: TimeWindow::new(5), now: Time::from_millis(seconds * 1000) };
        assert_eq!(bed.counts(), Counts::default());
        assert_eq!(bed.counts().failure_percent(), None, "no calls have no rate");
        assert_eq!(bed.after(0, GOOD), counted(1, 0));
        assert_eq!((bed.pass(4000), bed.pass(1000)), (counted(1, 0), counted(0, 0)), "{seconds}");
    }
}

pub(crate) fn a_success_counts() {
    let counts = Bed::new(5).after(0, GOOD);
    assert_eq!(counts, counted(1, 0));
    assert_eq!(counts.failure_percent(), Some(0.0));
}

pub(crate) fn a_failure_counts() {
    let counts = Bed::new(5).after(0, FAILED);
    assert_eq!(counts, counted(1, 1));
    assert_eq!(counts.failure_percent(), Some(100.0));
}

pub(crate) fn a_slow_success_counts_as_slow() {
    let counts = Bed::new(5).after(0, SLOW);
    assert_eq!(counts, Counts { slow: 1, ..counted(1, 0) });
    assert_eq!(counts.failure_percent(), Some(0.0));
}

pub(crate) fn two_slow_of_five_are_40_percent() {
    let mut bed = Bed::new(5);
    for call in [SLOW, SLOW_FAILED, GOOD, GOOD, GOOD] {
        bed.after(0, call);
    }
    assert_eq!(bed.counts(), Counts { slow: 2, slow_failures: 1, ..counted(5, 1) });
    assert_eq!(bed.counts().slow_percent(), Some(40.0));
}

pub(crate) fn buckets_are_used_again_round_after_round() {
    let mut bed = Bed::new(3);
    bed.after(0, FAILED);
    let seen: Vec<u32> = (0..9).map(|_| bed.after(1000, GOOD).failures).collect();
    assert_eq!(seen, [1, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bed.counts(), counted(3, 0), "one for each second");
}

pub(crate) fn five_seconds_without_calls_clear_it() {
    let mut bed = Bed::new(5);
    assert_eq!(bed.after(0, FAILED).failure_percent(), Some(100.0));
    assert_eq!(bed.after(100, GOOD).failure_percent(), Some(50.0));
    let three = Counts { slow: 1, slow_failures: 1, ..counted(3, 2) };
    assert_eq!(bed.after(700, SLOW_FAILED), three);
    assert_eq!(bed.pass(4000), three, "the fifth second");
    assert_eq!(bed.pass(1000), Counts::default());
    assert_eq!(bed.after(100, GOOD), counted(1, 0));
    assert_eq!(bed.after(5000, GOOD), counted(1, 0), "the former is forgotten");
}

pub(crate) fn it_forgets_second_by_second() {
    let mut bed = Bed::new(5);
    let steps = [
        (0, FAILED),
        (100, GOOD),
        (100, GOOD),
        (1000, GOOD),
        (1000, GOOD),
        (1000, FAILED),
        (1000, GOOD),
        (1000, GOOD),
        (1000, GOOD),
        (5000, GOOD),
    ];
    let seen = steps.map(|(millis, call)| {
        let counts = bed.after(millis, call);
        (counts.calls, counts.failures)
    });
    let want = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (5, 1), (5, 1), (1, 0)];
    assert_eq!(seen, want);
}
