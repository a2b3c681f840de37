//! Charts in words and numbers.

use super::*;

fn values(chart: &Chart, second: u64) -> Vec<(String, String)> {
    let reading = chart.reading(START_MS + second * 1000 + 300);
    reading.values.into_iter().map(|value| (value.name, value.text)).collect()
}

fn pairs(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
}

#[test]
fn a_reading_has_the_exact_values_with_their_units() {
    let seen = incident();
    // 40, and 7 more for every third, and what the fixture shakes it by.
    let traffic = [
        ("order-1", "43.0 /s"),
        ("order-2", "49.0 /s"),
        ("order-3", "55.0 /s"),
        ("order-4", "40.0 /s"),
        ("total", "187 /s"),
    ];
    assert_eq!(values(&seen.chart(Kind::Traffic), 3), pairs(&traffic));
    assert_eq!(
        values(&seen.chart(Kind::Latency), 21),
        pairs(&[("p99", "243 ms"), ("p90", "146 ms"), ("p50", "60.8 ms")])
    );
    assert_eq!(values(&seen.chart(Kind::Scores), 21)[1], ("order-2".into(), "0.60".into()));
    let circuits = |second| values(&seen.chart(Kind::Circuits), second)[2].1.clone();
    assert_eq!([10, 21, 30, 36, 41].map(circuits), ["healthy", "degraded", "open", "half-open", "warming"]);
    // While it is open, it has no latency: not zero.
    assert_eq!(values(&seen.chart(Kind::EndpointP99), 30)[1].1, "–");
}

#[test]
fn a_reading_says_of_which_time_it_is_and_is_empty_where_nothing_was_recorded() {
    let chart = Seen::of(Recorded { missing: 20..30, ..Recorded::seconds(45) }).chart(Kind::Traffic);
    let reading = chart.reading(START_MS + 7_900);
    assert_eq!((reading.at_ms, reading.end_ms), (START_MS + 7_000, START_MS + 8_000));
    assert!(chart.reading(START_MS + 26_000).values.is_empty());
    assert!(chart.reading(START_MS - 5_000).values.is_empty());
    // Shortly after the newest point it is that which is read.
    assert_eq!(chart.reading(START_MS + 46_000).at_ms, START_MS + 44_000);
}

#[test]
fn failures_without_kinds_are_one_and_with_kinds_named() {
    let plain = Seen::of(Recorded::seconds(45)).chart(Kind::Failures);
    let names = |chart: &Chart| chart.series.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&plain), ["failures", "slow answers"]);
    assert_eq!(names(&incident().chart(Kind::Failures)), ["later kind", "status", "timeout", "slow answers"]);
    // Slow answers are no failures and not in their sum.
    assert_eq!(values(&plain, 20)[1].1, "1.0 /s");
    assert_eq!(values(&plain, 20)[0].1, values(&plain, 20)[2].1);
}

#[test]
fn an_endpoint_that_left_is_shown_after_the_others_in_grey() {
    let mut seen = incident();
    seen.order.remove(1);
    let chart = seen.chart(Kind::EndpointP99);
    let last = chart.series.last().expect("there");
    assert_eq!((last.name.as_str(), last.color), ("order-2", seen.look.theme.quiet()));
    assert_eq!(chart.series[1].place, Some(1));
    // Where it has no values in the window, it is not.
    seen.look.from_ms = START_MS + 25_000;
    seen.look.to_ms = START_MS + 33_000;
    assert_eq!(seen.chart(Kind::EndpointP99).series.len(), 3);
}

#[test]
fn words_say_what_the_drawing_shows() {
    let mut seen = Seen::of(Recorded { missing: 10..12, ..Recorded::seconds(45) });
    assert_eq!(
        seen.chart(Kind::Latency).words(),
        "Latency percentiles of pool orders, 13:59:46 to now. Recorded from 14:00:00 on. 1 gap. \
         Now: p99 33.0 ms, p90 19.8 ms, p50 8.2 ms. Highest: p99 279 ms at 14:00:20. 3 events."
    );
    seen.look.live = false;
    let words = seen.chart(Kind::Circuits).words();
    assert!(
        words.ends_with(
            "At the end: pool healthy, order-1 healthy, order-2 warming, order-3 healthy, order-4 healthy. 3 events."
        ),
        "{words}"
    );
    let many = Seen::of(Recorded { endpoints: Some(50), ..Recorded::seconds(45) }).chart(Kind::EndpointP50).words();
    assert!(many.contains("order-16 ") && many.contains(", and 34 more."), "{many}");
    let none = Seen::of(Recorded { missing: 0..10, ..Recorded::seconds(10) }).chart(Kind::Traffic).words();
    assert!(none.ends_with("Nothing recorded."), "{none}");
}

#[test]
fn a_table_of_numbers_has_units_and_times_and_leaves_out_what_is_not_known() {
    let mut seen = Seen::of(Recorded { missing: 1..30, ..Recorded::seconds(32) });
    assert_eq!(
        seen.chart(Kind::EndpointP99).csv().split("\r\n").collect::<Vec<_>>(),
        [
            "time (UTC),duration (s),order-1 (ms),order-2 (ms),order-3 (ms),order-4 (ms)",
            "2026-01-01T14:00:00.000Z,1,18,23,28,33",
            "2026-01-01T14:00:30.000Z,1,19,,29,34",
            "2026-01-01T14:00:31.000Z,1,26,,25,30",
            "",
        ]
    );
    seen.look.west_minutes = -60;
    let circuits = seen.chart(Kind::Circuits);
    assert!(circuits.csv().contains("2026-01-01T14:00:30.000Z,1,healthy,healthy,open,healthy,healthy\r\n"));
    assert_eq!(circuits.file_name(), "orders-circuits-20260101-140033");
    assert!(circuits.svg(900.0, 200.0).contains("orders · Circuit states · 2026-01-01 14:59:33 to 15:00:33"));
}

#[test]
fn every_kind_has_its_own_key_and_finds_itself() {
    for (index, (kind, key, _)) in Kind::ALL.into_iter().enumerate() {
        assert_eq!((kind as usize, Kind::of(key), kind.key()), (index, Some(kind), key));
    }
    assert_eq!(Kind::of("nonsense"), None);
}
