use super::fixture::{Recorded, START_MS};
use super::*;

fn past_of(answers: &[Recorded]) -> Past {
    let mut past = Past::default();
    for answer in answers {
        past.merge(&answer.answer()).expect("as the proxy tells it");
    }
    past
}

fn halves(first: u64, end: u64) -> Recorded {
    Recorded { resolution_ms: 30_000, first, end, fault: (1, 0..0), ..Recorded::seconds(0) }
}

/// The answer to a question for what was before the start, told so many seconds after it.
fn nothing_before(resolution_ms: u64, told: u64) -> String {
    let recorded = Recorded { resolution_ms, end: 1, missing: 0..1, told: Some(told), ..Recorded::seconds(1) };
    recorded.answer().replace(&format!("from_ms\":{START_MS}"), &format!("from_ms\":{}", START_MS - 600_000))
}

/// Begins of the points of a table, in seconds after the start, with how long they are.
fn points(past: &Past, from_s: u64, to_s: u64) -> Vec<(u64, u64)> {
    let table = past.table("orders", START_MS + from_s * 1000, START_MS + to_s * 1000).expect("there");
    let point = |point: &Point| ((point.begin_ms - START_MS) / 1000, (point.end_ms - point.begin_ms) / 1000);
    table.points.iter().map(point).collect()
}

#[test]
fn the_example_in_the_documentation_is_understood() {
    let docs = include_str!("../../../docs/admin.md");
    let from = docs.find("{\"version\":1,\"at_ms\":1767225613600,\"resolution_ms\"").expect("there");
    let text = &docs[from..from + docs[from..].find("```").expect("it ends")];
    // What is left out for brevity.
    let text = text.replace(",…}", "}").replace(",\n  …]", "]");
    let mut past = Past::default();
    assert_eq!(past.merge(&text), Ok(true));
    let table = past.table("orders", 1_767_225_609_000, 1_767_225_613_000).expect("there");
    assert_eq!(table.column(table.pool(), Column::Failures), [0.0, 8.0, 0.0, 0.0]);
    assert_eq!(table.column(table.pool(), Column::P99), [9.977; 4]);
    let second = &table.endpoints()[1];
    assert_eq!(second.name, "order-2");
    assert_eq!(table.rate(second, Column::Requests), [33.0, 19.0, 0.0, 0.0]);
    let circuits: Vec<&str> =
        table.column(second, Column::Circuit).into_iter().map(|code| WORDS[code as usize]).collect();
    assert_eq!(circuits, ["closed", "open", "open", "open"]);
}

#[test]
fn rates_are_counts_by_the_time_that_they_were_counted_in() {
    let text = r#"{"version":1,"at_ms":9000,"resolution_ms":1000,"from_ms":5000,"pools":[{"name":"a","at":[0,2],
        "span_ms":[null,2000],"requests":[null,50],"panic":[[0,true]]}]}"#;
    let mut past = Past::default();
    past.merge(text).expect("understood");
    let table = past.table("a", 0, 9000).expect("there");
    assert_eq!(table.points.iter().map(|point| point.begin_ms).collect::<Vec<_>>(), [5000, 7000]);
    let rates = table.rate(table.pool(), Column::Requests);
    assert!(rates[0].is_nan() && rates[1] == 25.0, "{rates:?}");
    assert!(table.column(table.pool(), Column::P99).iter().all(|value| value.is_nan()));
    assert_eq!(table.column(table.pool(), Column::Status), [1.0, 1.0]);
}

#[test]
fn what_cannot_be_used_is_refused_in_words_and_changes_nothing() {
    let mut past = past_of(&[Recorded::seconds(10)]);
    for text in ["", "null", "{}", "<html>", r#"{"version":1}"#] {
        assert!(past.merge(text).is_err(), "{text}");
    }
    let other = Recorded::seconds(20).answer();
    for (from, to) in [("\"version\":1", "\"version\":2"), ("\"resolution_ms\":1000", "\"resolution_ms\":5000")] {
        assert!(past.merge(&other.replace(from, to)).is_err());
    }
    assert_eq!(points(&past, 0, 100).len(), 10);
}

#[test]
fn answers_add_up_in_any_order_and_repeats_change_nothing() {
    let part = |first, end| Recorded { first, told: Some(61), ..Recorded::seconds(end) };
    let one = past_of(&[part(0, 60)]);
    let other = past_of(&[part(40, 60), part(0, 20), part(15, 45), part(40, 60)]);
    assert_eq!(points(&one, 0, 60), points(&other, 0, 60));
    let column = |past: &Past| {
        let table = past.table("orders", START_MS, START_MS + 60_000).expect("there");
        table.column(&table.endpoints()[1], Column::Requests)
    };
    assert_eq!(column(&one), column(&other));
    assert_eq!(column(&one)[..3], [47.0 + 8.0, 47.0 + 3.0, 47.0 + 7.0]);
}

