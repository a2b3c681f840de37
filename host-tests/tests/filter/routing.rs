//! Who gets a request, who gets its retry, and that nobody but the picker decides it.

use super::{HEADER, MS, arrived, settled, setup};
use crate::filter_bed::address;
use plimsoll_host_tests::host::proxy::{Behaviour, Request};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;

const WEIGHTS: [u64; 3] = [1, 2, 3];
const REQUESTS: u64 = 1_200;

/// Sends [`REQUESTS`] with so many under way to endpoints of different weight, each of them asking for the first
/// endpoint by itself, and fails unless each one's share is within `bound` (a part of itself) of its weight's.
fn shares_follow_weights(strategy: &str, latency_ms: u64, bound: f64) {
    let weighted = |(n, weight): (usize, u64)| json!({"address": address(n), "id": format!("e{n}"), "weight": weight});
    let endpoints: Vec<Value> = WEIGHTS.into_iter().enumerate().map(weighted).collect();
    let mut proxy = setup(3, &json!({"strategy": strategy, "endpoints": endpoints})).start().expect("starts");
    (0..3).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(latency_ms)));
    for n in 0..REQUESTS {
        let request = Request::get("/").header(HEADER, address(0));
        proxy.submit_after(MS * n as u32 * 17 / 10, request);
    }
    let snapshot = settled(&mut proxy);
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok()));
    let arrived = arrived(&proxy, 3);
    for (requests, weight) in arrived.iter().zip(WEIGHTS) {
        let fair = (REQUESTS * weight) as f64 / WEIGHTS.iter().sum::<u64>() as f64;
        let off = (*requests as f64 - fair).abs() / fair;
        assert!(off <= bound, "{strategy} gave {arrived:?} to weights {WEIGHTS:?}, off by {off:.3}, bound {bound}");
    }
    assert_eq!((snapshot.pools[0].picks, snapshot.pools[0].failures), (REQUESTS, 0));
}

/// Exact, but for where a round begins and ends.
#[test]
fn round_robin_gives_every_endpoint_its_turns() {
    shares_follow_weights("round_robin", 5, 0.01);
}

/// The lightest endpoint's share is a binomial, n = 1200, p = 1/6: five standard deviations are 0.32 of its mean.
#[test]
fn random_follows_the_weights() {
    shares_follow_weights("random", 5, 0.32);
}

/// Evenly fast endpoints with 24 under way: as many of them per weight, so as many answers. The bound leaves room for
/// ties.
#[test]
fn least_request_follows_the_weights_under_load() {
    shares_follow_weights("least_request", 40, 0.2);
}

#[test]
fn peak_ewma_follows_the_weights_under_load() {
    shares_follow_weights("peak_ewma", 40, 0.2);
}

#[test]
fn least_response_time_follows_the_weights_under_load() {
    shares_follow_weights("least_response_time", 40, 0.2);
}

#[test]
fn hcl_follows_the_weights_under_load() {
    shares_follow_weights("hcl", 40, 0.35);
}

/// Endpoints that fail stay in the choice.
fn never_eject() -> Value {
    json!({"strategy": "random", "circuit": {"consecutive_failures": 1000, "outliers": false, "relative": false}})
}

#[test]
fn retries_go_down_the_list() {
    let mut proxy = setup(5, &never_eject()).start().expect("starts");
    let list = Rc::new(RefCell::new(Vec::new()));
    for n in 0..5 {
        let list = list.clone();
        proxy.set_script(&address(n), move |attempt, _| {
            let text = attempt.headers.text(HEADER).expect("steered");
            *list.borrow_mut() = text.split(',').map(str::to_owned).collect::<Vec<_>>();
            if n < 2 { Behaviour::status(503, 1) } else { Behaviour::ok(1) }
        });
    }
    let mut answered_by_entry = [0; 3];
    for _ in 0..100 {
        let outcome = proxy.fetch(Request::get("/"));
        assert!(outcome.is_ok(), "{outcome}");
        let tried = outcome.attempts.len();
        assert_eq!(outcome.endpoints(), list.borrow()[..tried], "{outcome}");
        answered_by_entry[tried - 1] += 1;
    }
    // By chance 60, 30 and 10 of 100.
    assert!(answered_by_entry.iter().all(|count| *count > 0), "{answered_by_entry:?}");
}

#[test]
fn every_attempt_is_counted_and_only_the_failing_endpoint_is_blamed() {
    let mut proxy = setup(4, &never_eject()).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::status(503, 1));
    for n in 0..600 {
        proxy.submit_after(MS * n, Request::get("/"));
    }
    let pool = settled(&mut proxy).pools.remove(0);
    assert!(proxy.outcomes().all(|outcome| outcome.is_ok()));
    let arrived = arrived(&proxy, 4);
    assert!(arrived[0] > 10, "{arrived:?}");
    assert_eq!(arrived.iter().sum::<u64>(), 600 + arrived[0], "one retry for each failure");
    let counted: Vec<u64> = pool.endpoints.iter().map(|endpoint| endpoint.requests).collect();
    assert_eq!(counted, arrived);
    assert_eq!((pool.endpoints[0].failures, pool.failures, pool.picks), (arrived[0], arrived[0], 600));
}
