//! The card that answers "why is order-3 out?": what was noticed, against which limit, how the others did then, traces to
//! look at, and what happens next and when. Every figure stands as the admin API gave it, rounded and with its unit.

use plimsoll_snapshot::view::{Evidence, Level};
use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, Reason, Signal, Transition};

use crate::format;
use crate::reason;
use crate::state::State;

/// A line of the card: what, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Names the fact for programs.
    pub key: &'static str,
    /// What it is.
    pub name: &'static str,
    /// How much, with its unit.
    pub value: String,
}

/// The card.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// How the endpoint stands.
    pub state: State,
    /// `closed → open`; empty where nothing has happened yet.
    pub change: String,
    /// When the circuit last changed, Unix milliseconds.
    pub at_ms: Option<u64>,
    /// Why, as a sentence.
    pub sentence: String,
    /// The evidence.
    pub facts: Vec<Fact>,
    /// Traces to look at.
    pub traces: Vec<String>,
    /// How near it is to its limits now.
    pub levels: Vec<Fact>,
    /// What happens next, and when.
    pub next: String,
}

impl Why {
    /// Of an endpoint at `now_ms`, the proxy's time.
    pub fn of(endpoint: &Endpoint, now_ms: u64) -> Why {
        let last = endpoint.last_transition.as_ref();
        let state = State::of(endpoint);
        Why {
            state,
            change: last.map(change).unwrap_or_default(),
            at_ms: last.map(|transition| transition.at_ms),
            sentence: last.map_or_else(
                || "Its circuit has not changed since the proxy started.".into(),
                |last| reason::sentence(&last.reason),
            ),
            facts: last.map(|last| facts(&last.reason)).unwrap_or_default(),
            traces: last.map(|last| last.reason.trace_ids.clone()).unwrap_or_default(),
            levels: endpoint.evidence.as_ref().map(levels).unwrap_or_default(),
            next: next(state, endpoint, now_ms),
        }
    }
}

/// `closed → open`.
pub fn change(transition: &Transition) -> String {
    format!("{} → {}", format::circuit(transition.from), format::circuit(transition.to))
}

/// The evidence of a reason, line by line.
pub fn facts(reason: &Reason) -> Vec<Fact> {
    let fact = |key, name, value| Fact { key, name, value };
    let mut facts = vec![fact("signal", "Signal", signal(reason.signal).into())];
    let value = |number| in_unit(reason.signal, number);
    facts.push(fact("observed", "Observed", value(reason.observed)));
    facts.push(fact("threshold", "Threshold", value(reason.threshold)));
    facts.push(fact("samples", "Samples", counted(reason.samples, samples_of(reason.signal))));
    if let Some(share) = reason.share {
        let name = if matches!(reason.signal, Signal::Slowness | Signal::SlowRate) { "Slow" } else { "Failed" };
        facts.push(fact("share", name, format::percent(Some(share)).to_string()));
    }
    if let Some(pool) = reason.pool {
        let value = match reason.signal {
            Signal::Silence => format!("p99.9 {}", format::recorded(Some(pool), "ms")),
            Signal::Slowness | Signal::SlowRate => format!("{} slow", format::percent(Some(pool))),
            _ => format!("{} failed", format::percent(Some(pool))),
        };
        facts.push(fact("pool", "The others then", value));
    }
    if let Some(kind) = reason.failure {
        facts.push(fact("failure", "Last failure", reason::failure(kind).into()));
    }
    facts
}

/// What the detectors have against an endpoint now, and what would open its circuit.
pub fn levels(evidence: &Evidence) -> Vec<Fact> {
    let mut levels = Vec::new();
    let mut tell = |key, name, value| levels.push(Fact { key, name, value });
    let of =
        |level: &Level, digits: fn(f64) -> String| format!("{} of {}", digits(level.observed), digits(level.threshold));
    let whole = |number: f64| format::grouped(number.max(0.0).round() as u64);
    let tenths = |number: f64| format!("{:.1}", if number.is_finite() { number } else { 0.0 });
    if let Some(level) = &evidence.consecutive {
        tell("now-consecutive", "Failures in a row", of(level, whole));
    }
    if let Some(level) = &evidence.failures {
        tell("now-failures", "Evidence of failing", of(level, tenths));
    }
    if let Some(level) = &evidence.slowness {
        tell("now-slowness", "Evidence of slowness", of(level, tenths));
    }
    if let Some(window) = &evidence.window {
        let room = match (window.size, window.seconds) {
            (Some(size), _) => format!(" of {size}"),
            (None, Some(seconds)) => format!(" in {seconds} s"),
            (None, None) => String::new(),
        };
        tell("now-window", "Calls in the window", format!("{}{room}, at least {}", window.calls, window.minimum));
        let percent = |share: Option<f64>| format::percent(share.map(|percent| percent / 100.0)).to_string();
        let limit = |share, limit| format!("{}, limit {limit} %", percent(share));
        tell("now-failed", "Failed of them", limit(window.failure_percent, window.failure_threshold));
        tell("now-slow", "Slow of them", limit(window.slow_percent, window.slow_threshold));
    }
    levels
}

