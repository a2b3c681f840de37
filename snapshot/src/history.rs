//! How a pool was doing, in shared data: points of a second for ten minutes, and of half a minute for six hours.
//!
//! Shared data copies a value with every access and deletes nothing, so a ring of points is cut into chunks of
//! [`POINTS`], one key each, of which only the present one is written. A chunk is a log: a table of the endpoints, and
//! again when it changes, and points that follow it, so that a point is appended without reading those before.
//! What is in a point is told by [`columns`]; how counts of workers become what passed in a second, by [`base`]; when and of
//! what a point is made, by [`record`] and [`draft`]; what the admin API answers, by [`query`], [`json`] and [`view`].

pub mod base;
pub mod columns;
pub mod draft;
pub mod json;
pub mod query;
pub mod record;
pub mod view;

#[cfg(test)]
mod tests;

use crate::codec::{Malformed, Reader, Writer};
use alloc::vec::Vec;
use columns::{ENDPOINT, ENDPOINT_COLUMNS, EndpointRow, POOL, POOL_COLUMNS, PoolRow, fold, read_row, write_row};

const CHUNK_VERSION: u8 = 2;
const TABLE: u8 = 0;
const POINT: u8 = 1;

/// Points of a chunk. Those of a chunk of seconds make one point of half a minute.
pub const POINTS: u64 = 30;

/// How far apart points are, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A point a second, for 10 minutes and what has begun of another half.
    Second,
    /// A point every 30 s, for 6 hours and what has begun of another quarter.
    HalfMinute,
}

impl Resolution {
    /// Milliseconds from point to point.
    #[must_use]
    pub fn period_ms(self) -> u64 {
        match self {
            Self::Second => 1_000,
            Self::HalfMinute => 30_000,
        }
    }

    /// Chunks in the ring: as many as are to be full, and the present one.
    #[must_use]
    pub fn chunks(self) -> u64 {
        match self {
            Self::Second => 21,
            Self::HalfMinute => 25,
        }
    }

    /// As in keys and in the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::HalfMinute => "30s",
        }
    }

    /// The place in the ring of a chunk, which is told by the number of its first point divided by [`POINTS`].
    #[must_use]
    pub fn slot(self, chunk: u64) -> u64 {
        chunk.checked_rem(self.chunks()).unwrap_or(0)
    }
}

/// The chunk that a point is in. Points are numbered by time: number n begins n periods after 1970.
#[must_use]
pub fn chunk_of(index: u64) -> u64 {
    index / POINTS
}

/// Whose row it is; by name, so that it stays readable when the endpoint has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Identifier from the configuration.
    pub id: &'a str,
    /// `ip:port`.
    pub address: &'a str,
}

/// One point of one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point<'a> {
    /// The pool as a whole.
    pub pool: PoolRow,
    /// Endpoints, in the order of the configuration.
    pub endpoints: Vec<(Identity<'a>, EndpointRow)>,
}

