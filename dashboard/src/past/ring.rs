//! Rings of points, indexed by time.
//!
//! Point number n begins n periods after 1970 and lies at n modulo the ring's length. A newer point clears what lies
//! between it and the newest so far, so a ring never holds two turns at once, and points may come in any order.
//! Columns are `f32`: counts up to 16 million a point are exact, and 50 endpoints take 2.4 MB.

use super::answer::Rows;
use super::follow::Follow;

/// A ring's measures.
pub(super) struct Measure {
    /// Milliseconds from point to point.
    pub(super) period_ms: u64,
    /// Points that are kept.
    pub(super) length: u64,
    /// As the admin API calls it.
    pub(super) query: &'static str,
}

/// Seconds and half minutes.
pub(super) const RINGS: [Measure; 2] = [
    Measure { period_ms: 1_000, length: 600, query: "resolution=1s" },
    Measure { period_ms: 30_000, length: 720, query: "resolution=30s" },
];

/// More rows than the proxy tells of at once, so that those that left stay for a while.
const MOST_ROWS: usize = 80;

/// Words for states, by code: states of a circuit, then statuses.
pub(crate) const WORDS: [&str; 11] = [
    "closed",
    "open",
    "half_open",
    "forced_open",
    "disabled",
    "healthy",
    "degraded",
    "unhealthy",
    "unknown",
    "draining",
    "warming",
];

/// How many columns there are.
pub(super) const COLUMNS: usize = 15;

const NAMES: [&str; COLUMNS] = [
    "span_ms",
    "picks",
    "refused",
    "requests",
    "failures",
    "slow",
    "in_flight",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "score",
    "eligible",
    "ejected",
    "status",
    "circuit",
];

/// A column, of a pool or of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// How long the counts were counted, milliseconds.
    Span,
    /// Requests steered.
    Picks,
    /// Requests refused.
    Refused,
    /// Attempts finished.
    Requests,
    /// Attempts failed.
    Failures,
    /// Attempts slower than the pool's limit.
    Slow,
    /// Attempts under way.
    InFlight,
    /// Median latency, milliseconds.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// 0 to 1.
    Score,
    /// Endpoints that may get traffic.
    Eligible,
    /// Endpoints whose circuit is not closed.
    Ejected,
    /// Of an endpoint: what it may do. Of a pool: 1 while ejections are ignored.
    Status,
    /// State of the circuit.
    Circuit,
}

impl Column {
    const ALL: [Column; COLUMNS] = [
        Column::Span,
        Column::Picks,
        Column::Refused,
        Column::Requests,
        Column::Failures,
        Column::Slow,
        Column::InFlight,
        Column::P50,
        Column::P90,
        Column::P99,
        Column::Score,
        Column::Eligible,
        Column::Ejected,
        Column::Status,
        Column::Circuit,
    ];

    /// The column with this name in JSON.
    pub(super) fn named(name: &str) -> Option<Column> {
        let name = if name == "panic" { "status" } else { name };
        NAMES.iter().position(|known| *known == name).map(|place| Column::ALL[place])
    }
}

/// A pool's, an endpoint's or a kind's columns in both rings.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Pool's or kind's name, endpoint's identifier.
    pub name: String,
    /// Begin of the newest point with a value, Unix milliseconds.
    last_ms: u64,
    /// By ring and column; empty until there is a value.
    cells: [[Vec<f32>; COLUMNS]; 2],
}

impl Row {
    /// A value; not a number where none is known.
    pub(super) fn value(&self, ring: usize, column: Column, slot: usize) -> f32 {
        self.cells[ring][column as usize].get(slot).copied().unwrap_or(f32::NAN)
    }

