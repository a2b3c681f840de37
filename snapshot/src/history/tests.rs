//! The codec, what a second is made of, and what half a minute is.

use super::base::{Base, Counted, Due};
use super::columns::{ENDPOINT, POOL, circuit_code};
use super::*;
use crate::cell::{Cell, CellEndpoint};
use crate::view::CircuitState;
use alloc::{string::String, string::ToString, vec, vec::Vec};
use proptest::prelude::*;

/// As [`Point`], with its own texts.
type Owned = (PoolRow, Vec<(String, String, EndpointRow)>);

fn borrowed((pool, endpoints): &Owned) -> Point<'_> {
    let endpoints = endpoints.iter().map(|(id, address, row)| (Identity { id, address }, *row));
    Point { pool: *pool, endpoints: endpoints.collect() }
}

/// All points of a chunk.
fn points(bytes: &[u8]) -> Result<Vec<(u64, Owned)>, Malformed> {
    let (mut table, mut points): (Vec<Identity>, Vec<(u64, Owned)>) = (Vec::new(), Vec::new());
    visit(bytes, true, &mut |entry| match entry {
        Entry::Table(entries) => table = entries,
        Entry::Pool(index, row) => points.push((index, (*row, Vec::new()))),
        Entry::Endpoint(place, row) => {
            let Identity { id, address } = table[place];
            points.last_mut().expect("a point").1.1.push((id.to_string(), address.to_string(), *row));
        }
    })?;
    Ok(points)
}

fn value() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(0)), Just(Some(1000)), (0..u64::MAX).prop_map(Some)]
}

fn row<const N: usize>() -> impl Strategy<Value = [Option<u64>; N]> {
    prop::collection::vec(value(), N).prop_map(|row| row.try_into().expect("as long"))
}

fn point() -> impl Strategy<Value = Owned> {
    let endpoint = ("[a-c]", "[a-c]{0,3}", row());
    (row(), prop::collection::vec(endpoint, 0..4))
}

proptest! {
    #[test]
    fn points_survive_the_road(start in 0_u64..1000, written in prop::collection::vec(point(), 1..10)) {
        let first = start * POINTS;
        let mut bytes: Option<Vec<u8>> = None;
        let mut expected = Vec::new();
        for (index, point) in (first..).zip(&written) {
            bytes = append(bytes.as_deref(), index, &borrowed(point));
            expected.push((index, point.clone()));
        }
        let bytes = bytes.expect("has points");
        prop_assert_eq!(last(&bytes), Ok(expected.last().expect("one").0));
        prop_assert_eq!(points(&bytes), Ok(expected));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = visit(&bytes, true, &mut |_| ());
        let _ = Base::decode(&bytes);
        if let Some(version) = bytes.first_mut() {
            *version = 1;
        }
        let _ = visit(&bytes, true, &mut |_| ());
        let _ = summary(&bytes);
        let _ = Base::decode(&bytes);
        prop_assert!(append(Some(&bytes), 7, &Point::default()).is_none_or(|bytes| last(&bytes) == Ok(7)));
    }

    #[test]
    fn a_cut_chunk_is_refused_and_begins_anew(point in point(), cut in 1_usize..40) {
        let whole = append(None, 30, &borrowed(&point)).expect("a chunk");
        let cut = &whole[..whole.len() - cut.min(whole.len() - 1)];
        // Cut after its table, it is a chunk without points.
        prop_assert!(points(cut).is_err() || points(cut) == Ok(Vec::new()));
        let again = append(Some(cut), 31, &borrowed(&point)).expect("a chunk");
        prop_assert_eq!(points(&again), Ok(vec![(31, point)]));
    }

    #[test]
    fn bases_survive_the_road(cells in prop::collection::vec((any::<[u64; 4]>(), prop::collection::vec(any::<[u32; 4]>(), 0..5)), 0..5)) {
        let mut base = Base::default();
        let keys = vec![0, 1, 2];
        let counted = cells.iter().map(|([nonce, generation, picks, refused], endpoints)| {
            let endpoints = endpoints.iter().map(|[key, requests, failures, slow]| {
                let [requests, failures, slow] = [requests, failures, slow].map(|count| u64::from(*count));
                CellEndpoint { key: u64::from(*key) % 5, requests, failures, slow, ..CellEndpoint::default() }
            });
            let (nonce, generation, picks, refused) = (*nonce, *generation, *picks, *refused);
            Counted::of(&Cell { nonce, generation, picks, refused, endpoints: endpoints.collect(), ..Cell::default() }, &keys)
        });
        let counted = counted.collect();
        base.advance(1, keys, counted);
        prop_assert_eq!(Base::decode(&base.encode()), Ok(base));
    }
}

