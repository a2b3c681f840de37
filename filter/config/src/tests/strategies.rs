//! The settings of single strategies, of sessions, subsets, tiers and zones.

use super::*;
use plimsoll_engine::{HashingConfig, KeyBound, KeyRange, NoMatch};
use serde_json::{Value, json};

/// A pool of three endpoints, two of which have metadata, with these settings.
fn pool(settings: &Value) -> Value {
    let mut pool = json!({
        "name": "orders",
        "endpoints": [
            {"address": "10.0.0.1:80", "id": "a", "zone": "z1", "metadata": {"version": "1", "stage": "live"}},
            {"address": "10.0.0.2:80", "id": "b", "zone": "z2", "metadata": {"version": "2"}},
            {"address": "10.0.0.3:80", "id": "c", "tier": 1, "draining": true},
        ],
    });
    pool.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    pool
}

fn accepted(settings: Value) -> PoolSettings {
    parse_pool(&pool(&settings)).unwrap_or_else(|error| panic!("{settings}: {error}"))
}

fn refused(settings: Value) -> String {
    parse_pool(&pool(&settings)).expect_err(&settings.to_string())
}

/// Everything at once that one strategy can have.
fn rich() -> [Value; 4] {
    let common = json!({
        "subset": [{"metadata": "version", "header": "X-Version"}, {"metadata": "stage", "header": "x-stage"}],
        "no_match": "refuse",
        "sticky": {"cookie": "lb", "secret": "0123456789abcdef", "ttl": "1h", "path": "/shop"},
        "prefer_zone": "z1", "overprovisioning": 2.5, "ramp": "30s",
    });
    let with = |settings: Value| {
        let mut all = common.clone();
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        all
    };
    let sources = json!([
        {"header": "X-User"}, {"cookie": "user"}, {"query": "user"}, {"path": true}, {"source_address": true},
    ]);
    [
        with(json!({"strategy": "least_response_time"})),
        with(json!({"strategy": "maglev", "hash_key": sources, "table_size": 101, "bound": 1.25})),
        with(json!({"strategy": "ring_hash", "hash_key": sources, "points": 40, "bound": 2})),
        with(json!({"strategy": "range", "hash_key": sources, "ranges": [
            {"to": 0, "endpoints": ["a"]}, {"from": 10, "to": 20.0, "endpoints": ["b", "c"]}, {"from": 20, "endpoints": ["c"]},
        ]})),
    ]
}

#[test]
fn every_setting_reads_back_from_the_effective_configuration_but_the_secret() {
    for settings in rich() {
        let text = json!({"pools": [pool(&settings)]}).to_string();
        let first = Accepted::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{settings}: {error}"));
        let shown = first.effective().to_string();
        assert!(!shown.contains("0123456789abcdef"), "the secret is shown: {shown}");
        let mut again = Accepted::parse(shown.as_bytes()).unwrap();
        again.generation = first.generation;
        again.pools[0].sticky.as_mut().unwrap().secret = "0123456789abcdef".into();
        assert_eq!(again, first);
    }
}

