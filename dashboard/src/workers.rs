//! Worker by worker: how each of them sees a pool's endpoints, and where they differ.
//!
//! Workers share their counts, so they decide alike; but each has its own connections, and what only one of them sees (a
//! dead connection, a full queue, an older configuration) is lost in the sum.

use serde_json::Value;

use crate::format;
use crate::sheet::Line;
use plimsoll_snapshot::read::{document, number, text};

/// An endpoint's row begins so, and goes on with [`CELL`] for every worker.
const HEAD: &str = concat!(
    r#"<tr role="row" data-testid="worker-row" data-s="data-endpoint">"#,
    r#"<th class="endpoint" role="rowheader" scope="row"><span class="id" data-s=".">-</span></th>"#,
);
const CELL: &str =
    r#"<td class="num" role="cell" data-testid="worker-cell" data-s="data-worker data-differs .">-</td>"#;

/// Fewer recent attempts than this prove no difference.
const LEAST: f64 = 10.0;
/// A latency that is so many times the others' middle differs, or so many times less.
const LATENCY_FACTOR: f64 = 1.5;
/// A share of failures that is so far from the others' middle differs.
const FAILURE_GAP: f64 = 0.1;
/// So many times the others' middle, and so many more, attempts under way differ.
const IN_FLIGHT: (f64, f64) = (2.0, 5.0);

/// What the matrix shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Mean latency of recent successes.
    #[default]
    Latency,
    /// Failed part of the recent attempts.
    Failures,
    /// Attempts under way.
    InFlight,
    /// Recent attempts.
    Attempts,
}

impl Measure {
    /// All, with their keys in links and their names.
    pub const ALL: [(Measure, &'static str, &'static str); 4] = [
        (Measure::Latency, "", "Mean latency"),
        (Measure::Failures, "failures", "Failed attempts"),
        (Measure::InFlight, "in-flight", "In flight"),
        (Measure::Attempts, "attempts", "Attempts"),
    ];

    /// The one with this key; the first where there is none.
    pub fn of(key: &str) -> Measure {
        Measure::ALL.iter().find(|(_, known, _)| *known == key).map_or(Measure::Latency, |(measure, ..)| *measure)
    }
}

/// One worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worker {
    /// Its number.
    pub id: String,
    /// How long ago it published.
    pub age_ms: u64,
    /// Too old to count.
    pub stale: bool,
    /// It works by the configuration in force.
    pub current: bool,
    attempts: Vec<f64>,
    failures: Vec<f64>,
    in_flight: Vec<f64>,
    latency_ms: Vec<f64>,
}

/// All workers of a pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workers {
    /// The pool's name.
    pub pool: String,
    endpoints: Vec<String>,
    /// By number.
    pub workers: Vec<Worker>,
}

/// One worker's view of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The value with its unit.
    pub text: String,
    /// The others see something else.
    pub differs: bool,
}

impl Workers {
    /// From the answer to `GET workers`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(answer: &str) -> Result<Workers, String> {
        let (tree, _) = document(answer)?;
        let list = |field: &str| tree[field].as_array().map(Vec::as_slice).unwrap_or_default();
        let endpoints = list("endpoints").iter().map(|id| id.as_str().unwrap_or("").to_owned()).collect();
        Ok(Workers { pool: text(&tree, "pool"), endpoints, workers: list("workers").iter().map(worker).collect() })
    }

    /// An endpoint's row, for [`Workers::line`].
    pub fn form(&self) -> String {
        format!("{HEAD}{}</tr>", CELL.repeat(self.workers.len()))
    }

    /// The values for [`Workers::form`]; none for an endpoint that the workers did not tell of.
    pub fn line(&self, endpoint: &str, measure: Measure) -> Line {
        let mut line = Line::new(endpoint);
        line.put(endpoint).put(endpoint);
        let mut cells = self.row(endpoint, measure).into_iter();
        for worker in &self.workers {
            let Cell { text, differs } = cells.next().unwrap_or_default();
            let mark = if differs { "≠ " } else { "" };
            line.put(&worker.id).put(&differs.to_string()).put(&format!("{mark}{text}"));
        }
        line
    }

    /// How every worker sees an endpoint.
    pub fn row(&self, endpoint: &str, measure: Measure) -> Vec<Cell> {
        let Some(place) = self.endpoints.iter().position(|id| id == endpoint) else { return Vec::new() };
        let values: Vec<(f64, f64)> = self.workers.iter().map(|worker| worker.value(place, measure)).collect();
        let cell = |(at, worker): (usize, &Worker)| {
            let (value, attempts) = values[at];
            let others = values.iter().enumerate().filter(|(other, (value, attempts))| {
                *other != at && value.is_finite() && (*attempts >= LEAST || measure == Measure::InFlight)
            });
            let middle = middle(others.map(|(_, (value, _))| *value).collect());
            let sure = measure == Measure::InFlight || attempts >= LEAST;
            let differs = !worker.stale && sure && middle.is_some_and(|middle| differ(value, middle, measure));
            Cell { text: worded(value, measure), differs }
        };
        self.workers.iter().enumerate().map(cell).collect()
    }
}

