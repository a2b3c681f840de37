//! Puts the snapshot together: what this VM knows of the pools, and what all workers published about them.

use crate::shared;
use crate::tick::STALE_TICKS;
use crate::vm;
use plimsoll_engine::{CircuitConfig, POOL_KEY, PoolConfig, Sample, Stage, middle_us, score};
use plimsoll_snapshot::cell::{Cell, SketchCell};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::registry::Registry;
use plimsoll_snapshot::sketch::{CoarseSketch, Sketch};
use plimsoll_snapshot::{Circuit, CircuitState, Endpoint, Pool, Snapshot, Transition, VERSION, Worker};

/// What this VM knows of a pool: copied out, because what follows calls the host.
struct Known {
    config: PoolConfig,
    panic: bool,
    /// Key, weight in force, stage.
    endpoints: Vec<(u64, f64, Stage)>,
}

pub(super) fn snapshot() -> Snapshot {
    let now_ms = crate::abi::now().as_millis();
    let (known, tick) = vm::with(|vm| {
        let known = vm.pools().map(|state| Known {
            config: state.pool.config().clone(),
            panic: state.pool.panics(),
            endpoints: state.pool.view().map(|view| (view.key, view.effective_weight, view.stage)).collect(),
        });
        (known.collect::<Vec<_>>(), vm.pace())
    })
    .unwrap_or_default();
    let tick_ms = tick.as_millis() as u64;
    let registry = shared::read(shared::WORKERS, Registry::decode).unwrap_or_default();
    let log = shared::read(shared::EVENTS, EventLog::decode).unwrap_or_default();
    let mut reader = Reader { now_ms, stale_ms: tick_ms.saturating_mul(STALE_TICKS), registry, log, ages: Vec::new() };
    let pools = known.iter().map(|known| reader.pool(known)).collect();
    Snapshot { version: VERSION, at_ms: now_ms, tick_ms, workers: reader.workers(), pools }
}

struct Reader {
    now_ms: u64,
    stale_ms: u64,
    registry: Registry,
    log: EventLog,
    /// Per worker that has published, in order: the age of its freshest part.
    ages: Vec<(u32, u64)>,
}

impl Reader {
    fn workers(&self) -> Vec<Worker> {
        let worker = |(number, age_ms): &(u32, u64)| Worker {
            id: number.to_string(),
            age_ms: *age_ms,
            stale: *age_ms > self.stale_ms,
        };
        self.ages.iter().map(worker).collect()
    }

    fn pool(&mut self, known: &Known) -> Pool {
        let config = &known.config;
        let mut merged = MergedPool::new(known.endpoints.iter().map(|(key, ..)| *key).collect());
        for member in self.registry.members.clone() {
            let cell = shared::read(&shared::cell_key(member.worker, &config.name), Cell::decode);
            let Some(cell) = cell.filter(|cell| cell.nonce == member.nonce) else { continue };
            let age_ms = self.now_ms.saturating_sub(cell.at_ms);
            merged.add(&cell, age_ms > self.stale_ms);
            self.note_age(member.worker, age_ms);
            if age_ms <= self.stale_ms
                && let Some(sketches) =
                    shared::read(&shared::sketch_key(member.worker, &config.name), SketchCell::decode)
                && sketches.nonce == member.nonce
            {
                merged.add_sketches(&sketches);
            }
        }
        let circuits = shared::read(&shared::circuits_key(&config.name), Circuits::decode).unwrap_or_default();
        self.assemble(known, &merged, &circuits)
    }

    fn note_age(&mut self, worker: u32, age_ms: u64) {
        let place = self.ages.partition_point(|(number, _)| *number < worker);
        match self.ages.get_mut(place).filter(|(number, _)| *number == worker) {
            Some((_, age)) => *age = age_ms.min(*age),
            None => self.ages.insert(place, (worker, age_ms)),
        }
    }

