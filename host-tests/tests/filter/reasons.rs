//! What an operator finds when a circuit has changed: traces of the requests that failed, a line in the proxy's log, a
//! counter for each signal.

use super::{HEADER, MS, TICK, hair_trigger, settled, setup};
use crate::filter_bed::{OBSERVER, PICKER, address, events};
use plimsoll_host_tests::host::HostCall;
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request};
use serde_json::json;
use std::time::Duration;

fn hex(number: usize) -> String {
    format!("4bf92f3577b34da6a3ce929d0e0e{number:04x}")
}

fn traced(request: Request, style: &str, number: usize) -> Request {
    match style {
        "traceparent" => request.header(style, format!("00-{}-00f067aa0ba902b7-01", hex(number))),
        "b3" => request.header(style, format!("{}-00f067aa0ba902b7-1", hex(number))),
        "x-b3-traceid" => request.header(style, hex(number)),
        // The first that can be read counts.
        "all" => traced(request.header("b3", "0"), "x-b3-traceid", number).header("traceparent", "00-nonsense"),
        _ => request.header("traceparent", format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))),
    }
}

/// Trace ids of the one event after five failures in a row.
fn trace_ids(observe: &str, style: &str) -> Vec<String> {
    let pool = json!({"observe": observe, "max_ejected_percent": 100, "circuit": {"open_for": "300s"}});
    let mut proxy = setup(1, &pool).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::status(500, 1));
    for number in 1..=5 {
        proxy.fetch(traced(Request::get("/").header("x-envoy-max-retries", "0"), style, number));
    }
    proxy.run_for(TICK * 2);
    let events = events(&mut proxy);
    assert_eq!(events.len(), 1, "{observe} {style}");
    events[0].transition.reason.trace_ids.clone()
}

#[test]
fn an_event_names_the_last_three_traces_that_failed() {
    for observe in ["attempt", "request"] {
        for style in ["traceparent", "b3", "x-b3-traceid", "all"] {
            assert_eq!(trace_ids(observe, style), [5, 4, 3].map(hex), "{observe} {style}");
        }
        assert!(trace_ids(observe, "zero").is_empty(), "{observe}");
    }
}

#[test]
fn traces_are_read_where_something_is_wrong_only() {
    for observe in ["attempt", "request"] {
        let mut proxy = setup(2, &json!({"observe": observe, "strategy": "round_robin"})).start().expect("starts");
        let load = |proxy: &mut Proxy| {
            proxy.reset_costs();
            (0..20).for_each(|n| drop(proxy.fetch(traced(Request::get("/"), "traceparent", n))));
            let costs = proxy.costs();
            [PICKER, OBSERVER].map(|role| costs.streams(role).host_calls.get(HostCall::GetHeader)).iter().sum::<u64>()
        };
        load(&mut proxy);
        assert_eq!(load(&mut proxy), 20, "{observe}: the statuses");
        proxy.set_behaviour(&address(1), Behaviour::Refuse);
        assert!(load(&mut proxy) > 20, "{observe}");
    }
}

#[test]
fn each_transition_is_a_line_with_its_reason() {
    let mut proxy = setup(2, &hair_trigger()).start().expect("starts");
    proxy.set_behaviour(&address(0), Behaviour::Unreachable { after: 5 * MS });
    let before = proxy.world().log_len();
    (0..2).for_each(|_| drop(proxy.fetch(Request::get("/"))));
    proxy.run_for(TICK * 2);
    let lines = proxy.world().log_since(before);
    let want = format!(
        "plimsoll: pool demo endpoint e0 ({}): closed -> open, consecutive_failures 1 of 1, samples 1, \
         last failure connect_timeout",
        address(0)
    );
    assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), [want]);
    assert_eq!(lines[0].level, 3, "a warning");
}