#[test]
fn settings_arrive_where_they_belong() {
    let [_, maglev, ring, range] = rich().map(accepted);
    assert_eq!(maglev.engine.hashing, HashingConfig { table_size: Some(101), bound: Some(1.25), points: 160 });
    assert_eq!(ring.engine.hashing, HashingConfig { table_size: None, bound: Some(2.0), points: 40 });
    let keys = ["x-user", "user", "user"].map(str::to_owned);
    let [header, cookie, query] = keys;
    let sources = [
        KeySource::Header(header),
        KeySource::Cookie(cookie),
        KeySource::Query(query),
        KeySource::Path,
        KeySource::SourceAddress,
    ];
    assert_eq!(maglev.hash_key, sources);
    let number = |number| Some(KeyBound::Number(number));
    let ranges = [
        KeyRange { from: None, to: number(0), endpoints: vec![0] },
        KeyRange { from: number(10), to: number(20), endpoints: vec![1, 2] },
        KeyRange { from: number(20), to: None, endpoints: vec![2] },
    ];
    assert_eq!(range.engine.ranges, ranges);
    assert_eq!((range.engine.no_match, range.engine.prefer_zone.as_deref()), (NoMatch::Refuse, Some("z1")));
    assert_eq!((range.engine.overprovisioning, range.engine.ramp), (2.5, Duration::from_secs(30)));
    assert_eq!(range.engine.subset_keys, ["version", "stage"]);
    assert_eq!(range.subset_headers, ["x-version", "x-stage"]);
    let sticky = range.sticky.unwrap();
    assert_eq!((sticky.cookie.as_str(), sticky.path.as_str()), ("lb", "/shop"));
    assert_eq!(sticky.ttl, Some(Duration::from_secs(3600)));
    let [first, _, third] = range.engine.endpoints.as_slice() else { panic!("three endpoints") };
    assert_eq!((first.tier, first.draining, third.tier, third.draining), (0, false, 1, true));
    let metadata = [("stage", "live"), ("version", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(first.metadata, metadata);
}

#[test]
fn ranges_of_texts_are_in_the_order_of_their_bytes() {
    let ranges = json!([{"to": "Z", "endpoints": ["a"]}, {"from": "a", "to": "é", "endpoints": ["b"]}]);
    let settings = accepted(json!({"strategy": "range", "hash_key": [{"path": true}], "ranges": ranges}));
    assert_eq!(settings.engine.ranges[1].to, Some(KeyBound::Text("é".as_bytes().to_vec())));
}

fn keyed(strategy: &str, key: &str, value: Value) -> Value {
    json!({"strategy": strategy, "hash_key": [{"path": true}], key: value})
}

fn range(ranges: Value) -> Value {
    keyed("range", "ranges", ranges)
}

fn assert_refused<const N: usize>(cases: [(Value, &str); N]) {
    for (settings, want) in cases {
        let got = refused(settings.clone());
        assert!(got.contains(want), "{settings}\n got: {got}\nwant: {want}");
    }
}

#[test]
fn an_error_of_a_strategys_setting_names_key_value_and_range() {
    let path = || json!([{"path": true}]);
    let cases = [
        (json!({"strategy": "maglev"}), "hash_key: missing, strategy maglev needs it"),
        (json!({"strategy": "range", "hash_key": path()}), "ranges: missing, strategy range needs it"),
        (
            json!({"hash_key": path()}),
            r#"hash_key: [{"path":true}] needs strategy maglev or ring_hash or range, this pool has peak_ewma"#,
        ),
        (
            json!({"strategy": "round_robin", "bound": 1.5}),
            "bound: 1.5 needs strategy maglev or ring_hash, this pool has round_robin",
        ),
        (
            keyed("ring_hash", "table_size", json!(101)),
            "table_size: 101 needs strategy maglev, this pool has ring_hash",
        ),
        (keyed("maglev", "points", json!(10)), "points: 10 needs strategy ring_hash"),
        (keyed("maglev", "ranges", json!([])), "ranges: [] needs strategy range"),
        (keyed("maglev", "table_size", json!(100)), "table_size: 100 is not a prime above the number of endpoints, 3"),
        (keyed("maglev", "table_size", json!(3)), "table_size: 3 is not a prime above the number of endpoints, 3"),
        (
            keyed("maglev", "table_size", json!(5_000_081)),
            "table_size: 5000081 is not a whole number from 3 to 5000011",
        ),
        (keyed("ring_hash", "points", json!(0)), "points: 0 is not a whole number from 1 to 1000"),
        (keyed("maglev", "bound", json!(1)), "bound: 1 is not a number above 1 and up to 10"),
        (keyed("maglev", "bound", json!(10.5)), "bound: 10.5 is not a number above 1 and up to 10"),
        (json!({"strategy": "maglev", "hash_key": []}), "hash_key: 0 given, allowed are 1 to 8"),
        (
            json!({"strategy": "maglev", "hash_key": [{}]}),
            "hash_key[0]: {} has 0 keys, allowed is one of header, cookie",
        ),
        (json!({"strategy": "maglev", "hash_key": [{"path": true, "query": "a"}]}), "has 2 keys"),
        (json!({"strategy": "maglev", "hash_key": [{"path": false}]}), "hash_key[0].path: false is not true"),
        (
            json!({"strategy": "maglev", "hash_key": [{"header": "a b"}]}),
            "hash_key[0].header: \"a b\" is not the name of a header",
        ),
        (
            json!({"strategy": "maglev", "hash_key": [{"cookie": "a=b"}]}),
            "hash_key[0].cookie: \"a=b\" is not 1 to 128 letters",
        ),
        (
            json!({"strategy": "maglev", "hash_key": [{"body": "a"}]}),
            "hash_key[0].body: unknown key, allowed are header",
        ),
    ];
    assert_refused(cases);
}

#[test]
fn an_error_of_ranges_names_key_value_and_range() {
    let cases = [
        (range(json!([])), "ranges: 0 given, allowed are 1 to 10000"),
        (range(json!([{"from": 1}])), "ranges[0].endpoints: missing"),
        (range(json!([{"endpoints": []}])), "ranges[0].endpoints: [] names no endpoint"),
        (range(json!([{"endpoints": ["x"]}])), "ranges[0].endpoints[0]: \"x\" is no id of an endpoint"),
        (range(json!([{"endpoints": ["a", "a"]}])), "ranges[0].endpoints[1]: \"a\" is there twice"),
        (
            range(json!([{"from": 1.5, "endpoints": ["a"]}])),
            "ranges[0].from: 1.5 is not a whole number from -9007199254740991",
        ),
        (range(json!([{"from": 1, "to": "b", "endpoints": ["a"]}])), "ranges[0].to: \"b\" is of another kind"),
        (range(json!([{"from": 5, "to": 5, "endpoints": ["a"]}])), "is empty: `from` is the first key in it"),
        (
            range(json!([{"to": 5, "endpoints": ["a"]}, {"from": 4, "endpoints": ["b"]}])),
            "ranges[1]: {\"endpoints\":[\"b\"],\"from\":4} begins before",
        ),
        (
            range(json!([{"from": 5, "endpoints": ["a"]}, {"from": 6, "endpoints": ["b"]}])),
            "ranges[1]: {\"endpoints\":[\"b\"],\"from\":6} begins before",
        ),
        (
            range(json!([{"to": 5, "endpoints": ["a"]}, {"to": 6, "endpoints": ["b"]}])),
            "ranges[1].from: missing, only the first",
        ),
    ];
    assert_refused(cases);
}

#[test]
fn an_error_of_sessions_subsets_tiers_and_zones_names_key_value_and_range() {
    let sticky = |key: &str, value: Value| {
        let mut sticky = json!({"cookie": "lb", "secret": "0123456789abcdef"});
        sticky[key] = value;
        json!({ "sticky": sticky })
    };
    let endpoint = |key: &str, value: Value| json!({"endpoints": [{"address": "10.0.0.1:80", key: value}]});
    let subset = |metadata: &str, header: &str| json!({"subset": [{"metadata": metadata, "header": header}]});
    let cases = [
        (sticky("secret", json!("too short")), "sticky.secret: 9 characters given, allowed are 16 to 256"),
        (sticky("secret", json!(1234567890)), "sticky.secret: not a text"),
        (sticky("cookie", json!("")), "sticky.cookie: \"\" is not 1 to 128 letters"),
        (sticky("ttl", json!("500ms")), "sticky.ttl: \"500ms\" is not a duration from 1s to"),
        (sticky("path", json!("shop")), "sticky.path: \"shop\" is not a path"),
        (sticky("path", json!("/; Domain=x")), "is not a path"),
        (sticky("domain", json!("x")), "sticky.domain: unknown key, allowed are cookie, secret, ttl, path"),
        (json!({"sticky": {"cookie": "lb"}}), "sticky.secret: missing"),
        (json!({"subset": []}), "subset: 0 given, allowed are 1 to 8"),
        (subset("color", "x-color"), "subset[0].metadata: \"color\" is in the metadata of no endpoint"),
        (subset("version", "x version"), "subset[0].header: \"x version\" is not the name of a header"),
        (json!({"no_match": "refuse"}), "no_match: \"refuse\" needs subset or ranges, this pool has neither"),
        (
            json!({"subset": [{"metadata": "version", "header": "v"}], "no_match": "none"}),
            "no_match: \"none\" is none of any, refuse",
        ),
        (json!({"prefer_zone": ""}), "prefer_zone: \"\" is not 1 to 128 printable characters"),
        (json!({"overprovisioning": 0.9}), "overprovisioning: 0.9 is not a number from 1 to 10"),
        (json!({"ramp": "2h"}), "ramp: \"2h\" is not a duration from 0s to 3600s"),
        (endpoint("tier", json!(16)), "endpoints[0].tier: 16 is not a whole number from 0 to 15"),
        (endpoint("draining", json!("yes")), "endpoints[0].draining: \"yes\" is neither true nor false"),
        (endpoint("metadata", json!({"a": 1})), "endpoints[0].metadata.a: 1 is not a text"),
        (endpoint("metadata", json!([])), "endpoints[0].metadata: [] is not an object"),
    ];
    for (settings, want) in cases {
        let got = refused(settings.clone());
        assert!(got.contains(want), "{settings}\n got: {got}\nwant: {want}");
    }
}

#[test]
fn maglev_takes_no_more_endpoints_than_its_table_can_number() {
    let endpoints = |count: u32| -> Vec<Value> {
        (0..count).map(|n| json!({"address": format!("10.{}.{}.1:80", n >> 8, n & 255)})).collect()
    };
    let error = refused(keyed("maglev", "endpoints", json!(endpoints(65_536))));
    assert!(error.contains("endpoints: 65536 given, strategy maglev takes 1 to 65535"), "{error}");
    assert_eq!(accepted(keyed("maglev", "endpoints", json!(endpoints(65_535)))).engine.endpoints.len(), 65_535);
}
