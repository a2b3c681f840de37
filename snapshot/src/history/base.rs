//! From where the next point counts: what every worker had counted when the last point was made. It lies in shared data
//! beside the chunks, so whoever leads next counts on from there, and nothing is lost or doubled. Only what a worker
//! added itself counts: one that comes back with a past, or an endpoint that was not counted apart before, adds nothing
//! until the second after.

use crate::cell::Cell;
use crate::codec::{Malformed, Reader, Writer};
use crate::history::POINTS;
use crate::view::FailuresBy;
use alloc::vec::Vec;

const BASE_VERSION: u8 = 2;
/// Workers that are gone are remembered: one that only stood still for a minute comes back with all it has counted.
const MAX_GONE: usize = 32;

/// Requests, failures, slow ones.
pub type Counts = [u64; 3];

/// What one worker has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    nonce: u64,
    generation: u64,
    picks: u64,
    refused: u64,
    failures_by: FailuresBy,
    /// Endpoints that are not counted apart.
    rest: Counts,
    /// In the order of the base's keys; `None`: it was counted in the rest.
    endpoints: Vec<Option<Counts>>,
}

/// What all workers had counted when the last point was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Number of the last point.
    pub index: u64,
    /// When it was made, Unix milliseconds; 0: there was none.
    pub at_ms: u64,
    keys: Vec<u64>,
    workers: Vec<Counted>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing: this second has its point.
    Nothing,
    /// The clock was set back, so this second has its point; only count from here.
    Recount,
    /// A point, which covers so many milliseconds; `None`: nobody knows from where to count.
    Point(Option<u64>),
}

/// What was counted since the last point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Requests steered.
    pub picks: u64,
    /// Requests refused.
    pub refused: u64,
    /// Failed attempts by kind.
    pub failures_by: FailuresBy,
    /// Attempts of all endpoints.
    pub pool: Counts,
    /// Attempts per endpoint, in the order of the keys; `None`: not known.
    pub endpoints: Vec<Option<Counts>>,
}

impl Counted {
    /// A worker's counts; apart for the endpoints with these keys.
    #[must_use]
    pub fn of(cell: &Cell, keys: &[u64]) -> Self {
        let mut endpoints = alloc::vec![Some([0; 3]); keys.len()];
        let (mut rest, mut missing) = ([0; 3], keys.len());
        for (position, part) in cell.endpoints.iter().enumerate() {
            let counts = [part.requests, part.failures, part.slow];
            // Most often all workers list the same endpoints in the same order, and those come first.
            let place = match keys.get(position) {
                Some(key) if *key == part.key => Some(position),
                _ if missing == 0 => None,
                _ => keys.iter().position(|key| *key == part.key),
            };
            match place.and_then(|place| endpoints.get_mut(place)) {
                Some(slot) => {
                    *slot = Some(counts);
                    missing = missing.saturating_sub(1);
                }
                None => add(&mut rest, counts),
            }
        }
        Self {
            nonce: cell.nonce,
            generation: cell.generation,
            picks: cell.picks,
            refused: cell.refused,
            failures_by: cell.failures_by,
            rest,
            endpoints,
        }
    }

    /// The same for other keys. What was counted in the rest until now is unknown, if there was anything.
    fn rekeyed(&self, old: &[u64], new: &[u64]) -> Self {
        let fresh = (self.rest == [0; 3]).then_some([0; 3]);
        let before = |key: &u64| match old.iter().position(|old| old == key) {
            Some(place) => self.endpoints.get(place).copied().flatten(),
            None => fresh,
        };
        Self { endpoints: new.iter().map(before).collect(), generation: 0, ..self.clone() }
    }
}

impl Passed {
    fn add(&mut self, before: &Counted, now: &Counted) {
        self.picks = self.picks.saturating_add(since(before.picks, now.picks));
        self.refused = self.refused.saturating_add(since(before.refused, now.refused));
        let kinds = before.failures_by.0.iter().zip(now.failures_by.0);
        for (sum, (before, now)) in self.failures_by.0.iter_mut().zip(kinds) {
            *sum = sum.saturating_add(since(*before, now));
        }
        // Under another configuration it may be the sum of other endpoints.
        if before.generation == now.generation {
            for ((sum, before), now) in self.pool.iter_mut().zip(before.rest).zip(now.rest) {
                *sum = sum.saturating_add(now.saturating_sub(before));
            }
        }
        for ((sum, before), now) in self.endpoints.iter_mut().zip(&before.endpoints).zip(&now.endpoints) {
            let new = before.zip(*now).map(|(before, now)| new(before, now));
            add(&mut self.pool, new.unwrap_or_default());
            *sum = sum.zip(new).map(|(mut sum, new)| {
                add(&mut sum, new);
                sum
            });
        }
    }
}

