//! A pool in service, for measuring the engine alone: every endpoint has answered, and nothing is under way between
//! two attempts. Also a part of the package in `benches/crates`, which measures other crates beside it.

use plimsoll_engine::{Ending, EndpointConfig, Outcome, Pool, PoolConfig, Request, Rng, Strategy, Time};
use std::time::Duration;

/// 10,000 requests a second.
const APART: Duration = Duration::from_micros(100);

/// The pool, with dice and a clock of its own.
pub struct Bed {
    /// What is measured.
    pub pool: Pool,
    /// Dice.
    pub rng: Rng,
    /// Virtual time.
    pub now: Time,
}

/// The address of endpoint `index`, the same for every crate.
#[must_use]
pub fn address(index: usize) -> String {
    format!("10.0.{}.{}:8000", index / 250, index % 250)
}

impl Bed {
    /// A pool with weights 1, 2, 3, 1, 2, 3 and so on.
    #[must_use]
    pub fn new(strategy: Strategy, size: usize) -> Self {
        Self::with(PoolConfig { strategy, ..PoolConfig::default() }, size, |index| 1 + index as u32 % 3)
    }

    /// A pool with these settings; `weight` by index.
    #[must_use]
    pub fn with(config: PoolConfig, size: usize, weight: impl Fn(usize) -> u32) -> Self {
        let endpoint = |index: usize| EndpointConfig {
            address: address(index),
            id: index.to_string(),
            weight: weight(index),
            ..EndpointConfig::default()
        };
        let endpoints = (0..size).map(endpoint).collect();
        let pool = Pool::new(PoolConfig { endpoints, ..config });
        let mut bed = Self { pool, rng: Rng::new(1), now: Time::from_millis(1_700_000_000_000) };
        bed.pool.tick(bed.now, &mut bed.rng);
        for position in 0..size as u32 {
            bed.attempt(position);
        }
        bed
    }

    /// Lets so many ticks pass that a table which is built in slices is complete.
    #[must_use]
    pub fn built(mut self) -> Self {
        while self.pool.is_building() {
            self.now = self.now.after(Duration::from_micros(1));
            self.pool.tick(self.now, &mut self.rng);
        }
        self
    }

    /// Chooses for a request that says nothing.
    pub fn pick(&mut self) -> u32 {
        self.pick_for(&Request::default())
    }

    /// Chooses for a request; its first candidate.
    pub fn pick_for(&mut self, request: &Request) -> u32 {
        self.now = self.now.after(APART);
        let picked = self.pool.pick_for(request, self.now, &mut self.rng);
        picked.ok().and_then(|picked| picked.as_slice().first().copied()).unwrap_or_default()
    }

    /// One attempt from its start to its settlement, 5 to 10 ms long.
    pub fn attempt(&mut self, position: u32) {
        let latency = Duration::from_micros(5000 + u64::from(self.rng.below(5000)));
        if let Some(mut attempt) = self.pool.start(position, self.now) {
            let end = self.now.after(latency);
            self.pool.answer(&mut attempt, end, Outcome::Success);
            self.pool.finish(attempt, end, Ending::Complete);
        }
    }
}
