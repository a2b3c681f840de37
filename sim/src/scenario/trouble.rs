//! What goes wrong: antagonists, which nobody sees coming, and faults with a beginning and an end.
//!
//! Speed counts when the service of a request begins; what is being served keeps the speed it began with.

use std::time::Duration;

/// What changes the endpoints' speed by chance, for the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Antagonist {
    /// Some endpoints are slow; from time to time others are.
    Some {
        /// How many, drawn anew each time.
        count: u32,
        /// How many times as long they take, above 0.
        factor: f64,
        /// How long until others are drawn; `None`: never, and they are not drawn but the last ones of the list.
        every: Option<Duration>,
    },
    /// Each endpoint for itself: at exponentially distributed intervals it draws how many times as long it takes.
    Each {
        /// Mean interval.
        every: Duration,
        /// Least factor, above 0.
        low: f64,
        /// Greatest factor; between the two all are as likely.
        high: f64,
    },
}

/// Something goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where.
    pub targets: Targets,
    /// From when.
    pub from: Duration,
    /// Until when; `None`: to the end.
    pub to: Option<Duration>,
    /// It comes and goes in between.
    pub flapping: Option<Flapping>,
    /// What.
    pub kind: FaultKind,
}

/// Whom a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Everybody, as when what they all depend on is down: no balancing helps, so nobody should be ejected.
    All,
    /// These, by their position in the scenario.
    Some(Vec<u32>),
}

/// A fault that comes and goes, both times above zero. It begins bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// How long it is there.
    pub bad: Duration,
    /// How long it is away.
    pub good: Duration,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// Service takes this many times as long, above 0.
    Slow {
        /// Times as long.
        factor: f64,
    },
    /// Answers are errors (a status of 500 or above).
    Errors {
        /// Share of the attempts, 0 to 1.
        share: f64,
        /// They come after this time and take no slot; `None`: after waiting and service, as good answers do.
        after: Option<Duration>,
        /// It lies in the request (a broken dependency that only some requests need): its retries fail, too.
        of_requests: bool,
    },
    /// Connections are accepted and nothing ever comes back.
    Hang,
    /// Connections are refused at once.
    Refuse,
}
