//! Each way to fail takes an endpoint out under its own name, it comes back, and no client notices.

use super::{MS, TICK, load, setup};
use crate::filter_bed::{address, events};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy};
use plimsoll_snapshot::{CircuitState, Event, FailureKind, Signal};
use serde_json::json;

const PERMITS: usize = 3;
const BROKEN: usize = 1;

fn changes(events: &[Event]) -> Vec<(CircuitState, CircuitState)> {
    events.iter().map(|event| (event.transition.from, event.transition.to)).collect()
}

/// Nobody but the broken endpoint changed, each change begins where the last one ended, and all of them exist.
fn follows_the_diagram(events: &[Event]) {
    use CircuitState::{Closed, HalfOpen, Open};
    assert!(events.iter().all(|event| event.endpoint == format!("e{BROKEN}")), "{events:?}");
    let changes = changes(events);
    assert_eq!((changes.first(), changes.last()), (Some(&(Closed, Open)), Some(&(HalfOpen, Closed))), "{changes:?}");
    assert!(changes.windows(2).all(|pair| pair[0].1 == pair[1].0), "{changes:?}");
    // Half-open to half-open: permits that nobody used are handed out again.
    let known = [(Closed, Open), (Open, HalfOpen), (HalfOpen, HalfOpen), (HalfOpen, Open), (HalfOpen, Closed)];
    assert!(changes.iter().all(|change| known.contains(change)), "{changes:?}");
    assert!(events.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq), "{events:?}");
}

fn attempts(proxy: &Proxy) -> usize {
    let all = proxy.outcomes().flat_map(|outcome| outcome.attempts);
    all.filter(|attempt| attempt.endpoint == address(BROKEN)).count()
}

#[test]
fn each_way_to_fail_ejects_under_its_name_and_is_forgiven() {
    let faults = [
        (Behaviour::status(503, 1), FailureKind::Status),
        (Behaviour::Refuse, FailureKind::Connect),
        (Behaviour::Hang, FailureKind::Timeout),
        (Behaviour::Reset { after: MS }, FailureKind::Reset),
    ];
    for (fault, kind) in faults {
        let circuit = json!({"open_for": "1500ms", "backoff": 1, "half_open_permits": PERMITS, "half_open_max": "2s"});
        let mut proxy = setup(4, &json!({"circuit": circuit})).workers(2).start().expect("starts");
        (0..4).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::ok(2)));
        load(&mut proxy, 2, 200, 5 * MS);
        proxy.set_behaviour(&address(BROKEN), fault);
        load(&mut proxy, 2, 300, 5 * MS);
        proxy.run_for(TICK);
        let opened = events(&mut proxy);
        let reason = &opened[0].transition.reason;
        assert_eq!(changes(&opened), [(CircuitState::Closed, CircuitState::Open)], "{fault:?}: {opened:?}");
        // Whichever has seen enough first; silence has no failure to name.
        let blames = [Signal::ConsecutiveFailures, Signal::Failures].contains(&reason.signal);
        let silent = kind == FailureKind::Timeout && reason.signal == Signal::Silence;
        assert!(silent || blames && reason.failure == Some(kind), "{fault:?}: {reason:?}");

        let before = attempts(&proxy);
        load(&mut proxy, 2, 2_000, 5 * MS);
        let half_openings = events(&mut proxy).iter().filter(|e| e.transition.to == CircuitState::HalfOpen).count();
        let probes = attempts(&proxy) - before;
        assert!(half_openings >= 2, "{fault:?}: probed {half_openings} times in 10 s");
        assert!(
            (1..=PERMITS * half_openings).contains(&probes),
            "{fault:?}: {probes} probes, {half_openings} openings"
        );

        proxy.set_behaviour(&address(BROKEN), Behaviour::ok(2));
        load(&mut proxy, 2, 1_500, 5 * MS);
        proxy.run_until_idle();
        follows_the_diagram(&events(&mut proxy));
        let failed: Vec<String> = proxy.outcomes().filter(|o| !o.is_ok()).map(|o| o.to_string()).collect();
        assert!(failed.is_empty(), "{fault:?}: {failed:#?}");
    }
}
