//! Exact values at a moment.

use super::{Chart, Form, Kind, bands};
use crate::format;
use crate::palette::Rgb;

/// A moment this close to a point still reads it: there is always some time after the newest.
const NEAR_MS: u64 = 3_000;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As in the chart.
    pub name: String,
    /// The value with its unit.
    pub text: String,
    /// The series' colour.
    pub color: Rgb,
    /// An endpoint's place in the table.
    pub place: Option<usize>,
}

/// What a chart shows at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Begin of the point, Unix milliseconds; the moment itself where nothing was recorded.
    pub at_ms: u64,
    /// Its end.
    pub end_ms: u64,
    /// In the chart's order; empty where nothing was recorded.
    pub values: Vec<Value>,
}

impl Chart {
    /// The place in [`Chart::spans`] of the point at a moment.
    pub fn point_at(&self, at_ms: u64) -> Option<usize> {
        let after = self.spans.partition_point(|(begin_ms, _)| *begin_ms <= at_ms);
        let before = after.checked_sub(1)?;
        (at_ms < self.spans[before].1 + NEAR_MS).then_some(before)
    }

    /// Everything that the chart shows at a moment.
    pub fn reading(&self, at_ms: u64) -> Reading {
        let Some(index) = self.point_at(at_ms) else {
            return Reading { at_ms, end_ms: at_ms, values: Vec::new() };
        };
        let (at_ms, end_ms) = self.spans[index];
        let mut values: Vec<Value> = Vec::with_capacity(self.series.len() + 1);
        let mut total = None;
        for series in &self.series {
            let value = series.values[index];
            if !series.over && !value.is_nan() {
                total = Some(total.unwrap_or(0.0) + f64::from(value));
            }
            let text = self.text(value);
            values.push(Value { name: series.name.clone(), text, color: series.color, place: series.place });
        }
        if self.kind.form() == Form::Stack && values.len() > 1 {
            let text = format::recorded(total, self.kind.unit()).to_string();
            values.push(Value { name: "total".into(), text, color: self.look.theme.ink(), place: None });
        }
        Reading { at_ms, end_ms, values }
    }

    /// A value with its unit.
    pub(super) fn text(&self, value: f32) -> String {
        let value = (!value.is_nan()).then_some(f64::from(value));
        match self.kind {
            Kind::Scores => format::score(value),
            Kind::Circuits => value.map_or(format::NONE, |code| bands::word(code as usize)).into(),
            _ => format::recorded(value, self.kind.unit()).to_string(),
        }
    }
}
