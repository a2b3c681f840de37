//! Ejection, probing, readmission, and that all workers agree on it, under both kinds of compare-and-swap.

mod filter_bed;

use std::time::Duration;

use filter_bed::{TICK, address, assert_sound, endpoint, events, load, setup};
use plimsoll_host_tests::host::proxy::{AttemptRecord, Behaviour, Proxy, Request};
use plimsoll_host_tests::host::{Cas, START_NS};
use plimsoll_snapshot::view::{CircuitState, Event, Status};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);

fn quick_circuit() -> Value {
    json!({"ramp": "1s", "circuit": {"open_for": "2s", "half_open_permits": 3, "half_open_max": "5s"}})
}

/// With a strategy that goes on sending to an endpoint that fails, so that circuits alone keep traffic away.
fn blind() -> Value {
    let mut extra = quick_circuit();
    extra["strategy"] = json!("round_robin");
    extra
}

/// When a transition happened, since the proxy started.
fn since_start(event: &Event) -> Duration {
    Duration::from_millis(event.transition.at_ms - START_NS / 1_000_000)
}

fn attempts_on(proxy: &Proxy, n: usize) -> Vec<AttemptRecord> {
    let all = proxy.outcomes().flat_map(|outcome| outcome.attempts.clone());
    let mut on: Vec<_> = all.filter(|attempt| attempt.endpoint == address(n)).collect();
    on.sort_by_key(|attempt| attempt.started);
    on
}

fn states(events: &[Event]) -> Vec<CircuitState> {
    events.iter().map(|event| event.transition.to).collect()
}

#[test]
fn failures_in_a_row_eject_and_passed_probes_readmit() {
    let mut proxy = setup(4, &quick_circuit()).start().expect("starts");
    for failure in [Behaviour::status(503, 1), Behaviour::Refuse, Behaviour::Reset { after: MS }, Behaviour::Hang] {
        proxy.set_behaviour(&address(2), failure);
        load(&mut proxy, 1, 700, 2 * MS);
        proxy.run_for(TICK);
        let ejected = endpoint(&mut proxy, 2);
        assert_eq!(ejected.circuit.state, CircuitState::Open, "{failure:?}: {ejected:?}");
        assert_eq!((ejected.status, ejected.effective_weight), (Status::Unhealthy, 0.0));
        proxy.take_outcomes();
        load(&mut proxy, 1, 100, 2 * MS);
        assert!(attempts_on(&proxy, 2).is_empty(), "{failure:?}: an open circuit takes nothing");
        proxy.set_behaviour(&address(2), Behaviour::ok(1));
        // The back-off may have grown over the rounds, by 1.5 each time.
        load(&mut proxy, 1, 6_000, 2 * MS);
        let back = endpoint(&mut proxy, 2);
        assert_eq!(back.circuit.state, CircuitState::Closed, "{failure:?}: {back:?}");
        assert!(attempts_on(&proxy, 2).len() > 1_000, "{failure:?}: it has its share again");
        proxy.take_outcomes();
    }
    assert_eq!(states(&events(&mut proxy))[..3], [CircuitState::Open, CircuitState::HalfOpen, CircuitState::Closed]);
    assert_sound(&mut proxy, 1);
}

#[test]
fn every_strategy_ejects_an_endpoint_that_fails() {
    let mut late = Vec::new();
    for strategy in ["round_robin", "random", "least_request", "peak_ewma", "least_response_time", "hcl"] {
        for failure in [Behaviour::status(503, 1), Behaviour::Refuse, Behaviour::Hang] {
            let mut proxy = setup(8, &json!({"strategy": strategy})).workers(2).start().expect("starts");
            (0..8).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(10)));
            load(&mut proxy, 2, 1_000, 2 * MS);
            proxy.set_behaviour(&address(5), failure);
            load(&mut proxy, 2, 2_500, 2 * MS);
            let state = endpoint(&mut proxy, 5);
            if state.circuit.state != CircuitState::Open {
                let (failures, row) = (state.failures, state.consecutive_failures);
                late.push(format!("{strategy}, {failure:?}: {failures} failures, {row} in a row"));
            }
        }
    }
    assert!(late.is_empty(), "not ejected after 5 s at 500 requests/s: {late:#?}");
}

