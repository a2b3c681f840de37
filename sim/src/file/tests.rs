//! Tests of scenario files: what is accepted, and what an error says.

use super::*;
use crate::scenario::{FaultKind, Keys, Shape, Targets, Traffic};
use serde_json::json;

fn no_files(name: &str) -> Result<String, String> {
    Err(format!("no file {name}"))
}

fn least() -> Value {
    json!({"measured": "1s", "traffic": {"poisson": {"rate": 100}}, "endpoints": [{"count": 3, "service": "20ms"}]})
}

/// The least scenario, with one key set to a value.
fn with(key: &str, value: Value) -> Value {
    let mut scenario = least();
    scenario[key] = value;
    scenario
}

fn read(value: &Value) -> Scenario {
    parse(value, &no_files).unwrap_or_else(|error| panic!("{value}: {error}")).scenario
}

fn error(value: &Value) -> String {
    parse(value, &no_files).expect_err(&value.to_string())
}

#[test]
fn the_least_scenario_has_defaults() {
    let scenario = read(&least());
    assert_eq!(scenario.traffic, Traffic::Poisson { rate: 100.0 });
    assert_eq!(
        (scenario.warm_up, scenario.measured),
        (Extent::Time(Duration::ZERO), Extent::Time(Duration::from_secs(1)))
    );
    let addresses: Vec<&str> = scenario.endpoints.iter().map(|endpoint| endpoint.config.address.as_str()).collect();
    assert_eq!(addresses, ["10.0.0.0:80", "10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(scenario.endpoints[2], crate::Endpoint::plain(2, 1, Duration::from_millis(20)));
    assert_eq!((scenario.keys, scenario.client, scenario.faults.len()), (None, Default::default(), 0));
}

#[test]
fn every_built_in_scenario_is_accepted_and_says_what_it_shows() {
    for (name, text) in BUILT_IN {
        let value: Value = serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = parse(&value, &no_files).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(file.about.ends_with('.'), "{name}: {:?}", file.about);
    }
}

#[test]
fn what_varies_is_told_by_a_single_key() {
    let closed = read(&with("traffic", json!({"closed": {"clients": 7, "think": "1s", "shape": "fixed"}})));
    let think = Duration::from_secs(1);
    assert_eq!(closed.traffic, Traffic::Closed { clients: 7, think, shape: Shape::Fixed });
    let zipf = read(&with("keys", json!({"zipf": {"count": 10}})));
    assert_eq!(zipf.keys, Some(Keys::Zipf { count: 10, exponent: 1.0 }));
    let shape = json!([{"service": {"mean": "2ms", "shape": {"samples": [1, 2, 9]}}}]);
    let measured = read(&with("endpoints", shape));
    assert_eq!(measured.endpoints[0].service.shape, Shape::Empirical(vec![1.0, 2.0, 9.0]));
    let faults = json!([{"endpoints": [2], "from": "1s", "errors": {"share": 0.5}}, {"endpoints": "all", "hang": {}}]);
    let faults = read(&with("faults", faults)).faults;
    assert_eq!((&faults[0].targets, &faults[1].targets), (&Targets::Some(vec![2]), &Targets::All));
    assert_eq!(faults[0].kind, FaultKind::Errors { share: 0.5, after: None, of_requests: false });
}

#[test]
fn recorded_arrivals_come_from_a_file_that_the_caller_reads() {
    let files = |name: &str| match name {
        "arrivals.txt" => Ok("# seconds\n0\n0.5  # the second\n\n1e0\n".to_owned()),
        "broken.txt" => Ok("0\nsoon\n".to_owned()),
        _ => Err("does not exist".to_owned()),
    };
    let from = |name: &str| parse(&with("traffic", json!({"recorded": {"file": name}})), &files);
    let times = [0, 500, 1000].map(Duration::from_millis);
    assert_eq!(from("arrivals.txt").unwrap().scenario.traffic, Traffic::Recorded(times.into()));
    let cases = [
        ("broken.txt", "traffic.recorded.file: \"broken.txt\" has \"soon\" in line 2, which is no number"),
        ("gone.txt", "traffic.recorded.file: \"gone.txt\" does not exist"),
    ];
    for (name, want) in cases {
        let got = from(name).unwrap_err();
        assert!(got.starts_with(want), "{got}");
    }
}

#[test]
fn an_error_names_key_value_and_range() {
    let poisson = |rate: Value| with("traffic", json!({"poisson": {"rate": rate}}));
    let endpoint = |key: &str, value: Value| with("endpoints", json!([{"service": "1ms", key: value}]));
    let fault = |value: Value| with("faults", json!([value]));
    let cases = [
        (json!([]), "the scenario: [] is not an object"),
        (json!({}), "endpoints: missing"),
        (with("color", json!(1)), "color: unknown key, allowed are about, warm_up, measured"),
        (with("measured", json!("1")), "measured: \"1\" is not a duration from 1ms to"),
        (with("measured", json!({"requests": 0})), "measured.requests: 0 is not a whole number from 1 to 100000000"),
        (poisson(json!(0)), "traffic.poisson.rate: 0 is not a number above 0 up to 10000000"),
        (poisson(json!("fast")), "traffic.poisson.rate: \"fast\" is not a number from 0"),
        (
            with("traffic", json!({"poisson": {"rate": 1}, "wave": {}})),
            "has not exactly one of the keys poisson, bursts",
        ),
        (with("traffic", json!({"steady": {}})), "traffic.steady: unknown key, allowed are poisson, bursts"),
        (with("traffic", json!({"recorded": [1, 0.5]})), "traffic.recorded: arrival 2 is before the one before it"),
        (with("traffic", json!({"recorded": []})), "traffic.recorded: 0 given"),
        (
            with("traffic", json!({"ramp": [{"at": "1s", "rate": 1}, {"at": "1s", "rate": 2}]})),
            "traffic.ramp[1].at: \"1s\" is not after the point before",
        ),
        (with("keys", json!({"zipf": {"count": 0}})), "keys.zipf.count: 0 is not a whole number from 1"),
        (with("endpoints", json!([])), "endpoints: 0 endpoints, allowed are 1 to 100000"),
        (with("endpoints", json!([{"count": 2}])), "endpoints[0].service: missing"),
        (endpoint("slots", json!(0)), "endpoints[0].slots: 0 is not a whole number from 1 to 1000000"),
        (endpoint("service", json!("0ms")), "endpoints[0].service: \"0ms\" is not above 0"),
        (
            endpoint("service", json!({"mean": "1ms", "shape": "normal"})),
            "endpoints[0].service.shape: \"normal\" is none of fixed, exponential, or an object with one of the keys",
        ),
        (endpoint("service", json!({"mean": "1ms", "shape": {"samples": [0]}})), "none of the samples is above 0"),
        (endpoint("joins", json!("1s")), "endpoints: one endpoint at least has to be there from the start"),
        (with("faults", json!([{"endpoints": [0]}])), "has not exactly one of the keys slow, errors, hang, refuse"),
        (fault(json!({"endpoints": [3], "hang": {}})), "faults[0].endpoints[0]: 3 is not a whole number from 0 to 2"),
        (fault(json!({"endpoints": "some", "hang": {}})), "faults[0].endpoints: \"some\" is none of all"),
        (fault(json!({"endpoints": [], "hang": {}})), "faults[0].endpoints: [] names no endpoint"),
        (
            fault(json!({"endpoints": [0], "hang": {}, "from": "2s", "to": "1s"})),
            "faults[0].to: \"1s\" is not a duration",
        ),
        (with("antagonists", json!([{"some": {"count": 4, "factor": 2}}])), "antagonists[0].some.count: 4 is not"),
        (with("client", json!({"retries": 16})), "client.retries: 16 is not a whole number from 0 to 15"),
        (
            with("client", json!({"retry_on": ["5xx"]})),
            "client.retry_on[0]: \"5xx\" is none of status, connect, timeout",
        ),
        (with("client", json!({"throttle": {"cap": 0}})), "client.throttle.cap: 0 is not a number above 0 up to 1"),
    ];
    for (value, want) in cases {
        let got = error(&value);
        assert!(got.contains(want), "{value}\n got: {got}\nwant: {want}");
    }
}

#[test]
fn a_pool_needs_neither_name_nor_endpoints_and_gets_the_scenarios() {
    let scenario = read(&least());
    let pool = engine(&json!({"strategy": "least_request"}), &scenario, 4).unwrap();
    assert_eq!((pool.pool.strategy.name(), pool.pool.endpoints.len(), pool.workers), ("least_request", 3, 4));
    let whole = json!({"tick": "50ms", "pools": [{"name": "a", "endpoints": [{"address": "10.9.9.9:1"}]}]});
    let whole = engine(&whole, &scenario, 1).unwrap();
    assert_eq!((whole.tick, whole.pool.endpoints.len()), (Duration::from_millis(50), 3));
    assert_eq!(whole.pool.endpoints[0].address, "10.0.0.0:80");
    let wrong = engine(&json!({"strategy": "fastest"}), &scenario, 1).unwrap_err();
    assert!(wrong.starts_with("strategy: \"fastest\" is none of"), "{wrong}");
}

#[test]
fn peers_have_the_names_that_the_list_says() {
    let listed = PEERS.iter().filter(|(name, _)| !name.contains("STRATEGY"));
    for (name, _) in listed {
        assert!(peer(name, 1, Duration::from_millis(100)).is_some(), "{name}");
    }
    for strategy in plimsoll_engine::Strategy::ALL {
        assert!(peer(&format!("plimsoll_{}", strategy.name()), 1, Duration::from_millis(100)).is_some());
    }
    assert_eq!(peer("haproxy", 1, Duration::from_millis(100)), None);
}

const DOCUMENTATION: &str = include_str!("../../../docs/simulator.md");

#[test]
fn the_documentations_scenario_is_the_one_that_comes_with_it() {
    let text = DOCUMENTATION.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let documented: Value = serde_yaml_ng::from_str(text).unwrap();
    let (_, slow) = BUILT_IN.iter().find(|(name, _)| *name == "slow").unwrap();
    let slow: Value = serde_yaml_ng::from_str(slow).unwrap();
    assert_eq!(parse(&documented, &no_files), parse(&slow, &no_files));
}

#[test]
fn the_documentations_examples_are_accepted() {
    let files = |_: &str| Ok("0\n1.5\n".to_owned());
    let section = |head: &str| DOCUMENTATION.split(head).nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let section = |head: &str| section(head).split("A fault has these keys").next().unwrap();
    let examples = |section: &'static str| {
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.filter_map(|row| row.split("| `{").nth(1)).filter_map(|cell| cell.rsplit_once("` |")).map(|(text, _)| {
            serde_yaml_ng::from_str::<Value>(&format!("{{{text}")).unwrap_or_else(|error| panic!("{text}: {error}"))
        })
    };
    let mut count = 0;
    for traffic in examples(section("## Traffic")) {
        parse(&with("traffic", traffic), &files).unwrap();
        count += 1;
    }
    for antagonist in examples(section("## Antagonists and faults")) {
        let mut scenario = with("antagonists", json!([antagonist]));
        scenario["endpoints"][0]["count"] = json!(100);
        parse(&scenario, &files).unwrap();
        count += 1;
    }
    assert_eq!(count, 9, "seven kinds of traffic and two of antagonists");
}

#[test]
fn every_key_is_documented() {
    let keys = KEYS.iter().chain(&endpoints::KEYS).chain(&client::KEYS);
    for key in keys {
        assert!(DOCUMENTATION.contains(&format!("`{key}`")), "{key}");
    }
    for (name, _) in PEERS {
        assert!(DOCUMENTATION.contains(&format!("`{name}`")), "{name}");
    }
}

/// But for what is beside the point: names of endpoints are numbers either way.
#[test]
fn what_is_written_reads_back_as_the_same_scenario() {
    for (name, text) in BUILT_IN {
        let file = parse(&serde_yaml_ng::from_str::<Value>(text).unwrap(), &|_| Err(String::new())).unwrap();
        let written = write(&file.about, &file.scenario);
        let again = parse(&serde_json::from_str(&written).expect(name), &|_| Err(String::new())).expect(name);
        assert_eq!(again, file, "{name}");
    }
    let odd = r#"{"about":"\"quoted\"","warm_up":{"requests":3},"measured":"1.000001ms","timeline":"2h",
        "traffic":{"closed":{"clients":3,"think":"1.5ms","shape":{"bimodal":{"share":0.25,"factor":7.5}}}},
        "endpoints":[{"service":{"mean":"1.000001ms","shape":{"samples":[1,2.5,0.1]}},"queue":0,"slots":2,"zone":"a\tb",
          "metadata":[{"key":"k","value":"v"}],"leaves":"9s","notices":false,"weight":7,"draining":true,"tier":2},
          {"count":2,"service":"3ms"}],
        "antagonists":[{"each":{"every":"1s","low":0.5,"high":1e6}},{"some":{"count":1,"factor":0.333,"every":"2s"}}],
        "faults":[{"endpoints":"all","refuse":{}},{"endpoints":[1,2],"from":"1s","to":"2s","hang":{}}],
        "client":{"retries":1,"retry_on":["connect"],"budget":{"share":0.1},"throttle":{"k":1.1}}}"#;
    let file = parse(&serde_json::from_str(odd).unwrap(), &|_| Err(String::new())).unwrap();
    let again = serde_json::from_str(&write(&file.about, &file.scenario)).unwrap();
    assert_eq!(parse(&again, &|_| Err(String::new())).unwrap(), file);
}
