//! Tests of the configuration: what is accepted, and what an error says.

mod classify;
mod strategies;

use super::*;
use proptest::prelude::*;

const LEAST: &str = r#"{"pools":[{"name":"orders","endpoints":[{"address":"10.0.0.1:80"}]}]}"#;

fn error(text: &str) -> String {
    Accepted::parse(text.as_bytes()).unwrap_err()
}

/// The least configuration, with one key of its pool set to a value.
fn with(key: &str, value: &str) -> String {
    LEAST.replace(r#""endpoints""#, &format!(r#""{key}":{value},"endpoints""#))
}

#[test]
fn the_least_configuration_has_defaults() {
    let accepted = Accepted::parse(LEAST.as_bytes()).unwrap();
    let pool = &accepted.pools[0].engine;
    assert_eq!((accepted.role, accepted.tick), (Role::Picker, None));
    assert_eq!((pool.cluster.as_str(), pool.strategy.name(), pool.candidates), ("orders", "peak_ewma", 3));
    assert_eq!((pool.endpoints[0].id.as_str(), pool.endpoints[0].weight), ("10.0.0.1:80", 1));
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let accepted = Accepted::parse(LEAST.as_bytes()).unwrap();
    let text = accepted.effective().to_string();
    let again = Accepted::parse(text.as_bytes()).unwrap();
    assert_eq!(Accepted { generation: 0, ..again }, Accepted { generation: 0, ..accepted });
}

#[test]
fn the_tick_is_fixed_or_left_to_the_filter() {
    for (written, tick) in [("auto", None), ("50ms", Some(Duration::from_millis(50)))] {
        let accepted =
            Accepted::parse(LEAST.replacen('{', &format!(r#"{{"tick":"{written}","#), 1).as_bytes()).unwrap();
        assert_eq!((accepted.tick, accepted.effective()["tick"].as_str()), (tick, Some(written)));
    }
}

#[test]
fn numbers_may_come_as_protobuf_writes_them() {
    for number in ["3", "3.0", "3e+00"] {
        let accepted = Accepted::parse(with("candidates", number).as_bytes()).unwrap();
        assert_eq!(accepted.pools[0].engine.candidates, 3);
    }
}

#[test]
fn observer_and_admin_need_only_their_role() {
    for role in ["observer", "admin"] {
        assert!(Accepted::parse(format!(r#"{{"role":"{role}"}}"#).as_bytes()).is_ok());
        let both = LEAST.replacen('{', &format!(r#"{{"role":"{role}","#), 1);
        assert!(error(&both).contains("only role picker has it"));
    }
}

#[test]
fn an_error_names_key_value_and_range() {
    let cases = [
        ("", "pools: 0 given, a picker needs 1 to 256"),
        ("[]", "the configuration: [] is not an object"),
        ("{", "not JSON: EOF"),
        (r#"{"pool":[]}"#, "pool: unknown key, allowed are role, tick, pools"),
        (r#"{"role":"boss"}"#, "role: \"boss\" is none of picker, observer, admin"),
        (r#"{"tick":"5ms","pools":[]}"#, "tick: \"5ms\" is not a duration from 10ms to 1s"),
        (r#"{"tick":"often"}"#, "(units: ms, s, m, h), nor \"auto\""),
        (r#"{"tick":5}"#, "tick: 5 is not a duration from 10ms to 1s, such as \"250ms\""),
        (r#"{"pools":[{"endpoints":[]}]}"#, "pools[0].name: missing"),
        (r#"{"pools":[{"name":"a"}]}"#, "pools[0].endpoints: missing"),
        (&with("strategy", "\"fast\""), "pools[0].strategy: \"fast\" is none of round_robin, random, least_request"),
        (&with("candidates", "0"), "pools[0].candidates: 0 is not a whole number from 1 to 16"),
        (&with("candidates", "2.5"), "pools[0].candidates: 2.5 is not a whole number"),
        (&with("candidates", "null"), "pools[0].candidates: null is not a whole number"),
        (&with("detect_truncated", "1"), "pools[0].detect_truncated: 1 is neither true nor false"),
        (&with("max_ejected_percent", "101"), "pools[0].max_ejected_percent: 101 is not a whole number from 0 to 100"),
        (&with("circuit", r#"{"backoff":0.5}"#), "pools[0].circuit.backoff: 0.5 is not a number from 1 to 10"),
        (&with("circuit", r#"{"open_for":"10"}"#), "pools[0].circuit.open_for: \"10\" is not a duration"),
        (
            &with("circuit", r#"{"open_for":"20s","open_for_max":"10s"}"#),
            "open_for_max: \"10s\" is not a duration from 20s",
        ),
        (&with("color", "1"), "pools[0].color: unknown key, allowed are name, cluster"),
        (&LEAST.replace("orders", "a b"), "pools[0].name: \"a b\" is not 1 to 64 letters"),
        (&LEAST.replace("10.0.0.1:80", "db:80"), "pools[0].endpoints[0].address: \"db:80\" is not an IP address"),
        (&LEAST.replace("10.0.0.1:80", "10.0.0.1:0"), "has port 0"),
        (&LEAST.replace(r#"{"address":"10.0.0.1:80"}"#, ""), "pools[0].endpoints: 0 given"),
        (
            &LEAST.replace(r#"{"address":"10.0.0.1:80"}"#, r#"{"address":"[::1]:80"},{"address":"[0::1]:80"}"#),
            "pools[0].endpoints[1].address: \"[::1]:80\" is there twice",
        ),
        (&LEAST.replace(r#""10.0.0.1:80""#, r#""10.0.0.1:80","weight":0"#), "pools[0].endpoints[0].weight: 0 is not"),
        (&format!("{LEAST} x"), "not JSON: trailing characters"),
    ];
    for (text, want) in cases {
        let got = error(text);
        assert!(got.contains(want), "{text}\n got: {got}\nwant: {want}");
    }
}

#[test]
fn a_file_with_one_pool_is_that_pool_or_a_whole_configuration() {
    let whole: serde_json::Value = serde_json::from_str(LEAST).unwrap();
    let pool = &whole["pools"][0];
    let accepted = Accepted::parse(LEAST.as_bytes()).unwrap();
    assert_eq!(parse_pool(&whole).unwrap(), accepted.pools[0]);
    assert_eq!(parse_pool(pool).unwrap(), accepted.pools[0]);

    let mut two = whole.clone();
    let mut second = pool.clone();
    second["name"] = "invoices".into();
    two["pools"].as_array_mut().unwrap().push(second);
    let cases = [
        (two, "pools: 2 given, one is wanted here"),
        (serde_json::json!({"role": "admin"}), "pools: 0 given, one is wanted here"),
        (
            serde_json::json!({"name": "a", "candidates": 0, "endpoints": [{"address": "10.0.0.1:80"}]}),
            "candidates: 0 is not a whole number from 1 to 16",
        ),
        (serde_json::json!(7), "the configuration: 7 is not an object"),
    ];
    for (value, want) in cases {
        let got = parse_pool(&value).unwrap_err();
        assert!(got.contains(want), "got: {got}\nwant: {want}");
    }
}

/// Whatever a program that brings its own endpoints reads is what the filter would read, mistakes included.
#[test]
fn rules_alone_are_those_of_the_pool() {
    let rules = |key: &str, value: &str| {
        let whole: serde_json::Value = serde_json::from_str(&with(key, value)).unwrap();
        (parse_rules(&whole["pools"][0], 1), parse_pool(&whole["pools"][0]))
    };
    for (key, value) in [
        ("circuit", r#"{"open_for":"3s","window":"30s","preset":"patient"}"#),
        ("classify", r#"{"failure":[501]}"#),
        ("strategy", r#""least_request","max_ejected_percent":10,"ramp":"0s""#),
        ("strategy", r#""ring_hash","hash_key":[{"path":true}],"points":80"#),
        ("pool_circuit", r#"{"when_open":"pass"}"#),
    ] {
        let (rules, pool) = rules(key, value);
        let known = PoolConfig { name: "orders".into(), cluster: "orders".into(), ..rules.unwrap() };
        assert_eq!(PoolConfig { endpoints: Vec::new(), ..pool.unwrap().engine }, known);
    }
    for (key, value) in [
        ("circuit", r#"{"open_for":"3 s"}"#),
        ("circuit", r#"{"opens_for":"3s"}"#),
        ("strategy", r#""maglev""#),
        ("candidates", "17"),
        ("candidate", "1"),
    ] {
        let (rules, pool) = rules(key, value);
        assert_eq!(rules.unwrap_err(), pool.unwrap_err());
    }
}

proptest! {
    #[test]
    fn any_text_is_accepted_or_refused_with_a_reason(text in ".{0,300}") {
        if let Err(reason) = Accepted::parse(text.as_bytes()) {
            prop_assert!(!reason.is_empty());
        }
    }

    #[test]
    fn any_number_anywhere_is_accepted_or_refused(number in any::<f64>(), key in prop::sample::select(vec![
        "candidates", "max_ejected_percent", "panic_threshold_percent", "minimum_samples",
    ])) {
        let _ = Accepted::parse(with(key, &serde_json::json!(number).to_string()).as_bytes());
    }
}

#[test]
fn a_pool_has_one_limit_for_slow_calls() {
    let both = |of_pool: &str, of_endpoints: &str| {
        let text = with("circuit", &format!(r#"{{"slow_call_duration":"{of_endpoints}"}}"#));
        let own = format!(r#""pool_circuit":{{"slow_call_duration":"{of_pool}"}},"endpoints""#);
        text.replace(r#""endpoints""#, &own)
    };
    assert!(Accepted::parse(both("1s", "1000ms").as_bytes()).is_ok());
    let error = error(&both("1s", "2s"));
    assert!(error.contains("pool_circuit.slow_call_duration: \"1s\" is not circuit"), "{error}");
}

#[test]
fn windows_of_many_endpoints_fit_into_memory_or_are_refused() {
    let many = |window: &str, endpoints: usize| {
        let listed: Vec<String> = (0..endpoints)
            .map(|n| format!(r#"{{"address":"10.{}.{}.{}:80"}}"#, n >> 16, n >> 8 & 255, n & 255))
            .collect();
        with("circuit", &format!(r#"{{"window":{window}}}"#))
            .replace(r#"[{"address":"10.0.0.1:80"}]"#, &format!("[{}]", listed.join(",")))
    };
    assert!(Accepted::parse(many(r#""1h""#, 1_000).as_bytes()).is_ok());
    let error = error(&many(r#""1h""#, 10_000));
    assert!(error.contains("circuit.window: windows of 10000 endpoints take 549 MiB, allowed are 64"), "{error}");
}
