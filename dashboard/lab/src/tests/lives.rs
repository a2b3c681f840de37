use super::*;
use plimsoll_sim::{Play, Report};
use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, LatencyMs, Pool, Reason, Signal, Transition};
use serde_json::json;

fn latency(p50: f64, p99: f64) -> Option<LatencyMs> {
    Some(LatencyMs { p50, p90: p50 * 2.0, p99 })
}

fn endpoint(id: &str, weight: u32, latency_ms: Option<LatencyMs>) -> Endpoint {
    Endpoint { id: id.into(), address: format!("10.9.9.9:{weight}"), weight, latency_ms, ..Endpoint::default() }
}

fn pool() -> Pool {
    let mut endpoints = vec![
        endpoint("order-1", 1, latency(10.0, 66.4)),
        endpoint("order-2", 1, latency(12.0, 40.0)),
        endpoint("order-3", 2, latency(11.0, 30.0)),
        endpoint("order-4", 1, latency(60.0, 150.0)),
        endpoint("order-5", 1, None),
    ];
    endpoints[1].zone = Some("b".into());
    Pool { name: "orders".into(), latency_ms: latency(12.0, 110.0), endpoints, ..Pool::default() }
}

fn config() -> serde_json::Value {
    json!({
        "name": "orders", "cluster": "orders", "strategy": "round_robin", "candidates": 3, "ramp": "10s",
        "circuit": {"mode": "enforce", "open_for": "20s", "backoff": 1.5},
        "classify": {"failure": ["5xx"]}, "sticky": {"cookie": "a"},
        "endpoints": [{"address": "10.0.0.1:80", "id": "order-1", "tier": 1}, {"address": "10.0.0.2:80", "id": "order-2"}],
    })
}

fn rates() -> Rates {
    let rate = |attempts_per_s, failed| Rate { attempts_per_s, failed };
    let endpoints = vec![rate(50.0, 0.0), rate(50.0, 0.3), rate(100.0, 0.0), rate(50.0, 0.0), rate(50.0, 0.0)];
    Rates { requests_per_s: 300.0, endpoints }
}

pub(super) fn setup() -> Setup {
    Setup::from_live(&pool(), &config(), &rates()).expect("there is enough to go by")
}

/// What clients of this setup see, without retries, when nothing is ejected.
fn seen(mut setup: Setup) -> Report {
    setup.scenario.client.retries = 0;
    setup.present = r#"{"strategy":"round_robin","max_ejected_percent":0}"#.into();
    setup.measure_for(Duration::from_secs(200));
    let plan = setup.check().expect("accepted");
    let mut play = Play::with(&plan.scenario, plan.engines[0].terse(&plan.scenario));
    while !play.advance(1 << 20).done {}
    play.finish()
}

