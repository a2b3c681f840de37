//! Reads the answer to `GET history`.
//!
//! A pool and an endpoint are read by the same code, and every column as the same list of [`Cell`]s, whatever its
//! values are: that is a quarter of the code that a type for each would take in the page. Unknown fields are passed
//! over.

use plimsoll_snapshot::VERSION;
use serde_json::Value;

use super::ring::{COLUMNS, Column, WORDS};
use plimsoll_snapshot::read::{document, number, text};

/// The whole answer.
pub(super) struct Answer {
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

impl Answer {
    /// From the body of an answer.
    pub(super) fn read(body: &str) -> Result<Answer, String> {
        let (tree, version) = document(body)?;
        if version != VERSION {
            return Err("another version".into());
        }
        let pools = tree["pools"].as_array().ok_or("no pools")?;
        Ok(Answer {
            at_ms: number(&tree, "at_ms"),
            resolution_ms: number(&tree, "resolution_ms"),
            from_ms: number(&tree, "from_ms"),
            pools: pools.iter().map(|pool| Rows::read(pool, "name")).collect(),
        })
    }
}

impl Rows {
    fn read(tree: &Value, name: &str) -> Rows {
        let mut rows = Rows { name: text(tree, name), ..Rows::default() };
        let fields = tree.as_object().into_iter().flatten();
        for (column, values) in fields.filter_map(|(key, values)| Some((Column::named(key)?, values.as_array()?))) {
            if !column.changes() {
                rows.columns[column as usize] = values.iter().map(cell).collect();
            }
        }
        let length = rows.columns.iter().map(Vec::len).max().unwrap_or(0);
        // What changes seldom is told as changes, for as many points as the others have.
        let fields = tree.as_object().into_iter().flatten();
        for (column, changes) in fields.filter_map(|(key, values)| Some((Column::named(key)?, values.as_array()?))) {
            if column.changes() {
                rows.columns[column as usize] = spread(changes, length);
            }
        }
        rows.at = tree["at"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        rows.endpoints = tree["endpoints"].as_array().map(|all| all.iter().map(|one| Rows::read(one, "id")).collect());
        // Failures by kind, as rows whose failures are those of the kind.
        for (kind, values) in tree["failures_by"].as_object().into_iter().flatten() {
            let mut of_kind = Rows { name: kind.clone(), ..Rows::default() };
            let values = values.as_array().into_iter().flatten();
            of_kind.columns[Column::Failures as usize] = values.map(cell).collect();
            rows.kinds.push(of_kind);
        }
        rows
    }
}

fn cell(value: &Value) -> Cell {
    Cell(match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN) as f32,
        Value::Bool(holds) => f32::from(u8::from(*holds)),
        Value::String(word) => WORDS.iter().position(|known| known == word).map_or(f32::NAN, |code| code as f32),
        _ => f32::NAN,
    })
}

/// A list of changes as a value for each of `length` points.
fn spread(changes: &[Value], length: usize) -> Vec<Cell> {
    let mut values = vec![Cell(f32::NAN); length];
    for change in changes {
        let from = change[0].as_u64().unwrap_or(u64::MAX);
        let rest = values.len().min(usize::try_from(from).unwrap_or(usize::MAX));
        values[rest..].fill(cell(&change[1]));
    }
    values
}
