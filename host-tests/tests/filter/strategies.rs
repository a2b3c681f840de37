//! What each strategy promises, and sessions, subsets, tiers, zones, draining and ramps beside them.

use super::{MS, TICK, arrived, load, setup};
use crate::filter_bed::{PICKER, address, assert_sound, configuration, endpoint};
use plimsoll_host_tests::host::Plugin;
use plimsoll_host_tests::host::proxy::{Behaviour, Outcome, Proxy, Request};
use plimsoll_snapshot::Status;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const KEYS: usize = 300;
const ENDPOINTS: usize = 5;
/// Long enough for tables of a small pool to be built, and for a ramp without one.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(3);

fn hashed(strategy: &str) -> Value {
    json!({
        "strategy": strategy, "hash_key": [{"header": "x-user"}], "ramp": "0s", "max_ejected_percent": 100,
        "circuit": {"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "300s"},
    })
}

/// Endpoints with more than an address.
fn endpoints(more: &[Value]) -> Value {
    let one = |(n, more): (usize, &Value)| {
        let mut endpoint = json!({"address": address(n), "id": format!("e{n}")});
        endpoint.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        endpoint
    };
    more.iter().enumerate().map(one).collect()
}

/// A proxy whose workers know their endpoints.
fn settled_proxy(endpoints: usize, workers: usize, pool: &Value) -> Proxy {
    let mut proxy = setup(endpoints, pool).workers(workers).start().expect("starts");
    (0..endpoints).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(5)));
    load(&mut proxy, workers, workers * 4, 5 * MS);
    proxy.run_for(SETTLE);
    proxy.take_outcomes();
    proxy
}

fn of_user(user: usize) -> Request {
    Request::get("/").header("x-user", format!("user-{user}"))
}

/// Which endpoint serves each key; on each worker the same one.
fn served(proxy: &mut Proxy, workers: usize) -> BTreeMap<usize, String> {
    let mut all = BTreeMap::new();
    for user in 0..KEYS {
        for worker in 0..workers {
            let outcome = proxy.fetch(of_user(user).on_worker(worker));
            assert!(outcome.is_ok(), "{outcome}");
            let by = outcome.endpoints().pop().expect("somebody").to_owned();
            assert_eq!(*all.entry(user).or_insert(by.clone()), by, "user {user} on worker {worker}");
        }
    }
    all
}

/// The tables depend on the set of the members only, so a proxy with another order and another start agrees; and an
/// ejection moves nobody else's keys.
fn keys_stay(strategy: &str) {
    let mut proxy = settled_proxy(ENDPOINTS, 2, &hashed(strategy));
    let before = served(&mut proxy, 2);
    let mut turned = hashed(strategy);
    let listed: Value = (0..ENDPOINTS).rev().map(|n| json!({"address": address(n), "id": format!("e{n}")})).collect();
    turned["endpoints"] = listed;
    let mut other = settled_proxy(ENDPOINTS, 1, &turned);
    assert_eq!(served(&mut other, 1), before, "another proxy, the members in another order");

    let gone = address(2);
    proxy.set_behaviour(&gone, Behaviour::status(503, 1));
    for user in 0..KEYS {
        proxy.fetch(of_user(user).on_worker(user % 2));
    }
    proxy.run_for(TICK * 3);
    let after = served(&mut proxy, 2);
    for (user, endpoint) in &before {
        let now = &after[user];
        assert!(now != &gone, "user {user} is still at the ejected endpoint");
        assert!(endpoint == now || endpoint == &gone, "user {user} moved from {endpoint} to {now}");
    }
    let moved: std::collections::BTreeSet<_> =
        before.keys().filter(|user| before[user] == gone).map(|user| &after[user]).collect();
    assert_eq!(moved.len(), ENDPOINTS - 1, "the others share what it had");
    assert_sound(&mut proxy, 2);
}

#[test]
fn maglev_keeps_keys_where_they_are() {
    keys_stay("maglev");
}

#[test]
fn ring_hash_keeps_keys_where_they_are() {
    keys_stay("ring_hash");
}