    /// Writes an answer's columns into the slots of points, which come with their numbers.
    pub(super) fn fill(&mut self, ring: usize, points: &[(u64, Option<usize>)], rows: &Rows) {
        for (cells, values) in self.cells[ring].iter_mut().zip(&rows.columns) {
            if cells.is_empty() && !values.is_empty() {
                *cells = vec![f32::NAN; RINGS[ring].length as usize];
            }
            for ((number, slot), value) in points.iter().zip(values) {
                if let Some(cell) = slot.and_then(|slot| cells.get_mut(slot)) {
                    *cell = value.value;
                    if !value.value.is_nan() {
                        self.last_ms = self.last_ms.max(number * RINGS[ring].period_ms);
                    }
                }
            }
        }
    }

    fn clear(&mut self, ring: usize, slot: usize) {
        for cell in self.cells[ring].iter_mut().filter_map(|cells| cells.get_mut(slot)) {
            *cell = f32::NAN;
        }
    }
}

/// The row with the name of an answer's; made where there is none.
pub(super) fn named<'a>(rows: &'a mut Vec<Row>, theirs: &Rows) -> &'a mut Row {
    let place = rows.iter().position(|row| row.name == theirs.name).unwrap_or_else(|| {
        rows.push(Row { name: theirs.name.clone(), ..Row::default() });
        rows.len() - 1
    });
    &mut rows[place]
}

/// One pool's past.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolPast {
    /// How far it has been asked about, with its endpoints.
    pub(super) follows: [Follow; 2],
    /// When it last was; 0: not, or its endpoints were dropped since.
    pub(super) detailed_ms: u64,
    pub(super) pool: Row,
    pub(super) endpoints: Vec<Row>,
    pub(super) kinds: Vec<Row>,
    rings: [Ring; 2],
}

/// Which points there are.
#[derive(Clone, Debug, Default)]
struct Ring {
    newest: Option<u64>,
    there: Vec<bool>,
}

impl PoolPast {
    /// Where a point goes; `None` if it is too old. What is between it and the newest so far becomes a hole.
    pub(super) fn slot(&mut self, ring: usize, number: u64) -> Option<usize> {
        let length = RINGS[ring].length;
        let own = &mut self.rings[ring];
        own.there.resize(length as usize, false);
        match own.newest {
            Some(newest) if number + length <= newest => return None,
            Some(newest) if number <= newest => {}
            newest => {
                let first = newest.map_or(0, |newest| newest + 1).max((number + 1).saturating_sub(length));
                own.newest = Some(number);
                for passed in first..=number {
                    let slot = (passed % length) as usize;
                    self.rings[ring].there[slot] = false;
                    let others = self.endpoints.iter_mut().chain(&mut self.kinds);
                    others.chain([&mut self.pool]).for_each(|row| row.clear(ring, slot));
                }
            }
        }
        let slot = (number % length) as usize;
        self.rings[ring].there[slot] = true;
        Some(slot)
    }

    /// Numbers and slots of the points that begin from one time up to another, oldest first.
    pub(super) fn points(&self, ring: usize, from_ms: u64, to_ms: u64) -> impl Iterator<Item = (u64, usize)> {
        let Measure { period_ms, length, .. } = RINGS[ring];
        let Ring { newest, there } = &self.rings[ring];
        let end = newest.map_or(0, |newest| newest + 1);
        let first = end.saturating_sub(length).max(from_ms.div_ceil(period_ms));
        let numbers = first..end.min(to_ms.div_ceil(period_ms));
        numbers.map(move |number| (number, (number % length) as usize)).filter(|(_, slot)| there[*slot])
    }

    /// When the earliest point begins.
    pub(super) fn begin_ms(&self) -> Option<u64> {
        let first = |ring: usize| Some(self.points(ring, 0, u64::MAX).next()?.0 * RINGS[ring].period_ms);
        first(0).into_iter().chain(first(1)).min()
    }

    /// Where there are too many, the endpoints that left first go.
    pub(super) fn drop_old_rows(&mut self) {
        while self.endpoints.len() > MOST_ROWS {
            let first = self.endpoints.iter().enumerate().min_by_key(|(_, row)| row.last_ms);
            let place = first.map_or(0, |(place, _)| place);
            self.endpoints.remove(place);
        }
    }
}