#[test]
fn a_live_pool_keeps_weights_zones_tiers_and_only_what_its_configuration_changes() {
    let setup = setup();
    let endpoints = &setup.scenario.endpoints;
    assert_eq!(endpoints.iter().map(|one| one.config.weight).collect::<Vec<_>>(), [1, 1, 2, 1, 1]);
    assert_eq!((endpoints[0].config.tier, endpoints[1].config.zone.as_deref()), (1, Some("b")));
    assert_eq!(endpoints[2].config.id, "order-3");
    assert_eq!(setup.present, r#"{"circuit":{"open_for":"20s"},"strategy":"round_robin"}"#);
    assert_eq!(setup.changed, setup.present);
    assert_eq!(setup.source, Source::Live("orders".into()));
    assert_eq!(setup.scenario.client.retries, 2);
    assert!(setup.check().is_ok());
}

/// The rate within five standard deviations of a Poisson number. Each endpoint's percentiles, played alone, within 5 % of
/// the median and 12 % of the 99th percentile: an exponential one is fitted by its median and may be a tenth off, and some
/// 10,000 samples leave 3 %.
#[test]
fn a_live_pool_is_reproduced() {
    let live = setup();
    let report = seen(live.clone());
    let want = 300.0 * 200.0;
    assert!((report.outcomes.total() as f64 - want).abs() < 5.0 * f64::sqrt(want), "{}", report.outcomes.total());
    for (number, endpoint) in pool().endpoints.iter().enumerate() {
        let mut alone = live.clone();
        alone.scenario.endpoints = vec![live.scenario.endpoints[number].clone()];
        alone.scenario.endpoints[0].config.tier = 0;
        alone.scenario.traffic = Traffic::Poisson { rate: 50.0 };
        let mine = |fault: &Fault| fault.targets == Targets::Some(vec![number as u32]);
        alone.scenario.faults = live.scenario.faults.iter().filter(|fault| mine(fault)).cloned().collect();
        alone.scenario.faults.iter_mut().for_each(|fault| fault.targets = Targets::Some(vec![0]));
        let report = seen(alone);
        let want = endpoint.latency_ms.or(pool().latency_ms).expect("the pool has some");
        for (q, want, bound) in [(0.5, want.p50, 0.05), (0.99, want.p99, 0.12)] {
            let got = report.quantile(q).as_secs_f64() * 1e3;
            assert!((got / want - 1.0).abs() < bound, "{}: {got} ms at {q}, want {want}", endpoint.id);
        }
        let failed = report.outcomes.failed() as f64 / report.outcomes.total() as f64;
        let want = rates().endpoints[number].failed;
        // Five standard deviations of a share among 10,000.
        assert!((failed - want).abs() < 0.025, "{}: {failed}, want {want}", endpoint.id);
    }
}

#[test]
fn the_slow_one_and_the_failing_one_have_faults_of_their_own() {
    let setup = setup();
    let faults = &setup.scenario.faults;
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!(faults[0].targets, Targets::Some(vec![1]));
    assert!(matches!(faults[0].kind, FaultKind::Errors { share, .. } if (share - 0.3).abs() < 1e-9), "{faults:?}");
    assert_eq!(faults[1].targets, Targets::Some(vec![3]));
    assert!(matches!(faults[1].kind, FaultKind::Slow { factor } if (factor - 5.5).abs() < 0.1), "{faults:?}");
    let words = live::assumptions(&setup).join("\n");
    for part in
        ["order-2: 30.0 % of the answers are errors.", "order-4: takes 5.5 times as long.", "2 times", "workers"]
    {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn what_all_endpoints_have_in_common_is_nobodys_own_fault() {
    let mut rates = rates();
    rates.endpoints.iter_mut().for_each(|rate| rate.failed = 0.1);
    let setup = Setup::from_live(&pool(), &config(), &rates).expect("enough to go by");
    assert_eq!(setup.scenario.faults[0].targets, Targets::All);
    assert_eq!(setup.scenario.faults.len(), 2, "and the slow one");
}

#[test]
fn an_ejected_endpoint_is_as_bad_as_when_it_was_ejected() {
    let kind = |signal, share| {
        let mut pool = pool();
        let reason = Reason {
            signal,
            observed: 80.0,
            threshold: 50.0,
            samples: 20,
            share,
            pool: None,
            failure: None,
            trace_ids: Vec::new(),
        };
        pool.endpoints[4].circuit = Circuit { state: CircuitState::Open, ..Circuit::default() };
        pool.endpoints[4].last_transition =
            Some(Transition { at_ms: 1, from: CircuitState::Closed, to: CircuitState::Open, reason });
        let setup = Setup::from_live(&pool, &config(), &rates()).expect("enough to go by");
        let mine = |fault: &&Fault| fault.targets == Targets::Some(vec![4]);
        setup.scenario.faults.iter().find(mine).map(|fault| fault.kind)
    };
    let errors = |share| Some(FaultKind::Errors { share, after: None, of_requests: false });
    assert_eq!(kind(Signal::Failures, Some(0.875)), errors(0.875));
    assert_eq!(kind(Signal::ConsecutiveFailures, None), errors(1.0));
    assert_eq!(kind(Signal::FailureRate, None), errors(0.8));
    assert_eq!(kind(Signal::Silence, None), Some(FaultKind::Hang));
    assert_eq!(kind(Signal::Slowness, None), Some(FaultKind::Slow { factor: 5.0 }));
    assert_eq!(kind(Signal::Operator, None), None);
}

#[test]
fn without_traffic_or_latencies_there_is_nothing_to_play() {
    let error = |pool: &Pool, rates: &Rates| Setup::from_live(pool, &config(), rates).expect_err("nothing to go by");
    assert!(error(&pool(), &Rates::default()).contains("hardly any requests"));
    assert!(error(&Pool { latency_ms: None, ..pool() }, &rates()).contains("no latencies"));
    assert!(error(&Pool { endpoints: Vec::new(), ..pool() }, &rates()).contains("0 endpoints"));
}

/// The middle of two is the better one: what only one of two has is not usual.
#[test]
fn of_two_endpoints_the_sick_one_is_sick() {
    let mut pool = pool();
    pool.endpoints = vec![endpoint("a", 1, latency(10.0, 60.0)), endpoint("b", 1, latency(60.0, 300.0))];
    let rate = |failed| Rate { attempts_per_s: 50.0, failed };
    let rates = Rates { requests_per_s: 100.0, endpoints: vec![rate(0.3), rate(0.0)] };
    let setup = Setup::from_live(&pool, &config(), &rates).expect("enough to go by");
    let told = crate::words::assumptions(&setup).join("\n");
    assert!(told.contains("a: 30.0 % of the answers are errors."), "{told}");
    assert!(told.contains("b: takes 6.0 times as long.") && !told.contains("Everybody"), "{told}");
}

/// Half-open: the transition says only that the time out is over.
#[test]
fn an_endpoint_that_is_being_probed_is_as_it_was_lately() {
    let mut pool = pool();
    let transition = |signal, failure| Transition {
        at_ms: 1,
        from: CircuitState::Open,
        to: CircuitState::HalfOpen,
        reason: Reason {
            signal,
            observed: 1.0,
            threshold: 1.0,
            samples: 1,
            share: None,
            pool: None,
            failure,
            trace_ids: vec![],
        },
    };
    pool.endpoints[3].circuit = Circuit { state: CircuitState::HalfOpen, ..Circuit::default() };
    pool.endpoints[3].last_transition = Some(transition(Signal::EjectionElapsed, None));
    pool.endpoints[0].circuit = Circuit { state: CircuitState::Open, ..Circuit::default() };
    pool.endpoints[0].last_transition =
        Some(transition(Signal::ProbeFailed, Some(plimsoll_snapshot::FailureKind::Timeout)));
    let setup = Setup::from_live(&pool, &config(), &rates()).expect("enough to go by");
    let told = crate::words::assumptions(&setup).join("\n");
    assert!(told.contains("order-4: takes ") && !told.contains("order-4: 100"), "{told}");
    assert!(told.contains("order-1: nothing comes back."), "{told}");
}
