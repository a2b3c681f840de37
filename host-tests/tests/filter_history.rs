//! What history and events cost with a pool of 1,000 endpoints: per second, and per answer.

mod filter_bed;

use std::time::{Duration, Instant};

use filter_bed::{ADMIN, PICKER, address, configuration, load, setup};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{CallbackKind, Headers, HostCall, Plugin};
use plimsoll_snapshot::events::CAPACITY;
use serde_json::{Value, json};

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

/// Asks ten times, holds what an answer costs, and returns the last.
fn answer(proxy: &mut Proxy, path: &str, most_host_calls: u64) -> Value {
    proxy.reset_costs();
    let answers = (0..10).map(|_| {
        let began = Instant::now();
        let (status, _, body) = proxy.admin(0, Headers::get_request(path)).expect("an answer");
        assert_eq!(status, 200);
        (began.elapsed(), body)
    });
    let (took, body) = answers.min().expect("some");
    let cost = proxy.costs().streams(ADMIN);
    let fuel = cost.max_fuel;
    println!("{path:60} {:7} bytes, fuel {fuel:9}, at best {took:?} in the test host", body.len());
    assert!(fuel < MOST_FUEL, "{path}: {fuel}");
    assert!(cost.max_host_calls <= most_host_calls, "{path}: {:?}", cost.host_calls);
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn a_history_takes_less_than_five_milliseconds_for_a_thousand_endpoints() {
    let mut proxy = served();
    for query in ["", "?endpoints=true&pool=demo", "?resolution=30s", "?endpoints=true&pool=demo&resolution=30s"] {
        // Clock, path, method, answer, and a chunk each; those with endpoints are read twice.
        answer(&mut proxy, &format!("/plimsoll/v1/history{query}"), 4 + 2 * 25);
    }
    let body = answer(&mut proxy, "/plimsoll/v1/history", 4 + 2 * 25);
    assert!(body["pools"][0]["at"].as_array().is_some_and(|at| at.len() >= 600), "all of it");
}

#[test]
fn all_events_take_less_than_five_milliseconds_for_a_thousand_endpoints() {
    let circuit = json!({"consecutive_failures": 1, "relative": false});
    let extra = json!({"strategy": "round_robin", "max_ejected_percent": 100, "circuit": circuit});
    let mut proxy = setup(ENDPOINTS, &extra).start().expect("starts");
    for n in 0..ENDPOINTS {
        proxy.set_behaviour(&address(n), Behaviour::status(503, 1));
    }
    load(&mut proxy, 1, 700, Duration::from_millis(2));
    let body = answer(&mut proxy, "/plimsoll/v1/events?since=0", 6);
    let events = body["events"].as_array().expect("a list");
    assert_eq!(events.len(), CAPACITY, "as many as are kept");
    assert!(events.iter().all(|event| event["reason"]["signal"] == "consecutive_failures"));
}

#[test]
fn a_second_costs_some_reads_and_writes_and_the_ticks_of_one_more() {
    let mut proxy = setup(ENDPOINTS, &json!({"strategy": "round_robin"})).start().expect("starts");
    load(&mut proxy, 1, 2_000, Duration::from_millis(1));
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
