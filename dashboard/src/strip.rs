//! A pool's endpoints as a row of small marks, one shape for each state, so that a pool's health is seen before a word is
//! read. Many endpoints share marks; a mark then shows the worst of those that it stands for.

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

/// The drawing, as SVG; colours come from the page's classes.
pub fn svg(states: &[State]) -> String {
    let (marks, _) = marks(states);
    let (cell, height) = CELL;
    let width = (marks.len() * cell).max(1);
    let mut text = format!(r#"<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">"#);
    for state in State::ALL {
        let (filled, stroked) = shape(state);
        let (mut fill, mut stroke) = (String::new(), String::new());
        for (place, _) in marks.iter().enumerate().filter(|(_, mark)| **mark == state) {
            for (shape, path) in [(filled, &mut fill), (stroked, &mut stroke)] {
                if !shape.is_empty() {
                    path.push_str(&format!("M{} 0{shape}", place * cell));
                }
            }
        }
        let tone = state.tone();
        if !fill.is_empty() {
            text.push_str(&format!(r#"<path class="{tone}" d="{fill}"/>"#));
        }
        if !stroke.is_empty() {
            text.push_str(&format!(r#"<path class="{tone} line" d="{stroke}"/>"#));
        }
    }
    text.push_str("</svg>");
    text
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
    fn the_drawing_is_as_wide_as_its_marks() {
        let svg = svg(&[State::Healthy, State::Healthy, State::Ejected]);
        assert!(svg.starts_with(r#"<svg viewBox="0 0 24 14""#), "{svg}");
        assert!(svg.contains(r#"class="good" d="M0 0m1 1h6v12h-6zM8 0m1"#), "{svg}");
        assert!(svg.contains(r#"class="bad line" d="M16 0m1.5 4"#), "{svg}");
    }
}
