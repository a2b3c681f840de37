//! `GET workers`: where workers differ.

use super::{MS, TICK, admin, load, setup};
use crate::filter_bed::{PICKER, address, configuration};
use plimsoll_host_tests::host::Plugin;
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use plimsoll_snapshot::view::{WorkerCounts, Workers};
use serde_json::json;

fn workers(proxy: &mut Proxy, query: &str) -> Workers {
    let (status, body) = admin(proxy, "GET", &format!("/plimsoll/v1/workers{query}"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(body).expect("workers")
}

fn total(counts: &[Option<u64>]) -> u64 {
    counts.iter().flatten().sum()
}

#[test]
fn each_worker_tells_what_it_has_seen_itself() {
    let extra = json!({"strategy": "round_robin", "circuit": {"consecutive_failures": 0, "outliers": false}});
    let mut proxy = setup(3, &extra).workers(2).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::ok(4));
    load(&mut proxy, 2, 60, MS);
    proxy.set_behaviour(&address(1), Behaviour::status(503, 1));
    // These come to the second worker alone.
    for n in 0..30 {
        proxy.submit_after(MS * n, Request::get("/").on_worker(1));
    }
    proxy.run_until_idle();
    proxy.run_for(TICK * 3);
    let answer = workers(&mut proxy, "");
    assert_eq!(
        (answer.pool.as_str(), answer.endpoints.as_slice()),
        ("demo", &["e0", "e1", "e2"].map(String::from)[..])
    );
    // Workers are numbered as they come.
    let mut seen: Vec<&WorkerCounts> = answer.workers.iter().collect();
    seen.sort_by_key(|worker| worker.picks);
    let [first, second] = seen[..] else { panic!("two workers: {answer:?}") };
    assert_eq!((first.picks, second.picks), (30, 60));
    assert_eq!((total(&first.failures), total(&first.requests)), (0, 30));
    assert!(second.failures[1] > Some(5) && second.recent_failures[1] == second.failures[1], "{second:?}");
    assert_eq!((second.failures[0], second.failures[2]), (Some(0), Some(0)));
    assert!(first.recent_latency_ms[0].is_some_and(|mean| (3.9..6.0).contains(&mean)), "{first:?}");
    let sound = |worker: &WorkerCounts| worker.current && !worker.stale && worker.generation == answer.generation;
    assert!(answer.workers.iter().all(sound), "{answer:?}");
    // Together they are what the snapshot says.
    let snapshot = crate::filter_bed::snapshot(&mut proxy);
    let failures = answer.workers.iter().map(|worker| total(&worker.failures)).sum::<u64>();
    assert_eq!(snapshot.pools[0].failures, failures);
}

#[test]
fn a_new_configuration_is_another_generation() {
    let mut proxy = setup(2, &json!({})).workers(2).start().expect("starts");
    load(&mut proxy, 2, 20, MS);
    let before = workers(&mut proxy, "?pool=demo");
    proxy.update(&Plugin::new(PICKER, configuration(3, &json!({})).to_string())).expect("accepted");
    load(&mut proxy, 2, 20, MS);
    proxy.run_for(TICK * 3);
    let after = workers(&mut proxy, "?pool=demo");
    assert_ne!(before.generation, after.generation);
    assert!(after.workers.iter().all(|worker| worker.current && worker.requests.len() == 3), "{after:?}");
}

#[test]
fn the_pool_has_to_be_named_where_there_are_several() {
    let other = configuration(1, &json!({"name": "other", "cluster": "other"}));
    let mut proxy =
        setup(2, &json!({})).downstream(Plugin::new("second-picker", other.to_string())).start().expect("ok");
    load(&mut proxy, 1, 20, MS);
    for (query, value) in [("", ""), ("?pool=thrid", "thrid")] {
        let (status, body) = admin(&mut proxy, "GET", &format!("/plimsoll/v1/workers{query}"));
        let error = format!("pool: \"{value}\" is not allowed, allowed are demo, other");
        assert_eq!((status, body), (400, json!({ "error": error })));
    }
    assert_eq!(workers(&mut proxy, "?pool=other").endpoints, ["e0"]);
}
