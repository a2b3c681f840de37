//! The one arrangement of all tests: workers with a pool each, the circuits record that they share, and a clock that
//! only a test moves.

use plimsoll_engine::{
    Attempt, CircuitConfig, Ending, EndpointConfig, Outcome, Pool, PoolConfig, Refused, Request, Rng, Strategy, Time,
};
use plimsoll_snapshot::cell::{Cell, CellEndpoint};
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::{CircuitState, FailureKind, Signal, Transition};
use proptest::test_runner::{Config, RngSeed};
use std::time::Duration;

/// How often workers tick, as the filter's default.
pub(crate) const TICK: Duration = Duration::from_millis(100);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Property tests with a fixed seed, that leave no files behind.
pub(crate) fn cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
}

/// Endpoints with these weights, at ports from 8000.
pub(crate) fn weighted(strategy: Strategy, weights: &[u32]) -> PoolConfig {
    let endpoint = |(index, weight): (usize, &u32)| EndpointConfig {
        address: format!("10.0.{}.{}:8000", index / 250, index % 250),
        id: format!("e{index}"),
        weight: *weight,
        ..EndpointConfig::default()
    };
    let endpoints = weights.iter().enumerate().map(endpoint).collect();
    PoolConfig { name: "test".into(), strategy, endpoints, ..PoolConfig::default() }
}

/// Endpoints of equal weight.
pub(crate) fn equal(strategy: Strategy, count: usize) -> PoolConfig {
    weighted(strategy, &vec![1; count])
}

/// Four endpoints in turn, whose circuits are these.
pub(crate) fn with_circuit(circuit: CircuitConfig) -> PoolConfig {
    PoolConfig { circuit, ..equal(Strategy::RoundRobin, 4) }
}

/// Only failures in a row open a circuit, whatever the others do.
pub(crate) fn classic(config: PoolConfig) -> PoolConfig {
    let circuit = CircuitConfig { outliers: false, relative: false, ..config.circuit };
    PoolConfig { circuit, ..config }
}

/// What an endpoint does with an attempt: how long it takes, and how it fails if it does.
pub(crate) type Behaviour<'a> = &'a dyn Fn(u32) -> (Duration, Option<FailureKind>);

/// All answer after 10 ms.
pub(crate) fn well(_: u32) -> (Duration, Option<FailureKind>) {
    (ms(10), None)
}

/// All answer after 10 ms but `bad`, which fails after 1 ms.
pub(crate) fn failing(bad: u32) -> impl Fn(u32) -> (Duration, Option<FailureKind>) {
    move |position| if position == bad { (ms(1), Some(FailureKind::Status)) } else { well(position) }
}

/// What a worker read and wants to write: see [`Bed::read`].
pub(crate) struct Reading {
    version: u64,
    proposal: Option<plimsoll_engine::Proposal>,
}

pub(crate) struct Bed {
    pub(crate) pools: Vec<Pool>,
    pub(crate) record: Circuits,
    version: u64,
    pub(crate) events: Vec<(u64, Transition)>,
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    ticked: Time,
}

impl Bed {
    pub(crate) fn new(config: PoolConfig, workers: usize, seed: u64) -> Self {
        let now = Time::from_millis(1_700_000_000_000);
        let mut bed = Self {
            pools: (0..workers).map(|_| Pool::new(config.clone())).collect(),
            record: Circuits::default(),
            version: 0,
            events: Vec::new(),
            now,
            rng: Rng::new(seed),
            ticked: now,
        };
        bed.tick();
        bed
    }

    /// The first worker's pool: the only one in most tests.
    pub(crate) fn pool(&mut self) -> &mut Pool {
        &mut self.pools[0]
    }

    pub(crate) fn counts(&self, position: u32) -> CellEndpoint {
        self.pools[0].counts()[position as usize]
    }

    pub(crate) fn key(&self, position: u32) -> u64 {
        self.pools[0].keys().nth(position as usize).unwrap()
    }

    pub(crate) fn state(&self, position: u32) -> CircuitState {
        self.pools[0].circuit_state(position)
    }

    /// State before, state after and signal of every transition so far.
    pub(crate) fn story(&self) -> Vec<(CircuitState, CircuitState, Signal)> {
        self.events.iter().map(|(_, event)| (event.from, event.to, event.reason.signal)).collect()
    }

