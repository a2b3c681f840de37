//! Nothing stays in flight, whatever clients and endpoints do: 10,000 requests in each mode, with retries, time-outs,
//! resets and clients that hang up, while circuits open and close.

use super::support::{Bed, TICK, endpoint};
use plimsoll_host_tests::bed::{Behaviour, EnvoyConfig};
use serde_json::json;
use std::time::Duration;

/// One tick for the last worker to publish; the others are for timers of a busy machine and for the answer.
const SLACK: Duration = TICK.saturating_mul(5);
const ENDPOINTS: usize = 6;
const REQUESTS: usize = 5_000;
/// With answers of 20 ms, at most 500 requests a second.
const CLIENTS: usize = 10;

async fn troubled(configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Bed {
    let circuit = json!({"open_for": "500ms", "backoff": 1, "half_open_max": "1s"});
    let bed = Bed::start(ENDPOINTS, 2, |config| configure(config.pool(json!({"circuit": circuit})))).await;
    let behaviours = [
        Behaviour::Hanging,
        Behaviour::Resetting,
        Behaviour::Failing { status: 503, fraction: 0.5 },
        Behaviour::Slow { factor: 50.0 },
        Behaviour::Slow { factor: 10.0 },
        Behaviour::Slow { factor: 10.0 },
    ];
    for (upstream, behaviour) in bed.upstreams.iter().zip(behaviours) {
        upstream.set(behaviour).await.unwrap();
    }
    bed
}

/// Sends [`REQUESTS`], of which a part is given up by its clients.
async fn send(bed: &Bed, abort_fraction: f64, seed: u64) {
    let mut burst = bed.burst(REQUESTS, CLIENTS);
    burst.abort_fraction = abort_fraction;
    burst.abort_within = Duration::from_millis(30);
    burst.seed = seed;
    let report = burst.run().await.unwrap();
    assert_eq!(report.aborted + report.outcomes.values().sum::<usize>(), REQUESTS, "{report:?}");
    assert!(abort_fraction == 0.0 || report.aborted > REQUESTS / 10, "{report:?}");
    println!("{report:?}, upstreams got {:?}", bed.arrived());
}

async fn nothing_is_in_flight(bed: &Bed) {
    bed.snapshot_within(SLACK, "nothing in flight", |snapshot| {
        snapshot.pools[0].in_flight == 0 && snapshot.pools[0].endpoints.iter().all(|endpoint| endpoint.in_flight == 0)
    })
    .await;
}

/// Without clients that hang up, each attempt arrives at an endpoint, and is counted once.
#[tokio::test]
async fn nothing_stays_in_flight_when_attempts_are_observed() {
    let bed = troubled(|config| config).await;
    send(&bed, 0.0, 1).await;
    nothing_is_in_flight(&bed).await;
    let snapshot = bed.settled().await;
    assert_eq!(snapshot.pools[0].picks, REQUESTS as u64);
    for number in [1, 2] {
        let broken = endpoint(&snapshot, number);
        assert!(broken.failures > 0 && broken.failures == broken.requests, "{broken:?}");
    }
    send(&bed, 0.3, 2).await;
    nothing_is_in_flight(&bed).await;
}

#[tokio::test]
async fn nothing_stays_in_flight_when_requests_are_observed() {
    let bed = troubled(EnvoyConfig::observe_requests).await;
    send(&bed, 0.0, 3).await;
    nothing_is_in_flight(&bed).await;
    send(&bed, 0.3, 4).await;
    nothing_is_in_flight(&bed).await;
    let picks = bed.envoy.admin().snapshot().await.unwrap().pools[0].picks;
    // A client may leave before Envoy has read its request.
    assert!((REQUESTS as u64..=2 * REQUESTS as u64).contains(&picks), "{picks} picks");
}