/// Fifty circuits open at once, and again and again: the log is not flooded, and says what it left out.
#[test]
fn the_log_takes_a_burst_then_five_lines_a_second_and_owns_up() {
    const ENDPOINTS: usize = 50;
    let mut pool = hair_trigger();
    pool["circuit"] =
        json!({"consecutive_failures": 1, "outliers": false, "relative": false, "open_for": "1s", "backoff": 1});
    let mut proxy = setup(ENDPOINTS, &pool).start().expect("starts");
    (0..ENDPOINTS).for_each(|n| proxy.set_behaviour(&address(n), Behaviour::Refuse));
    let before = proxy.world().log_len();
    for n in 0..1_000 {
        proxy.submit_after(10 * MS * n, Request::get("/"));
    }
    proxy.run_for(Duration::from_secs(10));
    let lines = proxy.world().log_since(before);
    let transitions = settled_events(&mut proxy);
    let suppressed = |lines: &[String]| {
        let told = lines
            .iter()
            .filter_map(|line| line.strip_prefix("plimsoll: ")?.strip_suffix(" more transitions, not logged"));
        told.map(|number| number.parse::<usize>().expect("a number")).sum::<usize>()
    };
    let written: Vec<String> = lines.into_iter().map(|line| line.message).collect();
    assert!(transitions > 200, "{transitions} transitions");
    assert!((20 + 40..=20 + 51).contains(&written.len()), "{} lines in 10 s", written.len());
    // With nothing more to say, what was kept back is told all the same.
    proxy.run_for(Duration::from_secs(300));
    let written: Vec<String> = proxy.world().log_since(before).into_iter().map(|line| line.message).collect();
    let shown = written.iter().filter(|line| line.contains(" -> ")).count();
    let sequence = plimsoll_snapshot_events(&mut proxy);
    assert_eq!(shown + suppressed(&written), sequence, "every transition is shown or counted");
}

/// Transitions so far, those that the event log has dropped included.
fn settled_events(proxy: &mut Proxy) -> usize {
    proxy.run_until_idle();
    plimsoll_snapshot_events(proxy)
}

fn plimsoll_snapshot_events(proxy: &mut Proxy) -> usize {
    events(proxy).last().map_or(0, |event| event.seq as usize)
}

#[test]
fn transitions_are_counted_by_their_signal_on_the_worker_that_made_them() {
    for workers in [1, 3] {
        let circuit = json!({"consecutive_failures": 5, "open_for": "500ms", "backoff": 1, "half_open_permits": 2});
        let mut proxy = setup(3, &json!({ "circuit": circuit })).workers(workers).start().expect("starts");
        let name = |signal: &str| format!("plimsoll.pool.demo.transitions.{signal}");
        let defined = |proxy: &Proxy| {
            let store = proxy.world().store();
            store.metrics.names().filter(|name| name.contains(".transitions.")).count()
        };
        super::load(&mut proxy, workers, 200, 5 * MS);
        assert_eq!(defined(&proxy), 0, "none is defined before it is needed");
        proxy.set_behaviour(&address(1), Behaviour::Refuse);
        super::load(&mut proxy, workers, 400, 5 * MS);
        proxy.set_behaviour(&address(1), Behaviour::ok(1));
        super::load(&mut proxy, workers, 400, 5 * MS);
        settled(&mut proxy);
        let events = events(&mut proxy);
        let signals: std::collections::BTreeSet<&str> =
            events.iter().map(|e| e.transition.reason.signal.name()).collect();
        assert!(signals.len() >= 3, "{signals:?}");
        for signal in &signals {
            let happened = events.iter().filter(|event| event.transition.reason.signal.name() == *signal).count();
            let counted = proxy.world().store().metrics.counter(&name(signal));
            assert_eq!(counted, Some(happened as u64), "{signal}, {workers} workers");
        }
        assert_eq!(defined(&proxy), signals.len());
    }
}

/// The client's own trace headers steer nothing and pass on as they came.
#[test]
fn trace_headers_pass_on_as_they_came() {
    let mut proxy = setup(1, &json!({})).start().expect("starts");
    let outcome = proxy.fetch(traced(Request::get("/"), "traceparent", 7));
    let arrived = &outcome.attempts[0].headers;
    assert!(arrived.text("traceparent").is_some_and(|text| text.contains(&hex(7))));
    assert!(arrived.text(HEADER).is_some_and(|list| list.starts_with(&address(0))));
}
