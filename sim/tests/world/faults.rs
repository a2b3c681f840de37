//! Endpoints that are slow, fail, hang, refuse, flap, warm up, are cold, come and go, overflow.

use crate::{SERVICE, always, assert_near, seconds, world};
use plimsoll_sim::{
    Antagonist, Change, Client, Endpoint, Envoy, Extent, Fault, FaultKind, Flapping, Keys, Outlier, Report, Scenario,
    Shape, Subject, Targets, Traffic, Warming, run,
};
use std::time::Duration;

fn play(scenario: &Scenario) -> Report {
    run(scenario, &Subject::Random)
}

fn slow(factor: f64) -> FaultKind {
    FaultKind::Slow { factor }
}

fn errors(share: f64) -> FaultKind {
    FaultKind::Errors { share, after: Some(Duration::from_millis(1)), of_requests: false }
}

#[test]
fn a_slow_endpoint_is_slow_from_its_beginning_to_its_end() {
    let fault = Fault { from: seconds(3), to: Some(seconds(6)), ..always(&[0], slow(5.0)) };
    let report = play(&Scenario { faults: vec![fault], ..world(2) });
    let slow = |second: usize| report.timeline[second].latencies.quantile(0.9).unwrap() > 40_000.0;
    assert_eq!((0..10).map(slow).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1, 0, 0, 0, 0].map(|slow| slow == 1));
    assert_eq!(report.quantile(1.0), SERVICE * 5);
}

#[test]
fn errors_come_in_their_share_after_their_time() {
    let report = play(&Scenario { faults: vec![always(&[1], errors(0.3))], ..world(2) });
    assert_near(report.outcomes.status, report.outcomes.total(), 0.15);
    assert_eq!(report.endpoints[0].failed, 0);
    assert_eq!(report.failed_latencies.quantile(1.0), Duration::from_millis(1));
    let late = FaultKind::Errors { share: 1.0, after: None, of_requests: false };
    let report = play(&Scenario { faults: vec![always(&[0], late)], ..world(1) });
    assert_eq!((report.outcomes.ok, report.failed_latencies.quantile(0.0)), (0, SERVICE));
}

#[test]
fn errors_of_requests_follow_them_to_every_endpoint() {
    let client = Client { retries: 5, ..Client::default() };
    for (of_requests, share) in [(true, 0.3), (false, 0.3_f64.powi(6))] {
        let kind = FaultKind::Errors { share: 0.3, after: None, of_requests };
        let fault = Fault { targets: Targets::All, ..always(&[], kind) };
        let report = play(&Scenario { client, faults: vec![fault], ..world(3) });
        assert_near(report.outcomes.status, report.outcomes.total(), share);
    }
}

#[test]
fn who_hangs_costs_a_time_out_or_the_answer() {
    let hangs = Scenario { faults: vec![always(&[0], FaultKind::Hang)], ..world(2) };
    let report = play(&hangs);
    assert_near(report.outcomes.unanswered, report.outcomes.total(), 0.5);
    let client = Client { try_timeout: Some(SERVICE * 3), ..Client::default() };
    let report = play(&Scenario { client, ..hangs.clone() });
    assert_near(report.outcomes.timeout, report.outcomes.total(), 0.5);
    assert_eq!(report.failed_latencies.quantile(0.0), SERVICE * 3);
    let report = play(&Scenario { client: Client { retries: 9, ..client }, ..hangs });
    assert_near(report.outcomes.timeout, report.outcomes.total(), 0.5_f64.powi(10));
    assert_eq!(report.quantile(0.7), SERVICE * 4);
}

#[test]
fn refused_connections_cost_no_time() {
    let refuses = Scenario { faults: vec![always(&[0], FaultKind::Refuse)], ..world(2) };
    let report = play(&refuses);
    assert_near(report.outcomes.connect, report.outcomes.total(), 0.5);
    let client = Client { retries: 15, ..Client::default() };
    let report = play(&Scenario { client, ..refuses });
    assert_eq!((report.quantile(1.0), report.outcomes.failed()), (SERVICE, 0));
}

