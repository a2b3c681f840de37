//! Where shapes lie, whatever the data and the size.

use super::*;
use crate::chart::labels::{self, TEXT};

/// Sizes from a narrow phone to a wide screen, and absurd ones.
const SIZES: [(f64, f64); 6] =
    [(320.0, 160.0), (390.0, 90.0), (520.0, 220.0), (1440.0, 240.0), (2500.0, 400.0), (80.0, 40.0)];

/// Charts with everything that can be in one.
fn all() -> Vec<Chart> {
    let mut charts = Vec::new();
    for (endpoints, missing, span_ms) in
        [(1, 0..0, 60_000), (4, 20..30, 60_000), (50, 5..6, 300_000), (50, 0..45, 60_000), (17, 0..0, 21_600_000)]
    {
        let mut seen = Seen::of(Recorded { endpoints: Some(endpoints), missing, kinds: true, ..Recorded::seconds(45) });
        seen.look.from_ms = seen.look.to_ms - span_ms;
        for (cursor_s, highlight) in [(None, None), (Some(0), Some(1)), (Some(21), Some(40)), (Some(46), None)] {
            seen.look.cursor_ms = cursor_s.map(|second| START_MS + second * 1000);
            (seen.look.highlight, seen.look.selected) = (highlight, Some(2));
            charts.extend(Kind::ALL.map(|(kind, ..)| seen.chart(kind)));
        }
    }
    charts
}

/// Left, top, right and bottom of a shape.
fn bounds(shape: &Shape) -> (f64, f64, f64, f64) {
    let around = |places: &[Place]| {
        let (mut left, mut top, mut right, mut bottom) = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        for (x, y) in places {
            (left, top, right, bottom) = (left.min(*x), top.min(*y), right.max(*x), bottom.max(*y));
        }
        (left, top, right, bottom)
    };
    match shape {
        Shape::Line(places, _) | Shape::Area(places, _) => around(places),
        Shape::Box(upper, lower, _) => around(&[*upper, *lower]),
        Shape::Circle((x, y), r, ..) => (x - r, y - r, x + r, y + r),
        Shape::Text((x, y), text, align, _) => {
            let width = labels::width(text);
            let left = match align {
                Align::Left => *x,
                Align::Center => x - width / 2.0,
                Align::Right => x - width,
            };
            (left, y - TEXT / 2.0, left + width, y + TEXT / 2.0)
        }
    }
}

#[test]
fn everything_lies_within_the_area() {
    for chart in all() {
        for (width, height) in SIZES.into_iter().take(5) {
            for shape in chart.shapes(width, height) {
                let (left, top, right, bottom) = bounds(&shape);
                assert!(
                    left >= -0.5 && top >= -0.5 && right <= width + 0.5 && bottom <= height + 0.5,
                    "{:?} at {width} × {height}: {shape:?}",
                    chart.kind
                );
            }
        }
    }
}

#[test]
fn no_label_lies_on_another() {
    for chart in all() {
        for (width, height) in SIZES.into_iter().take(5) {
            let shapes = chart.shapes(width, height);
            let texts: Vec<&Shape> = shapes.iter().filter(|shape| matches!(shape, Shape::Text(..))).collect();
            for (index, one) in texts.iter().enumerate() {
                for other in &texts[index + 1..] {
                    let (a, b) = (bounds(one), bounds(other));
                    let apart = a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 + 0.5 || b.3 <= a.1 + 0.5;
                    assert!(apart, "{:?} at {width} × {height}: {one:?} and {other:?}", chart.kind);
                }
            }
        }
    }
}

