//! Reads the answer to `GET history`.
//!
//! A pool and an endpoint are read by the same code, and every column, be it of values or of changes, as the same list
//! of [`Cell`]s: that is a quarter of the code that a type for each would take in the page. Unknown fields are passed
//! over.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ring::{COLUMNS, Column, WORDS};

/// The whole answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    pub(super) version: u32,
    pub(super) at_ms: u64,
    pub(super) resolution_ms: u64,
    pub(super) from_ms: u64,
    pub(super) pools: Vec<Rows>,
}

/// A pool with its endpoints and kinds of failures, or one of those.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) name: String,
    /// Of a pool: when each point begins, in resolutions after the answer's `from_ms`.
    pub(super) at: Vec<Cell>,
    /// Values by column, in the order of `at`; those that were not in the answer are empty.
    pub(super) columns: [Vec<Cell>; COLUMNS],
    /// `None` if they were not asked for.
    pub(super) endpoints: Option<Vec<Rows>>,
    pub(super) kinds: Vec<Rows>,
}

/// One value: a number, a truth as 0 or 1, a state as its place in [`WORDS`]; not a number where none is known.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) value: f32,
    /// Of a change: the place in [`Rows::at`] from which on it is so.
    from: f32,
}

const UNKNOWN: Cell = cell(f32::NAN);

const fn cell(value: f32) -> Cell {
    Cell { value, from: 0.0 }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Cell, D::Error> {
        from.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        Ok(cell(value as f32))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(cell(value as f32))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
        Ok(cell(value as f32))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        Ok(cell(f32::from(u8::from(value))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell, E> {
        Ok(WORDS.iter().position(|word| *word == value).map_or(UNKNOWN, |code| cell(code as f32)))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(UNKNOWN)
    }

    /// A change: from where on, and to what.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell, A::Error> {
        let from = list.next_element()?.unwrap_or(UNKNOWN).value;
        let mut value = UNKNOWN.value;
        while let Some(Cell { value: next, .. }) = list.next_element()? {
            value = next;
        }
        Ok(Cell { value, from })
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rows, D::Error> {
        from.deserialize_map(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pool or an endpoint")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" | "id" => rows.name = map.next_value()?,
                "at" => rows.at = map.next_value()?,
                "endpoints" => rows.endpoints = map.next_value()?,
                "failures_by" => rows.kinds = map.next_value::<Kinds>()?.0,
                key => match Column::named(key) {
                    Some(column) => rows.columns[column as usize] = map.next_value()?,
                    None => _ = map.next_value::<IgnoredAny>()?,
                },
            }
        }
        let length = rows.length();
        for column in [Column::Status, Column::Circuit] {
            let changes = std::mem::take(&mut rows.columns[column as usize]);
            rows.columns[column as usize] = spread(&changes, length);
        }
        Ok(rows)
    }
}

impl Rows {
    /// The last point's place in time, as in `at`.
    pub(super) fn last(&self) -> Option<u64> {
        self.at.last().map(|at| at.value as u64)
    }

    /// How many points there are.
    fn length(&self) -> usize {
        self.columns[Column::Requests as usize].len()
    }
}

/// A list of changes as a value for each of `length` points; none where there are no changes.
fn spread(changes: &[Cell], length: usize) -> Vec<Cell> {
    let mut values = Vec::new();
    for change in changes {
        values.resize(length.max(values.len()), UNKNOWN);
        let rest = values.len().min(change.from as usize);
        values[rest..].fill(cell(change.value));
    }
    values
}

/// Failures by kind, `{"timeout": […], …}`, as rows whose failures are those of the kind.
struct Kinds(Vec<Rows>);

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Kinds, D::Error> {
        from.deserialize_map(KindsVisitor)
    }
}

struct KindsVisitor;

impl<'de> Visitor<'de> for KindsVisitor {
    type Value = Kinds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failures by kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kinds, A::Error> {
        let mut kinds = Vec::new();
        while let Some(name) = map.next_key()? {
            let mut rows = Rows { name, ..Rows::default() };
            rows.columns[Column::Failures as usize] = map.next_value()?;
            kinds.push(rows);
        }
        Ok(Kinds(kinds))
    }
}
