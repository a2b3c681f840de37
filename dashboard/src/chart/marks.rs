//! Events on the time axis: a cross where a circuit opened, a triangle where it went half-open, a ring where it closed.

use plimsoll_snapshot::{CircuitState, Event};

use super::Chart;
use super::axis::Axis;
use super::frame::{Frame, LANE};
use super::shape::{Ink, Place, Shape, ink};
use crate::palette::DISTINCT;

/// Where a circuit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To open or forced open.
    Opened,
    /// To half-open.
    HalfOpen,
    /// To closed or disabled.
    Closed,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Its number in the log.
    pub seq: u64,
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub turn: Turn,
    /// The endpoint's place in the table; `None`: it has left, or it is the pool's circuit.
    pub place: Option<usize>,
}

impl Mark {
    /// The mark of an event; `order` holds the endpoints' identifiers as in the table.
    pub fn of(event: &Event, order: &[String]) -> Mark {
        let turn = match event.transition.to {
            CircuitState::Open | CircuitState::ForcedOpen => Turn::Opened,
            CircuitState::HalfOpen => Turn::HalfOpen,
            CircuitState::Closed | CircuitState::Disabled => Turn::Closed,
        };
        let place = order.iter().position(|id| *id == event.endpoint);
        Mark { seq: event.seq, at_ms: event.transition.at_ms, turn, place }
    }
}

/// The mark nearest to a place on the axis, if there is one within so many pixels; of several, the latest.
pub fn nearest<'a>(marks: &'a [Mark], axis: &Axis, x: f64, within: f64) -> Option<&'a Mark> {
    let distance = |mark: &Mark| (axis.x_of(mark.at_ms) - x).abs();
    let near = marks.iter().filter(|mark| axis.shows(mark.at_ms) && distance(mark) <= within);
    near.min_by(|one, other| distance(one).total_cmp(&distance(other)).then(other.seq.cmp(&one.seq)))
}

/// All marks, those that step back first and the chosen one last. Of those that would lie on each other one is drawn.
pub(super) fn draw(chart: &Chart, frame: &Frame, list: &mut Vec<Shape>) {
    let (look, axis) = (&chart.look, frame.axis);
    let color = |mark: &Mark| look.theme.line(mark.place.unwrap_or(DISTINCT));
    let y = frame.bottom + LANE / 2.0 + 1.0;
    let mut drawn: Vec<(i64, Turn, Option<usize>)> = Vec::new();
    for mark in look.marks.iter().filter(|mark| axis.shows(mark.at_ms) && look.selected != Some(mark.seq)) {
        let x = axis.x_of(mark.at_ms);
        let same = ((x / 3.0) as i64, mark.turn, mark.place);
        if !drawn.contains(&same) {
            let faint = if look.highlight.is_some_and(|place| mark.place != Some(place)) { 0.3 } else { 1.0 };
            turn(mark.turn, (x, y), 3.5, ink(color(mark)).faint(faint).wide(1.75), list);
            drawn.push(same);
        }
    }
    let chosen = look.marks.iter().find(|mark| look.selected == Some(mark.seq) && axis.shows(mark.at_ms));
    if let Some(mark) = chosen {
        let (x, ink) = (axis.x_of(mark.at_ms), ink(color(mark)));
        list.push(Shape::Box((x - 0.75, frame.top), (x + 0.75, frame.bottom), ink));
        // Paper behind it keeps it apart from its neighbours.
        list.push(Shape::Circle((x, y), 7.0, true, Ink { color: look.theme.paper(), ..ink }));
        turn(mark.turn, (x, y), 5.5, ink.wide(2.5), list);
    }
}

fn turn(turn: Turn, (x, y): Place, r: f64, ink: Ink, list: &mut Vec<Shape>) {
    match turn {
        Turn::Opened => list.extend([
            Shape::Line(vec![(x - r, y - r), (x + r, y + r)], ink),
            Shape::Line(vec![(x - r, y + r), (x + r, y - r)], ink),
        ]),
        Turn::HalfOpen => {
            let corners = [(x - r, y + r * 0.8), (x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)];
            list.push(Shape::Line(corners.to_vec(), ink));
        }
        Turn::Closed => list.push(Shape::Circle((x, y), r, false, ink)),
    }
}