/// Shares of 3,000 keys at weights 1 and 3. The lighter one's is a binomial, so five standard deviations are .16 of its
/// mean; a ring of 160 points a unit is off by 1/√160 = .08 besides, at three of those deviations .24.
#[test]
fn hash_strategies_follow_the_weights() {
    for (strategy, bound) in [("maglev", 0.16), ("ring_hash", 0.4)] {
        let mut pool = hashed(strategy);
        pool["endpoints"] = endpoints(&[json!({"weight": 1}), json!({"weight": 3})]);
        let mut proxy = settled_proxy(2, 1, &pool);
        for user in 0..3_000 {
            proxy.submit_after(MS * user, of_user(user as usize));
        }
        proxy.run_until_idle();
        let light = arrived(&proxy, 2)[0] as f64 / 750.0;
        assert!((light - 1.0).abs() < bound, "{strategy}: {light} of its share");
    }
}

#[test]
fn bounded_load_spreads_a_key_that_everybody_wants() {
    for strategy in ["maglev", "ring_hash"] {
        let mut pool = hashed(strategy);
        pool["bound"] = json!(1.25);
        let mut proxy = settled_proxy(ENDPOINTS, 1, &pool);
        (0..ENDPOINTS).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(400)));
        for n in 0..100 {
            proxy.submit_after(MS * n, of_user(7));
        }
        proxy.run_until_idle();
        // ⌈1.25 × 100 / 5⌉
        let arrived = arrived(&proxy, ENDPOINTS);
        assert!(arrived.iter().all(|count| *count <= 25), "{strategy}: {arrived:?}");
        assert_eq!(arrived.iter().max(), Some(&25), "{strategy}: as many as may be at its own: {arrived:?}");
    }
}

fn ranged() -> Value {
    json!({
        "strategy": "range", "hash_key": [{"query": "customer"}, {"header": "x-customer"}], "no_match": "refuse",
        "ranges": [{"to": 100, "endpoints": ["e0"]}, {"from": 100, "to": 200, "endpoints": ["e1", "e2"]}],
    })
}

fn assert_refused_for_good(outcome: &Outcome) {
    let header = |name: &str| outcome.headers.text(name);
    assert_eq!((outcome.status, header("x-plimsoll-refused").as_deref()), (Some(503), Some("no_match")), "{outcome}");
    assert_eq!(header("retry-after"), None, "waiting does not help");
}

#[test]
fn range_serves_each_key_where_it_belongs_and_refuses_the_rest() {
    let mut proxy = settled_proxy(3, 2, &ranged());
    for customer in [-5, 0, 99, 100, 150, 199] {
        let outcome = proxy.fetch(Request::get(&format!("/?customer={customer}")));
        let allowed = if customer < 100 { vec![address(0)] } else { vec![address(1), address(2)] };
        assert!(outcome.is_ok() && allowed.contains(&outcome.endpoints()[0].to_owned()), "{customer}: {outcome}");
    }
    let by_header = proxy.fetch(Request::get("/?customer=").header("x-customer", "7"));
    assert_eq!(by_header.endpoints(), [address(0)]);
    for path in ["/?customer=200", "/?customer=x", "/?customer=%37", "/"] {
        assert_refused_for_good(&proxy.fetch(Request::get(path)));
    }
    let bytes = proxy.fetch(Request::get("/").header("x-customer", b"\xff\xfe"));
    assert_refused_for_good(&bytes);
    assert_sound(&mut proxy, 2);
}