/// What an endpoint's counts grew by; if they went back, it left and came again.
fn new([requests, failures, slow]: Counts, now: Counts) -> Counts {
    let [now_requests, now_failures, now_slow] = now;
    if now_requests < requests {
        return now;
    }
    [now_requests.saturating_sub(requests), now_failures.saturating_sub(failures), now_slow.saturating_sub(slow)]
}

fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

fn add(sum: &mut Counts, counts: Counts) {
    for (sum, count) in sum.iter_mut().zip(counts) {
        *sum = sum.saturating_add(count);
    }
}

impl Base {
    /// What is to be done at this time, for the point with this number.
    #[must_use]
    pub fn due(&self, index: u64, now_ms: u64) -> Due {
        let set_back = now_ms < self.at_ms;
        if self.at_ms == 0 || index.saturating_add(POINTS) <= self.index {
            Due::Point(None)
        } else if index > self.index {
            Due::Point((!set_back).then(|| now_ms.saturating_sub(self.at_ms)))
        } else if set_back || index < self.index {
            Due::Recount
        } else {
            Due::Nothing
        }
    }

    /// Takes over what the workers have counted by now, and says what was counted since the last time.
    pub fn advance(&mut self, now_ms: u64, keys: Vec<u64>, workers: Vec<Counted>) -> Passed {
        let mut before = core::mem::take(&mut self.workers);
        if self.keys != keys {
            for worker in &mut before {
                *worker = worker.rekeyed(&self.keys, &keys);
            }
        }
        let mut passed = Passed { endpoints: alloc::vec![Some([0; 3]); keys.len()], ..Passed::default() };
        for now in &workers {
            // Workers are numbered by chance: one that was not here began at nothing since.
            let nothing = || Counted {
                endpoints: alloc::vec![Some([0; 3]); keys.len()],
                generation: now.generation,
                ..Counted::default()
            };
            match before.iter().find(|before| before.nonce == now.nonce) {
                Some(before) => passed.add(before, now),
                None => passed.add(&nothing(), now),
            }
        }
        before.retain(|before| workers.iter().all(|now| now.nonce != before.nonce));
        before.truncate(MAX_GONE);
        self.workers = workers;
        self.workers.append(&mut before);
        self.keys = keys;
        self.at_ms = now_ms;
        passed
    }

    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(BASE_VERSION);
        writer.varint(self.index);
        writer.varint(self.at_ms);
        writer.varint(self.keys.len() as u64);
        self.keys.iter().for_each(|key| writer.key(*key));
        for worker in &self.workers {
            writer.key(worker.nonce);
            writer.key(worker.generation);
            writer.varint(worker.picks);
            writer.varint(worker.refused);
            worker.failures_by.0.iter().chain(&worker.rest).for_each(|count| writer.varint(*count));
            for counts in &worker.endpoints {
                let [requests, failures, slow] = counts.unwrap_or_default();
                writer.varint(if counts.is_some() { requests.saturating_add(1) } else { 0 });
                writer.varint(failures);
                writer.varint(slow);
            }
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, BASE_VERSION)?;
        let (index, at_ms, keys) = (reader.varint()?, reader.varint()?, reader.list(Reader::key)?);
        let mut workers = Vec::new();
        while reader.has_more() {
            let mut worker = Counted {
                nonce: reader.key()?,
                generation: reader.key()?,
                picks: reader.varint()?,
                refused: reader.varint()?,
                failures_by: FailuresBy(reader.counts()?),
                rest: reader.counts()?,
                endpoints: Vec::new(),
            };
            for _ in &keys {
                let [requests, failures, slow] = reader.counts()?;
                worker.endpoints.push(requests.checked_sub(1).map(|requests| [requests, failures, slow]));
            }
            workers.push(worker);
        }
        Ok(Self { index, at_ms, keys, workers })
    }
}
