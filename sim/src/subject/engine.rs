//! The engine as the filter runs it (`filter/src/tick.rs`): workers with a pool each, that publish their counts and
//! share one record of circuits. Workers tick in turn, spread evenly over the tick, as threads do that never agreed on
//! a phase.

use super::Engine;
use crate::balancer::{Attempt, Balancer, Change, Ending, Pick, Request, Verdict};
use crate::run::begin_time;
use crate::scenario::Scenario;
use plimsoll_engine::{
    Attempt as Started, Candidates, EndpointConfig, KeyRange, Pool, PoolConfig, Proposal, Request as Wish, Rng, Time,
};
use plimsoll_snapshot::{CircuitState, Reason, cell::Cell, circuits::Circuits, merge::MergedPool};
use std::io::Write;
use std::time::Duration;

/// A cell older than this many ticks is stale.
const STALE_TICKS: u32 = 10;
/// There is no such endpoint now.
const NOWHERE: u32 = u32::MAX;

/// All workers.
pub(super) struct Fleet {
    /// Endpoints are those of the scenario, whether they are there or not.
    config: PoolConfig,
    workers: Vec<Worker>,
    record: Circuits,
    tick: Duration,
    /// Who ticks next, and when.
    turn: usize,
    next: Time,
    /// Scenario's position of each of the pool's, and the other way round.
    present: Vec<u32>,
    positions: Vec<u32>,
    /// By the slot of the request: its list, in the scenario's positions.
    lists: Vec<Candidates>,
    /// By the slot of the request: how many attempts it has had, the present one included.
    tries: Vec<u32>,
    /// By the slot of the request: its attempt under way.
    under_way: Vec<Option<Started>>,
    verdicts: Vec<Verdict>,
    words: Words,
    rng: Rng,
}

/// Says why a circuit changed.
pub(super) type Words = fn(&Reason) -> String;

/// The signal and its figures.
pub(super) fn in_full(reason: &Reason) -> String {
    format!("{:?} {} of {}", reason.signal, reason.observed, reason.threshold)
}

/// The signal's name as everywhere else. Floats as text, and names by `Debug`, are 15 KiB of a page.
pub(super) fn in_short(reason: &Reason) -> String {
    reason.signal.name().to_owned()
}

struct Worker {
    pool: Pool,
    rng: Rng,
    /// It has had a request: others publish nothing and claim no permits.
    carries_traffic: bool,
    cell: Option<Cell>,
}

impl Fleet {
    pub(super) fn new(engine: &Engine, scenario: &Scenario, mut rng: Rng, words: Words) -> Self {
        let endpoints: Vec<EndpointConfig> =
            scenario.endpoints.iter().map(|endpoint| endpoint.config.clone()).collect();
        let empty = PoolConfig { endpoints: Vec::new(), ranges: Vec::new(), ..engine.pool.clone() };
        let mut worker = |_| Worker {
            pool: Pool::new(empty.clone()),
            rng: Rng::new(rng.next_u64()),
            carries_traffic: false,
            cell: None,
        };
        Self {
            workers: (0..engine.workers.max(1)).map(&mut worker).collect(),
            record: Circuits::default(),
            tick: engine.tick.max(Duration::from_micros(1)),
            turn: 0,
            next: begin_time(),
            present: Vec::new(),
            positions: vec![NOWHERE; endpoints.len()],
            lists: Vec::new(),
            tries: Vec::new(),
            under_way: Vec::new(),
            verdicts: Vec::new(),
            words,
            config: PoolConfig { endpoints, ..engine.pool.clone() },
            rng,
        }
    }

    /// The configuration for the endpoints that are there.
    fn configuration(&self) -> PoolConfig {
        let there = |range: &KeyRange| {
            let known = |endpoint: &u32| self.positions.get(*endpoint as usize).copied().filter(|at| *at != NOWHERE);
            let endpoints: Vec<u32> = range.endpoints.iter().filter_map(known).collect();
            (!endpoints.is_empty()).then(|| KeyRange { endpoints, ..range.clone() })
        };
        let endpoint = |number: &u32| self.config.endpoints.get(*number as usize).cloned();
        PoolConfig {
            endpoints: self.present.iter().filter_map(endpoint).collect(),
            ranges: self.config.ranges.iter().filter_map(there).collect(),
            ..self.config.clone()
        }
    }

    fn choose(&mut self, request: &Request<'_>, now: Time) -> Pick {
        let worker = &mut self.workers[request.worker as usize];
        worker.carries_traffic = true;
        let mut text = [0_u8; 20];
        let wish = Wish { key: request.key.map(|key| decimal(key, &mut text)), ..Wish::default() };
        let Ok(candidates) = worker.pool.pick_for(&wish, now, &mut worker.rng) else { return Pick::Refuse };
        let slot = request.slot as usize;
        if self.lists.len() <= slot {
            self.lists.resize(slot + 1, Candidates::default());
        }
        self.lists[slot] = candidates;
        self.listed(slot, 0)
    }

    fn listed(&mut self, slot: usize, attempt: usize) -> Pick {
        let position = self.lists.get(slot).and_then(|list| list.as_slice().get(attempt).copied());
        if let Some(endpoint) = position.and_then(|position| self.present.get(position as usize)) {
            return Pick::To(*endpoint);
        }
        // The list is used up: the proxy's own policy balances.
        let fallback = self.rng.below(self.present.len() as u32) as usize;
        self.present.get(fallback).map_or(Pick::Refuse, |endpoint| Pick::To(*endpoint))
    }

