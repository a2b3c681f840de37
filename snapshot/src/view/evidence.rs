//! How near an endpoint is to the limits at which its circuit opens.

use serde::{Deserialize, Serialize};

/// What detectors have against an endpoint at present, on the worker that answers. What is switched off is absent. Values
/// at or above their threshold do not open a circuit by themselves: they are looked at with the next result, compared with
/// what the others did in the same time, and at most [`super::Pool::max_ejected`] circuits are open at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Failures in a row, and as many as open it at the others' present rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive: Option<Level>,
    /// That it fails more often than the others; see [`super::Signal::Failures`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Level>,
    /// That it has become slower than the others; see [`super::Signal::Slowness`]. Absent, too, while too little is known,
    /// requests wait in queues everywhere, or a quarter of the pool is out: then slowness ejects nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowness: Option<Level>,
    /// Where rates are configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// A value and what it must reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Now.
    pub observed: f64,
    /// What would open the circuit.
    pub threshold: f64,
}

/// The window of the rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Calls in it.
    pub calls: u32,
    /// How many calls it has room for, if it is one of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// How long it is, if it is one of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Calls below which it says nothing.
    pub minimum: u32,
    /// Share of failures, percent; absent without calls.
    pub failure_percent: Option<f64>,
    /// What opens the circuit, with ≥.
    pub failure_threshold: u32,
    /// Share of slow calls, percent; absent without calls.
    pub slow_percent: Option<f64>,
    /// What opens the circuit, with ≥.
    pub slow_threshold: u32,
}