fn column(columns: &[columns::Column], name: &str) -> usize {
    columns.iter().position(|column| column.name == name).expect("a column")
}

#[test]
fn a_usual_point_of_eight_endpoints_takes_less_than_200_bytes() {
    let busy = |n: usize| {
        let mut row: EndpointRow = ENDPOINT.map(|column| column.usual);
        for (name, value) in [("requests", 150), ("in_flight", 3), ("p50_ms", 21_000), ("p99_ms", 96_000)] {
            row[column(&ENDPOINT, name)] = Some(value);
        }
        (alloc::format!("e{n}"), alloc::format!("10.0.0.{n}:8080"), row)
    };
    let mut pool: PoolRow = POOL.map(|column| column.usual);
    for (name, value) in [("requests", 1200), ("picks", 1200), ("in_flight", 24), ("eligible", 8), ("p99_ms", 96_000)] {
        pool[column(&POOL, name)] = Some(value);
    }
    let point = (pool, (0..8).map(busy).collect());
    let one = append(None, 0, &borrowed(&point)).expect("a chunk");
    let two = append(Some(&one), 1, &borrowed(&point)).expect("a chunk");
    let takes = two.len() - one.len();
    assert!(takes < 120, "{takes} bytes");
}

#[test]
fn a_slot_goes_on_within_its_chunk_only_and_never_back() {
    let point = Point::default();
    let numbers = |bytes: &[u8]| points(bytes).expect("a chunk").iter().map(|(index, _)| *index).collect::<Vec<_>>();
    let chunk = append(None, 31, &point).expect("a chunk");
    let chunk = append(Some(&chunk), 40, &point).expect("a point more");
    assert_eq!(numbers(&chunk), [31, 40]);
    assert_eq!(append(Some(&chunk), 40, &point), None, "it is there");
    assert_eq!(numbers(&append(Some(&chunk), 35, &point).expect("anew")), [35], "the clock was set back");
    assert_eq!(numbers(&append(Some(&chunk), 60, &point).expect("anew")), [60], "another chunk in this slot");
}

#[test]
fn half_a_minute_sums_counts_and_keeps_the_worst_of_the_rest() {
    let identity = |id| Identity { id, address: "a" };
    let endpoint = |requests, p99, state, score| {
        let mut row: EndpointRow = ENDPOINT.map(|column| column.usual);
        row[column(&ENDPOINT, "requests")] = requests;
        row[column(&ENDPOINT, "p99_ms")] = p99;
        row[column(&ENDPOINT, "circuit")] = Some(circuit_code(state));
        row[column(&ENDPOINT, "score")] = score;
        row
    };
    let first = endpoint(Some(5), None, CircuitState::Open, None);
    let second = endpoint(Some(7), Some(900), CircuitState::HalfOpen, Some(300));
    let third = endpoint(None, Some(800), CircuitState::Closed, Some(1000));
    let chunk = append(None, 0, &Point { endpoints: vec![(identity("x"), first)], ..Point::default() });
    let two = vec![(identity("y"), first), (identity("x"), second)];
    let chunk = append(chunk.as_deref(), 1, &Point { endpoints: two, ..Point::default() });
    let chunk = append(chunk.as_deref(), 2, &Point { endpoints: vec![(identity("x"), third)], ..Point::default() });
    let chunk = chunk.expect("a chunk");
    let sum = summary(&chunk);
    assert_eq!(sum.endpoints[0], (identity("x"), endpoint(Some(12), Some(900), CircuitState::Open, Some(300))));
    assert_eq!(sum.endpoints[1], (identity("y"), first), "it left, and stays readable");
}

const KEYS: [u64; 2] = [10, 20];