#[test]
fn no_client_sees_a_failure_that_a_retry_can_avoid() {
    for failure in [Behaviour::status(503, 1), Behaviour::Refuse, Behaviour::Hang] {
        let mut proxy = setup(8, &quick_circuit()).workers(2).start().expect("starts");
        load(&mut proxy, 2, 500, 2 * MS);
        proxy.set_behaviour(&address(0), failure);
        load(&mut proxy, 2, 5_000, 2 * MS);
        proxy.run_until_idle();
        let failed: Vec<String> =
            proxy.outcomes().filter(|outcome| !outcome.is_ok()).map(|outcome| outcome.to_string()).collect();
        assert!(failed.is_empty(), "{failure:?}: {failed:#?}");
        let unsteered =
            proxy.outcomes().flat_map(|outcome| outcome.attempts).filter(|attempt| !attempt.steered).count();
        assert_eq!(unsteered, 0, "every retry went where the filter said");
    }
}

#[test]
fn a_failed_probe_opens_again_for_longer() {
    let mut proxy = setup(4, &quick_circuit()).start().expect("starts");
    proxy.set_behaviour(&address(1), Behaviour::status(500, 1));
    load(&mut proxy, 1, 5_000, 2 * MS);
    let events = events(&mut proxy);
    let opened: Vec<Duration> =
        events.iter().filter(|event| event.transition.to == CircuitState::Open).map(since_start).collect();
    assert!(opened.len() >= 3, "{events:?}");
    assert!(opened[2] - opened[1] > opened[1] - opened[0] + 500 * MS, "backs off: {opened:?}");
    assert!(!states(&events).contains(&CircuitState::Closed));
}

#[test]
fn at_most_half_of_a_pool_is_ejected_and_nobody_for_what_all_do() {
    for (relative, most) in [(false, 3), (true, 0)] {
        let mut config = quick_circuit();
        config["circuit"]["relative"] = json!(relative);
        let mut proxy = setup(6, &config).start().expect("starts");
        for n in 0..6 {
            proxy.set_behaviour(&address(n), Behaviour::status(503, 1));
        }
        load(&mut proxy, 1, 1_500, MS);
        let pool = filter_bed::snapshot(&mut proxy).pools.remove(0);
        let open = pool.endpoints.iter().filter(|endpoint| endpoint.circuit.state != CircuitState::Closed).count();
        assert!((most.min(1)..=most).contains(&open), "{open} of 6: {pool:?}");
        assert_eq!((pool.max_ejected, pool.ejected as usize), (3, open));
    }
}

/// Steady traffic over all workers while one endpoint fails, then answers again.
fn fail_and_recover(workers: usize, cas: Cas, seed: u64) -> Proxy {
    let setup = setup(4, &blind()).workers(workers).cas(cas).seed(seed);
    let mut proxy = setup.start().expect("starts");
    proxy.set_script(&address(3), |attempt, _| match attempt.elapsed.as_millis() {
        1_000..4_000 => Behaviour::status(503, 1),
        _ => Behaviour::ok(2),
    });
    load(&mut proxy, workers, 5_000, 2 * MS);
    proxy.run_until_idle();
    assert_sound(&mut proxy, workers);
    proxy
}

fn every_shape(mut check: impl FnMut(usize, Cas, u64)) {
    for workers in [2, 4] {
        for cas in [Cas::Envoy, Cas::Strict] {
            for seed in 0..4 {
                check(workers, cas, seed);
            }
        }
    }
}

#[test]
fn workers_agree_on_an_open_circuit_within_one_tick() {
    every_shape(|workers, cas, seed| {
        let case = format!("{workers} workers, {cas:?}, seed {seed}");
        let mut proxy = fail_and_recover(workers, cas, seed);
        let events = events(&mut proxy);
        assert_eq!(states(&events)[..2], [CircuitState::Open, CircuitState::HalfOpen], "{case}: {events:?}");
        let (open, half_open) = (since_start(&events[0]) + TICK + MS, since_start(&events[1]));
        let attempts = attempts_on(&proxy, 3);
        let late: Vec<_> = attempts.iter().filter(|attempt| (open..half_open).contains(&attempt.started)).collect();
        assert!(late.is_empty(), "{case}: {late:?}");
        assert_eq!(endpoint(&mut proxy, 3).circuit.state, CircuitState::Closed, "{case}: {events:?}");
        let closed = since_start(events.last().expect("some")) + TICK + MS;
        for worker in 0..workers {
            let served = proxy.outcomes().filter(|outcome| outcome.worker == worker);
            let mut back = served.flat_map(|outcome| outcome.attempts);
            assert!(back.any(|attempt| attempt.endpoint == address(3) && attempt.started > closed), "{case}: {worker}");
        }
    });
}

