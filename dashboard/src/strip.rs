//! A pool's endpoints as a row of small marks, one shape for each state, so that a pool's health is seen before a word is
//! read. Many endpoints share marks; a mark then shows the worst of those that it stands for.

use crate::palette::{Rgb, Theme};
use crate::state::State;

/// Most marks in a strip.
pub const MOST: usize = 60;
/// Width and height of a mark's cell, pixels of the page.
pub const CELL: (usize, usize) = (8, 14);
/// A density is told in hundredths.
const PER_DENSITY: f64 = 100.0;

/// One state per mark, and how many endpoints a mark stands for.
pub fn marks(states: &[State]) -> (Vec<State>, usize) {
    let each = states.len().div_ceil(MOST).max(1);
    let worst = |group: &[State]| group.iter().copied().min().unwrap_or(State::Unknown);
    (states.chunks(each).map(worst).collect(), each)
}

/// The canvas, for [`Strip::text`]. Of SVG it would be ten paths to a pool, each read, laid out and painted anew whenever an
/// endpoint's state changes: a fifth of an update with twenty pools.
pub const FORM: &str = r##"<canvas data-s="#"></canvas>"##;

/// What there is to draw: the state of each mark, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// From left to right.
    pub marks: Vec<State>,
    /// For its colours.
    pub theme: Theme,
    /// Points of the screen to a pixel of the page.
    pub density: f64,
}

/// A piece of a mark, in pixels from its cell's upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    /// A filled rectangle: left, top, width, height.
    Box([f64; 4]),
    /// The outline of one.
    Frame([f64; 4]),
    /// A line through points.
    Line(&'static [(f64, f64)]),
    /// What is inside of such a line.
    Area(&'static [(f64, f64)]),
}

impl Strip {
    /// As a text: two that are alike look alike.
    pub fn text(states: &[State], theme: Theme, density: f64) -> String {
        let (marks, _) = marks(states);
        let mut text: String = marks.into_iter().map(|state| char::from(state.letter())).collect();
        text.push(if theme.dark { 'D' } else { 'L' });
        text.push_str(&((density * PER_DENSITY).round() as u32).to_string());
        text
    }

    /// From such a text.
    pub fn read(text: &str) -> Strip {
        let (marks, look) = text.split_at(text.find(['D', 'L']).unwrap_or(text.len()));
        let density = look.get(1..).and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
        Strip {
            marks: marks.bytes().map(State::of_letter).collect(),
            theme: Theme { dark: look.starts_with('D') },
            density: f64::from(density).max(1.0) / PER_DENSITY,
        }
    }

    /// Alike but for the states.
    pub fn looks_as(&self, other: &Strip) -> bool {
        (self.marks.len(), self.theme) == (other.marks.len(), other.theme) && self.density == other.density
    }

    /// Width and height, pixels of the page.
    pub fn size(&self) -> (usize, usize) {
        ((self.marks.len() * CELL.0).max(1), CELL.1)
    }

    /// The pieces of each mark, with how far to the right it begins, and its colour: that of the state's word, see style.css.
    pub fn pieces(&self) -> impl Iterator<Item = (f64, Rgb, &'static [Piece])> {
        self.marks.iter().enumerate().map(|(place, state)| {
            let colour = match state.tone() {
                "bad" => [(184, 42, 56), (255, 122, 133)],
                "warn" => [(150, 84, 0), (240, 168, 72)],
                "quiet" => [(95, 106, 117), (140, 152, 164)],
                // Most are well: what is not stands out.
                _ => [(127, 191, 160), (61, 143, 104)],
            }[usize::from(self.theme.dark)];
            ((place * CELL.0) as f64, colour, pieces(*state))
        })
    }
}

const LOWER_HALF: Piece = Piece::Box([1.0, 7.0, 6.0, 6.0]);
const OUTLINE: Piece = Piece::Frame([1.5, 1.5, 5.0, 11.0]);
const DOWN: Piece = Piece::Line(&[(1.5, 4.0), (6.5, 10.0)]);
const UP: Piece = Piece::Line(&[(6.5, 4.0), (1.5, 10.0)]);

fn pieces(state: State) -> &'static [Piece] {
    match state {
        State::Healthy => &[Piece::Box([1.0, 1.0, 6.0, 12.0])],
        State::Degraded => &[LOWER_HALF, Piece::Line(&[(1.5, 1.5), (6.5, 1.5)])],
        State::Warming => &[Piece::Area(&[(7.0, 1.0), (7.0, 13.0), (1.0, 13.0)])],
        State::HalfOpen => &[LOWER_HALF, Piece::Line(&[(1.5, 7.0), (1.5, 1.5), (6.5, 1.5), (6.5, 7.0)])],
        State::Ejected => &[DOWN, UP],
        State::Forced => &[OUTLINE, DOWN, UP],
        State::Draining => {
            &[Piece::Line(&[(4.0, 1.5), (4.0, 12.5)]), Piece::Line(&[(1.5, 9.5), (4.0, 12.5), (6.5, 9.5)])]
        }
        State::Unknown => &[OUTLINE],
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
    fn every_state_is_told_by_its_shape_within_its_cell() {
        for (place, state) in State::ALL.into_iter().enumerate() {
            assert!(State::ALL[..place].iter().all(|other| pieces(*other) != pieces(state)), "{state:?}");
            for piece in pieces(state) {
                let points = match piece {
                    Piece::Box([x, y, width, height]) | Piece::Frame([x, y, width, height]) => {
                        vec![(*x, *y), (x + width, y + height)]
                    }
                    Piece::Line(points) | Piece::Area(points) => points.to_vec(),
                };
                let fits = |(x, y): (f64, f64)| (0.5..=7.5).contains(&x) && (0.5..=13.5).contains(&y);
                assert!(points.into_iter().all(fits), "{state:?}: {piece:?}");
            }
        }
    }

    #[test]
    fn what_is_drawn_is_read_from_a_text() {
        let states = [State::Healthy, State::Healthy, State::Ejected];
        for (dark, density, text) in [(false, 1.0, "hheL100"), (true, 1.25, "hheD125")] {
            let theme = Theme { dark };
            assert_eq!(Strip::text(&states, theme, density), text);
            assert_eq!(Strip::read(text), Strip { marks: states.to_vec(), theme, density });
        }
        let strip = Strip::read("hheL100");
        assert_eq!(strip.size(), (24, 14));
        let lefts: Vec<_> = strip.pieces().map(|(left, ..)| left).collect();
        assert_eq!(lefts, [0.0, 8.0, 16.0]);
        let nothing = Strip::read("");
        assert_eq!((nothing.size(), nothing.pieces().count()), ((1, 14), 0));
        assert!(nothing.density > 0.0);
    }
}