fn worker(nonce: u64, picks: u64, endpoints: &[(u64, u64)]) -> Cell {
    let endpoint = |(key, requests): &(u64, u64)| CellEndpoint {
        key: *key,
        requests: *requests,
        failures: requests / 2,
        ..CellEndpoint::default()
    };
    Cell { nonce, picks, generation: 1, endpoints: endpoints.iter().map(endpoint).collect(), ..Cell::default() }
}

fn step(base: &mut Base, keys: &[u64], cells: &[Cell]) -> (u64, u64, Vec<Option<u64>>) {
    let counted = cells.iter().map(|cell| Counted::of(cell, keys)).collect();
    let passed = base.advance(base.at_ms + 1000, keys.to_vec(), counted);
    let requests = passed.endpoints.iter().map(|counts| counts.map(|[requests, ..]| requests));
    (passed.picks, passed.pool[0], requests.collect())
}

#[test]
fn workers_come_and_go_and_nothing_is_lost_or_doubled() {
    let mut base = Base::default();
    step(&mut base, &KEYS, &[worker(1, 100, &[(10, 60), (20, 40), (30, 500)])]);
    let a = worker(1, 110, &[(10, 65), (20, 45), (30, 507)]);
    assert_eq!(
        step(&mut base, &KEYS, core::slice::from_ref(&a)),
        (10, 17, vec![Some(5), Some(5)]),
        "30 is in the rest"
    );
    let b = worker(2, 7, &[(10, 3), (20, 4)]);
    assert_eq!(step(&mut base, &KEYS, &[a.clone(), b.clone()]), (7, 7, vec![Some(3), Some(4)]), "a new one");
    assert_eq!(step(&mut base, &KEYS, core::slice::from_ref(&b)), (0, 0, vec![Some(0), Some(0)]), "one is gone");
    let a = worker(1, 111, &[(10, 66), (20, 45), (30, 507)]);
    assert_eq!(step(&mut base, &KEYS, &[b, a]), (1, 1, vec![Some(1), Some(0)]), "it is back, with its past");
}

#[test]
fn endpoints_change_places_leave_and_come_again() {
    let mut base = Base::default();
    step(&mut base, &KEYS, &[worker(1, 0, &[(10, 60), (20, 40)])]);
    let swapped = worker(1, 0, &[(20, 41), (10, 63)]);
    assert_eq!(step(&mut base, &[20, 10], &[swapped]).2, [Some(1), Some(3)]);
    let joined = worker(1, 0, &[(20, 41), (30, 2)]);
    assert_eq!(step(&mut base, &[20, 30], &[joined]), (0, 2, vec![Some(0), Some(2)]), "30 is new");
    let again = worker(1, 0, &[(20, 5), (30, 2)]);
    assert_eq!(step(&mut base, &[20, 30], &[again]), (0, 5, vec![Some(5), Some(0)]), "20 was away");
    // What was in the rest has a past that nobody knows.
    step(&mut base, &[20], &[worker(1, 0, &[(20, 5), (30, 9)])]);
    let apart = worker(1, 0, &[(20, 6), (30, 10)]);
    assert_eq!(step(&mut base, &[20, 30], &[apart]), (0, 1, vec![Some(1), None]));
    let later = worker(1, 0, &[(20, 6), (30, 12)]);
    assert_eq!(step(&mut base, &[20, 30], &[later]), (0, 2, vec![Some(0), Some(2)]));
}

#[test]
fn when_a_point_is_due() {
    let mut base = Base::default();
    (base.index, base.at_ms) = (1000, 1_001_050);
    let cases = [
        (1000, 1_001_150, Due::Nothing, "this second has its point"),
        (1001, 1_002_050, Due::Point(Some(1000)), "the next one"),
        (1010, 1_011_050, Due::Point(Some(10_000)), "nobody led for a while"),
        (1000, 1_001_000, Due::Recount, "set back within the second"),
        (990, 991_000, Due::Recount, "set back a little: these seconds have their points"),
        (990, 1_002_000, Due::Recount, "still catching up"),
        (970, 971_000, Due::Point(None), "set back far: begin anew"),
    ];
    for (index, now_ms, due, why) in cases {
        assert_eq!(base.due(index, now_ms), due, "{why}");
    }
    assert_eq!(Base::default().due(5, 6_000), Due::Point(None), "the first");
}
