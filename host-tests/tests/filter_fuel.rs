//! A pick costs the same whatever the size of the pool, counted in wasm instructions.

mod filter_bed;

use filter_bed::{PICKER, configuration, filter};
use plimsoll_host_tests::host::{CallbackKind, Cas, Headers, Plugin, Vm, World};
use serde_json::{Value, json};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
const WARM_UP: u64 = 300;
const PICKS: u64 = 2_000;

/// Instructions per pick in steady state: no ticks, no configuration, no table under construction.
fn fuel(strategy: &str, endpoints: usize, more: &Value) -> f64 {
    let listed: Vec<Value> = (0..endpoints)
        .map(|n| json!({"address": format!("10.1.{}.{}:8080", n / 250, n % 250), "id": format!("e{n}")}))
        .collect();
    let mut pool = json!({"strategy": strategy, "endpoints": listed});
    pool.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let world = World::new(Cas::Envoy);
    let mut vm = Vm::new(filter(), "worker-0", "plimsoll", &world).expect("instantiates");
    let root = vm.start_root(&Plugin::new(PICKER, configuration(0, &pool).to_string())).expect("starts");
    (0..WARM_UP).for_each(|n| pick(&mut vm, root, n));
    // A table of a million slots is built in slices.
    for _ in 0..600 {
        world.advance(TICK);
        vm.run_due_ticks().expect("ticks");
    }
    (0..WARM_UP).for_each(|n| pick(&mut vm, root, n));
    vm.reset_costs();
    (0..PICKS).for_each(|n| pick(&mut vm, root, n));
    let cost = vm.costs().callback(CallbackKind::RequestHeaders);
    assert_eq!(cost.calls, PICKS);
    cost.fuel as f64 / PICKS as f64
}

fn pick(vm: &mut Vm, root: u32, number: u64) {
    let stream = vm.open_stream(root).expect("opens");
    let mut headers = Headers::get_request("/");
    headers.add("x-user", format!("user-{number}"));
    vm.request_headers(stream, headers, true).expect("picks");
    vm.end_stream(stream).expect("ends");
}

#[test]
fn a_pick_among_ten_thousand_costs_at_most_a_fifth_more_than_among_ten() {
    let keyed = json!({"hash_key": [{"header": "x-user"}]});
    let cases = [
        ("round_robin", json!({})),
        ("random", json!({})),
        ("least_request", json!({})),
        ("peak_ewma", json!({})),
        ("maglev", keyed.clone()),
        ("ring_hash", keyed),
    ];
    for (strategy, more) in cases {
        let (few, many) = (fuel(strategy, 10, &more), fuel(strategy, 10_000, &more));
        println!("{strategy:14} fuel per pick: {few:7.1} of 10, {many:7.1} of 10,000, ratio {:.3}", many / few);
        assert!(many <= 1.2 * few, "{strategy}: {few:.1} fuel among 10, {many:.1} among 10,000");
    }
}