fn worker(tree: &Value) -> Worker {
    // A worker of another configuration may not know an endpoint: not a number.
    let column = |field: &str| {
        let values = tree[field].as_array().into_iter().flatten();
        values.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
    };
    Worker {
        id: text(tree, "id"),
        age_ms: number(tree, "age_ms"),
        stale: tree["stale"].as_bool().unwrap_or(false),
        current: tree["current"].as_bool().unwrap_or(true),
        attempts: column("recent_requests"),
        failures: column("recent_failures"),
        in_flight: column("in_flight"),
        latency_ms: column("recent_latency_ms"),
    }
}

impl Worker {
    /// What it sees, and on how many attempts that rests.
    fn value(&self, place: usize, measure: Measure) -> (f64, f64) {
        let of = |column: &[f64]| column.get(place).copied().unwrap_or(f64::NAN);
        let attempts = of(&self.attempts);
        let value = match measure {
            Measure::Latency => of(&self.latency_ms),
            Measure::Failures => of(&self.failures) / attempts,
            Measure::InFlight => of(&self.in_flight),
            Measure::Attempts => attempts,
        };
        (value, attempts)
    }
}

fn differ(value: f64, middle: f64, measure: Measure) -> bool {
    match measure {
        Measure::Latency => value > middle * LATENCY_FACTOR || value * LATENCY_FACTOR < middle,
        Measure::Failures => (value - middle).abs() >= FAILURE_GAP,
        Measure::InFlight => value > middle * IN_FLIGHT.0 && value > middle + IN_FLIGHT.1,
        // How connections fall to workers is the listener's doing.
        Measure::Attempts => false,
    }
}

/// The middle of some values; the lower one of two.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    let half = values.len().checked_sub(1)? / 2;
    for _ in 0..half {
        let least = (0..values.len()).fold(0, |least, at| if values[at] < values[least] { at } else { least });
        values.swap_remove(least);
    }
    values.into_iter().reduce(f64::min)
}

fn worded(value: f64, measure: Measure) -> String {
    let value = value.is_finite().then_some(value);
    match measure {
        Measure::Latency => format::latency(value).to_string(),
        Measure::Failures => format::percent(value).to_string(),
        Measure::InFlight | Measure::Attempts => {
            value.map_or_else(|| format::NONE.into(), |value| format::grouped(value as u64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three workers: the second sees `b` slow and failing, the third has not published for long.
    const ANSWER: &str = r#"{"version":1,"at_ms":5,"tick_ms":100,"pool":"orders","generation":"1f","endpoints":["a","b"],
        "workers":[
          {"id":"0","age_ms":12,"stale":false,"generation":"1f","current":true,"in_flight":[1,0],
           "recent_requests":[50,40],"recent_failures":[0,0],"recent_latency_ms":[4.2,4.1]},
          {"id":"1","age_ms":48,"stale":false,"generation":"1f","current":true,"in_flight":[1,9],
           "recent_requests":[50,40],"recent_failures":[0,12],"recent_latency_ms":[4.3,41.0]},
          {"id":"2","age_ms":9000,"stale":true,"generation":"1e","current":false,"in_flight":[0,null],
           "recent_requests":[20,null],"recent_failures":[0,null],"recent_latency_ms":[90.0,null]}]}"#;

    fn row(endpoint: &str, measure: Measure) -> Vec<(String, bool)> {
        let workers = Workers::read(ANSWER).expect("an answer");
        workers.row(endpoint, measure).into_iter().map(|cell| (cell.text, cell.differs)).collect()
    }

    #[test]
    fn what_only_one_worker_sees_stands_out() {
        let slow = row("b", Measure::Latency);
        assert_eq!(slow, [("4.1 ms".into(), true), ("41 ms".into(), true), ("–".into(), false)]);
        let failing = row("b", Measure::Failures);
        assert_eq!(failing[1], ("30.0 %".into(), true));
        assert_eq!(row("b", Measure::InFlight)[1], ("9".into(), true));
        let workers = Workers::read(ANSWER).expect("an answer");
        let line = workers.line("b", Measure::InFlight);
        assert_eq!(line.values.len(), crate::sheet::places(&workers.form()));
        assert_eq!(line.values[5..8], ["1", "true", "≠ 9"]);
    }

    #[test]
    fn workers_that_agree_are_quiet_and_old_ones_are_not_blamed() {
        let differs: Vec<bool> = row("a", Measure::Failures).into_iter().map(|(_, differs)| differs).collect();
        assert_eq!(differs, [false, false, false]);
        assert_eq!(row("a", Measure::Latency)[2], ("90 ms".into(), false));
        assert!(row("a", Measure::Attempts).iter().all(|(_, differs)| !differs));
    }

    #[test]
    fn heads_tell_age_and_configuration() {
        let workers = Workers::read(ANSWER).expect("an answer").workers;
        let heads: Vec<_> = workers.iter().map(|w| (w.id.as_str(), w.age_ms, w.stale, w.current)).collect();
        assert_eq!(heads, [("0", 12, false, true), ("1", 48, false, true), ("2", 9000, true, false)]);
    }

    #[test]
    fn an_endpoint_that_is_not_in_the_answer_has_no_cells() {
        assert_eq!(row("c", Measure::Latency), []);
        assert!(Workers::read("{}").is_err());
    }

    #[test]
    fn the_middle_of_values_is_one_of_them() {
        assert_eq!(middle(vec![]), None);
        assert_eq!(middle(vec![5.0]), Some(5.0));
        assert_eq!(middle(vec![9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(middle(vec![9.0, 1.0, 5.0, 7.0]), Some(5.0));
    }
}
