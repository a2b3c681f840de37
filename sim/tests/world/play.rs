//! Runs that are stopped and taken up again.

use plimsoll_sim::file::{BUILT_IN, parse, peer};
use plimsoll_sim::statistics::report_json;
use plimsoll_sim::{Extent, Play, Report, Scenario, run};
use std::time::Duration;

fn built_in(name: &str) -> Scenario {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name).expect("a built-in scenario");
    let value: serde_json::Value = serde_yaml_ng::from_str(text).expect("YAML");
    let scenario = parse(&value, &|_| Err("no files".into())).expect("a scenario").scenario;
    let measured = match scenario.measured {
        Extent::Time(time) => Extent::Time(time.min(Duration::from_secs(8))),
        Extent::Requests(count) => Extent::Requests(count.min(10_000)),
    };
    Scenario { measured, timeline: Duration::from_secs(1), ..scenario }
}

fn in_pieces(scenario: &Scenario, subject: &str, pieces: impl Iterator<Item = u64>) -> Report {
    let subject = peer(subject, 3, Duration::from_millis(100)).expect("a subject");
    let mut play = Play::new(scenario, &subject);
    for events in pieces {
        if play.advance(events).done {
            break;
        }
    }
    play.finish()
}

#[test]
fn a_run_in_pieces_is_the_run_in_one() {
    for (name, subject) in [
        ("errors", "plimsoll_peak_ewma"),
        ("closed_loop", "plimsoll_least_request"),
        ("zones", "plimsoll_round_robin"),
        ("zipf_cold_cache", "plimsoll_maglev"),
        ("hang", "envoy_tuned"),
        ("bursts", "central_queue"),
    ] {
        let scenario = built_in(name);
        let whole = run(&scenario, &peer(subject, 3, Duration::from_millis(100)).expect("a subject"));
        assert!(whole.outcomes.total() > 1000, "{name}");
        let want = report_json(&whole).to_string();
        assert_eq!(report_json(&in_pieces(&scenario, subject, std::iter::repeat(1))).to_string(), want, "{name}");
        let uneven = (0_u64..).map(|turn| turn * turn % 1013);
        assert_eq!(report_json(&in_pieces(&scenario, subject, uneven)).to_string(), want, "{name}");
    }
}

#[test]
fn a_run_says_how_far_it_is_and_stops_there() {
    let scenario = built_in("none");
    let subject = peer("random", 1, Duration::from_millis(100)).expect("a subject");
    let mut play = Play::new(&scenario, &subject);
    let early = play.advance(1000);
    assert!(!early.done && early.events == 1000 && early.requests > 300, "{early:?}");
    assert!(early.now > Duration::from_millis(100) && early.now < Duration::from_secs(5), "{early:?}");
    let end = play.advance(u64::MAX);
    let again = play.advance(1000);
    assert!(end.done && again.done && end.events == again.events && again.events == play.finish().events);
}
