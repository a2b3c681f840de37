//! What a point consists of: the columns of a pool's row and of an endpoint's, each with its name in JSON, its unit,
//! what it most often is, and how the values of an interval become one. All code that writes, reads, adds up or prints
//! rows goes by these tables.
//!
//! In binary, a row is a mask of the columns that are not as usual, and those. A healthy endpoint under load takes some
//! ten bytes, an idle one four.

use crate::codec::{Malformed, Reader, Writer};
use crate::view::{CircuitState, Status};

/// How a value is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Number,
    /// Divided by 1,000: microseconds as milliseconds, thousandths of a score.
    Thousandths,
    /// As it is, among others of its kind, and only if it is ever above 0.
    Kind,
    /// One of these, as JSON. It changes seldom, so only changes are written.
    Name(&'static [&'static str]),
}

/// How the values of an interval become one. Nothing is averaged: a fault shorter than the interval must not vanish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Added up.
    Sum,
    /// The highest.
    Highest,
    /// The lowest.
    Lowest,
}

/// One value of every point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in JSON.
    pub name: &'static str,
    /// How it is written there.
    pub form: Form,
    /// How it is taken together.
    pub fold: Fold,
    /// What takes no room. `None`: absence.
    pub usual: Option<u64>,
}

const fn count(name: &'static str) -> Column {
    Column { name, form: Form::Number, fold: Fold::Sum, usual: Some(0) }
}

const fn level(name: &'static str, fold: Fold) -> Column {
    Column { name, form: Form::Number, fold, usual: Some(0) }
}

const fn latency(name: &'static str) -> Column {
    Column { name, form: Form::Thousandths, fold: Fold::Highest, usual: None }
}

const SCORE: Column = Column { name: "score", form: Form::Thousandths, fold: Fold::Lowest, usual: Some(1000) };

const fn named(name: &'static str, names: &'static [&'static str], usual: u64) -> Column {
    Column { name, form: Form::Name(names), fold: Fold::Highest, usual: Some(usual) }
}

const fn kind(name: &'static str) -> Column {
    Column { name, form: Form::Kind, fold: Fold::Sum, usual: Some(0) }
}

/// Values of a pool.
pub const POOL_COLUMNS: usize = 22;
/// Values of an endpoint.
pub const ENDPOINT_COLUMNS: usize = 9;
/// A pool's row, in the order of [`POOL`]; `None`: unknown.
pub type PoolRow = [Option<u64>; POOL_COLUMNS];
/// An endpoint's row, in the order of [`ENDPOINT`]; `None`: unknown.
pub type EndpointRow = [Option<u64>; ENDPOINT_COLUMNS];

/// Columns of a pool. The first seven are the most often unusual: their mask takes one byte.
pub const POOL: [Column; POOL_COLUMNS] = [
    Column { name: "span_ms", form: Form::Number, fold: Fold::Sum, usual: Some(1000) },
    count("picks"),
    count("requests"),
    level("in_flight", Fold::Highest),
    latency("p50_ms"),
    latency("p90_ms"),
    latency("p99_ms"),
    level("eligible", Fold::Lowest),
    count("refused"),
    count("failures"),
    count("slow"),
    level("ejected", Fold::Highest),
    SCORE,
    named("panic", &["false", "true"], 0),
    // In the order of `FailureKind::ALL`, and last.
    kind("status"),
    kind("connect"),
    kind("reset"),
    kind("timeout"),
    kind("truncated"),
    kind("connect_timeout"),
    kind("protocol"),
    kind("grpc"),
];

/// Columns of an endpoint. The first seven are the most often unusual.
pub const ENDPOINT: [Column; ENDPOINT_COLUMNS] = [
    count("requests"),
    level("in_flight", Fold::Highest),
    latency("p50_ms"),
    latency("p99_ms"),
    SCORE,
    count("slow"),
    count("failures"),
    named("status", &["\"unknown\"", "\"healthy\"", "\"warming\"", "\"draining\"", "\"degraded\"", "\"unhealthy\""], 1),
    named("circuit", &["\"disabled\"", "\"closed\"", "\"half_open\"", "\"open\"", "\"forced_open\""], 1),
];

/// A status as in [`ENDPOINT`]: the higher, the worse.
#[must_use]
pub fn status_code(status: Status) -> u64 {
    match status {
        Status::Unknown => 0,
        Status::Healthy => 1,
        Status::Warming => 2,
        Status::Draining => 3,
        Status::Degraded => 4,
        Status::Unhealthy => 5,
    }
}

/// A circuit's state as in [`ENDPOINT`]: the higher, the less passes.
#[must_use]
pub fn circuit_code(state: CircuitState) -> u64 {
    match state {
        CircuitState::Disabled => 0,
        CircuitState::Closed => 1,
        CircuitState::HalfOpen => 2,
        CircuitState::Open => 3,
        CircuitState::ForcedOpen => 4,
    }
}

/// Takes one more row into a sum.
pub(super) fn fold(columns: &[Column], sum: &mut [Option<u64>], row: &[Option<u64>]) {
    for ((column, sum), value) in columns.iter().zip(sum).zip(row) {
        let Some(value) = *value else { continue };
        *sum = Some(match (*sum, column.fold) {
            (None, _) => value,
            (Some(before), Fold::Sum) => before.saturating_add(value),
            (Some(before), Fold::Highest) => before.max(value),
            (Some(before), Fold::Lowest) => before.min(value),
        });
    }
}

/// A mask of what is not as usual, and that: 0 for absence, else one more than the value.
pub(super) fn write_row(writer: &mut Writer, columns: &[Column], row: &[Option<u64>]) {
    let unusual = || columns.iter().zip(row).map(|(column, value)| column.usual != *value);
    writer.varint(unusual().rev().fold(0, |mask, unusual| mask << 1 | u64::from(unusual)));
    for (value, unusual) in row.iter().zip(unusual()) {
        if unusual {
            writer.varint(value.map_or(0, |value| value.saturating_add(1)));
        }
    }
}

pub(super) fn read_row(reader: &mut Reader, columns: &[Column], row: &mut [Option<u64>]) -> Result<(), Malformed> {
    let mut mask = reader.varint()?;
    for (column, value) in columns.iter().zip(row) {
        *value = if mask & 1 == 0 { column.usual } else { reader.varint()?.checked_sub(1) };
        mask >>= 1;
    }
    if mask == 0 { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::FailureKind;

    #[test]
    fn the_last_columns_of_a_pool_are_the_kinds_of_failures() {
        let kinds = POOL.iter().skip_while(|column| column.form != Form::Kind).map(|column| column.name);
        assert!(kinds.eq(FailureKind::ALL.iter().map(|kind| kind.name())));
    }
}
