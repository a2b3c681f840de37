//! What the history costs, with a pool of 1,000 endpoints: per second, and per answer.

mod filter_bed;

use std::time::{Duration, Instant};

use filter_bed::{ADMIN, PICKER, address, admin, configuration, setup};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{CallbackKind, HostCall, Plugin};
use serde_json::json;

const ENDPOINTS: usize = 1000;
/// Of one answer, in wasm instructions. The test host takes 2.5 ms for 18 million.
const MOST_FUEL: u64 = 25_000_000;

/// A pool that has a history of more than ten minutes, in which all endpoints had traffic, ticking once a second.
fn served() -> Proxy {
    let mut config = configuration(ENDPOINTS, &json!({"strategy": "round_robin"}));
    // Those that have a history of their own get most of the traffic.
    for endpoint in config["pools"][0]["endpoints"].as_array_mut().expect("a list").iter_mut().take(50) {
        endpoint["weight"] = json!(200);
    }
    config["tick"] = json!("1s");
    let mut proxy = setup(ENDPOINTS, &json!({})).start().expect("starts");
    proxy.update(&Plugin::new(PICKER, config.to_string())).expect("accepted");
    for n in 0..ENDPOINTS {
        proxy.set_behaviour(&address(n), Behaviour::ok(5 + n as u64 % 40));
    }
    for _ in 0..640 {
        for n in 0..100 {
            proxy.submit_after(Duration::from_millis(9) * n, Request::get("/").on_worker(0));
        }
        proxy.run_for(Duration::from_secs(1));
        proxy.take_outcomes();
    }
    proxy
}

#[test]
fn an_answer_takes_less_than_five_milliseconds_for_a_thousand_endpoints() {
    let mut proxy = served();
    for query in ["", "?endpoints=true&pool=demo", "?resolution=30s", "?endpoints=true&pool=demo&resolution=30s"] {
        proxy.reset_costs();
        let path = format!("/plimsoll/v1/history{query}");
        let took = (0..10).map(|_| {
            let began = Instant::now();
            let (status, _, body) =
                proxy.admin(0, plimsoll_host_tests::host::Headers::get_request(&path)).expect("an answer");
            assert_eq!(status, 200);
            (began.elapsed(), body.len())
        });
        let (took, bytes) = took.min().expect("some");
        let cost = proxy.costs().streams(ADMIN);
        println!("{query:44} {bytes:7} bytes, fuel {:9}, at best {took:?} in the test host", cost.max_fuel);
        assert!(cost.max_fuel < MOST_FUEL, "{query}: {}", cost.max_fuel);
        // Clock, path, method, answer, and a chunk each; those with endpoints are read twice.
        assert!(cost.max_host_calls <= 4 + 2 * 25, "{query}: {:?}", cost.host_calls);
    }
    let (_, body) = admin(&mut proxy, "GET", "/plimsoll/v1/history");
    assert!(body["pools"][0]["at"].as_array().is_some_and(|at| at.len() >= 600), "all of it");
}

#[test]
fn a_second_costs_some_reads_and_writes_and_the_ticks_of_one_more() {
    let mut proxy = setup(ENDPOINTS, &json!({"strategy": "round_robin"})).start().expect("starts");
    filter_bed::load(&mut proxy, 1, 2_000, Duration::from_millis(1));
    proxy.run_for(Duration::from_secs(1));
    proxy.reset_costs();
    proxy.run_for(Duration::from_secs(20));
    let tick = proxy.worker(0).costs().callback(CallbackKind::Tick);
    println!("{} ticks, fuel {} each, {:?}", tick.calls, tick.fuel / tick.calls, tick.host_calls);
    // A tick reads workers and circuits. A second reads base, chunk, cell and histograms, and half a minute two chunks.
    let reads = tick.host_calls.get(HostCall::GetSharedData);
    assert!((2 * tick.calls..=2 * tick.calls + 4 * 21 + 2).contains(&reads), "{reads}");
    // A tick writes a cell. A second writes histograms, base and chunk, and half a minute a chunk.
    let writes = tick.host_calls.get(HostCall::SetSharedData);
    assert!((tick.calls..=tick.calls + 3 * 21 + 1).contains(&writes), "{writes}");
}
