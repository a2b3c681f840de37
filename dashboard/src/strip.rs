//! A pool's endpoints as a row of small marks, one shape for each state, so that a pool's health is seen before a word is
//! read. Many endpoints share marks; a mark then shows the worst of those that it stands for.

use crate::sheet::Line;
use crate::state::State;

/// Most marks in a strip.
pub const MOST: usize = 60;
/// Width and height of a mark's cell, pixels of the page.
const CELL: (usize, usize) = (8, 14);

/// One state per mark, and how many endpoints a mark stands for.
pub fn marks(states: &[State]) -> (Vec<State>, usize) {
    let each = states.len().div_ceil(MOST).max(1);
    let worst = |group: &[State]| group.iter().copied().min().unwrap_or(State::Unknown);
    (states.chunks(each).map(worst).collect(), each)
}

/// The drawing, for [`put`]: a path for everything that is filled in one state's colour, and one for what is stroked. Colours
/// come from the page's classes. It is redrawn every second, so what stays is not made anew.
pub const FORM: &str = concat!(
    r#"<svg data-s="viewBox width height"><path class="bad line" data-s="d"/><path class="bad line" data-s="d"/>"#,
    r#"<path class="warn" data-s="d"/><path class="warn line" data-s="d"/>"#,
    r#"<path class="warn" data-s="d"/><path class="warn line" data-s="d"/><path class="warn" data-s="d"/>"#,
    r#"<path class="quiet line" data-s="d"/><path class="quiet line" data-s="d"/><path class="good" data-s="d"/></svg>"#,
);

/// The values for [`FORM`].
pub fn put(line: &mut Line, states: &[State]) {
    let (marks, _) = marks(states);
    let (cell, height) = CELL;
    let width = (marks.len() * cell).max(1);
    line.put(&format!("0 0 {width} {height}")).put(&width.to_string()).put(&height.to_string());
    for state in State::ALL {
        let (filled, stroked) = shape(state);
        for shape in [filled, stroked].into_iter().filter(|shape| !shape.is_empty()) {
            let mut path = String::new();
            for (place, _) in marks.iter().enumerate().filter(|(_, mark)| **mark == state) {
                path.push('M');
                path.push_str(&(place * cell).to_string());
                path.push_str(" 0");
                path.push_str(shape);
            }
            line.put(&path);
        }
    }
}

/// What is filled and what is stroked, from the cell's upper left corner on.
fn shape(state: State) -> (&'static str, &'static str) {
    match state {
        State::Healthy => ("m1 1h6v12h-6z", ""),
        State::Degraded => ("m1 7h6v6h-6z", "m1.5 1.5h5"),
        State::Warming => ("m7 1v12h-6z", ""),
        State::HalfOpen => ("m1 7h6v6h-6z", "m1.5 7v-5.5h5v5.5"),
        State::Ejected => ("", "m1.5 4l5 6m0 -6l-5 6"),
        State::Forced => ("", "m1.5 1.5h5v11h-5zm0 2.5l5 6m0 -6l-5 6"),
        State::Draining => ("", "m4 1.5v11m-2.5 -3l2.5 3l2.5 -3"),
        State::Unknown => ("", "m1.5 1.5h5v11h-5z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_endpoints_have_a_mark_each() {
        let states = [State::Healthy, State::Ejected];
        assert_eq!(marks(&states), (states.to_vec(), 1));
        assert_eq!(marks(&[]), (vec![], 1));
    }

    #[test]
    fn many_endpoints_share_marks_and_the_worst_is_seen() {
        let mut states = vec![State::Healthy; 1000];
        states[777] = State::Ejected;
        let (marks, each) = marks(&states);
        assert!(marks.len() <= MOST && each == 17);
        assert_eq!(marks.iter().filter(|state| **state == State::Ejected).count(), 1);
    }

    #[test]
    fn every_state_is_told_by_its_shape() {
        let mut shapes: Vec<_> = State::ALL.map(shape).into();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), State::ALL.len());
    }

    #[test]
    fn the_drawing_is_as_wide_as_its_marks_and_has_a_path_for_what_each_state_has() {
        let mut line = Line::new("orders");
        put(&mut line, &[State::Healthy, State::Healthy, State::Ejected]);
        assert_eq!(line.values.len(), crate::sheet::places(FORM));
        assert_eq!(line.values[..3], ["0 0 24 14", "24", "14"]);
        let mut paths = FORM.split("<path class=\"").skip(1).zip(&line.values[3..]);
        for state in State::ALL {
            let (filled, stroked) = shape(state);
            for (shape, end) in
                [(filled, "\" "), (stroked, " line\" ")].into_iter().filter(|(shape, _)| !shape.is_empty())
            {
                let (path, value) = paths.next().expect("a path for each");
                assert!(path.starts_with(&format!("{}{end}", state.tone())), "{state:?}: {path}");
                let places: &[usize] = match state {
                    State::Healthy => &[0, 8],
                    State::Ejected => &[16],
                    _ => &[],
                };
                let expected: String = places.iter().map(|place| format!("M{place} 0{shape}")).collect();
                assert_eq!(*value, expected);
            }
        }
        assert!(paths.next().is_none());
    }
}
