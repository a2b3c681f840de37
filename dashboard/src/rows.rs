//! What stands in a pool's head and in an endpoint's row, ready to be shown: one value per cell.
//!
//! A row compares equal while nothing visible has changed, so the browser touches only what did.

use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, Pool, Status, Transition};

use crate::format::{self, Quantity};
use crate::history::PoolHistory;
use crate::mark;
use crate::overview;
use crate::palette::{self, Theme};
use crate::reason;
use crate::sheet::Line;
use crate::state::State;

/// An endpoint's row, for [`EndpointRow::line`]. On a narrow screen style.css turns each row into a card, so roles are spelled
/// out: a table that is not laid out as one would lose its meaning for assistive programs.
pub const FORM: &str = concat!(
    r#"<tr role="row" data-testid="endpoint-row" data-s="data-endpoint data-state data-status data-circuit">"#,
    r#"<th class="endpoint" role="rowheader" scope="row"><button data-row data-s="aria-expanded title style">"#,
    r#"<span class="id" data-s=".">-</span><span class="address" data-s=".">-</span></button></th>"#,
    r#"<td class="state" role="cell" data-testid="status" data-label="State" data-s="title">"#,
    r#"<span><span class="mark" aria-hidden="true" data-s="<"></span><span data-s=".">-</span></span></td>"#,
    r#"<td class="num" role="cell" data-testid="score" data-label="Score" data-s=".">-</td>"#,
    r#"<td class="num share" role="cell" data-testid="share" data-label="Share" data-s="style .">-</td>"#,
    r#"<td class="num" role="cell" data-testid="weight" data-label="Weight" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="in-flight" data-label="In flight" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="rate" data-label="Rate" data-s=".">-</td>"#,
    r#"<td role="cell" data-testid="failure" data-label="Failed" data-s="class .">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p50" data-label="p50" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p90" data-label="p90" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p99" data-label="p99" data-s=".">-</td>"#,
    r#"<td class="spark" role="cell" data-testid="spark" data-label="10 min" aria-hidden="true" data-s="<"></td>"#,
    r#"<td class="transition" role="cell" data-label="Circuit"><span class="circuit" data-testid="circuit">"#,
    r#"<b data-s=".">-</b><span class="next" data-s=".">-</span></span><span class="change" data-testid="transition">"#,
    r#"<span class="none" data-s=".">-</span><span class="what" data-s=".">-</span> "#,
    r#"<span class="ago" data-s=".">-</span> <span class="why" data-s=".">-</span></span></td></tr>"#,
);

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

impl EndpointRow {
    /// The values for [`FORM`]. `place` is the endpoint's in the configuration, which its colour in the charts follows;
    /// `open`: its card is shown; `spark` is the drawing of how it went.
    pub fn line(&self, id: &str, place: usize, open: bool, theme: Theme, spark: String) -> Line {
        // Below one, so that two digits tell it.
        let percent = |part: f64| ((100.0 * part) as u32).min(99);
        let none = if self.change.is_none() { "none yet" } else { "" };
        let change = |text: fn(&Change) -> String| self.change.as_ref().map(text).unwrap_or_default();
        let what = |change: &Change| format!("{} → {}", format::circuit(change.from), format::circuit(change.to));
        let mut line = Line::new(id);
        line.put(id)
            .put(self.state.tone())
            .put(format::status(self.status))
            .put(format::circuit_key(self.circuit))
            .put(&open.to_string())
            .put(&format!("{id}: why it stands as it does"))
            .put(&line_by(place, theme))
            .put(id)
            .put(&self.place)
            .put(self.state.meaning())
            .put(&mark::of(self.state))
            .put(self.state.word())
            .put(&self.score)
            .put(&format!("--part:.{:02};--due:.{:02}", percent(self.share_part), percent(self.due_part)))
            .figure(&self.share)
            .put(&self.weight)
            .put(&self.in_flight)
            .figure(&self.rate)
            .put(figure_class(self.failing))
            .figure(&self.failure)
            .figure(&self.p50)
            .figure(&self.p90)
            .figure(&self.p99)
            .put(&spark)
            .put(format::circuit(self.circuit))
            .put(&self.circuit_next)
            .put(none)
            .put(&change(what))
            .put(&change(|change| change.ago.clone()))
            .put(&change(|change| change.why.clone()));
        line
    }
}

/// The class of a figure's cell.
pub fn figure_class(notable: bool) -> &'static str {
    if notable { "num notable" } else { "num" }
}

/// The line by which the charts draw an endpoint.
fn line_by(place: usize, theme: Theme) -> String {
    let colour = palette::css(theme.line(place));
    let gap = if palette::dashed(place) { "#0000" } else { &colour };
    format!("--line:repeating-linear-gradient(90deg,{colour} 0 5px,{gap} 5px 8px)")
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
