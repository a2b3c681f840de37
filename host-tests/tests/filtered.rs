//! The real filter as a subject of the simulator: it balances, learns, ejects and takes back there as the engine does.

mod filter_bed;

use std::time::Duration;

use filter_bed::filter;
use plimsoll_host_tests::filtered::Filtered;
use plimsoll_sim::{Change, Client, Endpoint, Extent, Fault, FaultKind, Report, Scenario, Targets, run_with};
use serde_json::{Value, json};

const SERVICE: Duration = Duration::from_millis(10);

/// Eight endpoints with four slots at load .6, two retries, a per-try timeout.
fn world() -> Scenario {
    Scenario {
        measured: Extent::Time(Duration::from_secs(5)),
        endpoints: (0..8).map(|number| Endpoint::plain(number, 4, SERVICE)).collect(),
        client: Client { retries: 2, try_timeout: Some(SERVICE * 30), ..Client::default() },
        ..Scenario::equals(32, 0.6, SERVICE)
    }
}

fn play(scenario: &Scenario, settings: &Value) -> Report {
    let mut filtered = Filtered::new(filter(), scenario, settings, 2).expect("the filter is accepted");
    let report = run_with(scenario, &mut filtered, &mut |_| ());
    assert_eq!(filtered.failure(), None);
    report
}

#[test]
fn the_filter_steers_around_a_slow_endpoint_and_the_run_can_be_repeated() {
    let fault = Fault {
        targets: Targets::Some(vec![2]),
        from: Duration::ZERO,
        to: None,
        flapping: None,
        kind: FaultKind::Slow { factor: 5.0 },
    };
    let scenario = Scenario { faults: vec![fault], ..world() };
    let report = play(&scenario, &json!({}));
    assert_eq!(report.outcomes.failed(), 0);
    assert!(report.endpoints[2].ok * 3 < report.endpoints[3].ok, "{:?}", report.endpoints);
    assert_eq!(report.fingerprint, play(&scenario, &json!({})).fingerprint);
}

#[test]
fn the_filter_ejects_who_refuses_and_takes_it_back() {
    let fault = Fault {
        targets: Targets::Some(vec![5]),
        from: Duration::from_secs(1),
        to: Some(Duration::from_secs(2)),
        flapping: None,
        kind: FaultKind::Refuse,
    };
    let settings = json!({"tick": "50ms", "pools": [{"name": "demo", "circuit": {"open_for": "500ms"}}]});
    let report = play(&Scenario { faults: vec![fault], ..world() }, &settings);
    let changes: Vec<(u32, Change)> =
        report.verdicts.iter().map(|verdict| (verdict.endpoint, verdict.change)).collect();
    assert_eq!(changes.first(), Some(&(5, Change::Ejected)));
    assert_eq!(changes.last(), Some(&(5, Change::Returned)));
    assert_eq!((report.outcomes.failed(), report.false_ejections()), (0, 0));
}

#[test]
fn endpoints_that_join_get_traffic_and_those_that_leave_get_none() {
    let mut scenario = Scenario { timeline: Duration::from_secs(1), ..world() };
    scenario.endpoints[6].joins = Duration::from_secs(2);
    scenario.endpoints[7].leaves = Some(Duration::from_secs(3));
    let report = play(&scenario, &json!({"strategy": "round_robin", "name": "demo"}));
    let served = |second: usize, endpoint: usize| report.timeline[second].served[endpoint] > 0;
    assert_eq!((served(1, 6), served(1, 7), served(4, 6), served(4, 7)), (false, true, true, false));
    assert_eq!(report.outcomes.failed(), 0);
}

#[test]
fn what_the_simulator_cannot_show_is_refused() {
    let refused = |settings: Value| Filtered::new(filter(), &world(), &settings, 1).err();
    assert!(refused(json!({"observe": "request"})).is_some_and(|error| error.starts_with("observe")));
    assert!(refused(json!({"pools": []})).is_some_and(|error| error.starts_with("pools")));
    let mut bad = Filtered::new(filter(), &world(), &json!({"strategy": "best"}), 1).expect("the filter decides");
    let report = run_with(&world(), &mut bad, &mut |_| ());
    assert_eq!(report.outcomes.ok, 0);
    assert!(bad.failure().is_some_and(|failure| failure.contains("strategy")), "{:?}", bad.failure());
}