#[test]
fn probes_never_exceed_the_permits_of_all_workers_together() {
    every_shape(|workers, cas, seed| {
        let case = format!("{workers} workers, {cas:?}, seed {seed}");
        let setup = setup(4, &blind()).workers(workers).cas(cas).seed(seed);
        let mut proxy = setup.start().expect("starts");
        // Probes hang, so that a half-open circuit stays so until its permits are used up and beyond.
        proxy.set_behaviour(&address(3), Behaviour::Hang);
        load(&mut proxy, workers, 4_500, 2 * MS);
        let events = events(&mut proxy);
        let attempts = attempts_on(&proxy, 3);
        let mut rounds = 0;
        for (at, event) in events.iter().enumerate().filter(|(_, event)| event.transition.to == CircuitState::HalfOpen)
        {
            let from = since_start(event);
            let until = events.get(at + 1).map_or(Duration::MAX, |next| since_start(next) + TICK);
            let probes = attempts.iter().filter(|attempt| (from..until).contains(&attempt.started)).count();
            assert!(probes <= 3, "{case}: {probes} probes with 3 permits, {events:?}");
            rounds += usize::from(probes > 0);
        }
        assert!(rounds >= 1, "{case}: nothing was probed, {events:?}");
    });
}

#[test]
fn a_failure_sent_before_the_circuit_opened_does_not_open_it_again() {
    let setup = setup(3, &json!({"strategy": "round_robin", "circuit": {"open_for": "1s"}}));
    let slow = Duration::from_secs(20);
    let mut proxy = setup.timeout(slow * 2).per_try_timeout(slow).start().expect("starts");
    proxy.set_script(&address(0), |attempt, _| match attempt.elapsed.as_millis() {
        0..300 => Behaviour::status(503, 5_000),
        300..800 => Behaviour::status(503, 1),
        _ => Behaviour::ok(1),
    });
    load(&mut proxy, 1, 4_000, MS);
    let closed = [CircuitState::Open, CircuitState::HalfOpen, CircuitState::Closed];
    let before = events(&mut proxy);
    assert_eq!(states(&before), closed, "{before:?}");
    // Nothing but the old failures comes in now, about a hundred of them.
    proxy.run_for(Duration::from_secs(2));
    assert_eq!(events(&mut proxy), before);
    assert_eq!(endpoint(&mut proxy, 0).circuit.state, CircuitState::Closed);
}

#[test]
fn a_success_sent_before_the_circuit_opened_does_not_close_it_half_open() {
    let mut setup = setup(
        3,
        &json!({
            "strategy": "round_robin",
            "circuit": {"open_for": "1s", "half_open_permits": 1, "half_open_max": "5s"},
        }),
    );
    setup = setup.timeout(Duration::from_secs(60)).per_try_timeout(Duration::from_secs(20));
    let mut proxy = setup.start().expect("starts");
    proxy.set_script(&address(0), |attempt, _| match attempt.elapsed.as_millis() {
        0..300 => Behaviour::ok(2_000),
        300..1_300 => Behaviour::status(503, 1),
        _ => Behaviour::Hang,
    });
    load(&mut proxy, 1, 3_500, MS);
    let half_open = endpoint(&mut proxy, 0);
    let events = events(&mut proxy);
    assert!(!states(&events).contains(&CircuitState::Closed), "{events:?}");
    assert_eq!(half_open.circuit.state, CircuitState::HalfOpen, "{events:?}");
}

#[test]
fn every_instance_tells_the_same_story() {
    let mut proxy = fail_and_recover(4, Cas::Envoy, 1);
    proxy.run_for(TICK * 2);
    let mut tellings = Vec::new();
    for worker in 0..4 {
        let path = plimsoll_host_tests::host::Headers::get_request("/plimsoll/v1/events?since=0");
        let (_, _, body) = proxy.admin(worker, path).expect("answers");
        let events: plimsoll_snapshot::view::Events = serde_json::from_slice(&body).expect("events");
        tellings.push(events.events);
    }
    assert!(tellings.iter().all(|events| *events == tellings[0] && !events.is_empty()), "{tellings:#?}");
    proxy.fetch(Request::get("/"));
}
