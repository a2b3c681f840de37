//! Every attempt is settled or abandoned exactly once: nothing is in flight when traffic has stopped.

mod filter_bed;

use std::time::Duration;

use filter_bed::{TICK, address, assert_sound, setup, snapshot};
use plimsoll_host_tests::host::Cas;
use plimsoll_host_tests::host::Rng;
use plimsoll_host_tests::host::proxy::{AttemptEnd, Behaviour, Proxy, Request};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);
const ENDPOINTS: usize = 5;

fn any_behaviour(rng: &mut Rng) -> Behaviour {
    let time = Duration::from_micros(rng.below(40_000));
    match rng.below(10) {
        0 => Behaviour::Refuse,
        1 => Behaviour::Reset { after: time },
        2 => Behaviour::Hang,
        3 => Behaviour::Truncate { status: 200, latency: time, body_time: time },
        4 => Behaviour::ClientAbort { after: time },
        5 => Behaviour::status(503, 3),
        6 => Behaviour::Stream { status: 200, latency: time, body_time: time },
        _ => Behaviour::Respond { status: 200, latency: time },
    }
}

fn chaos(extra: &Value, workers: usize, seed: u64, requests: u64) -> Proxy {
    let mut proxy = setup(ENDPOINTS, extra)
        .workers(workers)
        .seed(seed)
        .cas(if seed.is_multiple_of(2) { Cas::Envoy } else { Cas::Strict })
        .timeout(Duration::from_millis(900))
        .start()
        .expect("starts");
    for n in 0..ENDPOINTS {
        proxy.set_script(&address(n), |_, rng| any_behaviour(rng));
    }
    let mut dice = Rng::new(seed);
    for n in 0..requests {
        let request = Request::get("/");
        let hurry = Duration::from_micros(dice.below(30_000));
        let request = if dice.percent(10) { request.aborting_after(hurry) } else { request };
        proxy.submit_after(Duration::from_micros(n * 1_500), request);
    }
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    assert_sound(&mut proxy, workers);
    proxy
}

fn assert_nothing_in_flight(proxy: &mut Proxy, case: &str) {
    let pool = snapshot(proxy).pools.remove(0);
    let left: Vec<(&str, u64)> =
        pool.endpoints.iter().map(|endpoint| (endpoint.id.as_str(), endpoint.in_flight)).collect();
    assert!(pool.in_flight == 0 && left.iter().all(|(_, count)| *count == 0), "{case}: {left:?}");
}

#[test]
fn nothing_is_in_flight_after_aborts_resets_timeouts_and_retries() {
    let mut proxy = chaos(&json!({}), 2, 42, 10_000);
    assert_nothing_in_flight(&mut proxy, "attempt, 10,000 requests");
    for seed in 0..4 {
        for workers in [1, 4] {
            let mut proxy =
                chaos(&json!({"detect_truncated": true, "strategy": "least_request"}), workers, seed, 1_000);
            assert_nothing_in_flight(&mut proxy, &format!("truncation told, {workers} workers, seed {seed}"));
            let mut proxy = chaos(&json!({"observe": "request"}), workers, seed, 1_000);
            assert_nothing_in_flight(&mut proxy, &format!("observe: request, {workers} workers, seed {seed}"));
        }
    }
}

#[test]
fn every_attempt_is_counted_once_and_an_abort_blames_nobody() {
    let mut proxy = chaos(&json!({}), 2, 7, 4_000);
    let pool = snapshot(&mut proxy).pools.remove(0);
    for n in 0..ENDPOINTS {
        let all =
            proxy.outcomes().flat_map(|outcome| outcome.attempts).filter(|attempt| attempt.endpoint == address(n));
        let (mut attempts, mut aborted, mut failed) = (0, 0, 0);
        for attempt in all {
            attempts += 1;
            match attempt.end.expect("ended").0 {
                AttemptEnd::Aborted => aborted += 1,
                // A body that breaks off is not told from a whole one unless asked for.
                AttemptEnd::Status(status) | AttemptEnd::Truncated(status) => failed += u64::from(status >= 500),
                AttemptEnd::Refused | AttemptEnd::Unreachable | AttemptEnd::Reset | AttemptEnd::Timeout => failed += 1,
                AttemptEnd::Lost => panic!("no VM trapped"),
            }
        }
        let seen = &pool.endpoints[n];
        // Clients that left within a body had their answer: it counts.
        assert!((attempts - aborted..=attempts).contains(&seen.requests), "{seen:?}, {attempts}, {aborted} aborted");
        assert_eq!(seen.failures, failed, "{seen:?}");
    }
}

#[test]
fn bodies_that_break_off_are_failures_where_they_are_to_be_told_apart() {
    for told in [true, false] {
        let mut proxy =
            setup(2, &json!({"strategy": "round_robin", "detect_truncated": told})).start().expect("starts");
        proxy.set_script(&address(0), |attempt, _| match attempt.request % 4 {
            0 | 1 => Behaviour::Truncate { status: 200, latency: MS, body_time: 2 * MS },
            _ => Behaviour::Stream { status: 200, latency: MS, body_time: 2 * MS },
        });
        // Clients that leave within a body come last: they are nobody's fault.
        for n in 0..80 {
            proxy.submit_after(MS * n, Request::get("/"));
        }
        for n in 0..10 {
            proxy.submit_after(MS * (90 + n), Request::get("/").aborting_after(MS + MS / 2));
        }
        proxy.run_until_idle();
        proxy.run_for(TICK * 2);
        let cut = proxy.outcomes().filter(|outcome| outcome.truncated).count() as u64;
        assert!(cut > 0);
        let failures = snapshot(&mut proxy).pools[0].endpoints[0].failures;
        assert_eq!(failures, if told { cut } else { 0 }, "{cut} broke off, told apart: {told}");
    }
}

#[test]
fn in_flight_is_what_is_under_way() {
    let mut proxy = setup(2, &json!({"strategy": "round_robin"})).workers(2).start().expect("starts");
    (0..2).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(400)));
    for n in 0..20 {
        proxy.submit(Request::get("/").on_worker(n % 2));
    }
    proxy.run_for(TICK * 2 + MS);
    let pool = snapshot(&mut proxy).pools.remove(0);
    assert_eq!((pool.in_flight, proxy.in_flight()), (20, 20));
    proxy.run_until_idle();
    proxy.run_for(TICK * 2);
    assert_nothing_in_flight(&mut proxy, "after all answered");
}
