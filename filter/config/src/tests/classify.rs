//! Rules for answers: which counts, what reads back, what an error says.

use super::*;
use serde_json::{Value, json};

fn classify(rules: Value) -> Classify {
    let config = with("classify", &rules.to_string());
    let accepted = Accepted::parse(config.as_bytes()).unwrap_or_else(|error| panic!("{rules}: {error}"));
    let shown = accepted.effective().to_string();
    let again = Accepted::parse(shown.as_bytes()).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(again.pools[0].classify, accepted.pools[0].classify, "{shown}");
    accepted.pools[0].classify
}

fn heads(rules: Value, statuses: impl IntoIterator<Item = u32>) -> Vec<Head> {
    let classify = classify(rules);
    statuses.into_iter().map(|status| classify.head(status)).collect()
}

#[test]
fn every_status_has_its_class_without_any_rule() {
    let of = |status| match status {
        200 | 101 | 204 | 304 => Head::Is(Class::Success),
        429 => Head::Is(Class::Overload),
        400 | 404 | 428 | 430 | 499 => Head::Is(Class::Ignored),
        503 => Head::RetryAfter,
        _ => Head::Is(Class::Failure),
    };
    let statuses =
        [200, 101, 204, 304, 429, 400, 404, 428, 430, 499, 503, 500, 502, 504, 599, 0, 99, 600, 999, u32::MAX];
    assert_eq!(heads(json!({}), statuses), statuses.map(of));
}

#[test]
fn of_several_rules_the_narrowest_counts() {
    let rules = json!({"failure": ["4xx", "500-599", 202], "overload": ["500-509", 408], "ignore": ["400-409", 505]});
    let want = [Class::Success, Class::Failure, Class::Ignored, Class::Overload, Class::Failure, Class::Overload];
    assert_eq!(heads(rules, [200, 202, 404, 408, 410, 500]), want.map(Head::Is));
    let of = |class| [Head::Is(class)];
    assert_eq!(heads(json!({"ignore": [505], "overload": ["500-509"]}), [505]), of(Class::Ignored));
}

#[test]
fn of_rules_as_narrow_the_written_one_counts_before_a_default() {
    for (key, class) in [("failure", Class::Failure), ("ignore", Class::Ignored)] {
        assert_eq!(heads(json!({key: [429]}), [429]), [Head::Is(class)]);
    }
    assert_eq!(heads(json!({"failure": ["4xx"]}), [429, 404]), [Class::Overload, Class::Failure].map(Head::Is));
    assert_eq!(heads(json!({"ignore": ["4xx"]}), [429, 404]), [Class::Overload, Class::Ignored].map(Head::Is));
    // An empty list takes the default away.
    assert_eq!(heads(json!({"failure": [], "ignore": []}), [500, 503, 404]), [Head::Is(Class::Success); 3]);
}

#[test]
fn retry_after_is_looked_for_only_where_a_503_would_be_a_failure() {
    assert_eq!(heads(json!({"retry_after": false}), [503]), [Head::Is(Class::Failure)]);
    assert_eq!(heads(json!({"overload": [503]}), [503]), [Head::Is(Class::Overload)]);
    assert_eq!(heads(json!({"ignore": [503]}), [503]), [Head::Is(Class::Ignored)]);
}

#[test]
fn grpc_codes_have_their_class_by_number_or_name() {
    let plain = classify(json!({"grpc": true}));
    assert_eq!(
        [200, 404, 500].map(|status| plain.head(status)),
        [Head::Grpc, Head::Is(Class::Ignored), Head::Is(Class::Failure)]
    );
    let class = |code| match code {
        0 => Class::Success,
        8 => Class::Overload,
        2 | 4 | 13 | 14 | 15 | 17 | u32::MAX => Class::Failure,
        _ => Class::Ignored,
    };
    for code in (0..=17).chain([u32::MAX]) {
        assert_eq!(plain.grpc(code), class(code), "{code}");
    }
    let rules = json!({"grpc": true, "grpc_failure": [5, "UNAVAILABLE", 8], "grpc_ignore": ["UNKNOWN"]});
    let own = classify(rules);
    let codes = [0, 2, 5, 8, 13, 14, 99];
    let want = [Class::Success, Class::Ignored, Class::Failure, Class::Failure, Class::Success, Class::Failure];
    assert_eq!(codes.map(|code| own.grpc(code))[..6], want);
    assert_eq!(own.grpc(99), Class::Ignored, "as UNKNOWN");
}

