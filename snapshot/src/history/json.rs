//! Points as JSON, one array of values for each column, so that names are written once. By hand, because it may be
//! hundreds of thousands of numbers: each goes from the record's bytes to its column's text, and is nowhere between.
//! What comes out is told by [`super::view`].

use super::columns::{Column, ENDPOINT, Form, POOL};
use super::{Entry, Identity, chunk_of, last, visit};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;
use serde_json::Value;

/// The points of one pool, as far as they were read.
#[derive(Debug)]
pub struct PoolColumns {
    numbers: Range<u64>,
    at: Vec<u8>,
    points: usize,
    /// The point that is being read was asked for.
    wanted: bool,
    pool: Columns,
    /// In the order in which they were first seen.
    endpoints: Vec<(String, String, Columns)>,
    /// The place in `endpoints` of each row of the points that follow.
    places: Vec<usize>,
}

impl PoolColumns {
    /// No points yet; those with other numbers than these will be passed over.
    #[must_use]
    pub fn new(numbers: Range<u64>) -> Self {
        let pool = Columns::new(&POOL);
        Self { numbers, at: Vec::new(), points: 0, wanted: false, pool, endpoints: Vec::new(), places: Vec::new() }
    }

    /// Reads a chunk; nothing, if the bytes are not that chunk.
    pub fn read(&mut self, chunk: u64, bytes: &[u8], endpoints: bool) {
        if last(bytes).map(chunk_of) == Ok(chunk) {
            let _ = visit(bytes, endpoints, &mut |entry| self.take(entry));
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Table(table) => self.places = table.iter().map(|identity| self.place(identity)).collect(),
            Entry::Pool(index, row) => {
                self.wanted = self.numbers.contains(&index);
                if !self.wanted {
                    return;
                }
                digits(&mut self.at, index.saturating_sub(self.numbers.start));
                self.at.push(b',');
                self.pool.push(self.points, row);
                self.points = self.points.saturating_add(1);
            }
            Entry::Endpoint(place, row) if self.wanted => {
                let place = self.places.get(place);
                if let Some((_, _, columns)) = place.and_then(|place| self.endpoints.get_mut(*place)) {
                    columns.push(self.points.saturating_sub(1), row);
                }
            }
            Entry::Endpoint(..) => {}
        }
    }

    fn place(&mut self, identity: &Identity) -> usize {
        let known = |(id, address, _): &(String, String, Columns)| id == identity.id && address == identity.address;
        self.endpoints.iter().position(known).unwrap_or_else(|| {
            self.endpoints.push((identity.id.to_owned(), identity.address.to_owned(), Columns::new(&ENDPOINT)));
            self.endpoints.len().saturating_sub(1)
        })
    }

    /// Writes the pool as an object.
    pub fn finish(mut self, json: &mut Vec<u8>, name: &str, endpoints: bool) {
        json.extend_from_slice(b"{\"name\":");
        text(json, name);
        json.extend_from_slice(b",\"at\":[");
        close(json, &mut self.at);
        self.pool.finish(json, self.points);
        if endpoints {
            json.extend_from_slice(b",\"endpoints\":[");
            // Those that had left before the first point that was asked for are of no interest.
            let seen = self.endpoints.into_iter().filter(|(_, _, columns)| columns.rows > 0);
            for (n, (id, address, columns)) in seen.enumerate() {
                json.extend_from_slice(if n > 0 { b",{\"id\":" } else { b"{\"id\":" });
                text(json, &id);
                json.extend_from_slice(b",\"address\":");
                text(json, &address);
                columns.finish(json, self.points);
                json.push(b'}');
            }
            json.push(b']');
        }
        json.push(b'}');
    }
}

/// The columns of a pool or an endpoint, as JSON without their brackets.
#[derive(Debug)]
struct Columns {
    columns: &'static [Column],
    /// Text, and for names the last one written, for kinds one that is above 0.
    texts: Vec<(Vec<u8>, Option<Option<u64>>)>,
    rows: usize,
}

impl Columns {
    fn new(columns: &'static [Column]) -> Self {
        Self { columns, texts: columns.iter().map(|_| (Vec::new(), None)).collect(), rows: 0 }
    }

    /// The row of the point with this number; rows in between that are missing are null.
    fn push(&mut self, point: usize, row: &[Option<u64>]) {
        self.fill(point);
        self.write(row);
    }

    fn fill(&mut self, points: usize) {
        while self.rows < points {
            self.write(&[None; MOST_COLUMNS]);
        }
    }

    fn write(&mut self, row: &[Option<u64>]) {
        for ((column, (text, written)), value) in self.columns.iter().zip(&mut self.texts).zip(row) {
            match column.form {
                Form::Name(_) if *written == Some(*value) => continue,
                Form::Name(names) => {
                    *written = Some(*value);
                    text.push(b'[');
                    digits(text, self.rows as u64);
                    text.push(b',');
                    let name = value.and_then(|value| names.get(usize::try_from(value).ok()?));
                    text.extend_from_slice(name.map_or(b"null", |name| name.as_bytes()));
                    text.push(b']');
                }
                form => {
                    if matches!(form, Form::Kind) && value.is_some_and(|count| count > 0) {
                        *written = Some(*value);
                    }
                    put_value(text, *value, matches!(form, Form::Thousandths));
                }
            }
            text.push(b',');
        }
        self.rows = self.rows.saturating_add(1);
    }

