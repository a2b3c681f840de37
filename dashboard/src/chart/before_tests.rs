use super::*;

fn plot(lines: Vec<Line>) -> Plot {
    Plot {
        lines,
        unit: "ms",
        span_s: 60.0,
        highlight: None,
        empty: "no traffic yet",
        theme: Theme { dark: false },
        scale: 1.0,
    }
}

fn line(label: &str, place: usize, points: &[(f64, Option<f64>)]) -> Line {
    Line { label: label.into(), place, points: points.to_vec(), circuit: Vec::new() }
}

fn svg_sized(plot: &Plot, size: (u32, u32)) -> String {
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, size).into_drawing_area(), plot).expect("SVG takes everything");
    text
}

fn svg(plot: &Plot) -> String {
    svg_sized(plot, (800, 260))
}

#[test]
fn every_line_is_drawn_in_its_colour_and_named() {
    let points = [(20.0, Some(4.0)), (10.0, Some(8.0)), (0.0, Some(6.0))];
    let text = svg(&plot(vec![line("order-1", 0, &points), line("order-2", 1, &points)]));
    for (name, place) in [("order-1", 0), ("order-2", 1)] {
        let colour = palette::css(Theme { dark: false }.line(place)).to_uppercase();
        assert!(text.contains(name), "{name} is missing");
        assert!(text.contains(&format!("stroke=\"{colour}\"")), "{name}'s line is missing");
    }
}

#[test]
fn axes_show_units_and_time() {
    let text = svg(&plot(vec![line("a", 0, &[(30.0, Some(10.0)), (0.0, Some(21.7))])]));
    for label in ["20 ms", "10 ms", "now", "−30 s", "−1 min"] {
        assert!(text.contains(label), "{label} is missing");
    }
}

#[test]
fn an_empty_chart_says_so_and_keeps_its_axes() {
    for lines in [vec![], vec![line("a", 0, &[])], vec![line("a", 0, &[(1.0, None)])]] {
        let text = svg(&plot(lines));
        assert!(text.contains("no traffic yet") && text.contains("now"));
    }
}

#[test]
fn a_single_sample_is_a_dot() {
    let text = svg(&plot(vec![line("a", 0, &[(0.0, Some(5.0))])]));
    assert!(text.contains("<circle"));
    assert!(!text.contains("no traffic yet"));
}

#[test]
fn a_gap_breaks_the_line() {
    let whole = [(30.0, Some(1.0)), (20.0, Some(1.0)), (10.0, Some(1.0)), (0.0, Some(1.0))];
    let mut broken = whole.to_vec();
    broken.insert(2, (15.0, None));
    let lines = |points: &[(f64, Option<f64>)]| {
        let colour = palette::css(Theme { dark: false }.line(0)).to_uppercase();
        let text = svg(&plot(vec![line("a", 0, points)]));
        text.lines()
            .filter(|l| l.contains("<polyline") && l.contains("stroke-width=\"2\"") && l.contains(&colour))
            .count()
    };
    assert_eq!((lines(&whole), lines(&broken)), (1, 2));
}

#[test]
fn numbers_that_are_none_never_reach_the_drawing() {
    let points = [(9.0, Some(f64::NAN)), (6.0, Some(f64::INFINITY)), (3.0, Some(-4.0)), (0.0, Some(2.0))];
    let mut odd = plot(vec![line("a", 0, &points)]);
    odd.scale = f64::NAN;
    let text = svg(&odd);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn circuits_are_marked_where_they_opened_and_closed() {
    let quiet = line("a", 0, &[(40.0, Some(1.0)), (0.0, Some(1.0))]);
    let mut marked = quiet.clone();
    marked.circuit = vec![(30.0, true), (10.0, false), (4000.0, true)];
    let shapes = |line: Line| {
        let text = svg(&plot(vec![line]));
        (text.matches("<polyline").count(), text.matches("<circle").count())
    };
    let (before, after) = (shapes(quiet), shapes(marked));
    // Opened: a trace and a cross of two strokes. Closed: a trace and a ring. What is past the axis: nothing.
    assert_eq!((after.0 - before.0, after.1 - before.1), (4, 1));
}

#[test]
fn names_are_left_to_the_table_where_there_is_no_room() {
    let one = plot(vec![line("order-1", 0, &[(10.0, Some(1.0)), (0.0, Some(1.0))])]);
    assert!(svg_sized(&one, (800, 260)).contains("order-1"));
    assert!(!svg_sized(&one, (340, 220)).contains("order-1"));
}

#[test]
fn a_line_that_stopped_is_drawn_but_not_named_at_the_edge() {
    let going = line("going", 0, &[(40.0, Some(1.0)), (1.0, Some(1.0))]);
    let stopped = line("stopped", 1, &[(40.0, Some(2.0)), (30.0, Some(2.0))]);
    let text = svg(&plot(vec![going, stopped.clone()]));
    assert!(text.contains("going") && !text.contains("stopped"));
    assert!(text.contains(&palette::css(Theme { dark: false }.line(1)).to_uppercase()));
    // When every answer stopped, all lines end together and keep their names.
    assert!(svg(&plot(vec![stopped])).contains("stopped"));
}

#[test]
fn the_line_that_was_asked_for_stands_out() {
    let points = [(10.0, Some(1.0)), (0.0, Some(1.0))];
    let mut some = plot(vec![line("a", 0, &points), line("b", 1, &points)]);
    some.highlight = Some(1);
    let text = svg(&some);
    assert!(text.contains("opacity=\"0.22\"") && text.contains("stroke-width=\"3\""));
}

#[test]
fn a_thousand_lines_and_a_tiny_area_are_drawn_too() {
    let points = [(10.0, Some(1.0)), (0.0, Some(3.0))];
    let many = plot((0..1000).map(|place| line("endpoint", place, &points)).collect());
    assert!(svg(&many).ends_with("</svg>\n"));
    assert!(svg_sized(&many, (1, 1)).ends_with("</svg>\n"));
}
