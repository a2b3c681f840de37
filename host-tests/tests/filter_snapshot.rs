//! What a snapshot costs with 1,000 endpoints and a full log of events, in wasm instructions and host calls: linear in
//! both, and less where endpoints are not asked for.

mod filter_bed;

use std::time::{Duration, Instant};

use filter_bed::{ADMIN, address, load, setup};
use plimsoll_host_tests::host::Headers;
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy};
use plimsoll_snapshot::Snapshot;
use plimsoll_snapshot::events::CAPACITY;
use serde_json::json;

const ENDPOINTS: usize = 1000;
/// Clock, path, method, list of workers, log, and the answer; of each pool circuits, cells and histograms.
const HOST_CALLS: u64 = 6 + 3;

/// A pool whose endpoints have all had traffic, and of which 700 have been ejected.
fn ejected(endpoints: usize) -> Proxy {
    let circuit = json!({"consecutive_failures": 1, "relative": false});
    let extra = json!({"strategy": "round_robin", "max_ejected_percent": 100, "circuit": circuit});
    let mut proxy = setup(endpoints, &extra).start().expect("starts");
    load(&mut proxy, 1, endpoints, Duration::from_millis(1));
    for n in 0..endpoints {
        proxy.set_behaviour(&address(n), Behaviour::status(503, 1));
    }
    load(&mut proxy, 1, endpoints * 7 / 10, Duration::from_millis(2));
    proxy
}

/// The snapshot, and what it cost in fuel.
fn costs(proxy: &mut Proxy, query: &str) -> (Snapshot, u64) {
    proxy.reset_costs();
    let path = format!("/plimsoll/v1/snapshot{query}");
    let began = Instant::now();
    let (status, _, body) = proxy.admin(0, Headers::get_request(&path)).expect("an answer");
    let took = began.elapsed();
    assert_eq!(status, 200);
    let cost = proxy.costs().streams(ADMIN);
    println!("{path:50} {:7} bytes, fuel {:9}, {took:?} in the test host", body.len(), cost.max_fuel);
    assert!(cost.max_host_calls <= HOST_CALLS, "{:?}", cost.host_calls);
    (serde_json::from_slice(&body).expect("a snapshot"), cost.max_fuel)
}

#[test]
fn a_snapshot_of_a_thousand_endpoints_with_a_full_log_is_linear_work() {
    let (mut few, mut many) = (ejected(ENDPOINTS / 4), ejected(ENDPOINTS));
    let (_, fuel_of_few) = costs(&mut few, "");
    let (snapshot, fuel) = costs(&mut many, "");
    let told = snapshot.pools[0].endpoints.iter().filter(|endpoint| endpoint.last_transition.is_some()).count();
    assert!((500..=CAPACITY).contains(&told), "the log is full: {told}");
    // Four times the endpoints, and with them three times the events. Searched for by name they took 216 million.
    assert!(fuel <= 5 * fuel_of_few, "{fuel_of_few} of {}, {fuel} of {ENDPOINTS}", ENDPOINTS / 4);
    assert!(fuel < 70_000_000, "{fuel}");
}

#[test]
fn endpoints_that_are_not_asked_for_cost_a_third() {
    let mut proxy = ejected(ENDPOINTS);
    let (all, fuel) = costs(&mut proxy, "");
    let (none, least) = costs(&mut proxy, "?endpoints=none");
    assert_eq!((none.pools[0].endpoints.len(), none.pools[0].strip.len()), (0, ENDPOINTS));
    assert_eq!(none.pools[0].strip, all.pools[0].strip);
    assert!(3 * least <= fuel, "{least} of {fuel}");
}
