//! Shapes for states. Each differs in outline, so that colour is never the only mark.

use plimsoll_snapshot::CircuitState;

use crate::state::State;

/// Outlines within 16 × 16: what is filled, what is stroked.
type Shape = (&'static str, &'static str);

const DISC: Shape = ("M8 3.2a4.8 4.8 0 1 0 0 9.6a4.8 4.8 0 1 0 0-9.6Z", "");
const TRIANGLE: Shape = ("M8 2.6 14.2 13.4H1.8Z", "");
const CROSS: Shape = ("", "M4 4l8 8M12 4l-8 8");
const BOXED: Shape = ("", "M2.5 2.5h11v11h-11zM5.5 5.5l5 5M10.5 5.5l-5 5");
const QUESTION: Shape = ("M8 12.1a1 1 0 1 0 0 2a1 1 0 1 0 0-2Z", "M5.2 5.6a2.8 2.8 0 1 1 4.2 2.4C8.5 8.5 8 9 8 10.4");
const ARROW_DOWN: Shape = ("", "M8 3v9.5M4 8.6l4 4 4-4");
const ARROW_UP: Shape = ("", "M8 13V3.5M4 7.4l4-4 4 4");
const HALF: Shape = ("M3.6 8h8.8a4.4 4.4 0 0 1-8.8 0Z", "M8 3.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8Z");
const RING: Shape = ("", "M8 3.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4Z");

fn state_shape(state: State) -> Shape {
    match state {
        State::Healthy => DISC,
        State::Degraded => TRIANGLE,
        State::Ejected => CROSS,
        State::Forced => BOXED,
        State::HalfOpen => HALF,
        State::Unknown => QUESTION,
        State::Draining => ARROW_DOWN,
        State::Warming => ARROW_UP,
    }
}

fn circuit_shape(state: CircuitState) -> Shape {
    match state {
        CircuitState::Closed | CircuitState::Disabled => RING,
        CircuitState::Open => CROSS,
        CircuitState::ForcedOpen => BOXED,
        CircuitState::HalfOpen => HALF,
    }
}

fn svg((filled, stroked): Shape) -> String {
    let path = |outline: &str, how: &str| {
        if outline.is_empty() { String::new() } else { format!(r#"<path d="{outline}" {how}/>"#) }
    };
    let filled = path(filled, r#"fill="currentColor""#);
    let stroked = path(stroked, r#"fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round""#);
    format!(r#"<svg viewBox="0 0 16 16">{filled}{stroked}</svg>"#)
}

/// The mark of an endpoint's state, as SVG.
pub fn of(state: State) -> String {
    svg(state_shape(state))
}

/// The mark of a circuit's state, as SVG.
pub fn of_circuit(state: CircuitState) -> String {
    svg(circuit_shape(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_an_outline_of_its_own() {
        let mut shapes: Vec<_> = State::ALL.map(of).into();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), State::ALL.len());
    }
}
