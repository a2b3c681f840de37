//! Windows of calls, fed and judged as theirs are. What theirs counts as successes is all calls but the failures.

use crate::arrange::{FAILED, GOOD, SLOW, SLOW_FAILED};
use plimsoll_engine::Time;
use plimsoll_engine::detect::{Call, CountWindow, Counts, Limits, Verdict, Window};

fn of(size: u32) -> Window {
    Window::Count(CountWindow::new(size))
}

/// Takes in the calls: what the window says after the last.
fn feed(window: &mut Window, calls: &[Call]) -> Counts {
    calls.iter().fold(Counts::default(), |_, call| window.record(Time::default(), *call))
}

pub(crate) fn a_new_one_is_empty() {
    let counts = CountWindow::new(5).counts();
    assert_eq!(counts, Counts::default());
    assert_eq!((counts.failure_percent(), counts.slow_percent()), (None, None), "no calls have no rate");
}

pub(crate) fn a_success_counts() {
    let counts = feed(&mut of(5), &[GOOD]);
    assert_eq!(counts, Counts { calls: 1, ..Counts::default() });
    assert_eq!(counts.failure_percent(), Some(0.0));
}

pub(crate) fn a_failure_counts() {
    let counts = feed(&mut of(5), &[FAILED]);
    assert_eq!(counts, Counts { calls: 1, failures: 1, ..Counts::default() });
    assert_eq!(counts.failure_percent(), Some(100.0));
}

pub(crate) fn a_slow_success_counts_as_slow() {
    let counts = feed(&mut of(5), &[SLOW]);
    assert_eq!(counts, Counts { calls: 1, slow: 1, ..Counts::default() });
    assert_eq!((counts.failure_percent(), counts.slow_percent()), (Some(0.0), Some(100.0)));
}

pub(crate) fn two_slow_of_five_are_40_percent() {
    let counts = feed(&mut of(5), &[SLOW, SLOW_FAILED, GOOD, GOOD, GOOD]);
    assert_eq!(counts, Counts { calls: 5, failures: 1, slow: 2, slow_failures: 1 });
    assert_eq!((counts.failure_percent(), counts.slow_percent()), (Some(20.0), Some(40.0)));
}

pub(crate) fn a_full_one_forgets_the_oldest_round_after_round() {
    let mut window = of(3);
    // Each call in turn is the only failure: it is there for three calls, wherever the ring begins.
    for round in 0..4 {
        let there = [FAILED, GOOD, GOOD].map(|call| feed(&mut window, &[call]).failures);
        assert_eq!(there, [1, 1, 1], "round {round}");
        assert_eq!(feed(&mut window, &[GOOD]).failures, 0, "round {round}: the fourth call");
    }
    assert_eq!(feed(&mut window, &[GOOD]).calls, 3);
}

pub(crate) fn a_failure_leaves_with_the_fifth_call_of_four() {
    let mut window = of(4);
    let seen = [FAILED, GOOD, GOOD, GOOD, GOOD].map(|call| {
        let counts = feed(&mut window, &[call]);
        (counts.calls, counts.failures, counts.failure_percent().map(|percent| percent as f32))
    });
    let want =
        [(1, 1, Some(100.0)), (2, 1, Some(50.0)), (3, 1, Some(33.333_332)), (4, 1, Some(25.0)), (4, 0, Some(0.0))];
    assert_eq!(seen, want);
}

pub(crate) fn slow_calls_leave_a_window_of_two() {
    let mut window = of(2);
    let seen = [SLOW_FAILED, SLOW, GOOD, GOOD, GOOD].map(|call| {
        let counts = feed(&mut window, &[call]);
        (counts.calls, counts.failures, counts.slow, counts.slow_failures, counts.failure_percent())
    });
    let want = [
        (1, 1, 1, 1, Some(100.0)),
        (2, 1, 2, 1, Some(50.0)),
        (2, 0, 1, 0, Some(0.0)),
        (2, 0, 0, 0, Some(0.0)),
        (2, 0, 0, 0, Some(0.0)),
    ];
    assert_eq!(seen, want);
}

/// Their vector: 2 successes and 2 failures, then 4 and 4, then 3 successes, in a window of 10 with a limit of 50 %.
pub(crate) fn rates_are_judged_from_the_minimum_on() {
    let limits = Limits { failure_percent: 50, slow_percent: 100 };
    let mut window = of(10);
    let counts = feed(&mut window, &[GOOD, GOOD, FAILED, FAILED]);
    assert_eq!((counts.calls, counts.failures), (4, 2));
    assert_eq!(limits.judge(&counts, 10), Verdict::TooFew);
    let counts = feed(&mut window, &[FAILED, FAILED, FAILED, FAILED, GOOD, GOOD, GOOD, GOOD]);
    assert_eq!((counts.calls, counts.failures, counts.failure_percent()), (10, 6, Some(60.0)));
    assert_eq!(limits.judge(&counts, 10), Verdict::Reached { failures: true, slow: false });
    let counts = feed(&mut window, &[GOOD, GOOD, GOOD]);
    // Three of the failures have left.
    assert_eq!((counts.failures, counts.failure_percent()), (3, Some(30.0)));
    assert_eq!(limits.judge(&counts, 10), Verdict::Below);
}
