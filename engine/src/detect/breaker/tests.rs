//! The vectors of resilience4j's own tests.

use super::*;
use std::vec;

const FAILED: Call = Call { failed: true, slow: false };
const GOOD: Call = Call { failed: false, slow: false };
const SLOW: Call = Call { failed: false, slow: true };

fn at(millis: u64) -> Time {
    Time::from_millis(1_700_000_000_000 + millis)
}

fn config() -> BreakerConfig {
    BreakerConfig {
        limits: Limits { failure_percent: 50, slow_percent: 100 },
        minimum_calls: 5,
        window: WindowKind::Calls(5),
        open_for: Duration::from_secs(5),
        half_open_permits: 4,
    }
}

/// Calls one after the other, all let through: the last change.
fn feed(breaker: &mut Breaker, millis: u64, calls: &[Call]) -> Option<Change> {
    let mut last = None;
    for (index, call) in calls.iter().enumerate() {
        assert!(breaker.permit(at(millis)), "call {index} is let through");
        assert_eq!(last, None, "nothing changed before call {index}");
        last = breaker.record(at(millis), *call);
    }
    last
}

/// A circuit that has just opened.
fn opened(config: BreakerConfig) -> Breaker {
    let mut breaker = Breaker::new(config);
    feed(&mut breaker, 0, &vec![FAILED; config.minimum_calls as usize]);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn three_of_five_open_it_and_the_next_call_is_denied() {
    let mut breaker = Breaker::new(config());
    let change = feed(&mut breaker, 0, &[FAILED, FAILED, FAILED, GOOD, GOOD]).unwrap();
    assert_eq!((change.to, change.counts.failure_percent()), (BreakerState::Open, Some(60.0)));
    assert!(!breaker.permit(at(1)));
    assert_eq!(breaker.denied(), 1);
}

#[test]
fn half_open_opens_again_at_three_of_four() {
    let mut breaker = opened(config());
    let change = feed(&mut breaker, 5001, &[FAILED, FAILED, GOOD, FAILED]).unwrap();
    assert_eq!((change.to, change.counts.failure_percent()), (BreakerState::Open, Some(75.0)));
}

#[test]
fn half_open_closes_at_one_of_four_and_an_ignored_call_does_not_count() {
    let mut breaker = opened(config());
    assert_eq!(feed(&mut breaker, 5001, &[GOOD, GOOD, GOOD]), None);
    assert!(breaker.permit(at(5001)) && !breaker.permit(at(5001)), "four permits");
    breaker.ignore();
    let change = feed(&mut breaker, 5002, &[FAILED]).unwrap();
    assert_eq!((change.to, change.counts.failure_percent()), (BreakerState::Closed, Some(25.0)));
    assert_eq!(breaker.denied(), 1);
    // It has forgotten what opened it.
    assert_eq!(feed(&mut breaker, 5003, &[FAILED; 4]), None);
}

#[test]
fn half_open_decides_early_when_fewer_calls_suffice() {
    let mut breaker = opened(BreakerConfig { minimum_calls: 2, ..config() });
    assert_eq!(feed(&mut breaker, 5001, &[GOOD, GOOD]).map(|change| change.to), Some(BreakerState::Closed));
}

#[test]
fn it_is_half_open_strictly_after_its_time() {
    let mut breaker = opened(config());
    assert!(!breaker.permit(at(5000)));
    assert!(breaker.permit(at(5001)));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn a_rate_that_reaches_its_limit_opens_and_one_that_is_just_below_does_not() {
    for (failures, want) in [(49, BreakerState::Closed), (50, BreakerState::Open)] {
        let mut breaker =
            Breaker::new(BreakerConfig { minimum_calls: 100, window: WindowKind::Calls(100), ..config() });
        let calls: std::vec::Vec<Call> = (0..100).map(|call| if call < failures { FAILED } else { GOOD }).collect();
        feed(&mut breaker, 0, &calls);
        assert_eq!(breaker.state(), want);
    }
}

#[test]
fn slow_calls_open_by_their_own_rate() {
    let limits = Limits { failure_percent: 50, slow_percent: 60 };
    let mut breaker = Breaker::new(BreakerConfig { limits, ..config() });
    let change = feed(&mut breaker, 0, &[SLOW, SLOW, GOOD, FAILED, SLOW]).unwrap();
    assert_eq!(change.verdict, Verdict::Reached { failures: false, slow: true });
}

#[test]
fn old_calls_leave_a_window_of_seconds() {
    let mut breaker = Breaker::new(BreakerConfig { window: WindowKind::Seconds(5), ..config() });
    assert_eq!(feed(&mut breaker, 0, &[FAILED; 4]), None);
    assert_eq!(feed(&mut breaker, 5000, &[FAILED]), None, "one in the window, four before it");
    assert_eq!(feed(&mut breaker, 5001, &[FAILED; 4]).map(|change| change.counts.calls), Some(5));
}

#[test]
fn what_comes_back_while_open_is_dropped() {
    let mut breaker = opened(config());
    assert_eq!(breaker.record(at(10), GOOD), None);
    assert_eq!(breaker.state(), BreakerState::Open);
}
