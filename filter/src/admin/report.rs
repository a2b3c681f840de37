//! Puts the snapshot together: what this VM knows of the pools, and what all workers published about them. First all
//! records are read, then all pools are gone through, so that nothing of theirs is copied: the host is not called while
//! the VM's state is borrowed. Costs what is read and listed: each record is gone through once.

use crate::shared;
use crate::tick::STALE_TICKS;
use crate::vm;
use plimsoll_engine::{POOL_KEY, Pool, Sample, address_key, middle_us, score};
use plimsoll_snapshot::cell::{Cell, SketchCell};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::history::Identity;
use plimsoll_snapshot::history::draft::Level;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::registry::Registry;
use plimsoll_snapshot::report::{Draft, Line};
use plimsoll_snapshot::{CircuitState, Snapshot, Transition, VERSION, Worker, view};

/// What was published about a pool.
struct Published {
    listed: bool,
    merged: MergedPool,
    circuits: Circuits,
}

/// With the endpoints of the pool of this name; `None`: of all.
pub(super) fn snapshot(only: Option<&str>) -> Snapshot {
    let is_listed = |name: &str| only.is_none_or(|only| only == name);
    let now_ms = crate::abi::now().as_millis();
    let of = |state: &vm::PoolState| (state.pool.config().name.clone(), state.pool.keys().collect());
    let (pools, tick) = vm::with(|vm| (vm.pools().map(of).collect::<Vec<_>>(), vm.pace())).unwrap_or_default();
    let tick_ms = tick.as_millis() as u64;
    let registry = shared::read(shared::WORKERS, Registry::decode).unwrap_or_default();
    let log = shared::read(shared::EVENTS, EventLog::decode).unwrap_or_default();
    let mut reader = Reader { now_ms, stale_ms: tick_ms.saturating_mul(STALE_TICKS), registry, ages: Vec::new() };
    let published: Vec<Published> =
        pools.into_iter().map(|(name, keys)| reader.pool(&name, keys, is_listed(&name))).collect();
    let pools = vm::with(|vm| {
        let pools: Vec<&Pool> = vm.pools().map(|state| &state.pool).collect();
        let last = last_transitions(&pools, &log, is_listed);
        let known = pools.iter().zip(&published).zip(&last);
        known.map(|((pool, published), last)| assemble(pool, published, last)).collect()
    });
    Snapshot { version: VERSION, at_ms: now_ms, tick_ms, workers: reader.workers(), pools: pools.unwrap_or_default() }
}

struct Reader {
    now_ms: u64,
    stale_ms: u64,
    registry: Registry,
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

    fn pool(&mut self, name: &str, keys: Vec<u64>, listed: bool) -> Published {
        let most = if listed { usize::MAX } else { 0 };
        let sketches = |bytes: &[u8]| SketchCell::decode_first(bytes, most);
        let mut merged = MergedPool::new(keys);
        for member in self.registry.members.clone() {
            let cell = shared::read(&shared::cell_key(member.worker, name), Cell::decode);
            let Some(cell) = cell.filter(|cell| cell.nonce == member.nonce) else { continue };
            let age_ms = self.now_ms.saturating_sub(cell.at_ms);
            merged.add(&cell, age_ms > self.stale_ms);
            self.note_age(member.worker, age_ms);
            if age_ms <= self.stale_ms
                && let Some(sketches) = shared::read(&shared::sketch_key(member.worker, name), sketches)
                && sketches.nonce == member.nonce
            {
                merged.add_sketches(&sketches);
            }
        }
        let circuits = shared::read(&shared::circuits_key(name), Circuits::decode).unwrap_or_default();
        Published { listed, merged, circuits }
    }

    fn note_age(&mut self, worker: u32, age_ms: u64) {
        let place = self.ages.partition_point(|(number, _)| *number < worker);
        match self.ages.get_mut(place).filter(|(number, _)| *number == worker) {
            Some((_, age)) => *age = age_ms.min(*age),
            None => self.ages.insert(place, (worker, age_ms)),
        }
    }
}

/// For each endpoint of each pool that is listed the last change of its circuit that is in the log.
fn last_transitions<'l>(
    pools: &[&Pool],
    log: &'l EventLog,
    is_listed: impl Fn(&str) -> bool,
) -> Vec<Vec<Option<&'l Transition>>> {
    let mut last: Vec<Vec<_>> = pools
        .iter()
        .map(|pool| vec![None; if is_listed(&pool.config().name) { pool.config().endpoints.len() } else { 0 }])
        .collect();
    let mut at = 0;
    for event in &log.events {
        let is_of = |pool: &&Pool| pool.config().name == event.pool;
        // Neighbours in the log are most often of one pool.
        if !pools.get(at).is_some_and(is_of) {
            at = pools.iter().position(is_of).unwrap_or(pools.len());
        }
        let pool = pools.get(at).filter(|_| last.get(at).is_some_and(|last| !last.is_empty()));
        let place = pool.and_then(|pool| pool.position(address_key(event.address.as_bytes())));
        if let Some(place) = place
            && let Some(last) = last.get_mut(at).and_then(|last| last.get_mut(place as usize))
        {
            *last = Some(&event.transition);
        }
    }
    last
}

fn assemble(pool: &Pool, published: &Published, last: &[Option<&Transition>]) -> view::Pool {
    let Published { listed, merged, circuits } = published;
    let config = pool.config();
    let mut entries: Vec<Option<&CircuitEntry>> = vec![None; config.endpoints.len()];
    for entry in &circuits.entries {
        if let Some(of) = pool.position(entry.key).and_then(|place| entries.get_mut(place as usize)) {
            *of = Some(entry);
        }
    }
    let samples: Vec<Sample> = merged.endpoints.iter().map(|merged| Sample::from(&merged.counts)).collect();
    let middle = middle_us(&samples);
    let mut draft = Draft::new(*listed);
    let last = last.iter().copied().chain(core::iter::repeat(None));
    let known = pool.view().zip(&entries).zip(last);
    for (((view, entry), last_transition), (merged, sample)) in known.zip(merged.endpoints.iter().zip(&samples)) {
        let score = score(sample, middle, config.minimum_samples);
        let circuit = entry.map_or(CircuitState::Closed, |entry| entry.state);
        let level = Level {
            identity: Identity { id: &view.config.id, address: &view.config.address },
            weight: view.config.weight,
            score,
            status: view.stage.status(circuit, score),
            circuit,
        };
        let line = Line {
            level,
            zone: view.config.zone.as_deref(),
            effective_weight: view.effective_weight,
            circuit: entry.map(|entry| entry.view(config.circuit.half_open_permits)).unwrap_or_default(),
            last_transition,
        };
        draft.endpoint(line, merged);
    }
    view::Pool {
        name: config.name.clone(),
        cluster: config.cluster.clone(),
        strategy: config.strategy.name().to_owned(),
        circuit: config.pool_circuit.as_ref().map(|pool| {
            let entry = circuits.get(POOL_KEY);
            entry.map(|entry| entry.view(pool.circuit.half_open_permits)).unwrap_or_default()
        }),
        panic: pool.panics(),
        eligible: pool.eligible() as u32,
        panic_below: pool.panic_below() as u32,
        max_ejected: config.max_ejected() as u32,
        ..draft.finish(merged)
    }
}
