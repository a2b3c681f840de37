//! Reads the answer to `GET history`.
//!
//! A pool and an endpoint are read by the same code, and every column as the same list of [`Cell`]s, whatever its
//! values are: that is a quarter of the code that a type for each would take in the page. Unknown fields are passed
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
    pub(super) at: Vec<u64>,
    /// Values by column, in the order of `at`; those that were not in the answer are empty.
    pub(super) columns: [Vec<Cell>; COLUMNS],
    /// `None` if they were not asked for.
    pub(super) endpoints: Option<Vec<Rows>>,
    pub(super) kinds: Vec<Rows>,
}

/// One value: a number, a truth as 0 or 1, a state as its place in [`WORDS`]; not a number where none is known.
#[derive(Clone, Copy)]
pub(super) struct Cell(pub(super) f32);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Cell, D::Error> {
        from.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl Visitor<'_> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell(value as f32))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell(value as f32))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell(value as f32))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell(f32::from(u8::from(value))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell(WORDS.iter().position(|word| *word == value).map_or(f32::NAN, |code| code as f32)))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell(f32::NAN))
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
        let mut changes: Vec<(Column, Vec<(usize, Cell)>)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" | "id" => rows.name = map.next_value()?,
                "at" => rows.at = map.next_value()?,
                "endpoints" => rows.endpoints = map.next_value()?,
                "failures_by" => rows.kinds = map.next_value::<Kinds>()?.0,
                key => match Column::named(key) {
                    Some(column) if column.changes() => changes.push((column, map.next_value()?)),
                    Some(column) => rows.columns[column as usize] = map.next_value()?,
                    None => _ = map.next_value::<IgnoredAny>()?,
                },
            }
        }
        for (column, changes) in changes {
            rows.columns[column as usize] = spread(&changes, rows.length());
        }
        Ok(rows)
    }
}

impl Rows {
    /// How many points there are.
    fn length(&self) -> usize {
        self.columns.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// A list of changes as a value for each of `length` points.
fn spread(changes: &[(usize, Cell)], length: usize) -> Vec<Cell> {
    let mut values = vec![Cell(f32::NAN); length];
    for (from, value) in changes {
        let rest = values.len().min(*from);
        values[rest..].fill(*value);
    }
    values
}

/// Failures by kind, `{"timeout": […], …}`, as rows whose failures are those of the kind.
struct Kinds(Vec<Rows>);

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Kinds, D::Error> {
        from.deserialize_any(KindsVisitor)
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

    /// Whatever else a later filter may say is passed over.
    fn visit_unit<E: Error>(self) -> Result<Kinds, E> {
        Ok(Kinds(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kinds, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Kinds(Vec::new()))
    }
}
