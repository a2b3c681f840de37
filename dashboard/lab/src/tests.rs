use super::comparison::T;
use super::*;
use plimsoll_sim::statistics::Interval;
use plimsoll_sim::{Extent, Fault, FaultKind, Scenario, Targets, Traffic};
use std::time::Duration;

mod forms;
mod links;
mod lives;
mod said;
mod talks;

/// Ten endpoints of which the first answers half of its requests with errors, clients that do not try again.
fn failing() -> Setup {
    let mut setup = Setup::built_in("none").expect("it comes with the page");
    let mut scenario = plimsoll_sim::Scenario::equals(10, 0.5, Duration::from_millis(20));
    scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.slots = 4);
    scenario.traffic = Traffic::Poisson { rate: 500.0 };
    scenario.warm_up = Extent::Time(Duration::from_secs(1));
    setup.scenario = scenario;
    setup.measure_for(Duration::from_secs(8));
    setup.fault = Some(Fault {
        targets: Targets::Some(vec![0]),
        from: Duration::from_secs(1),
        to: None,
        flapping: None,
        kind: FaultKind::Errors { share: 0.5, after: None, of_requests: false },
    });
    setup.seeds = 4;
    setup.present = r#"{"strategy":"round_robin","max_ejected_percent":0}"#.into();
    setup.changed = r#"{"strategy":"round_robin"}"#.into();
    setup
}

fn played(setup: &Setup, step: u64) -> Trial {
    let mut trial = Trial::new(setup).expect("an accepted setup");
    while trial.step(step) {}
    trial
}

impl Setup {
    /// Sets how long is measured.
    fn measure_for(&mut self, time: Duration) {
        self.scenario.measured = Extent::Time(time);
    }
}

fn row<'a>(result: &'a Comparison, name: &str) -> &'a Row {
    result.rows.iter().find(|row| row.figure.name == name).expect("a figure")
}

/// One endpoint in ten fails half of its requests: 5 % of all if it kept its whole share. Without ejection its share
/// shrinks with its score, to half of the others' or a little less.
#[test]
fn ejecting_the_endpoint_that_fails_gives_more_good_answers() {
    let result = played(&failing(), 1_000_000).result();
    assert_eq!(result.seeds, 4);
    let ok = row(&result, "ok_percent");
    let present = ok.present.expect("four runs").mean;
    assert!((95.0..97.5).contains(&present), "{present}");
    let difference = ok.difference.expect("four pairs");
    assert!(difference.mean > 2.0 && difference.is_sure(), "{difference:?}");
    assert_eq!(row(&result, "ejections").present.expect("four runs").mean, 0.0);
    assert_eq!(row(&result, "eject_s").present, None);
    let soon = row(&result, "eject_s").changed.expect("found each time");
    assert!(soon.count == 4 && soon.mean > 0.0 && soon.mean < 4.0, "{soon:?}");
    assert_eq!(row(&result, "false_ejections").changed.expect("four runs").mean, 0.0);
}

#[test]
fn the_same_settings_on_both_sides_meet_the_same_requests_and_differ_in_nothing() {
    let mut setup = failing();
    setup.present = setup.changed.clone();
    let result = played(&setup, 50_000).result();
    for row in result.rows {
        assert_eq!(row.present, row.changed, "{:?}", row.figure);
        assert!(row.difference.is_none_or(|difference| difference.mean == 0.0), "{:?}", row.figure);
    }
}

#[test]
fn a_trial_in_small_steps_is_the_trial_in_one() {
    let mut setup = failing();
    setup.seeds = 2;
    let whole = played(&setup, u64::MAX);
    for step in [1, 777, 10_000] {
        let pieces = played(&setup, step);
        assert_eq!(export::json(&setup, &pieces), export::json(&setup, &whole));
        assert_eq!(pieces.events(), whole.events());
    }
}

