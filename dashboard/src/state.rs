//! The one word for how an endpoint stands, made of its status and its circuit: what the page shows by shape, word and
//! colour.

use plimsoll_snapshot::Endpoint;

/// How an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// An operator has taken it out.
    Forced,
    /// Its circuit is open.
    Ejected,
    /// Its circuit lets probes pass.
    HalfOpen,
    /// It takes a reduced share.
    Degraded,
    /// New or recovered: its share is growing.
    Warming,
    /// It takes nothing new.
    Draining,
    /// Too few samples to judge.
    Unknown,
    /// It takes its full share.
    Healthy,
}

impl State {
    /// Worst first.
    pub const ALL: [State; 8] = [
        State::Forced,
        State::Ejected,
        State::HalfOpen,
        State::Degraded,
        State::Warming,
        State::Draining,
        State::Unknown,
        State::Healthy,
    ];

    /// Of an endpoint.
    pub fn of(endpoint: &Endpoint) -> State {
        State::of_letter(endpoint.status.letter(endpoint.circuit.state) as u8)
    }

    /// Of a letter of a pool's `strip`; one that is not known yet says nothing.
    pub fn of_letter(letter: u8) -> State {
        State::ALL.into_iter().find(|state| state.letter() == letter).unwrap_or(State::Unknown)
    }

    /// As in a pool's `strip`.
    pub fn letter(self) -> u8 {
        match self {
            State::Forced => b'f',
            State::Ejected => b'e',
            State::HalfOpen => b'p',
            State::Degraded => b'd',
            State::Warming => b'w',
            State::Draining => b'n',
            State::Unknown => b'u',
            State::Healthy => b'h',
        }
    }

    /// The word on the page; also the value of `data-state`, with `-` for the space.
    pub fn word(self) -> &'static str {
        match self {
            State::Forced => "forced out",
            State::Ejected => "ejected",
            State::HalfOpen => "half-open",
            State::Degraded => "degraded",
            State::Warming => "warming",
            State::Draining => "draining",
            State::Unknown => "unknown",
            State::Healthy => "healthy",
        }
    }

    /// What it means for the endpoint's traffic.
    pub fn meaning(self) -> &'static str {
        match self {
            State::Forced => "taken out by the configuration until it says otherwise",
            State::Ejected => "takes nothing until its time out is over",
            State::HalfOpen => "takes a few probes; they decide whether it comes back",
            State::Degraded => "takes a reduced share, in proportion to its score",
            State::Warming => "new or recovered: its share is growing",
            State::Draining => "takes sessions that stick to it, nothing new",
            State::Unknown => "too few samples to judge; takes its full share",
            State::Healthy => "takes its full share",
        }
    }

    /// What calls for attention: `bad`, `warn`, `quiet` or `good`; the page's classes.
    pub fn tone(self) -> &'static str {
        match self {
            State::Forced | State::Ejected => "bad",
            State::HalfOpen | State::Degraded | State::Warming => "warn",
            State::Draining | State::Unknown => "quiet",
            State::Healthy => "good",
        }
    }
}

/// How many endpoints stand how, worst first, those that nobody has left out: `1 ejected, 9 healthy`.
pub fn in_words(states: &[State]) -> String {
    let mut parts = Vec::new();
    for state in State::ALL {
        match states.iter().filter(|other| **other == state).count() {
            0 => {}
            n => parts.push(format!("{n} {}", state.word())),
        }
    }
    parts.join(", ")
}

/// The states of a pool's endpoints, in the order of the configuration.
pub fn of_pool(pool: &plimsoll_snapshot::Pool) -> Vec<State> {
    pool.endpoints.iter().map(State::of).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plimsoll_snapshot::{Circuit, CircuitState, Status};

    use super::*;

    fn endpoint(status: Status, state: CircuitState) -> Endpoint {
        Endpoint { status, circuit: Circuit { state, ..Circuit::default() }, ..Endpoint::default() }
    }

    #[test]
    fn the_circuit_speaks_before_the_status() {
        let states = [
            (Status::Draining, CircuitState::ForcedOpen, State::Forced),
            (Status::Unhealthy, CircuitState::Open, State::Ejected),
            (Status::Unhealthy, CircuitState::HalfOpen, State::HalfOpen),
            (Status::Warming, CircuitState::Closed, State::Warming),
            (Status::Healthy, CircuitState::Disabled, State::Healthy),
        ];
        for (status, circuit, expected) in states {
            assert_eq!(State::of(&endpoint(status, circuit)), expected);
        }
    }

    #[test]
    fn what_is_only_configured_is_not_healthy() {
        assert_eq!(State::of(&Endpoint::default()), State::Unknown);
        assert_eq!(State::of_letter(b'?'), State::Unknown);
    }

    #[test]
    fn every_state_has_a_letter_and_a_word_of_its_own() {
        let letters: BTreeSet<_> = State::ALL.iter().map(|state| state.letter()).collect();
        let words: BTreeSet<_> = State::ALL.iter().map(|state| state.word()).collect();
        assert_eq!((letters.len(), words.len()), (8, 8));
        assert!(State::ALL.iter().all(|state| State::of_letter(state.letter()) == *state));
    }

    #[test]
    fn counts_are_told_worst_first() {
        assert_eq!(in_words(&[State::Healthy, State::Ejected, State::Healthy]), "1 ejected, 2 healthy");
        assert_eq!(in_words(&[]), "");
    }
}
