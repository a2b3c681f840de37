use super::*;

fn numbers(ends: &[(Option<i64>, Option<i64>)]) -> Vec<KeyRange> {
    let bound = |end: Option<i64>| end.map(KeyBound::Number);
    let range =
        |(from, to): &(Option<i64>, Option<i64>)| KeyRange { from: bound(*from), to: bound(*to), endpoints: vec![0] };
    ends.iter().map(range).collect()
}

#[test]
fn numbers_fall_into_their_range_and_gaps_into_none() {
    let ranges = numbers(&[(None, Some(-5)), (Some(-5), Some(10)), (Some(20), Some(30)), (Some(30), None)]);
    let cases = [
        ("-9223372036854775808", Some(0)),
        ("-6", Some(0)),
        ("-5", Some(1)),
        ("9", Some(1)),
        (" 9 ", Some(1)),
        ("10", None),
        ("19", None),
        ("20", Some(2)),
        ("29", Some(2)),
        ("30", Some(3)),
        ("9223372036854775807", Some(3)),
        ("9223372036854775808", None),
        ("1e3", None),
        ("", None),
    ];
    for (key, want) in cases {
        assert_eq!(range_of(&ranges, key.as_bytes()), want, "{key}");
    }
    assert_eq!(range_of(&ranges, &[0xff]), None);
}

#[test]
fn texts_are_in_the_order_of_their_bytes() {
    let bound = |text: &str| Some(KeyBound::Text(text.into()));
    let range = |from, to| KeyRange { from, to, endpoints: vec![0] };
    let ranges = [range(None, bound("b")), range(bound("b"), bound("m")), range(bound("n"), None)];
    let cases = [
        ("", Some(0)),
        ("azzz", Some(0)),
        ("b", Some(1)),
        ("lz", Some(1)),
        ("m", None),
        ("n", Some(2)),
        ("é", Some(2)),
    ];
    for (key, want) in cases {
        assert_eq!(range_of(&ranges, key.as_bytes()), want, "{key}");
    }
}

#[test]
fn a_range_without_ends_takes_every_key_and_no_range_takes_none() {
    assert_eq!(range_of(&numbers(&[(None, None)]), b"anything"), Some(0));
    assert_eq!(range_of(&[], b"1"), None);
}
