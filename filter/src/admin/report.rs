//! Puts the snapshot together: what this VM knows of the pools, and what all workers published about them. First all
//! records are read, then all pools are gone through, so that nothing of theirs is copied: the host is not called while
//! the VM's state is borrowed.

use crate::history::SharedData;
use crate::shared;
use crate::tick::STALE_TICKS;
use crate::vm;
use plimsoll_engine::{POOL_KEY, Pool, Sample, address_key, middle_us, score};
use plimsoll_snapshot::circuits::CircuitEntry;
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::history::Identity;
use plimsoll_snapshot::history::draft::Level;
use plimsoll_snapshot::history::query::named_pool;
use plimsoll_snapshot::registry::Registry;
use plimsoll_snapshot::report::{Draft, Line, Published, Reader, last_transitions};
use plimsoll_snapshot::view::{Workers, hexadecimal};
use plimsoll_snapshot::{CircuitState, Snapshot, Transition, VERSION, view};

/// With the endpoints of the pool of this name; `None`: of all.
#[inline(never)]
pub(super) fn snapshot(only: Option<&str>) -> Snapshot {
    let is_listed = |name: &str| only.is_none_or(|only| only == name);
    let of = |state: &vm::PoolState| (state.pool.config().name.clone(), state.pool.keys().collect());
    let pools: Vec<(String, Vec<u64>)> = vm::with(|vm| vm.pools().map(of).collect()).unwrap_or_default();
    let (reader, tick_ms) = reader();
    let log = shared::read(shared::EVENTS, EventLog::decode).unwrap_or_default();
    let (mut ages, mut published) = (Vec::new(), Vec::new());
    for (name, keys) in &pools {
        published.push(reader.pool(name, keys.clone(), is_listed(name), &mut ages));
    }
    let mut answer = Snapshot { version: VERSION, at_ms: reader.now_ms, tick_ms, ..Snapshot::default() };
    answer.workers = reader.workers(&ages);
    answer.last_seq = Some(log.last_seq);
    vm::with(|vm| {
        let pools: Vec<&Pool> = vm.pools().map(|state| &state.pool).collect();
        let mut names = Vec::new();
        for (pool, published) in pools.iter().zip(&published) {
            let config = pool.config();
            names.push((config.name.as_str(), if published.listed { config.endpoints.len() } else { 0 }));
        }
        let place = |at: usize, address: &str| pools.get(at)?.position(address_key(address.as_bytes()));
        let last = last_transitions(&log, &names, &place);
        for ((pool, published), last) in pools.iter().zip(&published).zip(&last) {
            answer.pools.push(assemble(pool, published, last));
        }
    });
    answer
}

/// And how often workers publish.
fn reader() -> (Reader<'static>, u64) {
    let tick_ms = vm::with(|vm| vm.pace()).unwrap_or_default().as_millis() as u64;
    let now_ms = crate::abi::now().as_millis();
    let registry = shared::read(shared::WORKERS, Registry::decode).unwrap_or_default();
    let stale_ms = tick_ms.saturating_mul(STALE_TICKS);
    (Reader { store: &SharedData, registry, now_ms, stale_ms }, tick_ms)
}

/// One pool, worker by worker; an error says which parameter has which value, and what is allowed.
#[inline(never)]
pub(super) fn workers(query: &str, pools: &[String]) -> Result<Workers, String> {
    let name = named_pool(query, pools)?;
    let (reader, tick_ms) = reader();
    let at_ms = reader.now_ms;
    let mut answer = Workers { version: VERSION, at_ms, tick_ms, pool: name.to_owned(), ..Workers::default() };
    let known = vm::with(|vm| {
        let state = vm.pools().find(|state| state.pool.config().name == name)?;
        answer.endpoints.extend(state.pool.config().endpoints.iter().map(|endpoint| endpoint.id.clone()));
        Some((state.generation, state.pool.keys().collect::<Vec<u64>>()))
    });
    let (generation, keys) = known.flatten().unwrap_or_default();
    answer.generation = hexadecimal(generation);
    answer.workers = reader.worker_by_worker(name, &keys, generation);
    Ok(answer)
}

#[inline(never)]
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
    for (position, (known, (merged, sample))) in (0..).zip(known.zip(merged.endpoints.iter().zip(&samples))) {
        let ((view, entry), last_transition) = known;
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
            evidence: listed.then(|| pool.evidence_against(position)),
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
