//! Time-outs, retries, budget, throttle.

use crate::{SERVICE, always, assert_near, seconds, world};
use plimsoll_sim::{
    Client, Extent, Fault, FaultKind, Report, RetryBudget, RetryOn, Scenario, Subject, Targets, Throttle, run,
};
use std::time::Duration;

fn play(scenario: &Scenario) -> Report {
    run(scenario, &Subject::Random)
}

/// Everybody answers with an error at once.
fn outage() -> Fault {
    let kind = FaultKind::Errors { share: 1.0, after: Some(Duration::from_millis(1)), of_requests: false };
    Fault { targets: Targets::All, ..always(&[], kind) }
}

#[test]
fn retries_are_as_many_as_allowed_and_after_what_they_should() {
    let client = Client { retries: 3, ..Client::default() };
    let scenario = Scenario { client, faults: vec![outage()], ..world(2) };
    let report = play(&scenario);
    assert_eq!(report.attempts, 4 * report.outcomes.total());
    assert_eq!(report.failed_latencies.quantile(0.0), Duration::from_millis(4));
    let retry_on = RetryOn { status: false, ..RetryOn::default() };
    let report = play(&Scenario { client: Client { retry_on, ..client }, ..scenario });
    assert_eq!((report.retries, report.attempts), (0, report.outcomes.total()));
}

/// 25 ms before the first retry and 75 before the second at most, half of it in the mean, beside 3 attempts of 1 ms.
#[test]
fn retries_wait_as_envoy_waits() {
    let client = Client { retries: 2, back_off: Duration::from_millis(25), ..Client::default() };
    let report = play(&Scenario { client, faults: vec![outage()], ..world(2) });
    let mean = report.failed_latencies.mean().as_secs_f64() * 1000.0;
    // 10,000 sums of two uniform numbers: standard deviation 0.23.
    assert!((mean - 53.0).abs() < 1.2, "{mean}");
    assert!(report.failed_latencies.quantile(1.0) <= Duration::from_millis(103));
}

#[test]
fn the_whole_request_has_its_own_time_out() {
    let timeout = Some(SERVICE * 2);
    let client = Client { try_timeout: Some(SERVICE * 3 / 2), timeout, retries: 5, ..Client::default() };
    let report = play(&Scenario { client, faults: vec![always(&[0], FaultKind::Hang)], ..world(1) });
    assert_eq!((report.outcomes.timeout, report.attempts), (report.outcomes.total(), 2 * report.outcomes.total()));
    assert_eq!(report.failed_latencies.quantile(0.0), SERVICE * 2);
    assert_eq!(report.failed_latencies.quantile(1.0), SERVICE * 2);
}

/// An outage at 1,000 requests a second is 1,210: 20 % and 10 a second more.
#[test]
fn the_retry_budget_bounds_an_outage() {
    let client = Client { retries: 3, budget: Some(RetryBudget::default()), ..Client::default() };
    let warm_up = Extent::Time(seconds(20));
    let measured = Extent::Time(seconds(40));
    let report = play(&Scenario { client, warm_up, measured, faults: vec![outage()], ..world(4) });
    let rate = report.attempts as f64 / 40.0;
    let offered = report.outcomes.total() as f64 / 40.0;
    assert!((rate - 1.2 * offered - 10.0).abs() < 5.0, "{rate} of {offered}");
    assert!(report.over_budget > 0);
}

/// Half of what is let through fails: with p refused and K = 2, p = 1 − 2 (1 − p) / 2 is met by any p; above half, p
/// grows to its cap; below, nothing is refused.
#[test]
fn the_throttle_stays_open_below_one_in_k_and_closes_to_its_cap_above() {
    let client = Client { throttle: Some(Throttle::default()), ..Client::default() };
    for (failing, refused) in [(0.4, 0.0), (0.9, 0.8)] {
        let kind = FaultKind::Errors { share: failing, after: None, of_requests: false };
        let fault = Fault { targets: Targets::All, ..always(&[], kind) };
        let warm_up = Extent::Time(seconds(100));
        let report = play(&Scenario { client, warm_up, faults: vec![fault], ..world(4) });
        let (throttled, total) = (report.outcomes.throttled, report.outcomes.total());
        if refused > 0.0 {
            assert_near(throttled, total, refused);
        } else {
            assert!(throttled < total / 100, "{throttled} of {total}");
        }
    }
}