#[test]
fn progress_grows_and_a_stopped_trial_keeps_what_it_knows() {
    let mut trial = Trial::new(&failing()).expect("accepted");
    let mut before = trial.progress();
    assert_eq!((before.share, before.done), (0.0, false));
    while trial.result().seeds < 2 {
        assert!(trial.step(2_000));
        let now = trial.progress();
        assert!(now.share >= before.share && now.share < 1.0, "{now:?} after {before:?}");
        before = now;
    }
    assert_eq!(before.words, "seed 3 of 4, present configuration");
    trial.stop();
    assert!(!trial.step(1000) && trial.progress().done);
    assert_eq!((trial.result().seeds, trial.progress().words.as_str()), (2, "stopped after 2 of 4 seeds"));
    let end = played(&failing(), 100_000).progress();
    assert_eq!((end.share, end.words.as_str(), end.done), (1.0, "4 seeds played", true));
}

#[test]
fn intervals_are_those_of_the_simulator() {
    let result = played(&failing(), 100_000);
    let values: Vec<f64> = result.figures()[0].iter().filter_map(|figures| figures[0]).collect();
    let want = Interval::of(&values).expect("four values");
    let got = row(&result.result(), "p50_ms").present.expect("four values");
    assert!((got.mean - want.mean).abs() < 1e-9 && (got.half.unwrap() / want.half.unwrap() - 1.0).abs() < 1e-6);
    for (freedom, t) in (1..).zip(T) {
        assert!((t - plimsoll_sim::statistics::student_t(0.975, f64::from(freedom))).abs() < 1e-5, "{freedom}");
    }
    assert_eq!(T.len() + 1, setup::MAX_SEEDS as usize);
}

