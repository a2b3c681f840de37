//! Configuration updates while traffic goes on.

use super::{MS, TICK, arrived, load, settled, setup};
use crate::filter_bed::{ADMIN, OBSERVER, PICKER, address, configuration, filter};
use plimsoll_host_tests::host::proxy::{AttemptEnd, Behaviour, Request};
use plimsoll_host_tests::host::{Cas, Headers, LocalResponse, Map, Plugin, Vm, World};
use serde_json::{Value, json};

fn members(listed: &[usize]) -> Value {
    listed.iter().map(|n| json!({"address": address(*n), "id": format!("e{n}")})).collect()
}

/// Positions in a request's list mean other endpoints after an update. Whoever answers has to be credited all the same,
/// and nobody else.
#[test]
fn request_mode_survives_a_configuration_update() {
    let pool = |listed: &[usize]| {
        let circuit = json!({"consecutive_failures": 1000, "outliers": false, "relative": false});
        json!({"observe": "request", "strategy": "round_robin", "endpoints": members(listed), "circuit": circuit})
    };
    let mut proxy = setup(4, &pool(&[0, 1, 2, 3])).workers(2).start().expect("starts");
    (0..4).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(300)));
    proxy.set_behaviour(&address(3), Behaviour::status(503, 300));
    for n in 0..80 {
        proxy.submit_after(MS * n, Request::get("/").on_worker(n as usize % 2));
    }
    proxy.run_for(100 * MS);
    // The order is turned round, and endpoint 2 leaves.
    let changed = configuration(4, &pool(&[3, 1, 0]));
    proxy.update(&Plugin::new(PICKER, changed.to_string())).expect("accepted");
    let pool = settled(&mut proxy).pools.remove(0);
    assert_eq!(pool.in_flight, 0, "{pool:?}");
    let arrived = arrived(&proxy, 4);
    assert_eq!(proxy.outcomes().count(), 80);
    for endpoint in &pool.endpoints {
        let n = endpoint.id[1..].parse::<usize>().expect("a number");
        let failures = if n == 3 { endpoint.requests } else { 0 };
        assert_eq!(endpoint.failures, failures, "nobody answers for another: {endpoint:?}, {arrived:?}");
        // First attempts that answered are known after the update, too; a retry's are not.
        let mut first = proxy.outcomes().filter(|outcome| outcome.attempts[0].endpoint == address(n));
        let answered = first.by_ref().filter(|outcome| outcome.attempts.len() == 1).count() as u64;
        assert!((answered..=arrived[n]).contains(&endpoint.requests), "{endpoint:?}, {answered} of {arrived:?}");
    }
    proxy.take_outcomes();
    load(&mut proxy, 2, 40, 5 * MS);
    proxy.run_until_idle();
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok() && !outcome.endpoints().contains(&address(2).as_str())));
}

