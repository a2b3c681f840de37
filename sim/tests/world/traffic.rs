//! Traffic as a run meets it.

use crate::{SERVICE, seconds, world};
use plimsoll_sim::{Envoy, Extent, Keys, Report, Scenario, Shape, Subject, Traffic, run};
use std::time::Duration;

/// Where nobody waits, the subject changes nothing: the same requests, with the same service times.
#[test]
fn every_subject_meets_the_same_requests() {
    let mut scenario = Scenario { keys: Some(Keys::Zipf { count: 1000, exponent: 1.0 }), ..world(5) };
    scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.service.shape = Shape::LogNormal { sigma: 1.0 });
    let subjects = [
        Subject::Random,
        Subject::RoundRobin,
        Subject::ShortestQueue,
        Subject::CentralQueue,
        Subject::Envoy(Envoy::least_request(None)),
    ];
    let reports = subjects.map(|subject| run(&scenario, &subject));
    assert!(reports.iter().all(|report| report.latencies == reports[0].latencies));
    assert!(reports[0].endpoints != reports[1].endpoints);
}

/// Little's law: N clients = throughput · (latency + think time).
#[test]
fn a_closed_loop_obeys_littles_law() {
    let think = Duration::from_millis(20);
    for shape in [Shape::Exponential, Shape::Fixed] {
        let traffic = Traffic::Closed { clients: 30, think, shape };
        let warm_up = Extent::Time(seconds(5));
        let scenario =
            Scenario { traffic, warm_up, measured: Extent::Time(seconds(100)), ..Scenario::equals(8, 0.5, SERVICE) };
        let report = run(&scenario, &Subject::Random);
        let throughput = report.outcomes.ok as f64 / 100.0;
        let clients = throughput * (report.mean() + think).as_secs_f64();
        assert!((clients - 30.0).abs() < 0.3, "{clients}");
    }
}

#[test]
fn recorded_arrivals_are_played_to_their_end() {
    let times: Vec<Duration> = (0..500).map(|number| Duration::from_millis(number * 7)).collect();
    let report = run(&Scenario { traffic: Traffic::Recorded(times), ..world(2) }, &Subject::RoundRobin);
    assert_eq!((report.outcomes.ok, report.quantile(1.0)), (500, SERVICE));
    assert_eq!(report.endpoints[0].ok, 250);
    assert_eq!(report.ended, Duration::from_millis(499 * 7) + SERVICE);
}

#[test]
fn the_timeline_adds_up() {
    let wave = Traffic::Wave { mean: 1000.0, swing: 0.9, period: seconds(10) };
    let bursts = Traffic::Bursts { low: 100.0, high: 3000.0, low_for: seconds(1), high_for: seconds(1) };
    let ramp = Traffic::Ramp(vec![(Duration::ZERO, 0.0), (seconds(10), 2000.0)]);
    for traffic in [wave, bursts, ramp, Traffic::Batches { rate: 1000.0, size: 20 }] {
        let report = run(&Scenario { traffic, ..world(3) }, &Subject::Random);
        let sum = |of: fn(&plimsoll_sim::Bucket) -> u64| report.timeline.iter().map(of).sum::<u64>();
        assert_eq!(sum(|bucket| bucket.outcomes.ok), report.outcomes.ok);
        assert_eq!(sum(|bucket| bucket.attempts), report.attempts);
        assert_eq!(sum(|bucket| bucket.latencies.total()), report.outcomes.ok);
        let served = |report: &Report| report.endpoints.iter().map(|endpoint| endpoint.ok).sum::<u64>();
        assert_eq!(served(&report), report.outcomes.ok);
    }
}

#[test]
fn warm_up_is_not_measured() {
    let scenario = Scenario { warm_up: Extent::Requests(2000), measured: Extent::Requests(3000), ..world(2) };
    let report = run(&scenario, &Subject::Random);
    assert_eq!((report.outcomes.total(), report.attempts), (3000, 3000));
    let whole: u64 = report.timeline.iter().map(|bucket| bucket.attempts).sum();
    assert_eq!(whole, 5000);
    let scenario = Scenario { warm_up: Extent::Time(seconds(2)), measured: Extent::Time(seconds(1)), ..world(2) };
    let report = run(&scenario, &Subject::Random);
    assert_eq!(report.outcomes.total(), report.timeline[2].outcomes.total());
    assert!(report.ended >= seconds(3) && report.timeline.len() == 3);
}
