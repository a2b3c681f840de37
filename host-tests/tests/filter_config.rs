//! Configuration and its updates, the admin API, and who counts as a worker.

mod filter_bed;

use std::time::Duration;

use filter_bed::{
    ADMIN, OBSERVER, PICKER, TICK, address, admin, assert_sound, configuration, endpoint, load, picker, proxy, setup,
    snapshot,
};
use plimsoll_host_tests::host::proxy::{Behaviour, Request};
use plimsoll_host_tests::host::{CallbackKind, Headers, Plugin, StartError};
use plimsoll_snapshot::view::CircuitState;
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);

/// Configurations that must be refused, each with what the error has to name.
fn refused() -> Vec<(Value, &'static str)> {
    let pool = |extra: Value| configuration(2, &extra);
    vec![
        (json!({"polls": []}), "polls"),
        (json!({"role": "pickre"}), "role"),
        (json!({"tick": "5ms"}), "tick"),
        (json!({"tick": 100, "pools": []}), "tick"),
        (pool(json!({"strategy": "fastest"})), "strategy"),
        (pool(json!({"candidates": 0})), "candidates"),
        (pool(json!({"candidates": 17})), "candidates"),
        (pool(json!({"name": "a b"})), "name"),
        (pool(json!({"max_ejected_percent": 101})), "max_ejected_percent"),
        (pool(json!({"circuit": {"open_for": "10"}})), "open_for"),
        (pool(json!({"circuit": {"backoff": 0.5}})), "backoff"),
        (pool(json!({"circuit": {"consecutive_failure": 5}})), "consecutive_failure"),
        (pool(json!({"endpoints": [{"address": "order-1:80"}]})), "address"),
        (pool(json!({"endpoints": [{"address": "127.0.0.1:1", "weight": 1001}]})), "weight"),
        (pool(json!({"endpoints": [{"address": "127.0.0.1:1"}, {"address": "127.0.0.1:1"}]})), "address"),
        (json!({"role": "observer", "pools": [{"name": "demo", "endpoints": []}]}), "pools"),
    ]
}

#[test]
fn a_bad_configuration_is_refused_and_the_log_names_the_key() {
    for (bad, key) in refused() {
        let setup = plimsoll_host_tests::host::proxy::Setup::new(filter_bed::filter());
        match setup.downstream(Plugin::new(PICKER, bad.to_string())).start() {
            Err(error @ StartError::Refused { .. }) => {
                assert!(error.to_string().contains(key), "{bad}: the error does not name {key}: {error}");
            }
            Err(other) => panic!("{bad}: {other}"),
            Ok(_) => panic!("accepted: {bad}"),
        }
    }
}

#[test]
fn a_refused_update_leaves_the_old_configuration_serving() {
    let mut proxy = proxy(3, &json!({}));
    load(&mut proxy, 1, 50, MS);
    let (_, before) = admin(&mut proxy, "GET", "/plimsoll/v1/config");
    for (bad, _) in refused() {
        assert!(proxy.update(&Plugin::new(PICKER, bad.to_string())).is_err(), "accepted: {bad}");
    }
    proxy.run_for(TICK * 3);
    assert_eq!(admin(&mut proxy, "GET", "/plimsoll/v1/config").1, before);
    let outcome = proxy.fetch(Request::get("/"));
    assert!(outcome.is_ok() && outcome.attempts[0].steered, "{outcome}");
    assert_sound(&mut proxy, 1);
}

#[test]
fn an_update_keeps_counts_and_circuits_while_both_roots_tick() {
    let circuit = json!({"circuit": {"open_for": "60s"}});
    let mut proxy = setup(4, &circuit).workers(2).start().expect("starts");
    proxy.set_behaviour(&address(1), Behaviour::status(503, 1));
    load(&mut proxy, 2, 400, 2 * MS);
    proxy.run_for(TICK * 2);
    let before = snapshot(&mut proxy).pools.remove(0);
    assert_eq!(before.endpoints[1].circuit.state, CircuitState::Open);
    // A request under way across the update, then a pool with one endpoint more and another strategy.
    proxy.set_behaviour(&address(0), Behaviour::ok(300));
    for _ in 0..20 {
        proxy.submit(Request::get("/"));
    }
    proxy.run_for(MS);
    proxy.set_endpoints((0..5).map(address));
    let changed = json!({"circuit": {"open_for": "60s"}, "strategy": "round_robin"});
    proxy.update(&picker(5, &changed)).expect("accepted");
    // A timer's first period is longer by a part of it, drawn from the seed.
    proxy.run_for(TICK * 2);
    proxy.reset_costs();
    proxy.run_for(Duration::from_secs(1));
    let ticks = proxy.worker(0).costs().callback(CallbackKind::Tick).calls;
    assert!(ticks >= 20, "both picker roots tick: {ticks} in ten periods");
    let after = snapshot(&mut proxy).pools.remove(0);
    assert_eq!((after.endpoints.len(), after.strategy.as_str()), (5, "round_robin"));
    assert_eq!(after.endpoints[1].circuit, before.endpoints[1].circuit, "the circuit is kept");
    for (old, new) in before.endpoints.iter().zip(&after.endpoints) {
        assert!(new.requests >= old.requests && new.failures >= old.failures, "{old:?} {new:?}");
    }
    assert_eq!(after.in_flight, 0, "what was under way across the update is settled: {after:?}");
    proxy.take_outcomes();
    load(&mut proxy, 2, 200, 2 * MS);
    let attempts = proxy.outcomes().flat_map(|outcome| outcome.attempts);
    let mut used: Vec<String> = attempts.map(|attempt| attempt.endpoint).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used, [address(0), address(2), address(3), address(4)]);
    proxy.run_until_idle();
    assert_sound(&mut proxy, 2);
}