fn sticky(observe: &str) -> Value {
    json!({
        "strategy": "round_robin", "observe": observe, "max_ejected_percent": 100,
        "sticky": {"cookie": "lb", "secret": "0123456789abcdef", "ttl": "1h", "path": "/shop"},
        "circuit": {"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "300s"},
    })
}

/// The cookie that an answer sets.
fn cookie(outcome: &Outcome) -> Option<String> {
    let line = outcome.headers.text("set-cookie")?;
    assert!(line.ends_with("; Path=/shop; HttpOnly; SameSite=Lax; Max-Age=3600"), "{line}");
    assert!(!line.contains("127.0.0.1") && !line.contains("80"), "no address: {line}");
    Some(line.split(';').next().expect("a pair").to_owned())
}

#[test]
fn a_session_stays_where_it_is_until_its_endpoint_is_ejected() {
    for observe in ["attempt", "request"] {
        let mut proxy = settled_proxy(4, 2, &sticky(observe));
        let first = proxy.fetch(Request::get("/"));
        let given = cookie(&first).unwrap_or_else(|| panic!("{observe}: no cookie: {first}"));
        let home = first.endpoints()[0].to_owned();
        let with = |cookie: &str| Request::get("/").header("cookie", format!("a=b; {cookie}; c=d"));
        for worker in [0, 1, 0, 1, 1] {
            let again = proxy.fetch(with(&given).on_worker(worker));
            assert_eq!((again.endpoints()[0], cookie(&again)), (home.as_str(), None), "{observe}: {again}");
        }
        for forged in ["lb=", "lb=0000000000000000", &format!("lb={home}")] {
            assert!(
                cookie(&proxy.fetch(with(forged))).is_some(),
                "{observe}: {forged} is not known, so there is a new one"
            );
        }
        // An endpoint that fails loses the session to whoever answers the retry.
        proxy.set_behaviour(&home, Behaviour::status(503, 1));
        let moved = proxy.fetch(with(&given));
        let renewed = cookie(&moved).unwrap_or_else(|| panic!("{observe}: not renewed: {moved}"));
        assert!(moved.is_ok() && renewed != given, "{observe}: {moved}");
        proxy.run_for(TICK * 3);
        let after = proxy.fetch(with(&given));
        assert!(after.is_ok() && after.attempts.len() == 1 && cookie(&after).is_some(), "{observe}: {after}");
        assert_sound(&mut proxy, 2);
    }
}

#[test]
fn an_error_gives_no_session() {
    let mut pool = sticky("attempt");
    pool["circuit"]["consecutive_failures"] = json!(1000);
    let mut proxy = settled_proxy(2, 1, &pool);
    (0..2).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::status(503, 1)));
    let outcome = proxy.fetch(Request::get("/"));
    assert_eq!((outcome.status, cookie(&outcome)), (Some(503), None));
}

#[test]
fn a_request_gets_the_subset_that_it_asks_for() {
    let members = endpoints(&[
        json!({"metadata": {"version": "1", "stage": "live"}}),
        json!({"metadata": {"version": "2", "stage": "live"}}),
        json!({"metadata": {"version": "2", "stage": "canary"}}),
        json!({}),
    ]);
    let subset = json!([{"metadata": "version", "header": "X-Version"}, {"metadata": "stage", "header": "x-stage"}]);
    let pool = |no_match: &str| json!({"endpoints": members, "subset": subset, "no_match": no_match});
    let wants = |version: &str, stage: &str| Request::get("/").header("x-version", version).header("x-stage", stage);
    for no_match in ["any", "refuse"] {
        let mut proxy = settled_proxy(4, 1, &pool(no_match));
        for (version, stage, n) in [("1", "live", 0), ("2", "live", 1), ("2", "canary", 2)] {
            for _ in 0..20 {
                let outcome = proxy.fetch(wants(version, stage));
                assert_eq!(outcome.endpoints(), [address(n)], "{version} {stage}");
            }
        }
        for request in
            [wants("3", "live"), wants("1", "canary"), Request::get("/").header("x-version", "1"), Request::get("/")]
        {
            let outcome = proxy.fetch(request);
            if no_match == "any" { assert!(outcome.is_ok(), "{outcome}") } else { assert_refused_for_good(&outcome) }
        }
    }
}