    /// The clock moves; every tick that falls into the time happens.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.ticked.after(TICK) <= end {
            self.now = self.ticked.after(TICK);
            self.tick();
        }
        self.now = end;
    }

    /// The clock is set back, and all workers tick.
    pub(crate) fn step_back(&mut self, seconds: u64) {
        self.now = Time::from_millis(self.now.as_millis() - seconds * 1000);
        self.tick();
    }

    /// Workers with all that they know of each other: counts are handed on.
    pub(crate) fn share(&mut self) {
        let cells: Vec<Cell> = self
            .pools
            .iter()
            .zip(1..)
            .map(|(pool, nonce)| Cell { nonce, endpoints: pool.counts(), ..Cell::default() })
            .collect();
        for (worker, pool) in self.pools.iter_mut().enumerate() {
            let mut peers = MergedPool::new(pool.keys().collect());
            cells.iter().enumerate().filter(|(other, _)| *other != worker).for_each(|(_, cell)| peers.add(cell, false));
            pool.absorb(&peers, Some(self.now), self.now);
        }
    }

    /// All workers tick, one after the other.
    pub(crate) fn tick(&mut self) {
        self.ticked = self.now;
        for worker in 0..self.pools.len() {
            self.pools[worker].tick(self.now, &mut self.rng);
            self.sync(worker);
        }
    }

    /// One worker reads the record and writes what it wants to change.
    pub(crate) fn sync(&mut self, worker: usize) {
        let reading = self.read(worker);
        assert!(self.write(worker, reading), "nobody came between");
    }

    pub(crate) fn read(&mut self, worker: usize) -> Reading {
        let pool = &mut self.pools[worker];
        pool.adopt(self.record.clone(), None);
        Reading { version: self.version, proposal: pool.propose(&self.record, self.now, &mut self.rng) }
    }

    /// Compare-and-swap: false when somebody wrote since the reading.
    pub(crate) fn write(&mut self, worker: usize, reading: Reading) -> bool {
        let Some(proposal) = reading.proposal else {
            self.pools[worker].drop_evidence();
            return true;
        };
        if reading.version != self.version {
            return false;
        }
        self.version += 1;
        self.record = Circuits::decode(&proposal.circuits.encode()).unwrap();
        self.pools[worker].adopt(self.record.clone(), Some(&proposal));
        self.events.extend(proposal.transitions);
        true
    }

    pub(crate) fn pick(&mut self, worker: usize) -> Result<Vec<u32>, Refused> {
        let picked = self.pools[worker].pick(self.now, &mut self.rng)?;
        Ok(picked.as_slice().to_vec())
    }

    /// As [`Bed::pick`] on the first worker, for a request that says more.
    pub(crate) fn pick_for(&mut self, request: &Request) -> Result<Vec<u32>, Refused> {
        let picked = self.pools[0].pick_for(request, self.now, &mut self.rng)?;
        Ok(picked.as_slice().to_vec())
    }

    /// First candidates per endpoint, nothing under way meanwhile; every request has a key of its own.
    pub(crate) fn shares(&mut self, picks: usize) -> Vec<usize> {
        let mut seen = vec![0; self.pools[0].config().endpoints.len()];
        for _ in 0..picks {
            let key = self.rng.next_u64().to_le_bytes();
            let list = self.pick_for(&Request { key: Some(&key), ..Request::default() }).unwrap();
            seen[list[0] as usize] += 1;
        }
        seen
    }

    /// Opens the circuits of these endpoints on the first worker, and tells the others.
    pub(crate) fn eject(&mut self, positions: &[u32]) {
        for position in positions {
            for _ in 0..self.pools[0].config().circuit.consecutive_failures {
                self.attempt(0, *position, &failing(*position));
            }
        }
        self.tick();
        self.tick();
        assert!(positions.iter().all(|position| self.state(*position) == CircuitState::Open), "{positions:?}");
    }

    pub(crate) fn start(&mut self, worker: usize, position: u32) -> Attempt {
        self.pools[worker].start(position, self.now).unwrap()
    }

    /// A whole attempt that begins now. The clock stays: attempts do not wait for each other.
    pub(crate) fn attempt(&mut self, worker: usize, position: u32, behaviour: Behaviour) -> bool {
        let attempt = self.start(worker, position);
        let (latency, failure) = behaviour(position);
        self.end(worker, attempt, latency, failure);
        failure.is_none()
    }

    /// The answer and the end of an attempt, `latency` from now.
    pub(crate) fn end(&mut self, worker: usize, mut attempt: Attempt, latency: Duration, failure: Option<FailureKind>) {
        let end = self.now.after(latency);
        let pool = &mut self.pools[worker];
        pool.answer(&mut attempt, end, failure.map_or(Outcome::Success, Outcome::Failure));
        pool.finish(attempt, end, Ending::Complete);
    }

    /// One request, with retries down the list: the endpoints that were tried.
    pub(crate) fn request(&mut self, worker: usize, behaviour: Behaviour) -> Vec<u32> {
        let mut tried = Vec::new();
        for position in self.pick(worker).unwrap_or_default() {
            tried.push(position);
            if self.attempt(worker, position, behaviour) {
                break;
            }
        }
        tried
    }

    /// Requests to the first worker, one every `gap`: the endpoints that were tried, by request.
    pub(crate) fn traffic(&mut self, requests: usize, gap: Duration, behaviour: Behaviour) -> Vec<Vec<u32>> {
        let mut tried = Vec::new();
        for _ in 0..requests {
            tried.push(self.request(0, behaviour));
            self.pass(gap);
        }
        tried
    }

    /// Traffic until the endpoint's circuit is in `state`; panics if that takes longer than `limit`.
    pub(crate) fn until(&mut self, position: u32, state: CircuitState, limit: Duration, behaviour: Behaviour) {
        let began = self.now;
        while self.state(position) != state {
            assert!(self.now.since(began) < limit, "not {state:?} after {limit:?}, events {:?}", self.events);
            self.traffic(1, ms(10), behaviour);
        }
    }
}
