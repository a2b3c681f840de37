//! What stands in a pool's head and in an endpoint's row, ready to be shown: one value per cell.
//!
//! A row compares equal while nothing visible has changed, so the browser touches only what did.

use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, Pool, Status, Transition};

use crate::format::{self, Quantity};
use crate::history::PoolHistory;
use crate::overview;
use crate::reason;
use crate::state::State;

/// One endpoint's cells.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRow {
    /// `ip:port`, with the zone where there is one.
    pub place: String,
    /// Told by shape, word and colour.
    pub state: State,
    /// The same as in the JSON documents.
    pub status: Status,
    /// 0 to 1.
    pub score: String,
    /// Its circuit's state.
    pub circuit: CircuitState,
    /// What happens next to a circuit that is not closed: `probes in 7 s`.
    pub circuit_next: String,
    /// Part of the pool's recent attempts.
    pub share: Quantity,
    /// The same, for the bar: 0 to 1.
    pub share_part: f64,
    /// What the effective weights would give, 0 to 1.
    pub due_part: f64,
    /// Weight in force, and the configured one where it is another: `0.75 of 3`.
    pub weight: String,
    /// Attempts now under way.
    pub in_flight: String,
    /// Recent finished attempts per second.
    pub rate: Quantity,
    /// Failed part of the recent attempts.
    pub failure: Quantity,
    /// Some of the recent attempts failed.
    pub failing: bool,
    /// Median.
    pub p50: Quantity,
    /// 90th percentile.
    pub p90: Quantity,
    /// 99th percentile.
    pub p99: Quantity,
    /// The circuit's last change.
    pub change: Option<Change>,
}

/// A transition in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// State before.
    pub from: CircuitState,
    /// State after.
    pub to: CircuitState,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// How long ago.
    pub ago: String,
    /// Why, with the evidence.
    pub why: String,
    /// Traces to look at.
    pub traces: String,
}

impl Change {
    /// Puts a transition into words at `now_ms`, the proxy's time.
    pub fn of(transition: &Transition, now_ms: u64) -> Change {
        Change {
            from: transition.from,
            to: transition.to,
            at_ms: transition.at_ms,
            ago: format::ago(now_ms.saturating_sub(transition.at_ms)),
            why: reason::sentence(&transition.reason),
            traces: transition.reason.trace_ids.join(" "),
        }
    }
}

impl EndpointRow {
    /// One endpoint's row. `whole_rate` is [`PoolHistory::recent_rate`], `whole_weight` the sum of the pool's
    /// effective weights, `now_ms` the proxy's time.
    pub fn of(
        endpoint: &Endpoint,
        past: Option<&PoolHistory>,
        whole_rate: f64,
        whole_weight: f64,
        now_ms: u64,
    ) -> EndpointRow {
        let recent = past.and_then(|past| past.endpoints.get(&endpoint.id)?.recent());
        let share = past.and_then(|past| past.share(&endpoint.id, whole_rate));
        let latency =
            |pick: fn(&plimsoll_snapshot::LatencyMs) -> f64| format::latency(endpoint.latency_ms.as_ref().map(pick));
        let due = endpoint.effective_weight / whole_weight;
        EndpointRow {
            place: match &endpoint.zone {
                Some(zone) => format!("{} · {zone}", endpoint.address),
                None => endpoint.address.clone(),
            },
            state: State::of(endpoint),
            status: endpoint.status,
            score: format::score(endpoint.score),
            circuit: endpoint.circuit.state,
            circuit_next: circuit_next(&endpoint.circuit, now_ms),
            share: format::share(share),
            share_part: share.unwrap_or(0.0),
            due_part: if due.is_finite() { due.clamp(0.0, 1.0) } else { 0.0 },
            weight: weight(endpoint),
            in_flight: format::grouped(endpoint.in_flight),
            rate: format::rate(recent.map(|delta| delta.rate())),
            failure: format::percent(recent.and_then(|delta| delta.failed())),
            failing: recent.is_some_and(|delta| delta.failures > 0),
            p50: latency(|l| l.p50),
            p90: latency(|l| l.p90),
            p99: latency(|l| l.p99),
            change: endpoint.last_transition.as_ref().map(|transition| Change::of(transition, now_ms)),
        }
    }
}

fn weight(endpoint: &Endpoint) -> String {
    let (now, configured) = (format::weight(endpoint.effective_weight), endpoint.weight.to_string());
    if now == configured { now } else { format!("{now} of {configured}") }
}

fn circuit_next(circuit: &Circuit, now_ms: u64) -> String {
    let left_ms = circuit.until_ms.map(|until| until.saturating_sub(now_ms));
    match (circuit.state, left_ms, circuit.permits_left) {
        // Rounded up: at "1 s" there is still something to wait for.
        (CircuitState::Open, Some(1..), _) => {
            format!("probes in {}", format::duration(left_ms.unwrap_or(0).div_ceil(1000) * 1000))
        }
        (CircuitState::Open, Some(0), _) => "probes due".into(),
        (CircuitState::HalfOpen, _, Some(1)) => "1 probe left".into(),
        (CircuitState::HalfOpen, _, Some(permits)) => format!("{permits} probes left"),
        _ => String::new(),
    }
}

/// One pool's head.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolHead {
    /// How the pool is steered: `peak_ewma on cluster orders`.
    pub steering: String,
    /// 0 to 1.
    pub score: String,
    /// Requests steered per second.
    pub rate: Quantity,
    /// Requests refused per second; absent while none are.
    pub refused: Option<Quantity>,
    /// Failed part of the recent attempts.
    pub failure: Quantity,
    /// Attempts now under way.
    pub in_flight: String,
    /// 99th percentile over all endpoints.
    pub p99: Quantity,
    /// Endpoints whose circuit is not closed.
    pub ejected: u32,
    /// How many may be ejected at once.
    pub max_ejected: u32,
    /// Ejections are ignored.
    pub panic: bool,
}

impl PoolHead {
    /// A pool's head.
    pub fn of(pool: &Pool, past: Option<&PoolHistory>) -> PoolHead {
        let attempts = past.and_then(|past| past.attempts.recent());
        let steered = past.and_then(|past| past.steered.recent());
        let refused = steered.map(|delta| delta.failure_rate()).filter(|rate| *rate > 0.0);
        PoolHead {
            steering: overview::steering(pool),
            score: format::score(pool.score),
            rate: format::rate(steered.map(|delta| delta.rate())),
            refused: refused.map(|rate| format::rate(Some(rate))),
            failure: format::percent(attempts.and_then(|delta| delta.failed())),
            in_flight: format::grouped(pool.in_flight),
            p99: format::latency(pool.latency_ms.map(|l| l.p99)),
            ejected: pool.ejected,
            max_ejected: pool.max_ejected,
            panic: pool.panic,
        }
    }
}

#[cfg(test)]
mod tests;