/// What a chunk holds, in the order of its bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry<'a, 'r> {
    /// The endpoints of the points that follow.
    Table(Vec<Identity<'a>>),
    /// A point begins: its number, and the pool as a whole.
    Pool(u64, &'r PoolRow),
    /// The point's row for the endpoint at this place of the table.
    Endpoint(usize, &'r EndpointRow),
}

/// The number of a chunk's last point.
///
/// # Errors
/// [`Malformed`] when the bytes are no chunk.
pub fn last(bytes: &[u8]) -> Result<u64, Malformed> {
    Reader::new(bytes, CHUNK_VERSION)?.key()
}

/// A chunk with one point more. What was in the slot goes on if it is of the same chunk and earlier, else the chunk
/// begins with this point; `None` if it has the point already.
#[must_use]
pub fn append(before: Option<&[u8]>, index: u64, point: &Point) -> Option<Vec<u8>> {
    let before = before.and_then(|bytes| Some((bytes, last(bytes).ok()?)));
    if before.is_some_and(|(_, last)| last == index) {
        return None;
    }
    let goes_on = before.filter(|(_, last)| chunk_of(*last) == chunk_of(index) && *last < index);
    let parts = goes_on.and_then(|(bytes, _)| last_table(bytes).ok());
    let mut writer = Writer::new(CHUNK_VERSION);
    writer.key(index);
    let mut known = None;
    if let Some((entries, table)) = parts {
        writer.raw(entries);
        known = table;
    }
    let table = table_of(point);
    if known != Some(&*table) {
        writer.byte(TABLE);
        writer.part(&table);
    }
    let mut part = Writer::default();
    part.varint(index);
    write_row(&mut part, &POOL, &point.pool);
    for (_, row) in &point.endpoints {
        write_row(&mut part, &ENDPOINT, row);
    }
    writer.byte(POINT);
    writer.part(&part.finish());
    Some(writer.finish())
}

fn table_of(point: &Point) -> Vec<u8> {
    let mut table = Writer::default();
    for (identity, _) in &point.endpoints {
        table.text(identity.id);
        table.text(identity.address);
    }
    table.finish()
}

/// All entries, and the last table among them.
fn last_table(bytes: &[u8]) -> Result<(&[u8], Option<&[u8]>), Malformed> {
    let mut reader = Reader::new(bytes, CHUNK_VERSION)?;
    reader.key()?;
    let entries = reader.rest();
    let mut table = None;
    while reader.has_more() {
        let kind = reader.byte()?;
        let part = reader.part()?;
        if kind == TABLE {
            table = Some(part);
        }
    }
    Ok((entries, table))
}

/// Shows everything that is in a chunk, in order; without `endpoints`, those cost next to nothing.
///
/// # Errors
/// [`Malformed`] where the bytes cannot be read; what was before has been shown.
pub fn visit<'a>(bytes: &'a [u8], endpoints: bool, see: &mut dyn FnMut(Entry<'a, '_>)) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes, CHUNK_VERSION)?;
    reader.key()?;
    while reader.has_more() {
        let kind = reader.byte()?;
        let mut part = Reader::within(reader.part()?);
        match kind {
            TABLE if endpoints => see(Entry::Table(identities(&mut part)?)),
            TABLE => {}
            POINT => {
                let index = part.varint()?;
                let mut row = [None; POOL_COLUMNS];
                read_row(&mut part, &POOL, &mut row)?;
                see(Entry::Pool(index, &row));
                let mut place = 0_usize;
                while endpoints && part.has_more() {
                    let mut row = [None; ENDPOINT_COLUMNS];
                    read_row(&mut part, &ENDPOINT, &mut row)?;
                    see(Entry::Endpoint(place, &row));
                    place = place.saturating_add(1);
                }
            }
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

fn identities<'a>(part: &mut Reader<'a>) -> Result<Vec<Identity<'a>>, Malformed> {
    let mut table = Vec::new();
    while part.has_more() {
        table.push(Identity { id: part.text_ref()?, address: part.text_ref()? });
    }
    Ok(table)
}

/// The one point that stands for all points of a chunk: counts are added up, of everything else the worst is taken.
/// Endpoints that left meanwhile are in it, too.
#[must_use]
pub fn summary(bytes: &[u8]) -> Point<'_> {
    let mut sum = Point::default();
    let mut places: Vec<usize> = Vec::new();
    let _ = visit(bytes, true, &mut |entry| match entry {
        Entry::Table(table) => {
            places.clear();
            for identity in table {
                let known = sum.endpoints.iter().position(|(other, _)| *other == identity);
                places.push(known.unwrap_or(sum.endpoints.len()));
                if known.is_none() {
                    sum.endpoints.push((identity, [None; ENDPOINT_COLUMNS]));
                }
            }
        }
        Entry::Pool(_, row) => {
            fold(&POOL, &mut sum.pool, row);
        }
        Entry::Endpoint(place, row) => {
            let at = places.get(place).and_then(|at| sum.endpoints.get_mut(*at));
            if let Some((_, sum)) = at {
                fold(&ENDPOINT, sum, row);
            }
        }
    });
    sum
}
