//! Who gets a request, who gets its retry, and that nobody but the picker decides it.

use super::support::{Bed, HEADER, cluster, endpoint, prepare};
use plimsoll_host_tests::bed::{Behaviour, Latency, Outcome, Upstream};
use serde_json::{Value, json};
use std::time::Duration;

const WEIGHTS: [u32; 3] = [1, 2, 3];
const REQUESTS: usize = 1_200;

/// Sends [`REQUESTS`] by so many clients at once to endpoints of different weight, and fails unless each one's share is
/// within `bound` (a part of itself) of its weight's.
async fn shares_follow_weights(strategy: &str, clients: usize, latency: Duration, bound: f64) {
    let mut upstreams = Vec::new();
    for number in 1..=WEIGHTS.len() {
        upstreams.push(Upstream::start(&format!("order-{number}"), Latency::Fixed(latency), 1).await.unwrap());
    }
    let addresses: Vec<_> = upstreams.iter().map(Upstream::address).collect();
    let weighted = addresses.iter().zip(WEIGHTS).zip(&upstreams).map(|((address, weight), upstream)| {
        json!({"address": address.to_string(), "id": upstream.name(), "weight": weight})
    });
    let pool = json!({"strategy": strategy, "endpoints": weighted.collect::<Vec<_>>()});
    let config = prepare(0).await.0.endpoints(&addresses).pool(pool);
    let bed = Bed::with(&config, 1, upstreams).await;

    let mut burst = bed.burst(REQUESTS, clients);
    burst.headers = vec![(HEADER.into(), addresses[0].to_string())];
    let report = burst.run().await.unwrap();

    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&REQUESTS), "{report:?}");
    let arrived = bed.arrived();
    for (requests, weight) in arrived.iter().zip(WEIGHTS) {
        let fair = REQUESTS as f64 * f64::from(weight) / f64::from(WEIGHTS.iter().sum::<u32>());
        let off = (*requests as f64 - fair).abs() / fair;
        assert!(off <= bound, "{strategy} gave {arrived:?} to weights {WEIGHTS:?}, off by {off:.3}, bound {bound}");
    }
    for upstream in &bed.upstreams {
        let headers = upstream.last_headers().unwrap();
        assert!(!headers.contains_key(HEADER), "{} sees the list: {headers:?}", upstream.name());
    }
    let snapshot = bed.settled().await;
    assert_eq!((snapshot.pools[0].picks, snapshot.pools[0].failures), (REQUESTS as u64, 0));
}

/// Exact, but for where a round begins and ends.
#[tokio::test]
async fn round_robin_gives_every_endpoint_its_turns() {
    shares_follow_weights("round_robin", 8, Duration::from_millis(5), 0.01).await;
}

/// The lightest endpoint's share is a binomial, n = 1200, p = 1/6: five standard deviations are 0.32 of its mean.
#[tokio::test]
async fn random_follows_the_weights() {
    shares_follow_weights("random", 8, Duration::from_millis(5), 0.32).await;
}

/// Evenly fast endpoints under load: as many requests under way per weight, so as many answers. The bound leaves room
/// for ties and for a busy machine.
#[tokio::test]
async fn least_request_follows_the_weights_under_load() {
    shares_follow_weights("least_request", 24, Duration::from_millis(40), 0.35).await;
}

#[tokio::test]
async fn peak_ewma_follows_the_weights_under_load() {
    shares_follow_weights("peak_ewma", 24, Duration::from_millis(40), 0.35).await;
}

#[tokio::test]
async fn least_response_time_follows_the_weights_under_load() {
    shares_follow_weights("least_response_time", 24, Duration::from_millis(40), 0.35).await;
}

#[tokio::test]
async fn hcl_follows_the_weights_under_load() {
    shares_follow_weights("hcl", 24, Duration::from_millis(40), 0.5).await;
}

/// Lets endpoints see the list, for once.
fn show_the_list(file: &mut Value) {
    let options = &mut cluster(file, "demo")["typed_extension_protocol_options"];
    let filters = &mut options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["http_filters"];
    filters.as_array_mut().unwrap().retain(|filter| filter["name"] != "envoy.filters.http.header_mutation");
}

/// Endpoints that fail stay in the choice.
fn never_eject() -> Value {
    json!({"strategy": "random", "circuit": {"consecutive_failures": 1000, "outliers": false, "relative": false}})
}

#[tokio::test]
async fn retries_go_down_the_list() {
    let bed = Bed::start(5, 1, |config| config.pool(never_eject()).edit(show_the_list)).await;
    let failing = [bed.upstream(1).address().to_string(), bed.upstream(2).address().to_string()];
    for number in [1, 2] {
        bed.upstream(number).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    }
    let mut answered_by_entry = [0; 3];
    for _ in 0..100 {
        let answer = bed.get("/", &[]).await;
        assert_eq!(answer.status, 200);
        let name = answer.header("x-upstream");
        let upstream = bed.upstreams.iter().find(|upstream| upstream.name() == name).unwrap();
        let headers = upstream.last_headers().unwrap();
        let list: Vec<&str> = headers[HEADER].to_str().unwrap().split(',').collect();
        let first_good = list.iter().position(|address| !failing.iter().any(|bad| bad == address)).unwrap();
        assert_eq!(list[first_good], upstream.address().to_string(), "{list:?}, failing: {failing:?}");
        answered_by_entry[first_good] += 1;
    }
    // By chance 60, 30 and 10 of 100; that one is missing has a probability below 0.0001.
    assert!(answered_by_entry.iter().all(|count| *count > 0), "{answered_by_entry:?}");
}

#[tokio::test]
async fn every_attempt_is_counted_and_only_the_failing_endpoint_is_blamed() {
    let bed = Bed::start(4, 1, |config| config.pool(never_eject())).await;
    bed.upstream(1).set(Behaviour::Failing { status: 503, fraction: 1.0 }).await.unwrap();
    let report = bed.burst(600, 8).run().await.unwrap();
    assert_eq!(report.outcomes.get(&Outcome::Status(200)), Some(&600), "{report:?}");
    let snapshot = bed.settled().await;
    let arrived = bed.arrived();
    assert!(arrived[0] > 10, "{arrived:?}");
    assert_eq!(arrived.iter().sum::<u64>(), 600 + arrived[0], "one retry for each failure");
    assert_eq!(endpoint(&snapshot, 1).failures, arrived[0]);
    assert_eq!((snapshot.pools[0].failures, snapshot.pools[0].picks), (arrived[0], 600));
}
