//! Shapes for states. Each differs in outline, so that colour is never the only mark.

use leptos::prelude::*;
use plimsoll_snapshot::{CircuitState, Status};

use super::parts::words;

/// Outlines within 16 × 16: what is filled, what is stroked.
type Shape = (&'static str, &'static str);

const DISC: Shape = ("M8 3.2a4.8 4.8 0 1 0 0 9.6a4.8 4.8 0 1 0 0-9.6Z", "");
const TRIANGLE: Shape = ("M8 2.6 14.2 13.4H1.8Z", "");
const CROSS: Shape = ("", "M4 4l8 8M12 4l-8 8");
const QUESTION: Shape = ("M8 12.1a1 1 0 1 0 0 2a1 1 0 1 0 0-2Z", "M5.2 5.6a2.8 2.8 0 1 1 4.2 2.4C8.5 8.5 8 9 8 10.4");
const ARROW_DOWN: Shape = ("", "M8 3v9.5M4 8.6l4 4 4-4");
const HALF: Shape = ("M3.6 8h8.8a4.4 4.4 0 0 1-8.8 0Z", "M8 3.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8Z");
const RING: Shape = ("", "M8 3.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4Z");

fn of_status(status: Status) -> Shape {
    match status {
        Status::Healthy => DISC,
        Status::Degraded => TRIANGLE,
        Status::Unhealthy => CROSS,
        Status::Unknown => QUESTION,
        Status::Draining => ARROW_DOWN,
        Status::Warming => HALF,
    }
}

fn of_circuit(state: CircuitState) -> Shape {
    match state {
        CircuitState::Closed | CircuitState::Disabled => RING,
        CircuitState::Open | CircuitState::ForcedOpen => CROSS,
        CircuitState::HalfOpen => HALF,
    }
}

fn mark(shape: impl Fn() -> Shape + Copy + Send + Sync + 'static) -> AnyView {
    let (filled, stroked) = (words(move || shape().0.into()), words(move || shape().1.into()));
    view! {
        <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
            <path d=filled fill="currentColor" />
            <path d=stroked fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
        </svg>
    }
    .into_any()
}

/// The mark of a status.
pub(super) fn status_mark(status: impl Fn() -> Option<Status> + Copy + Send + Sync + 'static) -> AnyView {
    mark(move || status().map_or(("", ""), of_status))
}

/// The mark of a circuit's state.
pub(super) fn circuit_mark(state: impl Fn() -> Option<CircuitState> + Copy + Send + Sync + 'static) -> AnyView {
    mark(move || state().map_or(("", ""), of_circuit))
}