    fn finish(mut self, json: &mut Vec<u8>, points: usize) {
        self.fill(points);
        let mut kinds: Option<u32> = None;
        for (column, (mut text, written)) in self.columns.iter().zip(self.texts) {
            if matches!(column.form, Form::Kind) {
                if kinds.is_none() {
                    json.extend_from_slice(b",\"failures_by\":{");
                }
                let before = kinds.get_or_insert(0);
                if written.is_none() {
                    continue;
                }
                json.extend_from_slice(if *before > 0 { b",\"" } else { b"\"" });
                *before = before.saturating_add(1);
            } else {
                json.extend_from_slice(b",\"");
            }
            json.extend_from_slice(column.name.as_bytes());
            json.extend_from_slice(b"\":[");
            close(json, &mut text);
        }
        if kinds.is_some() {
            json.push(b'}');
        }
    }
}

const MOST_COLUMNS: usize = POOL.len();

fn put_value(text: &mut Vec<u8>, value: Option<u64>, thousandths: bool) {
    match value {
        // Most are: no endpoint fails often, or has more than some under way.
        Some(value @ 0..10) if !thousandths => text.push(b'0'.saturating_add(value as u8)),
        Some(value) => put_number(text, value, thousandths),
        None => text.extend_from_slice(b"null"),
    }
}

/// Writes a whole number.
pub fn digits(text: &mut Vec<u8>, value: u64) {
    put_number(text, value, false);
}

/// Divisions of 32 bits, where they do: those of 64 are what takes the time.
fn put_number(text: &mut Vec<u8>, mut value: u64, thousandths: bool) {
    let mut buffer = [0_u8; 24];
    let mut at = buffer.len();
    let mut put = |byte: u8| {
        at = at.saturating_sub(1);
        if let Some(place) = buffer.get_mut(at) {
            *place = byte;
        }
    };
    if thousandths {
        let mut rest = (value % 1000) as u32;
        value /= 1000;
        let mut width = 3_u32;
        while rest.is_multiple_of(10) && width > 0 {
            rest /= 10;
            width = width.saturating_sub(1);
        }
        for _ in 0..width {
            put(digit(rest));
            rest /= 10;
        }
        if width > 0 {
            put(b'.');
        }
    }
    while value > u64::from(u32::MAX) {
        put(digit((value % 10) as u32));
        value /= 10;
    }
    let mut value = value as u32;
    loop {
        put(digit(value));
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend_from_slice(buffer.get(at..).unwrap_or(&[]));
}

/// The last digit.
fn digit(value: u32) -> u8 {
    b'0'.saturating_add((value % 10) as u8)
}

/// The list of what was written, each followed by a comma.
fn close(json: &mut Vec<u8>, list: &mut Vec<u8>) {
    list.pop();
    json.append(list);
    json.push(b']');
}

fn text(json: &mut Vec<u8>, value: &str) {
    json.extend_from_slice(Value::from(value).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn values_are_numbers_of_json() {
        let written = |value, thousandths| {
            let mut text = Vec::new();
            put_value(&mut text, value, thousandths);
            String::from_utf8(text).expect("ASCII")
        };
        let cases =
            [(0, "0", "0"), (7, "7", "0.007"), (980, "980", "0.98"), (1000, "1000", "1"), (4096, "4096", "4.096")];
        for (value, number, thousandths) in cases {
            assert_eq!((written(Some(value), false), written(Some(value), true)), (number.into(), thousandths.into()));
        }
        assert_eq!(written(Some(u64::MAX), false), u64::MAX.to_string());
        assert_eq!((written(None, false), written(None, true)), ("null".into(), "null".into()));
    }

    #[test]
    fn endpoints_that_come_and_go_are_null_where_they_were_not() {
        let identity = |id| Identity { id, address: "a" };
        let row =
            |requests| ENDPOINT.map(|column| if column.name == "requests" { Some(requests) } else { column.usual });
        let usual = POOL.map(|column| column.usual);
        let mut pool = PoolColumns::new(100..105);
        pool.take(Entry::Table(vec![identity("x"), identity("y")]));
        pool.take(Entry::Pool(99, &usual));
        pool.take(Entry::Endpoint(0, &row(1)));
        pool.take(Entry::Pool(100, &usual));
        pool.take(Entry::Endpoint(0, &row(2)));
        pool.take(Entry::Table(vec![identity("z"), identity("x")]));
        pool.take(Entry::Pool(103, &usual));
        pool.take(Entry::Endpoint(0, &row(3)));
        pool.take(Entry::Pool(104, &usual));
        pool.take(Entry::Endpoint(1, &row(4)));
        pool.take(Entry::Pool(105, &usual));
        pool.take(Entry::Endpoint(1, &row(5)));
        let mut json = Vec::new();
        pool.finish(&mut json, "p", true);
        let read: crate::history::view::PoolHistory = serde_json::from_slice(&json).expect("as documented");
        assert_eq!(read.at, [0, 3, 4]);
        let requests = read.endpoints.iter().map(|endpoint| (endpoint.id.as_str(), endpoint.requests.clone()));
        let expected = [("x", vec![Some(2), None, Some(4)]), ("z", vec![None, Some(3), None])];
        assert_eq!(requests.collect::<Vec<_>>(), expected);
        let changes: Vec<usize> = read.endpoints[0].status.iter().map(|(at, _)| *at).collect();
        assert_eq!(changes, [0, 1, 2]);
    }
}
