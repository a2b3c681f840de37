//! What each worker has published about a pool, beside each other.

use crate::cell::{Cell, CellEndpoint};
use crate::history::view::Values;
use crate::merge::Places;
use alloc::{format, string::String, vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// Answer to `GET workers?pool=NAME`: one pool, worker by worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workers {
    /// [`crate::VERSION`] of the writer.
    pub version: u32,
    /// When this was put together.
    pub at_ms: u64,
    /// As in [`crate::Snapshot::tick_ms`].
    pub tick_ms: u64,
    /// Name of the pool.
    pub pool: String,
    /// The configuration in force on the worker that answers: a hash, in hexadecimal.
    pub generation: String,
    /// Identifiers of the endpoints, in the order of the configuration.
    pub endpoints: Vec<String>,
    /// Every worker that has published, by number. Those that have not for long are here until they are swept out.
    pub workers: Vec<WorkerCounts>,
}

/// What one worker has published. Lists are in the order of [`Workers::endpoints`]; `None`: it does not know the endpoint,
/// because it has another configuration. Counts are cumulative since the worker started, recent ones of the last 5 to 10 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerCounts {
    /// Names the worker as long as it lives, as in [`crate::Worker::id`].
    pub id: String,
    /// How long ago it published this.
    pub age_ms: u64,
    /// Older than ten times `tick_ms`: it decides nothing, and nobody knows what became of its attempts under way.
    pub stale: bool,
    /// The configuration that it works by, as in [`Workers::generation`].
    pub generation: String,
    /// That is the one in force.
    pub current: bool,
    /// Requests that it steered.
    pub picks: u64,
    /// Requests that it refused because no endpoint may be called.
    pub refused: u64,
    /// Attempts under way.
    pub in_flight: Values<u64>,
    /// Those of them whose answer has not begun.
    pub waiting: Values<u64>,
    /// Finished attempts.
    pub requests: Values<u64>,
    /// Failed attempts.
    pub failures: Values<u64>,
    /// Answers slower than the pool's limit.
    pub slow: Values<u64>,
    /// Answers that said "too much".
    pub overloads: Values<u64>,
    /// Failures in a row.
    pub consecutive_failures: Values<u64>,
    /// Attempts finished lately.
    pub recent_requests: Values<u64>,
    /// Attempts failed lately.
    pub recent_failures: Values<u64>,
    /// Mean latency of recent successes, milliseconds; `None` also where there was none.
    pub recent_latency_ms: Values<f64>,
}

impl WorkerCounts {
    /// What a worker has published, for the endpoints with these keys. `generation` is the one in force.
    #[must_use]
    pub fn of(cell: &Cell, keys: &[u64], generation: u64, age_ms: u64, stale: bool) -> Self {
        let mut endpoints: Vec<Option<&CellEndpoint>> = vec![None; keys.len()];
        let mut places = Places::default();
        for (position, part) in cell.endpoints.iter().enumerate() {
            if let Some(slot) = places.find(keys, part.key, position).and_then(|place| endpoints.get_mut(place)) {
                *slot = Some(part);
            }
        }
        let column = |count: fn(&CellEndpoint) -> u64| endpoints.iter().map(|part| part.map(count)).collect();
        Self {
            id: format!("{}", cell.worker),
            age_ms,
            stale,
            generation: hexadecimal(cell.generation),
            current: cell.generation == generation,
            picks: cell.picks,
            refused: cell.refused,
            in_flight: column(|part| u64::from(part.in_flight)),
            waiting: column(|part| u64::from(part.waiting)),
            requests: column(|part| part.requests),
            failures: column(|part| part.failures),
            slow: column(|part| part.slow),
            overloads: column(|part| part.overloads),
            consecutive_failures: column(|part| u64::from(part.consecutive_failures)),
            recent_requests: column(|part| u64::from(part.recent_requests)),
            recent_failures: column(|part| u64::from(part.recent_failures)),
            recent_latency_ms: endpoints.iter().map(|part| part.and_then(recent_latency_ms)).collect(),
        }
    }
}

fn recent_latency_ms(part: &CellEndpoint) -> Option<f64> {
    let successes = part.recent_requests.saturating_sub(part.recent_failures).saturating_sub(part.recent_overloads);
    // To the microsecond: more digits would be noise.
    Some(part.recent_latency_us.checked_div(u64::from(successes))? as f64 / 1000.0)
}

/// A generation as text: a number of 64 bits is none in a browser.
#[must_use]
pub fn hexadecimal(generation: u64) -> String {
    let digit = |shift: u32| char::from_digit((generation >> shift) as u32 & 15, 16);
    (0..u64::BITS).step_by(4).rev().filter_map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(key: u64, requests: u64) -> CellEndpoint {
        CellEndpoint { key, requests, in_flight: 2, ..CellEndpoint::default() }
    }

    fn counts(endpoints: Vec<CellEndpoint>, generation: u64) -> WorkerCounts {
        let cell = Cell { worker: 3, generation: 0x1f, endpoints, ..Cell::default() };
        WorkerCounts::of(&cell, &[7, 8, 9], generation, 12, false)
    }

    #[test]
    fn a_worker_of_another_configuration_tells_of_the_endpoints_that_it_knows() {
        let now = counts(vec![part(7, 1), part(8, 2), part(9, 3)], 0x1f);
        assert_eq!((now.requests, now.current, now.id.as_str()), (vec![Some(1), Some(2), Some(3)], true, "3"));
        assert_eq!(now.generation, "000000000000001f");
        let old = counts(vec![part(9, 3), part(1, 5), part(7, 1)], 0x20);
        assert_eq!((old.requests, old.current), (vec![Some(1), None, Some(3)], false));
    }

    #[test]
    fn the_recent_latency_is_the_mean_of_successes() {
        let busy = CellEndpoint {
            recent_requests: 6,
            recent_failures: 2,
            recent_overloads: 1,
            recent_latency_us: 9_123,
            ..part(7, 6)
        };
        assert_eq!(counts(vec![busy, part(8, 0)], 0).recent_latency_ms, [Some(3.041), None, None]);
    }
}
