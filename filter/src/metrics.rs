//! The proxy's metrics, flushed once a second by the tick: `plimsoll.pool.<pool>.…`, and per endpoint
//! `plimsoll.pool.<pool>.endpoint.<id>.…` for the first `MAX_ENDPOINTS` of a pool, because a proxy never forgets a
//! metric. Transitions are counted by their signal as they are made. Counters: every worker adds its own part. Gauges are one value for all workers, so one worker sets them,
//! from all workers' counts.

use crate::host::{self, MetricKind};
use core::fmt::Write;
use plimsoll_engine::{Pool, Positions};
use plimsoll_snapshot::{CircuitState, Signal, cell::CellEndpoint};

/// Endpoints of a pool that get metrics of their own.
const MAX_ENDPOINTS: usize = 50;

/// A metric, defined with the host when it first has something to say.
#[derive(Clone, Copy, Debug, Default)]
struct Metric {
    id: Option<u32>,
    last: u64,
}

impl Metric {
    fn id(&mut self, kind: MetricKind, name: &dyn Fn() -> String) -> Option<u32> {
        if self.id.is_none() {
            self.id = host::define_metric(kind, &name()).ok();
        }
        self.id
    }

    /// Adds what came since the last time.
    fn count(&mut self, total: u64, name: &dyn Fn() -> String) {
        let new = since(self.last, total);
        if new > 0
            && let Some(id) = self.id(MetricKind::Counter, name)
            && host::increment_metric(id, new).is_ok()
        {
            self.last = total;
        }
    }

    fn set(&mut self, value: u64, name: &dyn Fn() -> String) {
        if let Some(id) = self.id(MetricKind::Gauge, name) {
            let _ = host::record_metric(id, value);
        }
    }
}

/// What was added to a total. One that went back is of a new life of its endpoint.
fn since(before: u64, now: u64) -> u64 {
    if now < before { now } else { now.saturating_sub(before) }
}

/// What all endpoints together have done, those that left included: a plain sum would go back when one leaves.
#[derive(Debug, Default)]
struct Sums {
    seen: Vec<CellEndpoint>,
    requests: u64,
    failures: u64,
}

impl Sums {
    fn advance(&mut self, counts: &[CellEndpoint]) {
        let key = |count: &CellEndpoint| count.key;
        if !self.seen.iter().map(key).eq(counts.iter().map(key)) {
            let known = Positions::of(self.seen.iter().map(key));
            let before = |count: &CellEndpoint| self.seen.get(known.get(count.key)? as usize).copied();
            self.seen = counts.iter().map(|count| before(count).unwrap_or_default()).collect();
        }
        for (before, now) in self.seen.iter().zip(counts) {
            self.requests = self.requests.saturating_add(since(before.requests, now.requests));
            self.failures = self.failures.saturating_add(since(before.failures, now.failures));
        }
        self.seen.clear();
        self.seen.extend_from_slice(counts);
    }
}

/// Metrics of one pool.
#[derive(Debug, Default)]
pub struct PoolMetrics {
    picks: Metric,
    refused: Metric,
    sums: Sums,
    requests: Metric,
    failures: Metric,
    in_flight: Metric,
    endpoints: Metric,
    eligible: Metric,
    /// By signal.
    transitions: [Metric; Signal::ALL.len()],
    each: Vec<EndpointMetrics>,
    spare: EndpointMetrics,
}

#[derive(Debug, Default)]
struct EndpointMetrics {
    key: u64,
    id: String,
    requests: Metric,
    failures: Metric,
    in_flight: Metric,
    ejected: Metric,
}

impl PoolMetrics {
    /// A circuit has changed for this reason, by this worker.
    #[cold]
    pub(crate) fn count_transition(&mut self, pool: &str, signal: Signal) {
        let of = self.transitions.iter_mut().zip(Signal::ALL).find(|(_, of)| *of == signal);
        if let Some((metric, _)) = of {
            let total = metric.last.saturating_add(1);
            metric.count(total, &|| ["plimsoll.pool.", pool, ".transitions.", signal.name()].concat());
        }
    }