#[test]
fn the_configuration_in_force_shows_the_rules_as_they_are_written() {
    let accepted = Accepted::parse(with("classify", r#"{"grpc":true,"ignore":[404,"410-412"]}"#).as_bytes()).unwrap();
    let want = json!({
        "failure": ["5xx"], "overload": [429], "ignore": [404, "410-412"], "retry_after": true, "grpc": true,
        "grpc_failure": ["UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
        "grpc_overload": ["RESOURCE_EXHAUSTED"],
        "grpc_ignore": ["CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
            "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "UNAUTHENTICATED"],
    });
    assert_eq!(accepted.effective()["pools"][0]["classify"], want);
}

#[test]
fn an_error_names_the_rule_and_what_is_allowed() {
    let status = "is no status from 100 to 599, nor a class or a range of them, such as \"5xx\" or \"500-599\"";
    let mut cases: Vec<(Value, String)> = Vec::new();
    for bad in [
        json!(99),
        json!(600),
        json!(429.5),
        json!("429"),
        json!("6xx"),
        json!("xx"),
        json!("5x"),
        json!("xxx"),
        json!("500-"),
        json!("599-500"),
        json!("500-600"),
        json!("+50-599"),
        json!("5xx-6xx"),
        json!(null),
        json!([]),
    ] {
        cases.push((json!({"failure": ["5xx", bad]}), format!("pools[0].classify.failure[1]: {bad} {status}")));
    }
    let code = "is no gRPC status from 1 to 16, nor the name of one, such as \"UNAVAILABLE\"";
    for bad in [json!(0), json!(17), json!("OK"), json!("unavailable"), json!("14"), json!(true)] {
        let want = format!("pools[0].classify.grpc_overload[0]: {bad} {code}");
        cases.push((json!({"grpc": true, "grpc_overload": [bad]}), want));
    }
    let twice = "is in another list too, as narrow as here: of several rules the narrowest counts";
    cases.push((json!({"failure": [418], "ignore": [418]}), format!("pools[0].classify.ignore[0]: 418 {twice}")));
    let apart = json!({"failure": ["5xx"], "overload": [429, "550-649"]});
    cases.push((apart, format!("classify.overload[1]: \"550-649\" {status}")));
    let meets = json!({"failure": ["500-509"], "overload": ["505-514"]});
    cases.push((meets, format!("classify.overload[0]: \"505-514\" {twice}")));
    cases.push((json!({"failure": "5xx"}), "pools[0].classify.failure: \"5xx\" is not a list".into()));
    cases.push((json!({"ignored": []}), "classify.ignored: unknown key, allowed are failure, overload, ignore".into()));
    cases.push((json!({"grpc_failure": [14]}), "pools[0].classify.grpc_failure: [14] needs grpc: true".into()));
    cases.push((json!({"retry_after": 1}), "pools[0].classify.retry_after: 1 is neither true nor false".into()));
    let many = json!({"ignore": (0..65).map(|n| 400 + n).collect::<Vec<u32>>()});
    cases.push((many, "pools[0].classify.ignore: 65 given, allowed are up to 64".into()));
    for (rules, want) in cases {
        let got = error(&with("classify", &rules.to_string()));
        assert!(got.contains(&want), "{rules}\n got: {got}\nwant: {want}");
    }
}

proptest! {
    #[test]
    fn any_rules_that_are_accepted_read_back(
        failure in prop::collection::vec((100..600_u32, 0..200_u32), 0..5),
        ignore in prop::collection::vec((100..600_u32, 0..200_u32), 0..5),
    ) {
        let text = |list: &[(u32, u32)]| -> Vec<Value> {
            list.iter().map(|(from, more)| json!(format!("{from}-{}", (from + more).min(599)))).collect()
        };
        let rules = json!({"failure": text(&failure), "ignore": text(&ignore)});
        if Accepted::parse(with("classify", &rules.to_string()).as_bytes()).is_ok() {
            classify(rules);
        }
    }
}