#[test]
fn what_nobody_recorded_is_a_hole_and_no_zero() {
    let past = past_of(&[Recorded { missing: 4..7, ..Recorded::seconds(10) }]);
    let begins: Vec<u64> = points(&past, 0, 10).into_iter().map(|(begin, _)| begin).collect();
    assert_eq!(begins, [0, 1, 2, 3, 7, 8, 9]);
}

#[test]
fn a_ring_forgets_what_is_older_than_it_is_long() {
    let mut past = Past::default();
    for end in [300, 600, 900, 1200, 1500] {
        past.merge(&Recorded { first: end - 300, ..Recorded::seconds(end) }.answer()).expect("merges");
        // Too late: its place is taken.
        past.merge(&Recorded { told: Some(end + 2), ..Recorded::seconds(10) }.answer()).expect("merges");
    }
    let all = points(&past, 0, 1500);
    assert_eq!((all.len(), all[0].0), (600, 900));
    // A proxy that was away for longer than that.
    past.merge(&Recorded { first: 9000, ..Recorded::seconds(9003) }.answer()).expect("merges");
    assert_eq!(points(&past, 0, 9003), [(9000, 1), (9001, 1), (9002, 1)]);
}

#[test]
fn a_short_time_is_read_in_seconds_and_a_long_one_in_half_minutes_up_to_the_last_seconds() {
    let past = past_of(&[Recorded { first: 60, ..Recorded::seconds(645) }, halves(0, 21)]);
    assert_eq!(points(&past, 600, 645), (600..645).map(|s| (s, 1)).collect::<Vec<_>>());
    let long = points(&past, 0, 645);
    assert_eq!(long[..21], (0..21).map(|n| (n * 30, 30)).collect::<Vec<_>>());
    assert_eq!(long[21..], (630..645).map(|s| (s, 1)).collect::<Vec<_>>());
    // Before the seconds begin, half minutes stand in, and the one that they begin in is cut off.
    let past = past_of(&[Recorded { first: 75, ..Recorded::seconds(90) }, halves(0, 3)]);
    assert_eq!(points(&past, 0, 90)[..4], [(0, 30), (30, 30), (60, 15), (75, 1)]);
    // What it has recorded adjoins the seconds, if it has recorded more than those.
    for (span_ms, first) in [(15_400, (75, 1)), (15_950, (74, 1)), (19_050, (71, 4)), (29_900, (60, 15))] {
        let mut past = past_of(&[Recorded { first: 75, ..Recorded::seconds(90) }]);
        let told = halves(2, 3).answer().replace("\"span_ms\":[30000]", &format!("\"span_ms\":[{span_ms}]"));
        past.merge(&told).expect("as the proxy tells it");
        assert_eq!(points(&past, 0, 90)[0], first);
    }
    // A point that began before the window is in it with its end.
    let past = past_of(&[Recorded { first: 75, ..Recorded::seconds(90) }, halves(0, 3)]);
    assert_eq!(points(&past, 45, 90)[0], (30, 30));
}

#[test]
fn history_is_asked_for_first_then_what_is_new_and_nothing_twice() {
    let mut past = Past::default();
    let now = START_MS + 700_000;
    let ask = |past: &Past, now| past.question(Some("orders"), now);
    assert_eq!(ask(&past, now).expect("first"), "history?pool=orders&endpoints=true&resolution=1s");
    assert!(past.is_loading("orders", now));
    // The answer had no room for more than 200 seconds.
    past.merge(&Recorded { first: 500, ..Recorded::seconds(700) }.answer()).expect("merges");
    assert_eq!(ask(&past, now).expect("second"), "history?pool=orders&endpoints=true&resolution=30s");
    past.merge(&Recorded { told: Some(700), ..halves(0, 23) }.answer()).expect("merges");
    let until = format!("history?pool=orders&endpoints=true&resolution=1s&until={}", START_MS + 500_000);
    assert_eq!(ask(&past, now), Some(until));
    past.merge(&Recorded { first: 300, told: Some(701), ..Recorded::seconds(500) }.answer()).expect("merges");
    let until = format!("history?pool=orders&endpoints=true&resolution=1s&until={}", START_MS + 300_000);
    assert_eq!(ask(&past, now), Some(until));
    past.merge(&Recorded { first: 100, told: Some(701), ..Recorded::seconds(300) }.answer()).expect("merges");
    // That is as far as the ring goes; of the half minutes, what is before the first is still to be asked for.
    let until = format!("history?pool=orders&endpoints=true&resolution=30s&until={START_MS}");
    assert_eq!(ask(&past, now), Some(until));
    past.merge(&nothing_before(30_000, 701)).expect("merges");
    assert_eq!(ask(&past, now), None);
    assert!(!past.is_loading("orders", now));
    // What follows is due when its second is over.
    assert_eq!(ask(&past, START_MS + 701_000), None);
    let since = format!("history?pool=orders&endpoints=true&resolution=1s&since={}", START_MS + 699_000);
    assert_eq!(ask(&past, START_MS + 701_500), Some(since));
    past.merge(&Recorded { first: 700, ..Recorded::seconds(701) }.answer()).expect("merges");
    assert_eq!(ask(&past, START_MS + 702_000), None);
}

