//! What the proxy remembers of its pools, as the page keeps it: points of a second and of half a minute.
//!
//! [`Past::question`] says what to ask `GET history` next, and [`Past::merge`] takes the answers, in any order and more
//! than once. Points lie in rings indexed by time, so what nobody recorded is a hole and never a zero, and memory has a
//! bound: rows of endpoints are kept for the [`KEEP_DETAILED`] pools that were asked for last. [`Past::table`] reads a
//! time out, at the finer resolution where it is there.

use crate::named::Named;

mod answer;
mod follow;
mod ring;
mod table;

use answer::{Answer, Rows};
use follow::Follow;
pub(crate) use ring::WORDS;
pub use ring::{Column, Row};
use ring::{PoolPast, RINGS};
pub use table::{Point, Table};

/// So many pools have their endpoints' rows kept: 2.4 MB each with 50 endpoints.
pub const KEEP_DETAILED: usize = 4;
/// A proxy's clock that goes back by more than this is another past; the proxy itself forgets then too.
const SET_BACK_MS: u64 = 30_000;

/// The past of all pools.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// When the newest answer was put together, Unix milliseconds of the proxy.
    at_ms: u64,
    /// How far all pools have been asked about, without endpoints; a follow for each resolution.
    all: [Follow; 2],
    pools: Named<PoolPast>,
}

impl Past {
    /// What to ask next, as a path's end: `history?…`; `None`: nothing is due. With a pool, about it and its endpoints,
    /// else about all pools without. `now_ms` is the proxy's time. The same is asked again only if no answer was merged.
    pub fn question(&self, pool: Option<&str>, now_ms: u64) -> Option<String> {
        let unasked = [Follow::default(); 2];
        let follows = match pool {
            None => &self.all,
            Some(name) => self.pools.get(name).map_or(&unasked, |pool| &pool.follows),
        };
        let (ring, bounds) = follow::next(follows, now_ms)?;
        let mut query = String::from("history?");
        if let Some(name) = pool {
            query.push_str("pool=");
            query.push_str(name);
            query.push_str("&endpoints=true&");
        }
        query.push_str(RINGS[ring].query);
        for (key, bound) in ["&since=", "&until="].into_iter().zip(bounds) {
            if let Some(ms) = bound {
                query.push_str(key);
                query.push_str(&ms.to_string());
            }
        }
        Some(query)
    }

    /// Whether earlier points are still to be asked for.
    pub fn is_loading(&self, pool: &str, now_ms: u64) -> bool {
        self.pools.get(pool).is_none_or(|pool| follow::incomplete(&pool.follows, now_ms))
    }

    /// Takes the body of an answer. True if there is something new in it.
    ///
    /// # Errors
    /// Says in words why the answer cannot be used; nothing was changed then.
    pub fn merge(&mut self, text: &str) -> Result<bool, String> {
        let answer = Answer::read(text)?;
        let Some(ring) = RINGS.iter().position(|ring| ring.period_ms == answer.resolution_ms) else {
            return Err("an unknown resolution".into());
        };
        if answer.at_ms.saturating_add(SET_BACK_MS) < self.at_ms {
            *self = Past::default();
        }
        self.at_ms = self.at_ms.max(answer.at_ms);
        let times = (answer.from_ms, answer.at_ms);
        let about_all = answer.pools.iter().all(|rows| rows.endpoints.is_none());
        let last = answer.pools.iter().filter_map(|rows| rows.at.last()).max();
        if about_all {
            self.all[ring].answered(ring, times, last.map(|at| answer.from_ms + at * answer.resolution_ms));
            // Pools that are not in it have left the configuration.
            self.pools.retain(|name, _| answer.pools.iter().any(|rows| rows.name == *name));
        }
        let mut news = false;
        for rows in &answer.pools {
            let pool = self.pools.of(&rows.name);
            if rows.endpoints.is_some() {
                let last = rows.at.last().map(|at| answer.from_ms + at * answer.resolution_ms);
                pool.follows[ring].answered(ring, times, last);
                pool.detailed_ms = answer.at_ms;
            }
            news |= pool.take(ring, answer.from_ms / answer.resolution_ms, rows);
        }
        self.forget();
        Ok(news)
    }

    /// The earliest point of a pool, Unix milliseconds.
    pub fn begin_ms(&self, pool: &str) -> Option<u64> {
        self.pools.get(pool)?.begin_ms()
    }

    /// What is known of a pool from one time to another; `None` before the first answer about it.
    pub fn table(&self, pool: &str, from_ms: u64, to_ms: u64) -> Option<Table<'_>> {
        self.pools.get(pool).map(|pool| Table::new(pool, from_ms, to_ms))
    }

    /// Drops the endpoints' rows of the pools that were asked for longest ago.
    fn forget(&mut self) {
        let mut asked: Vec<u64> =
            self.pools.values().filter(|pool| pool.detailed_ms > 0).map(|pool| pool.detailed_ms).collect();
        if asked.len() <= KEEP_DETAILED {
            return;
        }
        asked.sort_unstable();
        let least = asked[asked.len() - KEEP_DETAILED];
        for pool in self.pools.values_mut().filter(|pool| pool.detailed_ms > 0 && pool.detailed_ms < least) {
            pool.endpoints = Vec::new();
            pool.follows = Default::default();
            pool.detailed_ms = 0;
        }
    }
}

impl PoolPast {
    /// Puts an answer's points into a ring; `at` counts from point number `first`. True if there was any.
    fn take(&mut self, ring: usize, first: u64, rows: &Rows) -> bool {
        let slots: Vec<_> = rows.at.iter().map(|at| (first + at, self.slot(ring, first + at))).collect();
        self.pool.fill(ring, &slots, rows);
        for theirs in rows.endpoints.iter().flatten() {
            ring::named(&mut self.endpoints, theirs).fill(ring, &slots, theirs);
        }
        for theirs in &rows.kinds {
            ring::named(&mut self.kinds, theirs).fill(ring, &slots, theirs);
        }
        self.drop_old_rows();
        !slots.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
