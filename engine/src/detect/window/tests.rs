//! Totals of windows against a plain list of all calls, and resilience4j's sequence.

use super::*;
use proptest::prelude::*;

const GOOD: Call = Call { failed: false, slow: false };

fn at(millis: u64) -> Time {
    Time::from_millis(1_700_000_000_000 + millis)
}

fn sum<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Counts {
    calls.into_iter().fold(Counts::default(), |mut sum, call| {
        sum.add(Counts::of(*call));
        sum
    })
}

#[test]
fn a_time_window_forgets_second_by_second() {
    let mut window = TimeWindow::new(5);
    let mut millis = 0;
    let totals = [0, 100, 100, 1000, 1000, 1000, 1000, 1000, 1000, 5000].map(|step| {
        millis += step;
        window.record(at(millis), GOOD);
        window.counts(at(millis)).calls
    });
    assert_eq!(totals, [1, 2, 3, 4, 5, 6, 7, 5, 5, 1]);
    assert_eq!(window.counts(at(millis + 5000)), Counts::default());
}

#[test]
fn a_clock_set_back_loses_nothing_and_stands_still() {
    let mut window = TimeWindow::new(3);
    window.record(at(10_000), GOOD);
    window.record(at(2000), GOOD);
    assert_eq!(window.counts(at(2000)).calls, 2);
    assert_eq!(window.counts(at(12_000)).calls, 2);
    assert_eq!(window.counts(at(13_000)).calls, 0);
}

#[test]
fn slow_is_strictly_longer() {
    let call = |millis| Call::new(false, Duration::from_millis(millis), Duration::from_millis(100)).slow;
    assert!(!call(100) && call(101));
}

#[test]
fn rates_are_shares_of_all_calls() {
    let mut window = CountWindow::new(3);
    assert_eq!(window.counts().failure_percent(), None);
    window.record(Call { failed: true, slow: true });
    window.record(GOOD);
    assert_eq!((window.counts().failure_percent(), window.counts().slow_percent()), (Some(50.0), Some(50.0)));
    assert_eq!(window.counts().slow_failures, 1);
}

proptest! {
    #[test]
    fn windows_hold_the_last_calls_and_no_others(
        calls in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u64..3000), 0..80), size in 0_u32..12,
    ) {
        let (mut by_count, mut by_time) = (CountWindow::new(size), TimeWindow::new(size));
        let mut all: std::vec::Vec<(u64, Call)> = std::vec::Vec::new();
        let size = size.max(1);
        let mut millis = 0;
        for (failed, slow, step) in calls {
            millis += step;
            let call = Call { failed, slow };
            all.push((millis / 1000, call));
            by_count.record(call);
            by_time.record(at(millis), call);
            let last = all.iter().rev().take(size as usize).map(|(_, call)| call);
            prop_assert_eq!(by_count.counts(), sum(last));
            let recent = all.iter().filter(|(second, _)| second + u64::from(size) > millis / 1000).map(|(_, call)| call);
            prop_assert_eq!(by_time.counts(at(millis)), sum(recent));
        }
    }
}
