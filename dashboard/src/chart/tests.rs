//! What charts look like: `INSTA_UPDATE=always cargo test -p plimsoll-dashboard` writes the drawings anew, and their
//! difference is what to look at.

use super::*;
use crate::past::Past;
use crate::past::fixture::{Recorded, START_MS};

mod layout;
mod told;
mod windows;

/// A pool at one minute, as the page would look at it live.
struct Seen {
    past: Past,
    order: Vec<String>,
    look: Look,
}

impl Seen {
    fn of(recorded: Recorded) -> Seen {
        let mut past = Past::default();
        past.merge(&recorded.answer()).expect("as the proxy tells it");
        let count = recorded.endpoints.unwrap_or(0);
        let order = (1..=count).map(|n| format!("order-{n}")).collect();
        let to_ms = recorded.end_ms() + 1_000;
        let look = Look {
            from_ms: to_ms - 60_000,
            to_ms,
            live: true,
            west_minutes: 0,
            theme: Theme { dark: false },
            highlight: None,
            cursor_ms: None,
            selected: None,
            marks: marks(),
        };
        Seen { past, order, look }
    }

    fn dark(mut self) -> Seen {
        self.look.theme.dark = true;
        self
    }

    fn chart(&self, kind: Kind) -> Chart {
        Chart::new(kind, &self.past, "orders", &self.order, self.look.clone())
    }
}

/// The changes of the circuit that [`Recorded::seconds`] tells of.
fn marks() -> Vec<Mark> {
    let mark = |seq, second: u64, turn| Mark { seq, at_ms: START_MS + second * 1000 + 400, turn, place: Some(1) };
    vec![mark(1, 22, Turn::Opened), mark(2, 35, Turn::HalfOpen), mark(3, 39, Turn::Closed)]
}

/// Compares a chart as SVG with the stored one.
fn compare(name: &str, chart: &Chart) {
    let height = chart.natural_height().unwrap_or(150.0) + 24.0;
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, chart.svg(560.0, height));
    });
}

fn incident() -> Seen {
    Seen::of(Recorded { kinds: true, ..Recorded::seconds(45) })
}

#[test]
fn every_chart_shows_an_incident_in_light_and_dark() {
    for (kind, key, _) in Kind::ALL {
        compare(&format!("{key}-light"), &incident().chart(kind));
        compare(&format!("{key}-dark"), &incident().dark().chart(kind));
    }
}

#[test]
fn a_chart_without_points_says_so_and_keeps_its_axis() {
    let mut seen = Seen::of(Recorded { missing: 0..10, ..Recorded::seconds(10) });
    seen.look.marks.clear();
    compare("empty", &seen.chart(Kind::Latency));
    for (kind, ..) in Kind::ALL {
        let text = seen.chart(kind).svg(560.0, 200.0);
        assert!(text.contains("nothing recorded") && text.contains("now"), "{kind:?}");
    }
}

#[test]
fn points_with_nothing_in_them_are_told_apart_from_no_points() {
    let mut seen = Seen::of(Recorded { fault: (9, 0..0), ..Recorded::seconds(45) });
    seen.look.marks.clear();
    assert!(seen.chart(Kind::Failures).svg(560.0, 200.0).contains("no failures and no slow answers"));
    assert!(!seen.chart(Kind::Traffic).svg(560.0, 200.0).contains("no traffic"));
}

#[test]
fn one_endpoint_is_drawn_and_named() {
    compare(
        "one-endpoint",
        &Seen::of(Recorded { endpoints: Some(1), ..Recorded::seconds(10) }).chart(Kind::EndpointP99),
    );
}

#[test]
fn of_fifty_endpoints_sixteen_have_their_own_area() {
    let seen = Seen::of(Recorded { endpoints: Some(50), ..Recorded::seconds(8) });
    let chart = seen.chart(Kind::Traffic);
    let names: Vec<&str> = chart.series.iter().map(|series| series.name.as_str()).collect();
    assert_eq!((names.len(), names[15], names[16]), (17, "order-16", "others"));
    compare("fifty-endpoints", &chart);
    let own: f32 = (0..50).map(|n| seen.chart(Kind::EndpointP99).series[n].values[3]).sum();
    assert!(own > 0.0 && seen.chart(Kind::HeatP99).series.len() == 50);
}

#[test]
fn a_gap_stays_a_gap() {
    compare("gap", &Seen::of(Recorded { missing: 15..24, ..Recorded::seconds(45) }).chart(Kind::Traffic));
}

#[test]
fn a_paused_window_ends_at_its_time() {
    let mut seen = incident();
    (seen.look.from_ms, seen.look.to_ms, seen.look.live) = (START_MS - 30_000, START_MS + 30_000, false);
    let chart = seen.chart(Kind::Scores);
    compare("paused", &chart);
    assert!(!chart.svg(560.0, 200.0).contains("now"));
}

#[test]
fn the_chosen_event_the_cursor_and_one_endpoint_stand_out() {
    let mut seen = incident();
    (seen.look.selected, seen.look.highlight) = (Some(2), Some(1));
    seen.look.cursor_ms = Some(START_MS + 10_000);
    compare("chosen", &seen.chart(Kind::EndpointP99));
    compare("chosen-circuits", &seen.chart(Kind::Circuits));
}

#[test]
fn half_minutes_and_seconds_stand_side_by_side() {
    let mut seen = Seen::of(Recorded { first: 3_600, ..Recorded::seconds(3_630) });
    let halves = Recorded { resolution_ms: 30_000, fault: (2, 900..1_500), ..Recorded::seconds(120) };
    seen.past.merge(&halves.answer()).expect("merges");
    seen.look.from_ms = seen.look.to_ms - 3_600_000;
    seen.look.west_minutes = -60;
    compare("hour", &seen.chart(Kind::HeatP99));
}
