//! Windows on time, the axis, and what is near on it.

use super::*;

const HOUR: u64 = 3_600_000;
const NOW: u64 = START_MS + 10 * HOUR;

/// Numbers that look like chance, always the same.
fn chance(count: usize) -> impl Iterator<Item = u64> {
    let mut state = 7_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
    .take(count)
}

#[test]
fn a_window_is_the_addresss_then_the_one_remembered_then_ten_minutes() {
    assert_eq!(Window::chosen("300", "", Some("60")), Window::live(300_000));
    assert_eq!(Window::chosen("", "", Some("60")), Window::live(60_000));
    assert_eq!(Window::chosen("soon", "later", Some("x")), Window::live(600_000));
    assert_eq!(Window::chosen("", "1234567890123", None), Window::paused(600_000, 1_234_567_890_123));
    assert_eq!(Window::chosen("99999999999999999999", "", None), Window::live(600_000));
    assert_eq!(Window::chosen("18446744073709551615", "", None), Window::live(6 * HOUR));
}

#[test]
fn whatever_is_done_to_a_window_it_shows_what_there_is() {
    for first_ms in [NOW, NOW - 30_000, NOW - 10 * 60_000, NOW - 6 * HOUR] {
        let limits = Limits { first_ms, now_ms: NOW };
        let mut window = Window::live(600_000);
        let dice: Vec<u64> = chance(6_000).collect();
        for dice in dice.chunks(3) {
            let (what, how_much, where_) = (dice[0] % 5, dice[1], NOW - dice[2] % (7 * HOUR));
            window = match what {
                0 => window.pan((how_much % (2 * HOUR)) as i64 - HOUR as i64, limits),
                1 => window.zoom(0.25 + (how_much % 16) as f64 / 4.0, where_, limits),
                2 => window.scrub((how_much % 101) as f64 / 100.0, limits),
                3 => window.showing(where_, limits),
                _ => window.pause(NOW).place(where_, limits),
            };
            let (from_ms, to_ms) = window.bounds(NOW);
            assert_eq!(to_ms - from_ms, window.span_ms());
            assert!((SHORTEST_MS..=LONGEST_MS).contains(&window.span_ms()));
            assert!(to_ms <= NOW);
            // It begins before the first point only where it follows now.
            assert!(window.is_live() || from_ms >= first_ms, "{window:?}");
            assert!((0.0..=1.0).contains(&window.scrubbed(limits)));
        }
    }
}

#[test]
fn what_is_under_the_pointer_stays_there_while_zooming() {
    let limits = Limits { first_ms: NOW - 6 * HOUR, now_ms: NOW };
    for dice in chance(500) {
        let window = Window::paused(600_000 + dice % HOUR, NOW - 2 * HOUR);
        let (from_ms, to_ms) = window.bounds(NOW);
        let around_ms = from_ms + dice % (to_ms - from_ms);
        let after = window.zoom(if dice % 2 == 0 { 0.5 } else { 1.25 }, around_ms, limits);
        let part = |window: Window| {
            let (from_ms, to_ms) = window.bounds(NOW);
            (around_ms as f64 - from_ms as f64) / (to_ms - from_ms) as f64
        };
        assert!((part(window) - part(after)).abs() < 1e-4, "{window:?} {after:?}");
    }
}

#[test]
fn a_window_follows_now_until_it_is_moved_and_again_when_it_comes_back() {
    let limits = Limits { first_ms: NOW - 6 * HOUR, now_ms: NOW };
    let window = Window::live(600_000);
    assert_eq!(window.bounds(NOW + 5_000), (NOW + 5_000 - 600_000, NOW + 5_000));
    let moved = window.pan(-60_000, limits);
    assert_eq!((moved.end_ms(), moved.bounds(NOW + 5_000).1), (Some(NOW - 60_000), NOW - 60_000));
    assert!(moved.pan(60_000, limits).is_live());
    assert_eq!(window.pause(NOW).end_ms(), Some(NOW));
    assert_eq!(moved.follow(), window);
    // Zooming around the right end stays live, around another place does not.
    assert!(window.zoom(0.5, NOW, limits).is_live());
    assert!(!window.zoom(0.5, NOW - 300_000, limits).is_live());
    assert!(window.zoom(0.5, NOW - 300_000, limits).zoom(4.0, NOW - 200_000, limits).is_live());
}