#[test]
fn a_flapping_fault_comes_and_goes() {
    let flapping = Some(Flapping { bad: seconds(1), good: seconds(2) });
    let fault = Fault { from: seconds(2), to: Some(seconds(8)), flapping, ..always(&[0], errors(1.0)) };
    let report = play(&Scenario { faults: vec![fault], ..world(1) });
    let bad: Vec<usize> = (0..10).filter(|second| report.timeline[*second].outcomes.ok == 0).collect();
    assert_eq!(bad, [2, 5]);
    assert_eq!(report.timeline[3].outcomes.status, 0);
}

#[test]
fn who_comes_back_is_slow_at_first() {
    let mut scenario = world(1);
    scenario.endpoints[0].warming = Some(Warming { from: 0.1, over: seconds(4) });
    scenario.faults = vec![Fault { from: seconds(1), to: Some(seconds(3)), ..always(&[0], FaultKind::Refuse) }];
    let report = play(&scenario);
    let worst = |second: usize| report.timeline[second].latencies.quantile(1.0).map(|us| us / 10_000.0);
    assert!((worst(0).unwrap() - 1.0).abs() < 0.04, "from the start it is warm");
    assert!(worst(2).is_none());
    // Speed .1 at second 3, then .325, .55, .775 at the following ones; histograms are exact to 3 %.
    let expected = [(3, 10.0), (4, 1.0 / 0.325), (5, 1.0 / 0.55), (6, 1.0 / 0.775), (8, 1.0)];
    for (second, times) in expected {
        assert!((worst(second).unwrap() / times - 1.0).abs() < 0.05, "{second}: {:?} for {times}", worst(second));
    }
}

#[test]
fn the_first_request_of_a_key_is_cold() {
    let mut scenario = Scenario { keys: Some(Keys::Uniform { count: 50 }), ..world(2) };
    scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.cold = 7.0);
    let report = play(&scenario);
    // Once for each key and endpoint.
    let cold = report.latencies.as_nanos().iter().filter(|nanos| **nanos == 70_000_000).count();
    assert_eq!(cold, 100);
    scenario.faults = vec![Fault { from: seconds(1), to: Some(seconds(2)), ..always(&[0], FaultKind::Refuse) }];
    let report = play(&scenario);
    let cold = report.latencies.as_nanos().iter().filter(|nanos| **nanos == 70_000_000).count();
    assert_eq!(cold, 150, "a restart forgets");
}

#[test]
fn endpoints_join_and_leave() {
    let mut scenario = world(3);
    scenario.endpoints[1].joins = seconds(4);
    scenario.endpoints[2].leaves = Some(seconds(7));
    let report = play(&scenario);
    let served = |second: usize| report.timeline[second].served.iter().map(|count| *count > 0).collect::<Vec<_>>();
    assert_eq!((served(3), served(5)), (vec![true, false, true], vec![true; 3]));
    assert_eq!((served(8), report.outcomes.failed()), (vec![true, true, false], 0));
}

/// M/M/c/K with c = 1: the share of lost ones at load ρ = 1 is 1 / (K + 1), K = slot and queue.
#[test]
fn a_full_queue_turns_requests_away() {
    let mut scenario = Scenario { measured: Extent::Requests(200_000), ..Scenario::equals(1, 1.0, SERVICE) };
    scenario.endpoints[0].queue = Some(4);
    let report = play(&scenario);
    assert_eq!(report.outcomes.status, report.endpoints[0].overflowed);
    // Losses come in clusters: √(2 / (3 · K)) per cent would be one standard deviation of independent ones at most.
    let share = report.outcomes.status as f64 / 200_000.0;
    assert!((share - 1.0 / 6.0).abs() < 0.006, "{share}");
}