#[test]
fn no_chart_has_more_shapes_or_places_than_its_pixels_need() {
    let mut seen = Seen::of(Recorded { endpoints: Some(50), ..Recorded::seconds(600) });
    seen.look.from_ms = seen.look.to_ms - 600_000;
    for (kind, ..) in Kind::ALL {
        let shapes = seen.chart(kind).shapes(400.0, 240.0);
        let places = |shape: &Shape| match shape {
            Shape::Line(places, _) | Shape::Area(places, _) => places.len(),
            _ => 1,
        };
        assert!(shapes.len() < 1_500, "{kind:?}: {} shapes", shapes.len());
        let most = shapes.iter().map(places).max().unwrap_or(0);
        assert!(most <= 4 * 400 + 8, "{kind:?}: {most} places");
    }
}

#[test]
fn thinning_keeps_the_extremes() {
    let mut seen = Seen::of(Recorded { fault: (1, 300..302), ..Recorded::seconds(600) });
    seen.look.from_ms = seen.look.to_ms - 600_000;
    let chart = seen.chart(Kind::EndpointP99);
    let highest = |width: f64| {
        let shapes = chart.shapes(width, 240.0);
        let lines = shapes.iter().filter(|shape| matches!(shape, Shape::Line(..)));
        lines.map(|shape| bounds(shape).1).fold(f64::MAX, f64::min)
    };
    assert_eq!(highest(160.0), highest(2500.0));
}

#[test]
fn all_charts_of_a_pool_have_the_same_axis() {
    let seen = incident();
    for (width, _) in SIZES {
        let axes: Vec<Axis> = Kind::ALL.map(|(kind, ..)| seen.chart(kind).axis(width)).into();
        assert!(axes.windows(2).all(|pair| pair[0] == pair[1]), "{axes:?}");
    }
}

#[test]
fn areas_too_small_for_anything_and_odd_values_draw_no_nonsense() {
    let mut seen = incident();
    for (width, height) in [(1.0, 1.0), (0.0, 0.0), (80.0, 40.0)] {
        for (kind, ..) in Kind::ALL {
            let text = seen.chart(kind).svg(width, height);
            assert!(text.ends_with("</svg>\n") && !text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
    let odd = Recorded::seconds(45).answer().replace("\"p99_ms\":[18.0,", "\"p99_ms\":[1e300,");
    seen.past.merge(&odd).expect("merges");
    seen.look.to_ms = seen.look.from_ms;
    for (kind, ..) in Kind::ALL {
        let text = seen.chart(kind).svg(560.0, 200.0);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

#[test]
fn an_svg_is_as_large_as_asked_and_its_text_is_escaped() {
    let mut seen = Seen::of(Recorded { endpoints: Some(1), ..Recorded::seconds(45) });
    seen.order = vec!["<b>&\"1\"".into()];
    let chart = Chart { pool: "a<b>&".into(), ..seen.chart(Kind::Circuits) };
    let text = chart.svg(560.0, 200.0);
    assert!(text.starts_with("<svg width=\"560\" height=\"200\" viewBox=\"0 0 2240 800\""), "{text}");
    assert!(text.contains("a&lt;b&gt;&amp;") && !text.contains("<b>"));
}

#[test]
fn states_differ_without_their_colours() {
    let seen = incident();
    let mut chart = seen.chart(Kind::Circuits);
    let mut drawn: Vec<Vec<String>> = Vec::new();
    for code in 0..=bands::PANIC {
        chart.series.truncate(1);
        chart.series[0].values.fill(code as f32);
        let forms = chart.shapes(560.0, 100.0).into_iter().filter(|shape| bounds(shape).1 > 20.0);
        let form = |shape: Shape| match shape {
            Shape::Line(places, _) => format!("line {places:?}"),
            Shape::Box(upper, lower, ink) => format!("box {upper:?} {lower:?} {}", ink.opacity),
            _ => String::new(),
        };
        drawn.push(forms.map(form).collect());
    }
    // "closed" is never shown: the status stands for it.
    for (index, one) in drawn.iter().enumerate().skip(1) {
        assert!(drawn[index + 1..].iter().all(|other| other != one), "{}", bands::word(index));
    }
}