    /// Reads the other workers' cells. The sum is as old as its oldest part: taken for fresher, old counts pass for
    /// news, and the workers herd: 8 workers, 100 endpoints, load .9, a tick of ten service times: a mean of 6.2
    /// instead of 4.1 under `peak_ewma`.
    fn absorb(&mut self, number: usize, now: Time) {
        let stale_ms = (self.tick * STALE_TICKS).as_millis() as u64;
        let mut sum = MergedPool::new(self.workers[number].pool.keys().collect());
        let mut oldest: Option<Time> = None;
        for (other, worker) in self.workers.iter().enumerate() {
            let Some(cell) = worker.cell.as_ref().filter(|_| other != number) else { continue };
            if now.as_millis().saturating_sub(cell.at_ms) > stale_ms {
                continue;
            }
            sum.add(cell, false);
            let at = Time::from_millis(cell.at_ms);
            oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
        self.workers[number].pool.absorb(&sum, oldest, now);
    }

    fn settle_circuits(&mut self, number: usize, now: Time) {
        let worker = &mut self.workers[number];
        let proposal = worker.pool.propose(&self.record, now, &mut worker.rng);
        if let Some(proposal) = &proposal {
            self.record.clone_from(&proposal.circuits);
        } else if worker.pool.has_evidence() {
            worker.pool.drop_evidence();
        }
        if proposal.is_some() || self.record != *worker.pool.circuits() {
            worker.pool.adopt(self.record.clone(), proposal.as_ref());
        }
        if let Some(proposal) = proposal {
            self.tell(number, &proposal);
        }
    }

    fn tell(&mut self, number: usize, proposal: &Proposal) {
        for (key, transition) in &proposal.transitions {
            let position = self.workers[number].pool.position(*key);
            let Some(endpoint) = position.and_then(|position| self.present.get(position as usize)) else { continue };
            let change = match transition.to {
                CircuitState::Open | CircuitState::ForcedOpen => Change::Ejected,
                CircuitState::HalfOpen => Change::Probed,
                CircuitState::Closed | CircuitState::Disabled => Change::Returned,
            };
            let why = (self.words)(&transition.reason);
            self.verdicts.push(Verdict { endpoint: *endpoint, change, why });
        }
    }
}

impl Balancer for Fleet {
    fn workers(&self) -> u32 {
        self.workers.len() as u32
    }

    fn members(&mut self, present: &[u32], _now: Time) {
        self.present = present.to_vec();
        self.positions.fill(NOWHERE);
        for (position, endpoint) in present.iter().enumerate() {
            self.positions[*endpoint as usize] = position as u32;
        }
        // Lists name positions, which mean other endpoints now.
        self.lists.fill(Candidates::default());
        let configuration = self.configuration();
        for worker in &mut self.workers {
            worker.pool.reconfigure(configuration.clone());
        }
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        let slot = request.slot as usize;
        if self.tries.len() <= slot {
            self.tries.resize(slot + 1, 0);
        }
        self.tries[slot] = request.tried.len() as u32 + 1;
        match request.tried.len() {
            0 => self.choose(request, now),
            attempt => self.listed(request.slot as usize, attempt),
        }
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        let slot = attempt.slot as usize;
        if self.under_way.len() <= slot {
            self.under_way.resize_with(slot + 1, || None);
        }
        let position = self.positions[attempt.endpoint as usize];
        let mut started = self.workers[attempt.worker as usize].pool.start(position, now);
        if let Some(started) = started.as_mut().filter(|_| self.tries.get(slot).is_some_and(|tries| *tries > 1)) {
            started.mark_retry();
        }
        self.under_way[slot] = started;
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        let Some(started) = self.under_way.get_mut(attempt.slot as usize).and_then(Option::take) else { return };
        let ending = match ending {
            Ending::Success => plimsoll_engine::Ending::Complete,
            Ending::Failure(kind) => plimsoll_engine::Ending::Failed(kind),
        };
        self.workers[attempt.worker as usize].pool.finish(started, now, ending);
    }

    fn next_tick(&self) -> Option<Time> {
        Some(self.next)
    }

    /// The next worker's tick: reads the others, decides, publishes.
    fn tick(&mut self, now: Time) {
        let number = self.turn;
        self.turn = (number + 1) % self.workers.len();
        self.next = now.after(self.tick / self.workers.len() as u32);
        if self.workers[number].carries_traffic {
            self.absorb(number, now);
        }
        let worker = &mut self.workers[number];
        worker.pool.tick(now, &mut worker.rng);
        self.settle_circuits(number, now);
        let worker = &mut self.workers[number];
        if worker.carries_traffic {
            let (picks, refused) = worker.pool.totals();
            let (at_ms, endpoints) = (now.as_millis(), worker.pool.counts());
            worker.cell = Some(Cell { worker: number as u32, at_ms, picks, refused, endpoints, ..Cell::default() });
        }
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }
}

/// A number as text.
fn decimal(number: u64, text: &mut [u8; 20]) -> &[u8] {
    let mut rest = &mut text[..];
    // 20 digits hold every number.
    let _ = write!(rest, "{number}");
    let left = rest.len();
    &text[..20 - left]
}