    /// Hands everything to the host; gauges only where this worker speaks for all.
    pub(crate) fn flush(&mut self, pool: &Pool, leads: bool) {
        let prefix = format!("plimsoll.pool.{}", pool.config().name);
        let name = |what: &'static str| {
            let prefix = &prefix;
            move || format!("{prefix}.{what}")
        };
        let counts = pool.counts();
        let in_flight = pool.in_flight_of_all();
        let (picks, refused) = pool.totals();
        self.picks.count(picks, &name("picks"));
        self.refused.count(refused, &name("refused"));
        self.sums.advance(&counts);
        self.requests.count(self.sums.requests, &name("requests"));
        self.failures.count(self.sums.failures, &name("failures"));
        if leads {
            self.in_flight.set(in_flight.iter().sum(), &name("in_flight"));
            self.endpoints.set(counts.len() as u64, &name("endpoints"));
            self.eligible.set(pool.eligible() as u64, &name("eligible"));
        }
        for ((count, view), busy) in counts.iter().zip(pool.view()).zip(in_flight).take(MAX_ENDPOINTS) {
            let name = |what: &'static str| {
                let (prefix, id) = (&prefix, &view.config.id);
                move || format!("{prefix}.endpoint.{}.{what}", plain(id))
            };
            let metrics = self.of(count.key, &view.config.id);
            metrics.requests.count(count.requests, &name("requests"));
            metrics.failures.count(count.failures, &name("failures"));
            if leads {
                metrics.in_flight.set(busy, &name("in_flight"));
                metrics.ejected.set(
                    u64::from(!matches!(view.circuit, CircuitState::Closed | CircuitState::Disabled)),
                    &name("ejected"),
                );
            }
        }
        self.retire(pool);
    }

    /// Endpoints that have left: the proxy keeps their metrics, so their gauges end at 0.
    fn retire(&mut self, pool: &Pool) {
        self.each.retain_mut(|metrics| {
            let stays = pool.position(metrics.key).is_some();
            for gauge in [&metrics.in_flight, &metrics.ejected] {
                if let (false, Some(id)) = (stays, gauge.id) {
                    let _ = host::record_metric(id, 0);
                }
            }
            stays
        });
    }

    /// The metrics of an endpoint. They outlive a change of configuration while the endpoint stays, so that nothing is
    /// counted twice; under a new identifier the counters go on from where they are.
    fn of(&mut self, key: u64, id: &str) -> &mut EndpointMetrics {
        let index = self.each.iter().position(|metrics| metrics.key == key).unwrap_or_else(|| {
            self.each.push(EndpointMetrics { key, id: id.to_owned(), ..EndpointMetrics::default() });
            self.each.len().saturating_sub(1)
        });
        // `index` is of an element: the fallback is never taken, and spares a panic.
        let fallback = &mut self.spare;
        let metrics = self.each.get_mut(index).unwrap_or(fallback);
        if metrics.id != id {
            let anew = |metric: &Metric| Metric { id: None, last: metric.last };
            *metrics = EndpointMetrics {
                key,
                id: id.to_owned(),
                requests: anew(&metrics.requests),
                failures: anew(&metrics.failures),
                ..EndpointMetrics::default()
            };
        }
        metrics
    }
}

/// An identifier as part of a metric's name: dots would start a new part, braces hide it from Prometheus.
fn plain(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for c in id.chars() {
        let _ = name.write_char(if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_one_part_of_a_name() {
        assert_eq!(plain("10.0.0.1:80"), "10_0_0_1_80");
        assert_eq!(plain("order-1{x}"), "order-1_x_");
    }

    #[test]
    fn sums_never_go_back_when_endpoints_leave_or_start_again() {
        let count = |key, requests| CellEndpoint { key, requests, failures: requests / 2, ..CellEndpoint::default() };
        let mut sums = Sums::default();
        let mut after = |counts: &[CellEndpoint]| {
            sums.advance(counts);
            (sums.requests, sums.failures)
        };
        assert_eq!(after(&[count(1, 10), count(2, 100)]), (110, 55));
        assert_eq!(after(&[count(3, 4), count(1, 12)]), (116, 58), "one left, one is new, one went on");
        assert_eq!(after(&[count(3, 4), count(1, 2)]), (118, 59), "one began again");
    }
}