/// One of two endpoints of the first tier is out: half of it times 1.4 keeps 70 % of the requests there. The rest, n = 2000,
/// p = .3, is within five standard deviations of 600.
#[test]
fn a_tier_spills_what_it_cannot_carry() {
    let members = endpoints(&[json!({}), json!({}), json!({"tier": 1}), json!({"tier": 1})]);
    let circuit = json!({"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "300s"});
    let pool = json!({"strategy": "random", "endpoints": members, "circuit": circuit, "ramp": "0s"});
    let mut proxy = settled_proxy(4, 1, &pool);
    load(&mut proxy, 1, 500, 2 * MS);
    proxy.run_until_idle();
    assert_eq!(arrived(&proxy, 4)[2..], [0, 0], "the first tier is whole");
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    load(&mut proxy, 1, 50, 5 * MS);
    proxy.run_for(TICK * 3);
    proxy.take_outcomes();
    load(&mut proxy, 1, 2_000, 2 * MS);
    proxy.run_until_idle();
    let arrived = arrived(&proxy, 4);
    let spilled = arrived[2] + arrived[3];
    assert!(arrived[0] == 0 && spilled.abs_diff(600) < 103, "{arrived:?}");
}

#[test]
fn a_preferred_zone_gets_all_that_it_can_carry() {
    let members = endpoints(&[json!({"zone": "a"}), json!({"zone": "a"}), json!({"zone": "b"}), json!({"zone": "b"})]);
    let circuit = json!({"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "300s"});
    let pool =
        json!({"strategy": "random", "endpoints": members, "prefer_zone": "a", "circuit": circuit, "ramp": "0s"});
    let mut proxy = settled_proxy(4, 1, &pool);
    load(&mut proxy, 1, 500, 2 * MS);
    proxy.run_until_idle();
    assert_eq!(arrived(&proxy, 4)[2..], [0, 0]);
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    load(&mut proxy, 1, 50, 5 * MS);
    proxy.run_for(TICK * 3);
    proxy.take_outcomes();
    load(&mut proxy, 1, 2_000, 2 * MS);
    proxy.run_until_idle();
    let arrived = arrived(&proxy, 4);
    assert!((arrived[2] + arrived[3]).abs_diff(600) < 103, "30 % leave the zone: {arrived:?}");
}

#[test]
fn a_draining_endpoint_keeps_its_sessions_and_gets_nothing_new() {
    let mut pool = sticky("attempt");
    let mut proxy = settled_proxy(3, 1, &pool);
    let first = proxy.fetch(Request::get("/"));
    let (home, given) = (first.endpoints()[0].to_owned(), cookie(&first).expect("a cookie"));
    let drained = |n: usize| json!({"draining": address(n) == home});
    pool["endpoints"] = endpoints(&[drained(0), drained(1), drained(2)]);
    proxy.update(&Plugin::new(PICKER, configuration(3, &pool).to_string())).expect("accepted");
    proxy.take_outcomes();
    load(&mut proxy, 1, 200, 5 * MS);
    proxy.run_until_idle();
    assert!(
        proxy.take_outcomes().iter().all(|outcome| outcome.is_ok() && !outcome.endpoints().contains(&home.as_str()))
    );
    let drains = endpoint(&mut proxy, (0..3).find(|n| address(*n) == home).expect("one of them"));
    assert_eq!((drains.status, drains.effective_weight), (Status::Draining, 0.0));
    let again = proxy.fetch(Request::get("/").header("cookie", &given));
    assert_eq!((again.endpoints(), cookie(&again)), (vec![home.as_str()], None));
}

/// What the fourth of four endpoints gets of a thousand requests, in three seconds.
fn share_of(proxy: &mut Proxy) -> u64 {
    proxy.take_outcomes();
    load(proxy, 1, 1_000, 3 * MS);
    proxy.run_until_idle();
    arrived(proxy, 4)[3]
}

/// A fourth endpoint of a fair share of a quarter, ten seconds after it came.
#[test]
fn a_new_endpoint_warms_up() {
    let pool = json!({"strategy": "random", "ramp": "10s"});
    let mut proxy =
        setup(4, &json!({"strategy": "random", "endpoints": endpoints(&[json!({}), json!({}), json!({})])}))
            .start()
            .expect("starts");
    load(&mut proxy, 1, 2_000, 10 * MS);
    let changed = configuration(4, &pool);
    proxy.update(&Plugin::new(PICKER, changed.to_string())).expect("accepted");
    let cold = share_of(&mut proxy);
    assert_eq!(endpoint(&mut proxy, 3).status, Status::Warming);
    let mut share = || share_of(&mut proxy);
    let (_, _, _, warm) = (share(), share(), share(), share());
    assert!(cold < 125 && (180..=320).contains(&warm), "{cold}, then {warm} of 1000");
    let state = endpoint(&mut proxy, 3);
    assert!((state.effective_weight - 1.0).abs() < 0.02 && state.status == Status::Healthy, "{state:?}");
}