/// At load 1.5 with a time-out of 5 S: who notices serves only what somebody waits for.
#[test]
fn who_notices_that_a_client_left_does_no_work_in_vain() {
    let client = Client { timeout: Some(SERVICE * 5), ..Client::default() };
    let mut scenario = Scenario { client, measured: Extent::Time(seconds(100)), ..Scenario::equals(1, 1.5, SERVICE) };
    let good = play(&scenario);
    scenario.endpoints[0].notices = false;
    let vain = play(&scenario);
    assert!(good.outcomes.ok > 8_000, "{:?}", good.outcomes);
    assert!(vain.outcomes.ok < 1_000, "{:?}", vain.outcomes);
    let busy = good.endpoints[0].busy.as_secs_f64();
    assert!((90.0..=100.1).contains(&busy), "{busy}");
}

#[test]
fn antagonists_slow_as_many_as_they_say() {
    let factor = 3.0;
    let some = |every| Antagonist::Some { count: 2, factor, every };
    for antagonist in [some(None), some(Some(SERVICE * 50)), Antagonist::Each { every: SERVICE, low: 1.0, high: 1.8 }] {
        let report = play(&Scenario { antagonists: vec![antagonist], ..world(5) });
        // 2 of 5 at 3 S; or all uniform from 1 to 1.8: 1.8 and 1.4 S in the mean.
        let want = if matches!(antagonist, Antagonist::Some { .. }) { 1.8 } else { 1.4 };
        let mean = report.mean().as_secs_f64() / SERVICE.as_secs_f64();
        assert!((mean - want).abs() < 0.05, "{antagonist:?}: {mean}");
        let slow = report
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.busy.as_secs_f64() / endpoint.ok as f64 > 1.05 * SERVICE.as_secs_f64());
        let want = if antagonist == some(None) { 2 } else { 5 };
        assert_eq!(slow.count(), want, "{antagonist:?}");
    }
}

/// A broken endpoint is ejected rightly; when everybody fails, an ejection is a false one.
#[test]
fn the_report_tells_false_ejections_from_right_ones() {
    let outlier = Outlier { max_ejection_percent: 50, ..Outlier::default() };
    let subject = Subject::Envoy(Envoy::least_request(Some(outlier)));
    let one = Scenario { faults: vec![always(&[3], errors(1.0))], ..world(10) };
    let report = run(&one, &subject);
    let ejected: Vec<u32> = report.verdicts.iter().map(|verdict| verdict.endpoint).collect();
    assert_eq!((ejected, report.false_ejections()), (vec![3], 0));
    assert_eq!(report.verdicts[0].change, Change::Ejected);
    let all = Fault { targets: Targets::All, from: seconds(2), to: Some(seconds(3)), ..always(&[], errors(1.0)) };
    let report = run(&Scenario { faults: vec![all], ..world(10) }, &subject);
    assert_eq!(report.false_ejections(), 5);
}

/// Service times keep their mean whoever serves: utilisation is load.
#[test]
fn slots_are_busy_for_as_long_as_the_load_says() {
    for shape in [Shape::Exponential, Shape::LogNormal { sigma: 1.0 }, Shape::Bimodal { share: 0.05, factor: 20.0 }] {
        let mut scenario = Scenario { measured: Extent::Time(seconds(200)), ..Scenario::equals(4, 0.6, SERVICE) };
        scenario.endpoints =
            (0..4).map(|number| Endpoint { queue: None, ..Endpoint::plain(number, 2, SERVICE) }).collect();
        scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.service.shape = shape.clone());
        scenario.traffic = Traffic::Poisson { rate: 480.0 };
        let report = play(&scenario);
        let busy: f64 = report.endpoints.iter().map(|endpoint| endpoint.busy.as_secs_f64()).sum();
        // 96,000 services with a coefficient of variation below 2.3.
        assert!((busy / (8.0 * 200.0) / 0.6 - 1.0).abs() < 5.0 * 2.5 / 96_000_f64.sqrt(), "{shape:?}: {busy}");
    }
}