#[test]
fn an_endpoint_that_left_the_configuration_gets_nothing_and_harms_nobody_on_return() {
    let mut proxy = proxy(3, &json!({}));
    proxy.set_behaviour(&address(2), Behaviour::ok(500));
    load(&mut proxy, 1, 60, MS);
    proxy.update(&picker(2, &json!({}))).expect("accepted");
    proxy.run_until_idle();
    proxy.take_outcomes();
    load(&mut proxy, 1, 60, MS);
    assert!(proxy.outcomes().all(|outcome| !outcome.endpoints().contains(&address(2).as_str())));
    proxy.update(&picker(3, &json!({}))).expect("accepted");
    load(&mut proxy, 1, 60, MS);
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    assert_eq!(endpoint(&mut proxy, 2).in_flight, 0);
    assert_sound(&mut proxy, 1);
}

#[test]
fn the_main_thread_ticks_but_is_no_worker_and_neither_is_an_idle_one() {
    let mut proxy = setup(3, &json!({})).workers(3).start().expect("starts");
    proxy.run_for(Duration::from_secs(2));
    assert!(proxy.main_thread().costs().callback(CallbackKind::Tick).calls >= 10, "the main thread ticks");
    assert_eq!(snapshot(&mut proxy).workers.len(), 0, "nobody has carried traffic");
    for worker in 0..2 {
        for _ in 0..5 {
            proxy.fetch(Request::get("/").on_worker(worker));
        }
    }
    proxy.run_for(TICK * 2);
    let workers = snapshot(&mut proxy).workers;
    assert_eq!(workers.len(), 2, "{workers:?}");
    assert!(workers.iter().all(|worker| !worker.stale && worker.age_ms <= 100), "{workers:?}");
    assert_ne!(workers[0].id, workers[1].id);
}

#[test]
fn every_worker_answers_the_same_counts() {
    let mut proxy = setup(3, &json!({})).workers(3).start().expect("starts");
    load(&mut proxy, 3, 300, MS);
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    for worker in 0..3 {
        let headers = Headers::get_request("/plimsoll/v1/snapshot");
        let (status, answer, body) = proxy.admin(worker, headers).expect("answers");
        assert_eq!((status, answer.text("content-type").as_deref()), (200, Some("application/json")));
        let snapshot: plimsoll_snapshot::view::Snapshot = serde_json::from_slice(&body).expect("a snapshot");
        let pool = &snapshot.pools[0];
        assert_eq!((pool.picks, pool.requests, pool.failures, pool.in_flight), (300, 300, 0, 0), "worker {worker}");
    }
}

#[test]
fn the_admin_api_answers_its_paths_and_nothing_else() {
    let mut proxy = proxy(2, &json!({}));
    proxy.fetch(Request::get("/"));
    proxy.run_for(TICK * 2);
    let (status, health) = admin(&mut proxy, "GET", "/plimsoll/v1/healthz");
    assert_eq!((status, &health["ok"]), (200, &json!(true)), "{health}");
    assert_eq!(admin(&mut proxy, "GET", "/plimsoll/v1/config").0, 200);
    for path in ["/plimsoll/v1/nothing", "/plimsoll/", "/plimsoll/v2/snapshot"] {
        let (status, body) = admin(&mut proxy, "GET", path);
        assert!(status == 404 && body["error"].is_string(), "{path}: {status} {body}");
    }
    let (status, body) = admin(&mut proxy, "POST", "/plimsoll/v1/snapshot");
    assert!(status == 405 && body["error"].is_string(), "{status} {body}");
    for path in ["/", "/dashboard.js", "/plimsollx"] {
        assert!(proxy.admin(0, Headers::get_request(path)).is_none(), "{path} passes");
    }
}

#[test]
fn observer_and_admin_may_come_before_the_picker_and_live_without_it() {
    let filter = filter_bed::filter();
    let mut proxy = plimsoll_host_tests::host::proxy::Setup::new(filter)
        .upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#))
        .admin(Plugin::new(ADMIN, r#"{"role": "admin"}"#))
        .cluster("demo", [address(0)])
        .start()
        .expect("starts");
    assert!(proxy.fetch(Request::get("/")).is_ok());
    proxy.run_for(TICK * 2);
    let health = proxy.admin(0, Headers::get_request("/plimsoll/v1/healthz")).expect("answers");
    assert_eq!(health.0, 503, "no configuration is in force");
    assert_sound(&mut proxy, 1);
}