#[test]
fn mistakes_are_told_as_the_filter_tells_them() {
    let error = |changed: &str| {
        let mut setup = failing();
        setup.changed = changed.into();
        setup.check().map(|_| ()).expect_err(changed)
    };
    for (text, want) in [
        (
            r#"{"circuit":{"open_for":"1ms"}}"#,
            r#"changed: circuit.open_for: "1ms" is not a duration from 100ms to 3600s"#,
        ),
        (r#"{"candidates":99}"#, "changed: candidates: 99 is not a whole number from 1 to 16"),
        (r#"{"strateg":"random"}"#, "changed: strateg: unknown key, allowed are name, cluster, strategy"),
        (r#"{"strategy":"range","ranges":[]}"#, "cannot be played"),
        ("{", "changed: not JSON"),
        ("[]", "changed: the configuration is not an object"),
    ] {
        let got = error(text);
        assert!(got.contains(want), "{text}: {got}");
    }
    let hashed = Setup { changed: r#"{"strategy":"maglev"}"#.into(), seeds: 1, ..failing() };
    assert!(hashed.check().expect("keys are assumed").scenario.keys.is_some());
}

#[test]
fn settings_are_changed_by_their_path_and_go_back_to_their_default() {
    let text = configuration::set("", "circuit.open_for", "5s").unwrap();
    assert_eq!(text, r#"{"circuit":{"open_for":"5s"}}"#);
    let text = configuration::set(&text, "strategy", "least_request").unwrap();
    let text = configuration::set(&text, "candidates", "2").unwrap();
    assert_eq!(configuration::get(&text, "candidates").as_deref(), Some("2"));
    assert_eq!(configuration::get(&text, "circuit.open_for").as_deref(), Some("5s"));
    assert_eq!(configuration::get(&text, "circuit.backoff").as_deref(), Some("1.5"));
    assert_eq!(configuration::get(&text, "circuit.nothing"), None);
    let pool = configuration::parse(&text, 3).unwrap();
    assert_eq!((pool.candidates, pool.circuit.open_for), (2, Duration::from_secs(5)));
    let text = configuration::set(&text, "circuit.open_for", " ").unwrap();
    assert_eq!(text, r#"{"candidates":2,"strategy":"least_request"}"#);
    assert!(configuration::set(&text, "strategy.name", "x").is_err());
}

#[test]
fn what_would_take_too_long_is_refused_with_what_to_make_smaller() {
    let mut setup = failing();
    setup.scenario.traffic = Traffic::Poisson { rate: 100_000.0 };
    setup.measure_for(Duration::from_secs(3600));
    let error = setup.check().map(|_| ()).expect_err("too much");
    for part in ["million", "4 seeds of 3600 s at 100000 requests a second with 10 endpoints", "smaller"] {
        assert!(error.contains(part), "{error}");
    }
    for (seeds, workers, want) in [(0, 1, "seeds: 0"), (21, 1, "seeds: 21"), (1, 65, "workers: 65")] {
        let error = Setup { seeds, workers, ..failing() }.check().map(|_| ()).expect_err(want);
        assert!(error.contains(want), "{error}");
    }
    let seldom =
        Setup { scenario: Scenario { traffic: Traffic::Poisson { rate: 1e-300 }, ..failing().scenario }, ..failing() };
    assert!(seldom.check().map(|_| ()).expect_err("hardly any").contains("fewer than 0.001 requests a second"));
    let mut outside = failing();
    outside.fault.as_mut().expect("a fault").targets = Targets::Some(vec![10]);
    assert!(outside.check().is_err());
}

/// Every scenario that comes with the page can be played, in about the work that was expected, and in some seconds.
#[test]
fn built_in_scenarios_are_those_of_the_simulator_and_cost_what_was_expected() {
    let all = built_in::all();
    assert_eq!(all.len(), plimsoll_sim::file::BUILT_IN.len());
    for (known, (name, text)) in all.iter().zip(plimsoll_sim::file::BUILT_IN) {
        assert_eq!(known.name, name);
        assert!(text.contains(&known.about), "{name}");
        let setup = Setup::built_in(name).expect(name);
        let plan = setup.check().expect(name);
        assert!((3..=10).contains(&setup.seeds), "{name}: {}", setup.seeds);
        assert_eq!(Scenario { timeline: known.scenario.timeline, ..plan.scenario.clone() }, known.scenario, "{name}");
        let mut one = Trial::new(&Setup { seeds: 1, ..setup }).expect(name);
        while one.step(u64::MAX) {}
        let ratio = one.events() as f64 / 2.0 / plan.work as f64;
        assert!((0.4..1.3).contains(&ratio), "{name}: {} events, {} expected", one.events() / 2, plan.work);
        assert!(one.result().seeds == 1);
    }
}

#[test]
fn an_exported_scenario_is_one_that_the_simulator_reads() {
    for known in built_in::all() {
        let mut setup = Setup::built_in(&known.name).expect("it comes with the page");
        setup.fault = failing().fault;
        let value = serde_json::from_str(&export::scenario(&setup)).expect("JSON");
        let file = plimsoll_sim::file::parse(&value, &|_| Err("no files".into())).expect(&known.name);
        let plan = setup.check().expect("accepted");
        assert_eq!(Scenario { timeline: Duration::ZERO, ..file.scenario }, plan.scenario, "{}", known.name);
    }
    let trial = played(&failing(), 100_000);
    let value: serde_json::Value = serde_json::from_str(&export::json(&failing(), &trial)).expect("JSON");
    assert_eq!(value["result"]["ok_percent"]["changed"].as_array().expect("a list").len(), 4);
    assert_eq!(value["result"]["eject_s"]["present"][0], serde_json::Value::Null);
    assert_eq!((&value["changed"]["strategy"], &value["seeds"]), (&"round_robin".into(), &4.into()));
}

/// Two faults, of which only one leads to an ejection: a time for the other would be that of the survivors.
#[test]
fn the_time_until_sick_endpoints_are_out_is_there_only_if_all_are_found() {
    let mut setup = failing();
    let mut hardly = setup.fault.clone().expect("a fault");
    (hardly.targets, hardly.kind) = (Targets::Some(vec![1]), FaultKind::Slow { factor: 1.01 });
    setup.scenario.faults.push(hardly);
    let soon = played(&setup, u64::MAX).result();
    assert_eq!(row(&soon, "eject_s").changed, None);
    assert!(row(&soon, "ejections").changed.expect("played").mean >= 1.0);
}
