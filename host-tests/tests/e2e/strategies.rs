//! One test for each strategy, and for what goes with them, in the real Envoy: who got the request is what the upstreams
//! counted or said. Weights of the other strategies are in `routing`.

use super::support::{Answer, Bed, SOON, Traffic, all_ok, all_workers_know, named, prepare, until};
use plimsoll_host_tests::bed::{Behaviour, Envoy, EnvoyConfig, Latency, Upstream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const USERS: usize = 60;

/// Endpoints of the pool with more than an address, in this order.
fn members(upstreams: &[Upstream], more: &[Value]) -> Value {
    let one = |(upstream, more): (&Upstream, &Value)| {
        let mut endpoint = json!({"address": upstream.address().to_string(), "id": upstream.name()});
        endpoint.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        endpoint
    };
    json!({"endpoints": upstreams.iter().zip(more).map(one).collect::<Vec<_>>()})
}

/// One failure ejects for long, any number may be out, and nobody warms up.
fn hair_trigger() -> Value {
    json!({
        "max_ejected_percent": 100, "panic_threshold_percent": 0, "ramp": "0s",
        "circuit": {"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "300s"},
    })
}

/// The upstream that answered.
fn by(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("x-upstream").to_owned()
}

async fn of_user(bed: &Bed, user: usize) -> String {
    by(&bed.get("/", &[("x-user", &format!("user-{user}"))]).await)
}

/// Each user's upstream, which is the same at every time and on every worker.
async fn homes(bed: &Bed) -> BTreeMap<usize, String> {
    let mut homes = BTreeMap::new();
    for round in 0..2 {
        for user in 0..USERS {
            let home = of_user(bed, user).await;
            assert_eq!(*homes.entry(user).or_insert(home.clone()), home, "user {user} in round {round}");
        }
    }
    homes
}

/// Makes an upstream fail until all workers know that it is ejected.
async fn eject(bed: &Bed, number: usize) {
    bed.upstream(number).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    let id = format!("order-{number}");
    let traffic = Traffic::start(bed, 100.0);
    let events = bed
        .events_within(SOON, "the failing endpoint is ejected", |events| events.iter().any(|e| e.endpoint == id))
        .await;
    all_ok(&traffic.stop().await);
    all_workers_know(events[0].transition.at_ms).await;
}

/// The tables are over the set of the members: another process, and one with another order, agree; an ejection moves the
/// keys of that endpoint only.
async fn keys_stay(strategy: &str) {
    let keyed = json!({"strategy": strategy, "hash_key": [{"header": "x-user"}]});
    let (config, mut upstreams) = prepare(4).await;
    let config = config.pool(hair_trigger()).pool(keyed);
    let bed = Bed::with(&config, 2, upstreams).await;
    let before = homes(&bed).await;
    eject(&bed, 2).await;
    let after = homes(&bed).await;
    for (user, home) in &before {
        let now = &after[user];
        assert!(now != "order-2" && (now == home || home == "order-2"), "user {user} moved from {home} to {now}");
    }
    assert_ne!(before, after, "somebody had been there");
    bed.upstream(2).set(Behaviour::Healthy).await.unwrap();
    upstreams = stop(bed);
    upstreams.reverse();
    let turned = members(&upstreams, &[json!({}), json!({}), json!({}), json!({})]);
    let other = Bed::with(&config.pool(turned), 2, upstreams).await;
    assert_eq!(homes(&other).await, before, "another Envoy, the members in another order");
}

fn stop(bed: Bed) -> Vec<Upstream> {
    let Bed { envoy, upstreams } = bed;
    drop::<Envoy>(envoy);
    upstreams
}

#[tokio::test]
async fn maglev_keeps_keys_where_they_are() {
    keys_stay("maglev").await;
}

#[tokio::test]
async fn ring_hash_keeps_keys_where_they_are() {
    keys_stay("ring_hash").await;
}

/// A hundred requests of one key under way at once: nobody has more than ⌈1.25 × 101 / 4⌉ of them. One worker, because
/// two know each other's only as of the last tick.
#[tokio::test]
async fn bounded_load_spreads_a_key_that_everybody_wants() {
    let mut upstreams = Vec::new();
    for number in 1..=4 {
        let latency = Latency::Fixed(Duration::from_millis(400));
        upstreams.push(Upstream::start(&format!("order-{number}"), latency, number).await.unwrap());
    }
    let addresses: Vec<_> = upstreams.iter().map(Upstream::address).collect();
    let keyed = json!({"strategy": "maglev", "hash_key": [{"path": true}], "bound": 1.25});
    let config = prepare(0).await.0.endpoints(&addresses).pool(keyed);
    let bed = Bed::with(&config, 1, upstreams).await;
    bed.burst(300, 100).run().await.unwrap();
    let peaks: Vec<u64> = bed.upstreams.iter().map(|upstream| upstream.stats().peak_in_flight).collect();
    assert!(peaks.iter().all(|peak| *peak <= 32), "{peaks:?}");
    assert!(peaks.iter().all(|peak| *peak >= 4), "all help: {peaks:?}");
}

#[tokio::test]
async fn range_serves_each_key_where_it_belongs_and_refuses_the_rest() {
    let bed = Bed::start(3, 2, |config| {
        config.pool(json!({
            "strategy": "range", "hash_key": [{"query": "customer"}, {"cookie": "customer"}], "no_match": "refuse",
            "ranges": [{"to": "m", "endpoints": ["order-1"]}, {"from": "m", "to": "t", "endpoints": ["order-2", "order-3"]}],
        }))
    })
    .await;
    for (path, allowed) in [("/?customer=adams", &["order-1"][..]), ("/?x=1&customer=miller", &["order-2", "order-3"])]
    {
        for _ in 0..10 {
            let name = by(&bed.get(path, &[]).await);
            assert!(allowed.contains(&name.as_str()), "{path} went to {name}");
        }
    }
    assert_eq!(by(&bed.get("/", &[("cookie", "a=b; customer=clark")]).await), "order-1");
    for path in ["/?customer=young", "/"] {
        let refused = bed.get(path, &[]).await;
        assert_eq!((refused.status, refused.header("x-plimsoll-refused")), (503, "no_match"), "{refused:?}");
    }
}

/// The value of the cookie that an answer sets.
fn cookie(answer: &Answer) -> Option<String> {
    let line = answer.headers.get("set-cookie")?.to_str().unwrap();
    assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax") && !line.contains("127.0.0.1"), "{line}");
    Some(line.split(';').next().unwrap().to_owned())
}

fn sticky() -> Value {
    json!({"strategy": "round_robin", "sticky": {"cookie": "lb", "secret": "not a secret, a test"}})
}

#[tokio::test]
async fn a_session_stays_where_it_is_until_its_endpoint_is_ejected() {
    for observe_requests in [false, true] {
        let configure = |config: EnvoyConfig| {
            let config = config.pool(hair_trigger()).pool(sticky());
            if observe_requests { config.observe_requests() } else { config }
        };
        let bed = Bed::start(3, 2, configure).await;
        let first = bed.get("/", &[]).await;
        let (home, given) = (by(&first), cookie(&first).expect("a cookie"));
        for _ in 0..10 {
            let again = bed.get("/", &[("cookie", &format!("a=b; {given}"))]).await;
            assert_eq!((by(&again), cookie(&again)), (home.clone(), None));
        }
        let number = bed.upstreams.iter().position(|upstream| upstream.name() == home).unwrap() + 1;
        eject(&bed, number).await;
        let moved = bed.get("/", &[("cookie", &given)]).await;
        let renewed = cookie(&moved).expect("another cookie");
        assert!(by(&moved) != home && renewed != given);
        let stays = bed.get("/", &[("cookie", &renewed)]).await;
        assert_eq!((by(&stays), cookie(&stays)), (by(&moved), None));
    }
}

#[tokio::test]
async fn a_request_gets_the_subset_that_it_asks_for() {
    let (config, upstreams) = prepare(3).await;
    let version = |version: &str| json!({"metadata": {"version": version}});
    let listed = members(&upstreams, &[version("1"), version("1"), version("2")]);
    let subset = json!({"subset": [{"metadata": "version", "header": "x-version"}], "no_match": "refuse"});
    let bed = Bed::with(&config.pool(listed).pool(subset), 2, upstreams).await;
    for _ in 0..20 {
        assert_ne!(by(&bed.get("/", &[("x-version", "1")]).await), "order-3");
        assert_eq!(by(&bed.get("/", &[("x-version", "2")]).await), "order-3");
    }
    for headers in [&[("x-version", "3")][..], &[]] {
        let refused = bed.get("/", headers).await;
        assert_eq!((refused.status, refused.header("x-plimsoll-refused")), (503, "no_match"), "{refused:?}");
    }
}

/// Half of what is preferred is out: 70 % stay there, the rest, a binomial of n = 1000, p = .3, is within five standard
/// deviations of 300.
async fn spills(more: [Value; 4], pool: Value) {
    let (config, upstreams) = prepare(4).await;
    let listed = members(&upstreams, &more);
    let bed = Bed::with(&config.pool(hair_trigger()).pool(pool).pool(listed), 2, upstreams).await;
    bed.burst(400, 8).run().await.unwrap();
    assert_eq!(bed.arrived()[2..], [0, 0], "what is preferred can carry it all");
    eject(&bed, 1).await;
    let before = bed.arrived();
    bed.burst(1_000, 8).run().await.unwrap();
    let since: Vec<u64> = bed.arrived().iter().zip(before).map(|(now, before)| now - before).collect();
    assert!(since[0] == 0 && (since[2] + since[3]).abs_diff(300) < 73, "{since:?}");
}

#[tokio::test]
async fn a_tier_spills_what_it_cannot_carry() {
    let second = || json!({"tier": 1});
    spills([json!({}), json!({}), second(), second()], json!({"strategy": "random"})).await;
}

#[tokio::test]
async fn a_preferred_zone_spills_what_it_cannot_carry() {
    let zone = |zone: &str| json!({"zone": zone});
    let pool = json!({"strategy": "random", "prefer_zone": "a"});
    spills([zone("a"), zone("a"), zone("b"), zone("b")], pool).await;
}

#[tokio::test]
async fn a_draining_endpoint_keeps_its_sessions_and_gets_nothing_new() {
    let (config, upstreams) = prepare(3).await;
    let config = config.dynamic_listener().pool(sticky());
    let mut bed = Bed::with(&config, 2, upstreams).await;
    let first = bed.get("/", &[]).await;
    let (home, given) = (by(&first), cookie(&first).expect("a cookie"));
    let drained: Vec<Value> =
        bed.upstreams.iter().map(|upstream| json!({"draining": upstream.name() == home})).collect();
    let listed = members(&bed.upstreams, &drained);
    bed.envoy.update(&config.clone().pool(listed)).await.unwrap();
    let drains = |pool: &plimsoll_snapshot::Pool| named(pool, &home).effective_weight == 0.0;
    bed.snapshot_when("it drains", |snapshot| drains(&snapshot.pools[0])).await;
    let number = bed.upstreams.iter().position(|upstream| upstream.name() == home).unwrap();
    let before = bed.arrived()[number];
    bed.burst(200, 4).run().await.unwrap();
    assert_eq!(bed.arrived()[number], before, "nothing new");
    let again = bed.get("/", &[("cookie", &given)]).await;
    assert_eq!((by(&again), cookie(&again)), (home, None));
}

#[tokio::test]
async fn a_new_endpoint_warms_up() {
    let (config, upstreams) = prepare(3).await;
    let config = config.dynamic_listener().pool(json!({"strategy": "random", "ramp": "4s"}));
    let two = members(&upstreams, &[json!({}), json!({})]);
    let mut bed = Bed::with(&config.clone().pool(two), 1, upstreams).await;
    bed.burst(200, 4).run().await.unwrap();
    let three = members(&bed.upstreams, &[json!({}), json!({}), json!({})]);
    bed.envoy.update(&config.pool(three)).await.unwrap();
    bed.burst(300, 8).run().await.unwrap();
    let cold = bed.arrived()[2];
    until(SOON * 2, "it is warm", async || {
        let snapshot = bed.envoy.admin().snapshot().await.map_err(|error| format!("{error:#}"))?;
        let weight = named(&snapshot.pools[0], "order-3").effective_weight;
        if weight > 0.98 { Ok(()) } else { Err(format!("{weight}")) }
    })
    .await;
    bed.burst(600, 8).run().await.unwrap();
    let warm = bed.arrived()[2] - cold;
    // A third of 300 would be 100; a third of 600 is 200, five standard deviations 58.
    assert!(cold < 70 && warm.abs_diff(200) < 58, "{cold} of 300, then {warm} of 600");
}
