//! The bed itself, without Envoy: upstreams behave as told, loads measure what they say, nothing outlives its
//! value.

use plimsoll_host_tests::bed::upstream::UpstreamSpec;
use plimsoll_host_tests::bed::{Behaviour, Burst, Failure, Latency, Load, Outcome, Record, Summary, Upstream, ports};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const QUICK: Latency = Latency::Fixed(Duration::from_millis(1));

async fn upstream() -> Upstream {
    Upstream::start("one", QUICK, 1).await.unwrap()
}

/// Sends some requests straight to the upstream.
async fn ask(upstream: &Upstream, timeout: Duration) -> Vec<Record> {
    let mut load = Load::new(upstream.address(), 200.0, Duration::from_millis(200));
    load.timeout = timeout;
    let records = load.start().unwrap().finish().await.unwrap();
    assert!(records.len() > 10, "only {} requests were sent", records.len());
    records
}

async fn all_end_as(upstream: &Upstream, expected: Outcome) {
    for record in ask(upstream, Duration::from_millis(300)).await {
        assert_eq!(record.outcome, expected);
    }
}

#[tokio::test]
async fn every_behaviour_is_what_a_client_sees() {
    let upstream = upstream().await;
    let cases = [
        (Behaviour::Healthy, Outcome::Status(200)),
        (Behaviour::Failing { status: 503, fraction: 1.0 }, Outcome::Status(503)),
        (Behaviour::Hanging, Outcome::Failed(Failure::Timeout)),
        (Behaviour::Resetting, Outcome::Failed(Failure::Reset)),
        (Behaviour::Truncating, Outcome::Failed(Failure::Truncated)),
        (Behaviour::Refusing, Outcome::Failed(Failure::Connect)),
        (Behaviour::Healthy, Outcome::Status(200)),
    ];
    for (behaviour, outcome) in cases {
        upstream.set(behaviour).await.unwrap();
        all_end_as(&upstream, outcome).await;
    }
}

#[tokio::test]
async fn refusing_closes_connections_that_are_open() {
    let upstream = upstream().await;
    let stream = TcpStream::connect(upstream.address()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    upstream.set(Behaviour::Refusing).await.unwrap();
    let closed = async {
        stream.readable().await.unwrap();
        stream.try_read(&mut [0; 8])
    };
    let read = tokio::time::timeout(Duration::from_secs(2), closed).await.expect("the connection is still open");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn a_part_of_the_answers_fails_where_asked() {
    let upstream = upstream().await;
    upstream.set(Behaviour::Failing { status: 500, fraction: 0.5 }).await.unwrap();
    let report = Burst::new(upstream.address(), 1_000, 8).run().await.unwrap();
    let failed = report.outcomes[&Outcome::Status(500)];
    // Six standard deviations of a binomial with n = 1000, p = 0.5.
    assert!((405..=595).contains(&failed), "{failed} of 1000 failed");
}

#[tokio::test]
async fn latency_counts_from_the_intended_time() {
    let slow = Latency::Fixed(Duration::from_millis(50));
    let spec = UpstreamSpec { name: "queue".into(), latency: slow, slots: Some(1), seed: 1 };
    let upstream = Upstream::start_on(ports::free().unwrap(), spec).await.unwrap();
    // 100 a second meet a server that does 20 a second: the queue grows and everybody in it must see that.
    let load = Load::new(upstream.address(), 100.0, Duration::from_millis(500));
    let records = load.start().unwrap().finish().await.unwrap();
    let summary = Summary::of(&records);
    assert_eq!(summary.ok, summary.requests);
    assert!(summary.latency(1.0).unwrap() > Duration::from_millis(1_000), "{:?}", summary.latency(1.0));
    assert_eq!(summary.share("queue"), Some(1.0));
}

#[tokio::test]
async fn slowness_multiplies_the_latency() {
    let upstream = Upstream::start("one", Latency::Fixed(Duration::from_millis(4)), 1).await.unwrap();
    upstream.set(Behaviour::Slow { factor: 10.0 }).await.unwrap();
    let median = Summary::of(&ask(&upstream, Duration::from_secs(2)).await).latency(0.5).unwrap();
    assert!(median >= Duration::from_millis(40), "{median:?}");
}

#[tokio::test]
async fn exponential_latency_has_its_mean() {
    let latency = Latency::Exponential(Duration::from_millis(20));
    let upstream = Upstream::start("one", latency, 1).await.unwrap();
    let records = Load::new(upstream.address(), 500.0, Duration::from_secs(1)).start().unwrap().finish().await.unwrap();
    let mean = records.iter().map(|record| record.latency.as_secs_f64()).sum::<f64>() / records.len() as f64;
    // The error of the mean of 500 is 4.5 %; a busy machine only adds.
    assert!(mean > 0.015, "{mean}");
}

#[tokio::test]
async fn clients_that_hang_up_leave_nothing_in_flight() {
    let upstream = Upstream::start("one", Latency::Fixed(Duration::from_millis(10)), 1).await.unwrap();
    let mut burst = Burst::new(upstream.address(), 500, 16);
    burst.abort_fraction = 0.5;
    burst.abort_within = Duration::from_millis(8);
    let report = burst.run().await.unwrap();
    assert!(report.aborted > 150, "{report:?}");
    assert_eq!(report.aborted + report.outcomes.values().sum::<usize>(), 500);
    let deadline = Instant::now() + Duration::from_secs(5);
    while upstream.stats().in_flight > 0 {
        assert!(Instant::now() < deadline, "{:?}", upstream.stats());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(upstream.stats().peak_in_flight >= 8, "{:?}", upstream.stats());
}

#[tokio::test]
async fn the_last_requests_headers_are_kept() {
    let upstream = upstream().await;
    assert!(upstream.last_headers().is_none());
    let mut load = Load::new(upstream.address(), 100.0, Duration::from_millis(100));
    load.headers = vec![("x-plimsoll-endpoint".into(), "10.0.0.1:80".into())];
    load.start().unwrap().finish().await.unwrap();
    assert_eq!(upstream.last_headers().unwrap()["x-plimsoll-endpoint"], "10.0.0.1:80");
}

#[tokio::test]
async fn a_dropped_upstream_listens_no_more() {
    let upstream = upstream().await;
    let address = upstream.address();
    drop(upstream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err());
}
