//! From the past of a pool to the series of a chart.

use super::bands::{HEALTHY, PANIC};
use super::{Chart, Kind, Look, Series, labels};
use crate::palette::{self, DISTINCT};
use crate::past::{Column, Past, Row, Table};

/// Room is kept for names of so many characters, which kinds of failures have.
const KINDS: &str = "conn. timeout";

impl Chart {
    /// A chart of a pool. `order` holds the endpoints' identifiers as in the table: an endpoint's place there gives its
    /// colour. Those that have left come after them.
    pub fn new(kind: Kind, past: &Past, pool: &str, order: &[String], look: Look) -> Chart {
        let mut chart = Chart {
            kind,
            pool: pool.into(),
            spans: Vec::new(),
            series: Vec::new(),
            room: labels::room(order.iter().map(String::as_str).chain([KINDS])),
            look,
        };
        if let Some(table) = past.table(pool, chart.look.from_ms, chart.look.to_ms) {
            chart.spans = table.points.iter().map(|point| (point.begin_ms, point.end_ms)).collect();
            chart.fill(&table, order);
        }
        chart
    }

    fn fill(&mut self, table: &Table<'_>, order: &[String]) {
        let theme = self.look.theme;
        match self.kind {
            Kind::Traffic => {
                self.endpoints(table, order, &|row| table.rate(row, Column::Requests));
                self.group_others();
            }
            Kind::Latency => {
                // The worst on top of the list, and in the warmest colour.
                for (name, column, hue) in [("p99", Column::P99, 1), ("p90", Column::P90, 6), ("p50", Column::P50, 0)] {
                    self.add(name.into(), theme.line(hue), table.column(table.pool(), column));
                }
            }
            Kind::EndpointP50 | Kind::HeatP50 => {
                self.endpoints(table, order, &|row| table.column(row, Column::P50));
            }
            Kind::EndpointP99 | Kind::HeatP99 => {
                self.endpoints(table, order, &|row| table.column(row, Column::P99));
            }
            Kind::Failures => self.failures(table),
            Kind::Scores => {
                self.endpoints(table, order, &|row| table.column(row, Column::Score));
                self.add("pool".into(), theme.ink(), table.column(table.pool(), Column::Score));
            }
            Kind::Circuits => {
                let panics = table.column(table.pool(), Column::Status);
                let code = |panic: &f32| if *panic > 0.0 { PANIC as f32 } else { HEALTHY as f32 };
                let codes = panics.iter().map(|panic| if panic.is_nan() { f32::NAN } else { code(panic) }).collect();
                self.add("pool".into(), theme.ink(), codes);
                self.endpoints(table, order, &|row| states(table, row));
            }
        }
    }

    fn add(&mut self, name: String, color: palette::Rgb, values: Vec<f32>) {
        self.series.push(Series { name, place: None, color, dashed: false, over: false, values: sound(values) });
    }

    /// A series for every endpoint in the table, and for those that have left and have values.
    fn endpoints(&mut self, table: &Table<'_>, order: &[String], values: &dyn Fn(&Row) -> Vec<f32>) {
        let empty = Row::default();
        let mut add = |name: &str, place: usize, row: &Row, always: bool| {
            let values = sound(values(row));
            if always || values.iter().any(|value| !value.is_nan()) {
                let (color, dashed) = (self.look.theme.line(place), palette::dashed(place));
                self.series.push(Series { name: name.into(), place: Some(place), color, dashed, over: false, values });
            }
        };
        for (place, id) in order.iter().enumerate().take(MOST) {
            let row = table.endpoints().iter().find(|row| row.name == *id);
            add(id, place, row.unwrap_or(&empty), row.is_some());
        }
        let left = table.endpoints().iter().filter(|row| !order.contains(&row.name));
        for (after, row) in left.enumerate() {
            add(&row.name, (order.len() + after).max(DISTINCT), row, false);
        }
    }

    /// The endpoints without a colour of their own become one area.
    fn group_others(&mut self) {
        let all = std::mem::take(&mut self.series);
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|series| series.place.is_none_or(|place| place < DISTINCT));
        self.series = own;
        let mut others = others.into_iter();
        let Some(mut sum) = others.next() else { return };
        for other in others {
            for (value, own) in sum.values.iter_mut().zip(other.values) {
                *value = if value.is_nan() { own } else { *value + if own.is_nan() { 0.0 } else { own } };
            }
        }
        sum.name = "others".into();
        self.series.push(sum);
    }

    fn failures(&mut self, table: &Table<'_>) {
        let theme = self.look.theme;
        if table.kinds().is_empty() {
            self.add("failures".into(), theme.line(1), table.rate(table.pool(), Column::Failures));
        }
        for (index, row) in table.kinds().iter().enumerate() {
            // A kind has the same colour wherever it comes in the answer.
            let known = plimsoll_snapshot::FailureKind::ALL.iter().position(|kind| kind.name() == row.name);
            let name = if row.name == "connect_timeout" { KINDS.into() } else { row.name.clone() };
            self.add(name, theme.line(known.unwrap_or(8 + index)), table.rate(row, Column::Failures));
        }
        self.add("slow answers".into(), theme.quiet(), table.rate(table.pool(), Column::Slow));
        if let Some(slow) = self.series.last_mut() {
            (slow.dashed, slow.over) = (true, true);
        }
    }
}

/// More endpoints than have a history are not looked for.
const MOST: usize = 80;

/// Numbers that can be drawn; all others are not known.
fn sound(mut values: Vec<f32>) -> Vec<f32> {
    for value in &mut values {
        *value = if value.is_finite() { value.max(0.0) } else { f32::NAN };
    }
    values
}

/// The state of the circuit where it is not closed, else the status.
fn states(table: &Table<'_>, row: &Row) -> Vec<f32> {
    let mut codes = table.column(row, Column::Circuit);
    for (code, status) in codes.iter_mut().zip(table.column(row, Column::Status)) {
        if *code == 0.0 {
            *code = status;
        }
    }
    codes
}
