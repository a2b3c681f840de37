//! From the page's state to the lines of the chart, and to the same in words for who cannot see it.

use plimsoll_snapshot::{CircuitState, Pool};

use crate::chart::Line;
use crate::events::EventLog;
use crate::format;
use crate::history::{KEEP_MS, Metric, PoolHistory};

/// The time axis shows at least this much, seconds.
const SHORTEST_S: u64 = 60;
/// And grows in steps of this much, seconds, so that it does not creep.
const GROWTH_S: u64 = 30;

/// Names of the metrics, as in the page's choice.
pub const METRICS: [(Metric, &str, &str); 3] = [
    (Metric::LatencyP99, "latency-p99", "Latency, p99"),
    (Metric::LatencyP50, "latency-p50", "Latency, p50"),
    (Metric::Traffic, "traffic", "Traffic"),
];

/// The metric with this key; the first where there is none.
pub fn metric(key: &str) -> Metric {
    METRICS.iter().find(|(_, known, _)| *known == key).unwrap_or(&METRICS[0]).0
}

/// A metric's name for people.
pub fn metric_name(metric: Metric) -> &'static str {
    METRICS.iter().find(|(known, ..)| *known == metric).unwrap_or(&METRICS[0]).2
}

/// A metric's unit.
pub fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::LatencyP99 | Metric::LatencyP50 => "ms",
        Metric::Traffic => "/s",
    }
}

/// How many seconds the time axis shows, for a history of `span_ms`.
pub fn span_s(span_ms: u64) -> f64 {
    let whole = span_ms.div_ceil(1000).next_multiple_of(GROWTH_S);
    whole.clamp(SHORTEST_S, KEEP_MS / 1000) as f64
}

/// One line per endpoint, in the order of the table. `now_ms` is the proxy's time: when answers stop, the lines
/// stay behind.
pub fn lines(pool: &Pool, past: Option<&PoolHistory>, events: &EventLog, metric: Metric, now_ms: u64) -> Vec<Line> {
    let before_s = |at_ms: u64| now_ms.saturating_sub(at_ms) as f64 / 1000.0;
    let tracks = |id: &str| past.and_then(|past| past.endpoints.get(id));
    let line = |(place, endpoint): (usize, &plimsoll_snapshot::Endpoint)| {
        let points = tracks(&endpoint.id).map(|track| track.line(metric)).unwrap_or_default();
        let own = events.newest_first().filter(|event| event.pool == pool.name && event.endpoint == endpoint.id);
        let circuit = own.filter_map(|event| match event.transition.to {
            CircuitState::Open | CircuitState::ForcedOpen => Some((before_s(event.transition.at_ms), true)),
            CircuitState::Closed | CircuitState::Disabled => Some((before_s(event.transition.at_ms), false)),
            CircuitState::HalfOpen => None,
        });
        Line {
            label: endpoint.id.clone(),
            place,
            points: points.into_iter().map(|(at_ms, value)| (before_s(at_ms), value)).collect(),
            circuit: circuit.collect(),
        }
    };
    pool.endpoints.iter().enumerate().map(line).collect()
}

/// The chart in words: what it shows, and where every line stands now.
pub fn in_words(pool: &str, lines: &[Line], metric: Metric, span_s: f64) -> String {
    let value = |line: &Line| {
        let last = line.last().map(|(_, value)| value);
        let figure = match metric {
            Metric::Traffic => format::rate(last),
            Metric::LatencyP99 | Metric::LatencyP50 => format::latency(last),
        };
        let figure = if last.is_some() { figure.to_string() } else { "nothing".into() };
        format!("{} {figure}", line.label)
    };
    let figures: Vec<_> = lines.iter().map(value).collect();
    let span = format::duration((span_s * 1000.0) as u64);
    let name = metric_name(metric);
    format!("Line chart of pool {pool}: {name} of {} endpoints, last {span}. Now: {}.", lines.len(), figures.join(", "))
}

#[cfg(test)]
mod tests {
    use plimsoll_snapshot::{Endpoint, Event, Events, LatencyMs, Reason, Signal, Snapshot, Transition};

    use super::*;
    use crate::history::History;

    fn pool(requests: u64) -> Pool {
        let endpoint = |id: &str, latency_ms| Endpoint { id: id.into(), requests, latency_ms, ..Endpoint::default() };
        let latency = Some(LatencyMs { p50: 4.0, p90: 9.0, p99: 21.7 });
        Pool {
            name: "orders".into(),
            endpoints: vec![endpoint("order-1", latency), endpoint("order-2", None)],
            ..Pool::default()
        }
    }

    fn history() -> History {
        let mut history = History::default();
        for (at_ms, requests) in [(10_000, 0), (11_000, 50)] {
            history.observe(&Snapshot { at_ms, pools: vec![pool(requests)], ..Snapshot::default() });
        }
        history
    }

    fn opened(endpoint: &str, at_ms: u64, to: CircuitState) -> Events {
        let reason = Reason {
            signal: Signal::ConsecutiveFailures,
            observed: 5.0,
            threshold: 5.0,
            samples: 5,
            share: None,
            pool: None,
            failure: None,
            trace_ids: Vec::new(),
        };
        let transition = Transition { at_ms, from: CircuitState::Closed, to, reason };
        let event =
            Event { seq: 1, pool: "orders".into(), endpoint: endpoint.into(), address: String::new(), transition };
        Events { last_seq: 1, events: vec![event], ..Events::default() }
    }

    #[test]
    fn lines_follow_the_table_and_stay_behind_when_answers_stop() {
        let history = history();
        let lines = lines(&pool(50), history.pool("orders"), &EventLog::default(), Metric::LatencyP99, 21_000);
        let ends: Vec<_> = lines.iter().map(|line| (line.label.as_str(), line.place, line.last())).collect();
        assert_eq!(ends, [("order-1", 0, Some((10.0, 21.7))), ("order-2", 1, None)]);
    }

    #[test]
    fn an_endpoints_own_events_are_marked_on_its_line() {
        let mut log = EventLog::default();
        log.merge(opened("order-2", 5_000, CircuitState::Open));
        let lines = lines(&pool(50), None, &log, Metric::Traffic, 11_000);
        assert_eq!((lines[0].circuit.len(), lines[1].circuit.as_slice()), (0, [(6.0, true)].as_slice()));
    }

    #[test]
    fn the_words_say_what_the_lines_show() {
        let history = history();
        let words = |metric| {
            let lines = lines(&pool(50), history.pool("orders"), &EventLog::default(), metric, 11_000);
            in_words("orders", &lines, metric, 60.0)
        };
        assert_eq!(
            words(Metric::LatencyP99),
            "Line chart of pool orders: Latency, p99 of 2 endpoints, last 1 min. Now: order-1 21.7 ms, order-2 nothing."
        );
        assert!(words(Metric::Traffic).ends_with("order-1 50.0 /s, order-2 50.0 /s."));
    }

    #[test]
    fn the_time_axis_grows_in_steps_and_ends() {
        let spans: Vec<_> = [0, 60_000, 60_001, 300_000, 900_000].map(span_s).into();
        assert_eq!(spans, [60.0, 60.0, 90.0, 300.0, 300.0]);
    }
}