#[test]
fn a_page_that_slept_fills_the_hole_and_no_more() {
    let mut past = past_of(&[Recorded::seconds(100), halves(0, 3)]);
    past.merge(&nothing_before(1_000, 101)).expect("merges");
    let slept = Recorded { first: 400, ..Recorded::seconds(500) };
    past.merge(&slept.answer()).expect("merges");
    let now = START_MS + 500_500;
    past.merge(&Recorded { told: Some(500), ..halves(3, 16) }.answer()).expect("merges");
    let hole = format!(
        "history?pool=orders&endpoints=true&resolution=1s&since={}&until={}",
        START_MS + 99_000,
        START_MS + 400_000
    );
    assert_eq!(past.question(Some("orders"), now), Some(hole));
    past.merge(&Recorded { first: 100, told: Some(501), ..Recorded::seconds(400) }.answer()).expect("merges");
    let next = past.question(Some("orders"), now).unwrap_or_default();
    assert!(!next.contains("resolution=1s"), "{next}");
    assert_eq!(points(&past, 0, 500).len(), 500);
}

#[test]
fn all_pools_are_asked_about_without_their_endpoints_and_those_that_left_are_forgotten() {
    let mut past = Past::default();
    assert_eq!(past.question(None, START_MS).expect("first"), "history?resolution=1s");
    let all = Recorded { endpoints: None, ..Recorded::seconds(10) };
    past.merge(&all.answer()).expect("merges");
    assert_eq!(past.question(None, START_MS + 10_000).expect("second"), "history?resolution=30s");
    // That says nothing about the endpoints of one.
    let first = past.question(Some("orders"), START_MS + 10_000).expect("first");
    assert_eq!(first, "history?pool=orders&endpoints=true&resolution=1s");
    past.merge(&all.answer().replace("\"orders\"", "\"others\"")).expect("merges");
    assert!(past.table("orders", 0, u64::MAX).is_none() && past.table("others", 0, u64::MAX).is_some());
}

#[test]
fn a_proxy_whose_time_goes_back_starts_anew() {
    let mut past = past_of(&[Recorded { first: 500, ..Recorded::seconds(600) }]);
    // A correction of seconds is none.
    past.merge(&Recorded { first: 580, told: Some(591), ..Recorded::seconds(590) }.answer()).expect("merges");
    assert_eq!(points(&past, 0, 600).len(), 100);
    past.merge(&Recorded::seconds(5).answer()).expect("merges");
    assert_eq!(points(&past, 0, 600).len(), 5);
    let next = past.question(Some("orders"), START_MS + 5_000).expect("asks");
    assert_eq!(next, "history?pool=orders&endpoints=true&resolution=30s");
}

#[test]
fn memory_is_bounded_in_pools_and_endpoints() {
    let mut past = Past::default();
    for pool in 0..10 {
        let answer = Recorded { first: pool, ..Recorded::seconds(pool + 3) }.answer();
        past.merge(&answer.replace("\"orders\"", &format!("\"pool-{pool}\""))).expect("merges");
    }
    let detailed =
        |pool: u64| past.table(&format!("pool-{pool}"), 0, u64::MAX).is_some_and(|t| !t.endpoints().is_empty());
    assert_eq!((0..10).filter(|pool| detailed(*pool)).collect::<Vec<_>>(), [6, 7, 8, 9]);
    // The one that was dropped is asked for again when it is looked at.
    assert_eq!(past.question(Some("pool-0"), 0).expect("asks"), "history?pool=pool-0&endpoints=true&resolution=1s");
    // A pool whose endpoints come and go: the newest stay.
    let mut past = Past::default();
    for round in 0..20 {
        let answer = Recorded { first: round, endpoints: Some(50), ..Recorded::seconds(round + 1) }.answer();
        past.merge(&answer.replace("\"order-", &format!("\"round-{round}-"))).expect("merges");
    }
    let table = past.table("orders", 0, u64::MAX).expect("there");
    let names: Vec<&str> = table.endpoints().iter().map(|row| row.name.as_str()).collect();
    assert!(names.len() == 80 && names.contains(&"round-19-1") && names.contains(&"round-19-50"), "{names:?}");
}

#[test]
fn kinds_of_failures_are_read_where_the_proxy_tells_them() {
    let kinds = |recorded: Recorded| {
        let past = past_of(&[recorded]);
        let table = past.table("orders", START_MS, START_MS + 30_000).expect("there");
        let kinds = table.kinds().iter().map(|row| (row.name.clone(), table.rate(row, Column::Failures)[20]));
        kinds.collect::<Vec<_>>()
    };
    assert!(kinds(Recorded::seconds(30)).is_empty());
    let told = kinds(Recorded { kinds: true, ..Recorded::seconds(30) });
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["later kind", "status", "timeout"]);
    assert!(told[1].1 > 0.0 && told[2].1 > 0.0, "{told:?}");
}
