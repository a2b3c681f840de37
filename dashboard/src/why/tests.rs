use plimsoll_snapshot::{FailureKind, Status};

use super::*;

fn reason(signal: Signal, observed: f64, threshold: f64) -> Reason {
    Reason { signal, observed, threshold, samples: 48, share: None, pool: None, failure: None, trace_ids: Vec::new() }
}

fn out(reason: Reason, until_ms: u64) -> Endpoint {
    let transition = Transition { at_ms: 5_000, from: CircuitState::Closed, to: CircuitState::Open, reason };
    Endpoint {
        id: "order-3".into(),
        status: Status::Unhealthy,
        circuit: Circuit { state: CircuitState::Open, openings: 2, until_ms: Some(until_ms), ..Circuit::default() },
        last_transition: Some(transition),
        ..Endpoint::default()
    }
}

fn texts(why: &Why) -> Vec<(&'static str, String)> {
    why.facts.iter().map(|fact| (fact.key, fact.value.clone())).collect()
}

#[test]
fn an_ejection_is_told_with_all_its_evidence() {
    let mut why = reason(Signal::Failures, 20.757, 19.519);
    (why.share, why.pool, why.failure) = (Some(0.875), Some(0.004), Some(FailureKind::Status));
    why.trace_ids = vec!["4bf92f3577b34da6a3ce929d0e0e4736".into()];
    let card = Why::of(&out(why, 15_000), 8_001);
    assert_eq!((card.state, card.change.as_str(), card.at_ms), (State::Ejected, "closed → open", Some(5_000)));
    let expected = [
        ("signal", "fails more than the others"),
        ("observed", "20.8 (evidence)"),
        ("threshold", "19.5 (evidence)"),
        ("samples", "48 attempts"),
        ("share", "87.5 %"),
        ("pool", "0.40 % failed"),
        ("failure", "5xx answer"),
    ];
    assert_eq!(texts(&card), expected.map(|(key, value)| (key, value.to_owned())));
    assert_eq!(card.traces, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert!(card.next.starts_with("In 7 s a few probes decide"), "{}", card.next);
}

#[test]
fn figures_stand_in_their_signals_unit() {
    let cases = [
        (Signal::Silence, 412.0, 250.0, "412 ms", "250 ms", "48 waiting attempts"),
        (Signal::FailureRate, 60.0, 50.0, "60.0 %", "50.0 %", "48 attempts"),
        (Signal::ConsecutiveFailures, 5.0, 5.0, "5 failures", "5 failures", "48 attempts"),
        (Signal::ProbesPassed, 3.0, 3.0, "3 probes", "3 probes", "48 probes"),
        (Signal::EjectionElapsed, 15_000.0, 15_000.0, "15 s", "15 s", "48 attempts"),
        (Signal::Operator, 0.0, 0.0, "–", "–", "48 attempts"),
    ];
    for (signal, observed, threshold, seen, limit, samples) in cases {
        let facts = facts(&reason(signal, observed, threshold));
        let values: Vec<_> = facts[1..4].iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(values, [seen, limit, samples], "{signal:?}");
    }
}

#[test]
fn the_pools_value_is_in_the_signals_unit_too() {
    let mut silent = reason(Signal::Silence, 412.0, 250.0);
    silent.pool = Some(41.26);
    let mut slow = reason(Signal::Slowness, 13.0, 12.0);
    (slow.share, slow.pool) = (Some(0.9), Some(0.02));
    let last = |reason: &Reason| facts(reason).pop().map(|fact| (fact.name, fact.value));
    assert_eq!(last(&silent), Some(("The others then", "p99.9 41.3 ms".into())));
    assert_eq!(last(&slow), Some(("The others then", "2.00 % slow".into())));
}

#[test]
fn what_comes_next_is_told_for_every_state() {
    let mut endpoint = out(reason(Signal::Silence, 1.0, 1.0), 15_000);
    assert!(Why::of(&endpoint, 15_000).next.starts_with("Its time out is over"));
    endpoint.circuit.state = CircuitState::HalfOpen;
    endpoint.circuit.permits_left = Some(2);
    assert_eq!(
        Why::of(&endpoint, 10_500).next,
        "2 probes may still be sent; what has not come back in 5 s is given out anew."
    );
    endpoint.circuit = Circuit::default();
    endpoint.status = Status::Warming;
    (endpoint.weight, endpoint.effective_weight) = (3, 0.75);
    assert_eq!(Why::of(&endpoint, 0).next, "Its share grows to the full one: weight 0.75 of 3 now.");
}

#[test]
fn an_endpoint_to_which_nothing_happened_says_so() {
    let card = Why::of(&Endpoint::default(), 0);
    assert_eq!((card.state, card.facts.len(), card.at_ms), (State::Unknown, 0, None));
    assert!(card.sentence.starts_with("Its circuit has not changed"));
}

#[test]
fn how_near_it_is_to_its_limits_is_told_of_what_is_switched_on() {
    let window = plimsoll_snapshot::view::Window {
        calls: 40,
        size: Some(100),
        minimum: 10,
        failure_percent: Some(12.5),
        failure_threshold: 50,
        slow_threshold: 100,
        ..Default::default()
    };
    let evidence = Evidence {
        consecutive: Some(Level { observed: 1.0, threshold: 5.0 }),
        failures: Some(Level { observed: 3.21, threshold: 19.519 }),
        window: Some(window),
        ..Evidence::default()
    };
    let told: Vec<_> = levels(&evidence).into_iter().map(|fact| (fact.key, fact.value)).collect();
    let expected = [
        ("now-consecutive", "1 of 5"),
        ("now-failures", "3.2 of 19.5"),
        ("now-window", "40 of 100, at least 10"),
        ("now-failed", "12.5 %, limit 50 %"),
        ("now-slow", "–, limit 100 %"),
    ];
    assert_eq!(told, expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn the_back_off_step_is_counted_in_words() {
    let step = |openings| step(&Circuit { openings, ..Circuit::default() });
    assert_eq!([0, 1, 3, 11].map(step), ["", "first time out", "third time out", "11th time out"]);
}
