use plimsoll_snapshot::{Circuit, CircuitState, LatencyMs, Status};

use super::*;

fn endpoint(id: &str, p99: Option<f64>, state: CircuitState) -> Endpoint {
    Endpoint {
        id: id.into(),
        address: format!("10.0.0.{}:80", id.len()),
        zone: Some(if id.ends_with('1') { "east".into() } else { "west".into() }),
        status: Status::Healthy,
        circuit: Circuit { state, ..Circuit::default() },
        latency_ms: p99.map(|p99| LatencyMs { p50: 1.0, p90: 2.0, p99 }),
        ..Endpoint::default()
    }
}

fn pool() -> Pool {
    let endpoints = vec![
        endpoint("order-10", Some(30.0), CircuitState::Closed),
        endpoint("order-2", None, CircuitState::Open),
        endpoint("order-1", Some(90.0), CircuitState::Closed),
        endpoint("Büro", Some(30.0), CircuitState::HalfOpen),
    ];
    Pool { endpoints, ..Pool::default() }
}

fn ids(wanted: &str, order: &str) -> Vec<String> {
    let pool = pool();
    places(&pool, None, wanted, Order::parse(order)).into_iter().map(|place| pool.endpoints[place].id.clone()).collect()
}

#[test]
fn unsorted_it_is_as_configured() {
    assert_eq!(ids("", ""), ["order-10", "order-2", "order-1", "Büro"]);
}

#[test]
fn numbers_in_names_count_as_numbers() {
    assert_eq!(ids("order", "name"), ["order-1", "order-2", "order-10"]);
    assert_eq!(ids("order", "-name"), ["order-10", "order-2", "order-1"]);
    assert_eq!(natural("a007", "a7"), Ordering::Equal);
    assert_eq!(natural("a", "a1"), Ordering::Less);
}

#[test]
fn what_calls_for_attention_comes_first_and_what_is_unknown_last() {
    assert_eq!(ids("", "p99"), ["order-1", "order-10", "Büro", "order-2"]);
    assert_eq!(ids("", "-p99"), ["order-10", "Büro", "order-1", "order-2"]);
    assert_eq!(ids("", "state"), ["order-2", "Büro", "order-10", "order-1"]);
}

#[test]
fn every_typed_word_must_fit_somewhere() {
    assert_eq!(ids("EAST order", ""), ["order-1"]);
    assert_eq!(ids("ejected", ""), ["order-2"]);
    assert_eq!(ids("bü", ""), ["Büro"]);
    assert!(ids("east ejected", "").is_empty());
}

#[test]
fn orders_are_read_as_they_are_written() {
    for (key, _) in KEYS {
        for reversed in [false, key != Key::Configured] {
            let order = Order { key, reversed };
            assert_eq!(Order::parse(&order.text()), order);
        }
    }
    assert_eq!(Order::parse("nonsense"), Order::default());
}

#[test]
fn three_presses_lead_back() {
    let first = Order::default().pressed(Key::P99);
    assert_eq!(first, Order { key: Key::P99, reversed: false });
    assert_eq!(first.pressed(Key::P99).pressed(Key::P99), Order::default());
    assert_eq!(first.pressed(Key::Rate).key, Key::Rate);
}

#[test]
fn small_tables_are_made_whole() {
    assert_eq!(on_screen(WHOLE, 1e6, 800.0, 40.0), 0..WHOLE);
}

#[test]
fn large_tables_are_made_around_the_screen() {
    assert_eq!(on_screen(1000, 0.0, 800.0, 40.0), 0..24);
    let middle = on_screen(1000, 20_000.0, 800.0, 40.0);
    assert!(middle.contains(&500) && middle.contains(&520) && middle.len() <= 32, "{middle:?}");
    assert_eq!(on_screen(1000, 1e9, 800.0, 40.0), 1000..1000);
    assert_eq!(on_screen(1000, -500.0, 800.0, f64::NAN).start, 0);
}

#[test]
fn scrolling_by_a_pixel_changes_nothing() {
    assert_eq!(on_screen(1000, 20_001.0, 800.0, 40.0), on_screen(1000, 20_030.0, 800.0, 40.0));
}
