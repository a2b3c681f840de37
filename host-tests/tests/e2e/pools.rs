//! Two pools behind one picker, one cluster each, with an endpoint in common; and a cluster that is in no pool.

use super::support::{Bed, HEADER, named, picker, prepare, public_manager};
use plimsoll_host_tests::bed::{Behaviour, Outcome, Upstream};
use plimsoll_snapshot::{CircuitState, Snapshot};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A copy of the demo cluster with another name and other hosts, and the route to it.
fn add_cluster(file: &mut Value, name: &str, hosts: &[SocketAddr]) {
    let mut copy = super::support::cluster(file, "demo").clone();
    copy["name"] = json!(name);
    copy["load_assignment"]["cluster_name"] = json!(name);
    let host = |address: &SocketAddr| {
        let address = json!({"address": address.ip().to_string(), "port_value": address.port()});
        json!({"endpoint": {"address": {"socket_address": address}}})
    };
    copy["load_assignment"]["endpoints"][0]["lb_endpoints"] = hosts.iter().map(host).collect();
    file["static_resources"]["clusters"].as_array_mut().unwrap().push(copy);
    let routes = &mut public_manager(file)["route_config"]["virtual_hosts"][0]["routes"];
    let mut route = routes[0].clone();
    route["match"] = json!({"prefix": format!("/{name}")});
    route["route"]["cluster"] = json!(name);
    routes.as_array_mut().unwrap().insert(0, route);
}

/// `demo` has order-1 and order-2, `second` has order-2 and order-3, and order-4 is in no pool.
async fn two_pools() -> Bed {
    let (_, upstreams) = prepare(4).await;
    let addresses: Vec<SocketAddr> = upstreams.iter().map(Upstream::address).collect();
    let (config, _) = prepare(0).await;
    let settings = json!({"strategy": "round_robin", "circuit": {"open_for": "300s"}});
    let config = config.endpoints(&addresses[..2]).pool(settings).edit(|file| {
        add_cluster(file, "second", &addresses[1..3]);
        add_cluster(file, "plain", &addresses[3..]);
        let member =
            |number: usize| json!({"address": addresses[number - 1].to_string(), "id": format!("order-{number}")});
        let second = json!({"name": "second", "strategy": "round_robin", "endpoints": [member(2), member(3)]});
        picker(file)["pools"].as_array_mut().unwrap().push(second);
    });
    Bed::with(&config, 1, upstreams).await
}

async fn send(bed: &Bed, path: &str, requests: usize) {
    let mut burst = bed.burst(requests, 4);
    burst.path = path.into();
    burst.headers = vec![(HEADER.into(), bed.upstream(1).address().to_string())];
    let report = burst.run().await.unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&requests), "{path}: {report:?}");
}

fn counts(snapshot: &Snapshot, pool: usize) -> (u64, u64, Vec<u64>) {
    let pool = &snapshot.pools[pool];
    (pool.picks, pool.requests, pool.endpoints.iter().map(|endpoint| endpoint.requests).collect())
}

#[tokio::test]
async fn each_pool_counts_its_own_traffic_on_an_endpoint_that_both_have() {
    let bed = two_pools().await;
    send(&bed, "/", 200).await;
    send(&bed, "/second", 300).await;
    send(&bed, "/plain", 50).await;
    assert_eq!(bed.arrived(), [100, 250, 150, 50]);
    let counted = bed
        .snapshot_when("both pools' counts", |snapshot| {
            snapshot.pools.iter().map(|pool| pool.requests).eq([200, 300])
                && snapshot.pools.iter().all(|pool| pool.in_flight == 0)
        })
        .await;
    assert_eq!(counts(&counted, 0), (200, 200, vec![100, 100]));
    assert_eq!(counts(&counted, 1), (300, 300, vec![150, 150]));
    assert!(!bed.upstream(4).last_headers().unwrap().contains_key(HEADER), "the client's header passed");
}

#[tokio::test]
async fn a_circuit_belongs_to_one_pool() {
    let bed = two_pools().await;
    bed.upstream(2).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    send(&bed, "/second", 40).await;
    let opened = bed
        .snapshot_when("an open circuit in the second pool", |snapshot| {
            named(&snapshot.pools[1], "order-2").circuit.state == CircuitState::Open
        })
        .await;
    let same = named(&opened.pools[0], "order-2");
    assert_eq!((same.circuit.state, same.requests), (CircuitState::Closed, 0), "{same:?}");
    let events = bed.envoy.admin().events(0).await.unwrap().events;
    assert!(events.iter().all(|event| event.pool == "second"), "{events:?}");
}
