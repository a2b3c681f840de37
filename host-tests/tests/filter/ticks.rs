//! How often workers exchange what they know, where that is left to the filter.

use super::{MS, load, setup};
use crate::filter_bed::{PICKER, address, assert_sound, configuration, snapshot};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy};
use plimsoll_host_tests::host::{CallbackKind, Plugin};
use serde_json::json;

/// Ticks of worker 0 within two seconds of load, once it knows how long requests take.
fn ticks(proxy: &mut Proxy, latency_ms: u64) -> u64 {
    (0..4).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(latency_ms)));
    load(proxy, 2, 3_000, 5 * MS);
    proxy.reset_costs();
    load(proxy, 2, 400, 5 * MS);
    proxy.worker(0).costs().callback(CallbackKind::Tick).calls
}

/// As long as a request takes, from 10 to 100 ms. Readers still wait for ten times 100 ms before they call a worker
/// stale.
#[test]
fn workers_tick_as_often_as_requests_take() {
    let mut config = configuration(4, &json!({}));
    config["tick"] = json!("auto");
    let mut proxy = setup(4, &json!({})).workers(2).start().expect("starts");
    proxy.update(&Plugin::new(PICKER, config.to_string())).expect("accepted");
    // The root of the old configuration ticks on, every 100 ms, which makes 20 more.
    for (latency_ms, period_ms) in [(40, 40), (1, 10), (250, 100)] {
        let (got, want) = (ticks(&mut proxy, latency_ms), 2_000 / period_ms + 20);
        assert!(got.abs_diff(want) * 10 <= want * 3, "{latency_ms} ms: {got} ticks in 2 s, about {want} were to come");
        let snapshot = snapshot(&mut proxy);
        assert_eq!((snapshot.tick_ms, snapshot.workers.len()), (100, 2));
        assert!(snapshot.workers.iter().all(|worker| !worker.stale), "{:?}", snapshot.workers);
    }
    proxy.run_until_idle();
    assert_sound(&mut proxy, 2);
}