/// Two listeners, each with a picker of its own, that share a pool by its name. Either may go on without it, or go: the
/// other one still steers by it, and it has forgotten nothing.
#[test]
fn a_pool_of_two_pickers_outlives_either() {
    for (leaver, removed) in [("first", false), ("first", true), ("second", false), ("second", true)] {
        let case = format!("{leaver} {}", if removed { "is removed" } else { "gets another pool" });
        let world = World::new(Cas::Envoy);
        let mut vm = Vm::new(filter(), "worker-0", "plimsoll", &world).expect("instantiates");
        let shared = configuration(2, &json!({"strategy": "round_robin"})).to_string();
        let other = configuration(1, &json!({"name": "other"})).to_string();
        let roots = ["first", "second"].map(|name| vm.start_root(&Plugin::new(name, &shared)).expect("starts"));
        let observer = vm.start_root(&Plugin::new(OBSERVER, r#"{"role": "observer"}"#)).expect("starts");
        let admin = vm.start_root(&Plugin::new(ADMIN, r#"{"role": "admin"}"#)).expect("starts");
        let [leaves, stays] = if leaver == "first" { roots } else { [roots[1], roots[0]] };
        (0..6).for_each(|_| send(&mut vm, leaves, observer));
        (0..4).for_each(|_| send(&mut vm, stays, observer));
        if !removed {
            vm.start_root(&Plugin::new(leaver, &other)).expect("starts");
        }
        vm.stop_root(leaves).expect("stops");
        (0..5).for_each(|_| send(&mut vm, stays, observer));
        world.advance(TICK * 2);
        vm.run_due_ticks().expect("ticks");
        let body = ask(&mut vm, admin, "snapshot").body;
        let snapshot: plimsoll_snapshot::Snapshot = serde_json::from_slice(&body).expect("a snapshot");
        let demo = snapshot.pools.iter().find(|pool| pool.name == "demo").expect("the shared pool is there");
        assert_eq!((demo.picks, demo.requests, demo.in_flight), (15, 15, 0), "{case}: {demo:?}");
        vm.stop_root(stays).expect("stops");
        let status = ask(&mut vm, admin, "healthz").status;
        assert_eq!(status, if removed { 503 } else { 200 }, "{case}: nobody uses the pool any more");
    }
}

/// One request through a picker, answered by the endpoint that it chose.
fn send(vm: &mut Vm, picker: u32, observer: u32) {
    let stream = vm.open_stream(picker).expect("opens");
    vm.request_headers(stream, Headers::get_request("/"), true).expect("picks");
    let list = vm.map(stream, Map::RequestHeaders).text(super::HEADER).expect("steered");
    let attempt = vm.open_stream(observer).expect("opens");
    let chosen = list.split(',').next().expect("one at least").to_owned();
    let properties = &mut vm.stream_mut(attempt).expect("lives").properties;
    properties.set("upstream.address", chosen.as_str());
    // The other pool has an endpoint in common.
    properties.set("xds.cluster_name", "demo");
    vm.request_headers(attempt, Headers::get_request("/"), true).expect("observes");
    vm.response_headers(attempt, Headers::response(200), true).expect("observes");
    vm.end_upstream(attempt).expect("ends");
    vm.end_stream(stream).expect("ends");
}

fn ask(vm: &mut Vm, admin: u32, resource: &str) -> LocalResponse {
    let stream = vm.open_stream(admin).expect("opens");
    let headers = Headers::get_request(&format!("/plimsoll/v1/{resource}"));
    vm.request_headers(stream, headers, true).expect("answers");
    vm.take_local_response(stream).expect("an answer")
}

#[test]
fn an_update_under_load_changes_the_shares_and_no_client_notices() {
    let steady = |endpoints: Value| json!({"strategy": "round_robin", "ramp": "0s", "circuit": {"open_for": "300s"}, "endpoints": endpoints});
    let mut proxy = setup(5, &steady(members(&[0, 1, 2, 3]))).workers(2).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    load(&mut proxy, 2, 400, 5 * MS);
    // Endpoint 1 weighs more, 2 goes, 4 comes.
    let mut listed = members(&[0, 1, 3, 4]);
    listed[1]["weight"] = json!(3);
    let changed = configuration(4, &steady(listed));
    proxy.update(&Plugin::new(PICKER, changed.to_string())).expect("accepted");
    let before = arrived(&proxy, 5);
    load(&mut proxy, 2, 1_000, 5 * MS);
    proxy.run_until_idle();
    let since: Vec<u64> = arrived(&proxy, 5).iter().zip(before).map(|(now, before)| now - before).collect();
    assert_eq!((since[0], since[2]), (0, 0), "ejected and removed endpoints, {since:?}");
    // Two workers that each begin their round somewhere.
    assert!((598..=602).contains(&since[1]) && since[3].abs_diff(since[4]) <= 4, "{since:?}");
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok()));
    assert_eq!(crate::filter_bed::events(&mut proxy).len(), 1);
}

/// An attempt that began under the old configuration ends under the new one, whatever became of its endpoint.
#[test]
fn attempts_under_way_across_an_update_are_settled_once() {
    let mut proxy = setup(3, &json!({"strategy": "round_robin"})).start().expect("starts");
    let ends = [Behaviour::ok(300), Behaviour::Reset { after: 300 * MS }, Behaviour::status(500, 300)];
    (0..3).for_each(|n| proxy.set_behaviour(&address(n), ends[n]));
    for n in 0..9 {
        proxy.submit_after(MS * n, Request::get("/"));
    }
    proxy.run_for(50 * MS);
    let changed = configuration(3, &json!({"strategy": "round_robin", "endpoints": members(&[2, 1, 0])}));
    proxy.update(&Plugin::new(PICKER, changed.to_string())).expect("accepted");
    let pool = settled(&mut proxy).pools.remove(0);
    assert_eq!(pool.in_flight, 0);
    for endpoint in &pool.endpoints {
        let n = endpoint.id[1..].parse::<usize>().expect("a number");
        let all = proxy.outcomes().flat_map(|outcome| outcome.attempts);
        let ends: Vec<_> =
            all.filter(|attempt| attempt.endpoint == address(n)).filter_map(|attempt| attempt.end).collect();
        let failed = ends.iter().filter(|(end, _)| !matches!(end, AttemptEnd::Status(200))).count() as u64;
        assert_eq!((endpoint.requests, endpoint.failures), (ends.len() as u64, failed), "{endpoint:?}");
    }
}
