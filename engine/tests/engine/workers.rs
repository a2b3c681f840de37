//! Several workers over one record: they agree within a tick, and permits are global whatever the interleaving.

use crate::arrange::{Bed, TICK, cases, equal, failing, ms, well};
use plimsoll_engine::{Attempt, CircuitConfig, Ending, PoolConfig, Strategy};
use plimsoll_snapshot::{CircuitState, FailureKind};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use std::collections::BTreeMap;
use std::time::Duration;

const PERMITS: u32 = 3;

fn config() -> PoolConfig {
    let circuit = CircuitConfig { half_open_permits: PERMITS, ..CircuitConfig::default() };
    PoolConfig { circuit, ..equal(Strategy::RoundRobin, 4) }
}

#[test]
fn all_workers_know_within_one_tick() {
    for workers in [1, 2, 4, 16] {
        let mut bed = Bed::new(config(), workers, 1);
        for _ in 0..5 {
            bed.attempt(workers - 1, 2, &failing(2));
        }
        bed.pass(TICK);
        bed.pass(TICK);
        assert!(bed.pools.iter().all(|pool| pool.circuit_state(2) == CircuitState::Open), "{workers}");
        assert_eq!(bed.events.len(), 1, "one transition, whoever saw it");
    }
}

#[test]
fn many_workers_with_the_same_evidence_open_it_once() {
    let mut bed = Bed::new(config(), 16, 1);
    for worker in 0..16 {
        for _ in 0..5 {
            bed.attempt(worker, 2, &failing(2));
        }
    }
    bed.pass(TICK);
    bed.pass(TICK);
    assert_eq!((bed.events.len(), bed.record.entries.len(), bed.record.entries[0].openings), (1, 1, 1));
    assert!(bed.pools.iter().all(|pool| !pool.has_evidence()));
}

#[test]
fn a_suspicion_ends_when_another_workers_verdict_does() {
    let mut bed = Bed::new(PoolConfig { strategy: Strategy::PeakEwma, ..equal(Strategy::PeakEwma, 8) }, 2, 3);
    bed.traffic(100, ms(10), &well);
    // The first worker suspects it, the second ejects it; then it is well again.
    bed.attempt(0, 5, &failing(5));
    for _ in 0..5 {
        bed.attempt(1, 5, &failing(5));
    }
    bed.pass(TICK);
    bed.until(5, CircuitState::Open, Duration::from_secs(1), &well);
    bed.until(5, CircuitState::Closed, Duration::from_secs(20), &well);
    let tried = bed.traffic(1000, ms(10), &well);
    let share = tried.iter().filter(|tried| tried[0] == 5).count();
    // Fair are 125; as a suspect it would be tried every 50 ms, which is 200.
    assert!(share < 170, "{share}");
}

#[derive(Clone, Debug)]
enum Step {
    /// A request on a worker; a probe stays under way.
    Request(usize),
    /// A probe under way comes back: passed, failed or abandoned.
    Return(usize, u8),
    /// A worker ticks and meets nobody.
    Tick(usize),
    /// A worker ticks, and between its reading and its writing another one does all of its own.
    Race(usize, usize),
    Pass(u64),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        6 => any::<usize>().prop_map(Step::Request),
        3 => (any::<usize>(), 0_u8..8).prop_map(|(which, how)| Step::Return(which, how)),
        3 => any::<usize>().prop_map(Step::Tick),
        3 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Step::Race(a, b)),
        1 => (0_u64..3000).prop_map(Step::Pass),
    ]
}

struct Shared {
    bed: Bed,
    probes: Vec<(usize, u64, Attempt)>,
    /// Permits in use or used up, by generation of the half-open state.
    used: BTreeMap<u64, u32>,
}

impl Shared {
    /// Endpoint 0 is open, and its time is over.
    fn new(workers: usize, seed: u64) -> Self {
        let mut bed = Bed::new(config(), workers, seed);
        for _ in 0..5 {
            bed.attempt(0, 0, &failing(0));
        }
        bed.tick();
        bed.tick();
        bed.now = bed.now.after(Duration::from_secs(12));
        Self { bed, probes: Vec::new(), used: BTreeMap::new() }
    }

    fn act(&mut self, step: Step) {
        let workers = self.bed.pools.len();
        match step {
            Step::Request(worker) => self.request(worker % workers),
            Step::Return(which, how) => {
                if let Some(at) = which.checked_rem(self.probes.len()) {
                    self.come_back(at, how);
                }
            }
            Step::Tick(worker) => self.tick(worker % workers, None),
            Step::Race(worker, other) => self.tick(worker % workers, Some(other % workers)),
            // The bed's own ticks would make everybody agree: only the clock moves here.
            Step::Pass(time) => self.bed.now = self.bed.now.after(ms(time)),
        }
    }

    fn request(&mut self, worker: usize) {
        let first = self.bed.pick(worker).unwrap()[0];
        if self.bed.pools[worker].circuit_state(first) != CircuitState::HalfOpen {
            self.bed.attempt(worker, first, &well);
            return;
        }
        let key = self.bed.key(first);
        let generation = self.bed.pools[worker].circuits().get(key).unwrap().generation;
        let attempt = self.bed.start(worker, first);
        let used = self.used.entry(generation).or_default();
        *used += 1;
        assert!(*used <= PERMITS, "{used} probes in generation {generation}");
        self.probes.push((worker, generation, attempt));
    }

    fn come_back(&mut self, at: usize, how: u8) {
        let (worker, generation, attempt) = self.probes.swap_remove(at);
        match how {
            0 => self.bed.end(worker, attempt, ms(0), Some(FailureKind::Status)),
            1 => {
                self.bed.pools[worker].finish(attempt, self.bed.now, Ending::Abandoned);
                *self.used.get_mut(&generation).unwrap() -= 1;
            }
            _ => self.bed.end(worker, attempt, ms(0), None),
        }
    }

    fn tick(&mut self, worker: usize, other: Option<usize>) {
        let now = self.bed.now;
        self.bed.pools[worker].tick(now, &mut self.bed.rng);
        let reading = self.bed.read(worker);
        if let Some(other) = other.filter(|other| *other != worker) {
            self.tick(other, None);
        }
        if !self.bed.write(worker, reading) {
            self.bed.sync(worker);
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]
    #[test]
    fn permits_are_global_and_workers_agree_one_tick_later(
        workers in prop::sample::select(vec![1_usize, 2, 4, 16]),
        seed: u64,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut shared = Shared::new(workers, seed);
        for step in steps {
            shared.act(step);
        }
        // Everybody writes what it has seen, then everybody reads.
        shared.bed.tick();
        shared.bed.tick();
        let want = shared.bed.record.get(shared.bed.key(0)).map_or(CircuitState::Closed, |entry| entry.state);
        for pool in &shared.bed.pools {
            prop_assert_eq!(pool.circuit_state(0), want);
            prop_assert!(!pool.has_evidence());
        }
        let entry = shared.bed.record.get(shared.bed.key(0));
        prop_assert!(entry.is_none_or(|entry| entry.permits_issued <= PERMITS && entry.probes_passed <= PERMITS));
    }
}