/// A signal's name for people.
pub fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::ConsecutiveFailures => "failures in a row",
        Signal::EjectionElapsed => "time out is over",
        Signal::ProbesPassed => "probes passed",
        Signal::ProbeFailed => "probe failed",
        Signal::PermitsExpired => "probes never came back",
        Signal::Failures => "fails more than the others",
        Signal::Slowness => "slower than the others",
        Signal::Silence => "does not answer",
        Signal::FailureRate => "failure rate",
        Signal::SlowRate => "slow rate",
        Signal::ProbesSlow => "probes slow",
        Signal::Operator => "configuration",
    }
}

fn samples_of(signal: Signal) -> &'static str {
    match signal {
        Signal::Silence => "waiting attempt",
        Signal::Slowness => "answer",
        Signal::ProbesPassed | Signal::ProbeFailed | Signal::ProbesSlow | Signal::PermitsExpired => "probe",
        _ => "attempt",
    }
}

fn in_unit(signal: Signal, number: f64) -> String {
    // Casting saturates; what is not a number becomes 0.
    let whole = number.round() as u64;
    match signal {
        Signal::EjectionElapsed | Signal::Silence => format::duration(whole),
        Signal::FailureRate | Signal::SlowRate => format::percent(Some(number / 100.0)).to_string(),
        // A likelihood ratio's logarithm: what it is out of means nothing to a reader, how far it got does.
        Signal::Failures | Signal::Slowness => format!("{number:.1} (evidence)"),
        Signal::ConsecutiveFailures => counted(whole, "failure"),
        Signal::Operator => format::NONE.into(),
        _ => counted(whole, "probe"),
    }
}

fn counted(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", format::grouped(number))
}

/// How long until a time, rounded up: at "1 s" there is still something to wait for.
fn wait(until_ms: u64, now_ms: u64) -> Option<String> {
    let left = until_ms.saturating_sub(now_ms);
    (left > 0).then(|| format::duration(left.div_ceil(1000) * 1000))
}

fn next(state: State, endpoint: &Endpoint, now_ms: u64) -> String {
    let circuit = &endpoint.circuit;
    match state {
        State::Forced => "It stays out until the configuration says otherwise.".into(),
        State::Ejected => match circuit.until_ms.and_then(|until| wait(until, now_ms)) {
            Some(left) => {
                format!("In {left} a few probes decide: if all pass it comes back, if one fails it is out longer.")
            }
            None => "Its time out is over: the next requests may be probes.".into(),
        },
        State::HalfOpen => half_open(circuit, now_ms),
        State::Degraded => "It takes less than its share until its score is good again; it may be ejected.".into(),
        State::Warming => format!(
            "Its share grows to the full one: weight {} of {} now.",
            format::weight(endpoint.effective_weight),
            endpoint.weight
        ),
        State::Draining => "It takes sessions that stick to it until the configuration says otherwise.".into(),
        State::Unknown => "It is judged as soon as there are enough attempts.".into(),
        State::Healthy if circuit.state == CircuitState::Disabled => {
            "Its circuit is switched off: it passes whatever happens.".into()
        }
        State::Healthy => "It is watched like the others.".into(),
    }
}

fn half_open(circuit: &Circuit, now_ms: u64) -> String {
    let probes = match circuit.permits_left {
        Some(0) => "All probes are under way".to_owned(),
        Some(1) => "One probe may still be sent".to_owned(),
        Some(n) => format!("{n} probes may still be sent"),
        None => "Probes are under way".to_owned(),
    };
    match circuit.until_ms.and_then(|until| wait(until, now_ms)) {
        Some(left) => format!("{probes}; what has not come back in {left} is given out anew."),
        None => format!("{probes}; what has not come back is given out anew."),
    }
}

/// The back-off step of a circuit: `third time out`; empty while it has never opened.
pub fn step(circuit: &Circuit) -> String {
    match circuit.openings {
        0 => String::new(),
        1 => "first time out".into(),
        2 => "second time out".into(),
        3 => "third time out".into(),
        n => format!("{n}th time out"),
    }
}

#[cfg(test)]
mod tests;
