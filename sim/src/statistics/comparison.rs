//! Several subjects under the same seeds, side by side: tables for people and JSON for programs.

use super::{Align, Interval, METRICS, Metric, Table};
use crate::report::Report;
use serde_json::{Map, Value, json};

/// What one subject made of a scenario, seed by seed.
#[derive(Clone, Debug)]
pub struct Column {
    /// Who.
    pub name: String,
    /// For each of [`METRICS`], its value under each seed.
    values: Vec<Vec<f64>>,
}

impl Column {
    /// Nobody's runs yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), values: vec![Vec::new(); METRICS.len()] }
    }

    /// Adds the run under the next seed.
    pub fn push(&mut self, report: &Report) {
        for (values, metric) in self.values.iter_mut().zip(&METRICS) {
            values.push((metric.of)(report));
        }
    }

    /// The values of a metric by its name, in the order of the seeds; none for a name that there is not.
    #[must_use]
    pub fn values(&self, metric: &str) -> &[f64] {
        let position = METRICS.iter().position(|known| known.name == metric);
        position.and_then(|position| self.values.get(position)).map_or(&[], Vec::as_slice)
    }
}

/// Subjects under the same scenario and seeds; differences are to the first.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The scenario's name.
    pub scenario: String,
    /// The seeds, as many as each column has values.
    pub seeds: Vec<u64>,
    /// Who was compared.
    pub columns: Vec<Column>,
}

impl Comparison {
    /// One row a subject: every metric with its confidence interval.
    #[must_use]
    pub fn table(&self) -> Table {
        let heads = METRICS.iter().map(|metric| (metric.head, Align::Right));
        let mut table = Table::new(&std::iter::once(("subject", Align::Left)).chain(heads).collect::<Vec<_>>());
        for column in &self.columns {
            let cells = METRICS.iter().map(|metric| plain(metric, column.values(metric.name)));
            table.push(std::iter::once(column.name.clone()).chain(cells));
        }
        table
    }

    /// One row a subject but the first: what it has more than the first, seed by seed. A star stands behind what is not
    /// just chance. `None` without a second subject.
    #[must_use]
    pub fn differences(&self) -> Option<Table> {
        let (first, others) = self.columns.split_first()?;
        let heads = METRICS.iter().map(|metric| (metric.head, Align::Right));
        let head = format!("minus {}", first.name);
        let mut table = Table::new(&std::iter::once((head.as_str(), Align::Left)).chain(heads).collect::<Vec<_>>());
        for column in others {
            let cells = METRICS.iter().map(|metric| {
                let difference = Interval::of_differences(column.values(metric.name), first.values(metric.name));
                difference.map(|difference| signed(metric, &difference)).unwrap_or_default()
            });
            table.push(std::iter::once(column.name.clone()).chain(cells));
        }
        (!others.is_empty()).then_some(table)
    }

    /// Everything: intervals, differences to the first subject, and the values seed by seed.
    #[must_use]
    pub fn json(&self) -> Value {
        let subjects = self.columns.iter().map(|column| {
            let metrics = METRICS.iter().map(|metric| {
                let values = column.values(metric.name);
                let mut object = Interval::of(values).map(object).unwrap_or_default();
                object.insert("by_seed".into(), json!(values));
                (metric.name.to_owned(), Value::Object(object))
            });
            json!({ "name": column.name, "metrics": metrics.collect::<Map<_, _>>() })
        });
        let differences =
            self.columns.iter().skip(1).zip(std::iter::repeat(self.columns.first())).map(|(ours, first)| {
                let of = |metric: &Metric| {
                    let theirs = first.map_or(&[][..], |first| first.values(metric.name));
                    Interval::of_differences(ours.values(metric.name), theirs).map(object).map(Value::Object)
                };
                let metrics = METRICS.iter().filter_map(|metric| Some((metric.name.to_owned(), of(metric)?)));
                let minus = first.map(|first| first.name.as_str());
                json!({ "name": ours.name, "minus": minus, "metrics": metrics.collect::<Map<_, _>>() })
            });
        json!({
            "scenario": self.scenario,
            "confidence": super::CONFIDENCE,
            "seeds": self.seeds,
            "subjects": subjects.collect::<Vec<_>>(),
            "differences": differences.collect::<Vec<_>>(),
        })
    }
}

fn object(interval: Interval) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("mean".into(), json!(interval.mean));
    object.insert("half".into(), json!(interval.half));
    object
}

/// `3.27 ± .05`; without a spread, or from one seed, just the mean.
fn plain(metric: &Metric, values: &[f64]) -> String {
    let Some(interval) = Interval::of(values) else { return String::new() };
    let decimals = metric.decimals;
    match interval.half {
        Some(half) if half > 0.0 => format!("{:.decimals$} ± {half:.decimals$}", interval.mean),
        _ => format!("{:.decimals$}", interval.mean),
    }
}

fn signed(metric: &Metric, difference: &Interval) -> String {
    let decimals = metric.decimals;
    let star = if difference.is_significant() { " *" } else { "  " };
    let half = difference.half.map(|half| format!(" ± {half:.decimals$}")).unwrap_or_default();
    if difference.mean == 0.0 && difference.half.unwrap_or(0.0) == 0.0 {
        return format!("{:.decimals$}  ", 0.0);
    }
    format!("{:+.decimals$}{half}{star}", difference.mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Outcomes, Samples};

    fn run(latencies_ms: &[u64], failed: u64) -> Report {
        let ok = latencies_ms.len() as u64;
        Report {
            latencies: Samples::new(latencies_ms.iter().map(|ms| ms * 1_000_000).collect()),
            outcomes: Outcomes { ok, timeout: failed, ..Outcomes::default() },
            ..Report::default()
        }
    }

    fn two() -> Comparison {
        let mut columns = vec![Column::new("ours"), Column::new("theirs")];
        for seed in 0..3 {
            columns[0].push(&run(&[10 + seed, 20 + seed], 0));
            columns[1].push(&run(&[12 + seed, 24 + seed], 2));
        }
        Comparison { scenario: "made_up".into(), seeds: vec![1, 2, 3], columns }
    }

    #[test]
    fn each_subject_has_a_row_and_differences_are_taken_seed_by_seed() {
        let comparison = two();
        let table = comparison.table().plain();
        assert!(table.contains("ours     16.00 ± 2.48"), "{table}");
        let differences = comparison.differences().unwrap().plain();
        // Every seed gives the same difference: all of the spread was the traffic's.
        assert!(differences.contains("+3.00 ± 0.00 *"), "{differences}");
        assert!(differences.contains("-50.000 ± 0.000 *"), "{differences}");
        assert!(Comparison { columns: vec![Column::new("alone")], ..comparison }.differences().is_none());
    }

    #[test]
    fn json_has_every_value() {
        let json = two().json();
        assert_eq!(json["subjects"][1]["metrics"]["ok_percent"]["by_seed"], json!([50.0, 50.0, 50.0]));
        assert_eq!(json["differences"][0]["metrics"]["mean_ms"]["mean"], json!(3.0));
        assert_eq!((&json["differences"][0]["minus"], &json["seeds"][2]), (&json!("ours"), &json!(3)));
    }
}