#[test]
fn an_event_is_moved_into_the_middle_only_if_it_is_not_well_within() {
    let limits = Limits { first_ms: NOW - 6 * HOUR, now_ms: NOW };
    let window = Window::live(600_000);
    assert_eq!(window.showing(NOW - 300_000, limits), window);
    let moved = window.showing(NOW - HOUR, limits);
    assert_eq!(moved.bounds(NOW), (NOW - HOUR - 300_000, NOW - HOUR + 300_000));
    // One that is new is shown as far right as there is something to show.
    assert!(window.showing(NOW - 10_000, limits).is_live());
}

#[test]
fn scrubbing_goes_from_the_first_point_to_now_and_is_read_back() {
    let limits = Limits { first_ms: NOW - 2 * HOUR, now_ms: NOW };
    let window = Window::live(600_000);
    assert_eq!(window.scrub(0.0, limits).bounds(NOW).0, NOW - 2 * HOUR);
    assert!(window.scrub(1.0, limits).is_live());
    for part in [0.0, 0.25, 0.5, 0.99] {
        assert!((window.scrub(part, limits).scrubbed(limits) - part).abs() < 1e-3);
    }
}

#[test]
fn spans_out_of_range_and_factors_that_are_none_are_clamped() {
    let limits = Limits { first_ms: NOW - HOUR, now_ms: NOW };
    assert_eq!((Window::live(0).span_ms(), Window::live(u64::MAX).span_ms()), (SHORTEST_MS, LONGEST_MS));
    let window = Window::live(600_000);
    for (factor, span_ms) in [(f64::NAN, 600_000), (f64::INFINITY, 600_000), (-1.0, SHORTEST_MS), (1e9, LONGEST_MS)] {
        assert_eq!(window.zoom(factor, NOW, limits).span_ms(), span_ms);
    }
    assert!(window.scrub(f64::NAN, limits).is_live());
}

#[test]
fn places_and_times_belong_together() {
    let axis = Axis { left: 58.0, right: 858.0, from_ms: NOW - 600_000, to_ms: NOW };
    for dice in chance(500) {
        let at_ms = NOW - dice % 600_001;
        assert!(axis.time_at(axis.x_of(at_ms)).abs_diff(at_ms) <= 1);
    }
    assert_eq!((axis.time_at(0.0), axis.time_at(9999.0)), (NOW - 600_000, NOW));
    assert_eq!((axis.x_of(0), axis.x_of(u64::MAX)), (58.0, 858.0));
}

#[test]
fn the_nearest_event_is_found_within_reach_only() {
    let axis = Axis { left: 0.0, right: 600.0, from_ms: START_MS, to_ms: START_MS + 60_000 };
    let marks = marks();
    let near = |x| nearest(&marks, &axis, x, 8.0).map(|mark| mark.seq);
    assert_eq!((near(224.0), near(230.0), near(290.0), near(358.0)), (Some(1), Some(1), None, Some(2)));
    // Of two at the same place, the later one.
    let twice = [marks[0].clone(), Mark { seq: 9, ..marks[0].clone() }];
    assert_eq!(nearest(&twice, &axis, 224.0, 8.0).map(|mark| mark.seq), Some(9));
    // One beyond the end does not lie at the end.
    let later = [Mark { at_ms: START_MS + 70_000, ..marks[0].clone() }];
    assert!(nearest(&later, &axis, 600.0, 8.0).is_none());
}
