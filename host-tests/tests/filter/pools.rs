//! Two pools behind one picker, one cluster each, with an endpoint in common; and a cluster that is in no pool.

use super::{HEADER, TICK};
use crate::filter_bed::{ADMIN, OBSERVER, PICKER, address, filter};
use plimsoll_host_tests::host::{Cas, Headers, Map, Plugin, Vm, World};
use plimsoll_snapshot::view::{CircuitState, Pool, Snapshot};
use serde_json::json;

/// One worker, driven by hand, because a request's cluster is chosen by its route.
struct Worker {
    vm: Vm,
    world: World,
    picker: u32,
    observer: u32,
    admin: u32,
}

impl Worker {
    /// `demo` has endpoints 0 and 1, `second` has 1 and 2, and 3 is in no pool.
    fn start() -> Self {
        let member = |n: usize| json!({"address": address(n), "id": format!("e{n}")});
        let pool = |name: &str, members: [usize; 2]| {
            let circuit = json!({"open_for": "300s"});
            json!({"name": name, "strategy": "round_robin", "endpoints": members.map(member), "circuit": circuit})
        };
        let pools = json!({"pools": [pool("demo", [0, 1]), pool("second", [1, 2])]});
        let world = World::new(Cas::Envoy);
        let mut vm = Vm::new(filter(), "worker-0", "plimsoll", &world).expect("instantiates");
        let mut start = |root_id, configuration: &str| vm.start_root(&Plugin::new(root_id, configuration)).expect("ok");
        let observer = start(OBSERVER, r#"{"role": "observer"}"#);
        let picker = start(PICKER, &pools.to_string());
        let admin = start(ADMIN, r#"{"role": "admin"}"#);
        Self { vm, world, picker, observer, admin }
    }

    /// A request to a cluster, answered by the first endpoint of the list, or by endpoint 3; `broken` answers 503.
    /// Returns who that was.
    fn send(&mut self, cluster: &str, broken: Option<usize>) -> String {
        let stream = self.vm.open_stream(self.picker).expect("opens");
        self.vm.stream_mut(stream).expect("lives").properties.set("xds.cluster_name", cluster);
        let mut headers = Headers::get_request("/");
        headers.add(HEADER, address(0));
        self.vm.request_headers(stream, headers, true).expect("picks");
        let list = self.vm.map(stream, Map::RequestHeaders).text(HEADER);
        let chosen = list.map_or(address(3), |list| list.split(',').next().unwrap_or_default().to_owned());
        let status = if broken.is_some_and(|n| address(n) == chosen) { 503 } else { 200 };
        let attempt = self.vm.open_stream(self.observer).expect("opens");
        let properties = &mut self.vm.stream_mut(attempt).expect("lives").properties;
        properties.set("upstream.address", chosen.as_str());
        properties.set("xds.cluster_name", cluster);
        self.vm.request_headers(attempt, Headers::get_request("/"), true).expect("observes");
        self.vm.response_headers(attempt, Headers::response(status), true).expect("observes");
        self.vm.end_upstream(attempt).expect("ends");
        self.vm.response_headers(stream, Headers::response(status), true).expect("passes");
        self.vm.end_stream(stream).expect("ends");
        chosen
    }

    /// What the admin API says once the tick has run.
    fn pools(&mut self) -> Vec<Pool> {
        self.world.advance(TICK * 2);
        self.vm.run_due_ticks().expect("ticks");
        let stream = self.vm.open_stream(self.admin).expect("opens");
        self.vm.request_headers(stream, Headers::get_request("/plimsoll/v1/snapshot"), true).expect("answers");
        let answer = self.vm.take_local_response(stream).expect("an answer");
        serde_json::from_slice::<Snapshot>(&answer.body).expect("a snapshot").pools
    }
}

fn counts(pool: &Pool) -> (u64, u64, Vec<u64>) {
    (pool.picks, pool.requests, pool.endpoints.iter().map(|endpoint| endpoint.requests).collect())
}

#[test]
fn each_pool_counts_its_own_traffic_on_an_endpoint_that_both_have() {
    let mut worker = Worker::start();
    for (cluster, requests, served) in [("demo", 200, [0, 1]), ("second", 300, [1, 2]), ("plain", 50, [3, 3])] {
        for _ in 0..requests {
            let chosen = worker.send(cluster, None);
            assert!(served.iter().any(|n| address(*n) == chosen), "{cluster}: {chosen}");
        }
    }
    let pools = worker.pools();
    assert_eq!(counts(&pools[0]), (200, 200, vec![100, 100]));
    assert_eq!(counts(&pools[1]), (300, 300, vec![150, 150]));
}

#[test]
fn a_circuit_belongs_to_one_pool() {
    let mut worker = Worker::start();
    for _ in 0..40 {
        worker.send("second", Some(1));
    }
    let pools = worker.pools();
    let (same, broken) = (&pools[0].endpoints[1], &pools[1].endpoints[0]);
    assert_eq!((broken.circuit.state, broken.failures), (CircuitState::Open, 5), "{broken:?}");
    assert_eq!((same.circuit.state, same.requests), (CircuitState::Closed, 0), "{same:?}");
    let served = [worker.send("demo", None), worker.send("demo", None)];
    assert!(served.contains(&address(0)) && served.contains(&address(1)), "{served:?}");
}