    fn assemble(&self, known: &Known, merged: &MergedPool, circuits: &Circuits) -> Pool {
        let config = &known.config;
        let samples: Vec<Sample> = merged.endpoints.iter().map(|merged| Sample::from(&merged.counts)).collect();
        let middle = middle_us(&samples);
        let mut endpoints = Vec::with_capacity(samples.len());
        for (index, merged) in merged.endpoints.iter().enumerate() {
            let (Some(configured), Some((key, weight, stage)), Some(sample)) =
                (config.endpoints.get(index), known.endpoints.get(index), samples.get(index))
            else {
                continue;
            };
            let circuit = circuits.get(*key).map(|entry| view(entry, &config.circuit)).unwrap_or_default();
            let score = score(sample, middle, config.minimum_samples);
            endpoints.push(Endpoint {
                id: configured.id.clone(),
                address: configured.address.clone(),
                zone: configured.zone.clone(),
                status: stage.status(circuit.state, score),
                score,
                weight: configured.weight,
                effective_weight: *weight,
                in_flight: u64::from(merged.counts.in_flight),
                requests: merged.counts.requests,
                failures: merged.counts.failures,
                slow: merged.counts.slow,
                overloads: merged.counts.overloads,
                ignored: merged.counts.ignored,
                consecutive_failures: merged.counts.consecutive_failures,
                latency_ms: merged.sketch.as_ref().and_then(CoarseSketch::latency_ms),
                last_transition: self.last_transition(&config.name, &configured.address),
                circuit,
            });
        }
        let sum = |count: fn(&Endpoint) -> u64| endpoints.iter().map(count).fold(0, u64::saturating_add);
        Pool {
            name: config.name.clone(),
            cluster: config.cluster.clone(),
            strategy: config.strategy.name().to_owned(),
            score: mean_score(&endpoints),
            circuit: config
                .pool_circuit
                .as_ref()
                .map(|pool| circuits.get(POOL_KEY).map(|entry| view(entry, &pool.circuit)).unwrap_or_default()),
            panic: known.panic,
            picks: merged.picks,
            refused: merged.refused,
            requests: sum(|endpoint| endpoint.requests),
            failures: sum(|endpoint| endpoint.failures),
            in_flight: sum(|endpoint| endpoint.in_flight),
            ejected: endpoints.iter().filter(|endpoint| endpoint.circuit.state != CircuitState::Closed).count() as u32,
            max_ejected: config.max_ejected() as u32,
            latency_ms: merged.sketch.as_ref().and_then(Sketch::latency_ms),
            endpoints,
        }
    }

    fn last_transition(&self, pool: &str, address: &str) -> Option<Transition> {
        let of = |event: &&plimsoll_snapshot::Event| event.pool == pool && event.address == address;
        self.log.events.iter().rev().find(of).map(|event| event.transition.clone())
    }
}

fn view(entry: &CircuitEntry, circuit: &CircuitConfig) -> Circuit {
    let half_open = entry.state == CircuitState::HalfOpen;
    Circuit {
        state: entry.state,
        generation: entry.generation,
        openings: entry.openings,
        until_ms: (half_open || entry.state == CircuitState::Open).then_some(entry.until_ms),
        permits_left: half_open.then(|| circuit.half_open_permits.saturating_sub(entry.permits_issued)),
    }
}

/// Mean by weight; an ejected endpoint counts as 0, one without samples not at all.
fn mean_score(endpoints: &[Endpoint]) -> Option<f64> {
    let mut weights = 0.0;
    let mut sum = 0.0;
    for endpoint in endpoints {
        let out = endpoint.circuit.state != CircuitState::Closed;
        let Some(score) = (if out { Some(0.0) } else { endpoint.score }) else { continue };
        weights += f64::from(endpoint.weight);
        sum += f64::from(endpoint.weight) * score;
    }
    (weights > 0.0).then(|| sum / weights)
}
