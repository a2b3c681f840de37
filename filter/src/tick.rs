//! The tick: this worker reads what the others published, advances windows and circuits, and publishes its own part.
//! All host calls that are not about a request are here and in the admin role.
//!
//! Several roots of one VM may tick (old and new ones of a configuration update): the first one in a period does the
//! work. The main thread's instance ticks too; as it carries no traffic it reads circuits, publishes nothing and claims
//! no permits.

use crate::host::{self, Failure};
use crate::shared::{self, Worker};
use crate::vm::{self, PoolState};
use crate::{broken, history, log};
use core::time::Duration;
use plimsoll_engine::{Ending, POOL_KEY, Pool, Proposal, Rng, Time};
use plimsoll_snapshot::Event;
use plimsoll_snapshot::cell::{Cell, SketchCell};
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::registry::{Member, Registry};

/// Histograms and metrics go out this often: only people read them.
const SLOW_PERIOD: Duration = Duration::from_secs(1);
/// A cell older than this many ticks is stale; of those ticks that [`vm::Vm::pace`] gives.
pub(crate) const STALE_TICKS: u64 = 10;
/// Transitions that could not be logged yet; beyond that the oldest are lost.
const MAX_PENDING_EVENTS: usize = 1000;
/// How often dead workers are looked for, whose numbers and part in the counts go then, and streams that never ended.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// What the tick keeps for one pool.
#[derive(Debug)]
pub struct PoolSharing {
    circuits_key: String,
    /// This worker's cell, once it has a number.
    cell: Option<(u32, String, String)>,
    slow_done: Option<Time>,
    /// The last point of the history that this worker made.
    recorded: Option<u64>,
}

impl PoolSharing {
    /// Nothing is shared yet.
    #[must_use]
    pub fn new(pool: &str) -> Self {
        Self { circuits_key: shared::circuits_key(pool), cell: None, slow_done: None, recorded: None }
    }
}

/// What the workers have decided so far. A VM that starts while others carry traffic, after a trap for example, must not
/// send to what they have taken out until its first tick.
pub(crate) fn catch_up(pools: &[String]) {
    for name in pools {
        let Some(record) = shared::read(&shared::circuits_key(name), Circuits::decode) else { continue };
        vm::with(|vm| {
            let mut states = vm.slots.iter_mut().filter_map(|slot| slot.state.as_mut());
            if let Some(state) = states.find(|state| state.pool.config().name == *name) {
                state.pool.adopt(record, None);
            }
        });
    }
}

/// One tick of a root.
pub(crate) fn run(root: u32) {
    let now = crate::abi::now();
    let Some(Some(begun)) = vm::with(|vm| begin(vm, root, now)) else { return };
    let membership = if begun.worker { join(&begun, now) } else { None };
    for index in 0..begun.slots {
        // The pool is out of the VM's state while host calls are made for it.
        let taken = vm::with(|vm| {
            let slot = vm.slots.get_mut(index)?;
            Some((slot.uid, slot.state.take()?, vm.rng.clone()))
        });
        let Some((uid, mut state, mut rng)) = taken.flatten() else { continue };
        let events = work(&mut state, membership.as_ref(), now, begun.pace, &mut rng);
        vm::with(|vm| {
            vm.rng = rng;
            vm.events.extend(events);
            if let Some(slot) = vm.slots.get_mut(index).filter(|slot| slot.uid == uid) {
                slot.state = Some(state);
            }
        });
    }
    log::own_up(now);
    publish_events();
    if begun.adapts {
        adapt(root, begun.period);
    }
}

/// Follows what the pools find best, in steps of a quarter at least: else it would change on every tick.
fn adapt(root: u32, period: Duration) {
    let best = vm::with(|vm| {
        let wished = vm.pools().filter_map(|state| state.pool.tick_hint()).min()?;
        let cost = vm.pools().fold(Duration::ZERO, |sum, state| sum.saturating_add(state.pool.tick_cost()));
        Some(wished.max(cost).min(Duration::from_secs(1)))
    })
    .flatten();
    let Some(best) = best.filter(|best| *best > period.mul_f64(1.25) || *best < period.mul_f64(0.8)) else { return };
    vm::with(|vm| {
        if let Some(root) = vm.root_mut(root) {
            root.period = best;
        }
    });
    set_period(best);
}

/// Sets how often the root ticks that the host is calling.
pub(crate) fn set_period(period: Duration) {
    let _ = host::set_tick_period(u32::try_from(period.as_millis()).unwrap_or(1000).max(1));
}

struct Begun {
    sweep: bool,
    worker: bool,
    identity: Worker,
    pools: Vec<String>,
    slots: usize,
    period: Duration,
    /// The period is not fixed.
    adapts: bool,
    /// How often others may be expected to publish.
    pace: Duration,
}

fn begin(vm: &mut vm::Vm, root: u32, now: Time) -> Option<Begun> {
    let of = vm.root(root)?;
    let (period, pace, adapts) = (of.period, of.pace(), of.config.as_ref()?.tick.is_none());
    // Half a period: timers are late at times, and never wait for each other.
    if vm.ticked.is_some_and(|ticked| now.since(ticked).saturating_mul(2) < period && now >= ticked) {
        return None;
    }
    vm.ticked = Some(now);
    let sweep = vm.swept.is_none_or(|swept| now.since(swept) >= SWEEP_PERIOD || swept > now);
    if sweep {
        vm.swept = Some(now);
        give_up_overdue(vm, now);
    }
    Some(Begun {
        sweep,
        worker: vm.carries_traffic && vm.worker.nonce != 0,
        identity: vm.worker,
        pools: vm.pools().map(|state| state.pool.config().name.clone()).collect(),
        slots: vm.slots.len(),
        period,
        adapts,
        pace,
    })
}

/// Looks at every stream: not on each tick.
fn give_up_overdue(vm: &mut vm::Vm, now: Time) {
    use crate::streams::Stream;
    for stream in vm.streams.overdue(now) {
        if let Stream::Attempt(id, attempt) | Stream::Request(id, attempt, ..) = stream {
            vm.finish(id, attempt, now, Ending::Abandoned);
        }
    }
}

/// This worker among the others.
struct Membership {
    registry: Registry,
    number: u32,
    nonce: u64,
}

fn join(begun: &Begun, now: Time) -> Option<Membership> {
    let nonce = begun.identity.nonce;
    let (registry, number) = shared::register(nonce, &begun.pools, now.as_millis(), begun.sweep)?;
    if begun.identity.number != Some(number) {
        vm::with(|vm| vm.worker.number = Some(number));
    }
    Some(Membership { registry, number, nonce })
}

/// One pool's part of the tick; returns the transitions that this worker made.
fn work(
    state: &mut PoolState,
    membership: Option<&Membership>,
    now: Time,
    pace: Duration,
    rng: &mut Rng,
) -> Vec<Event> {
    let leads = membership.is_some_and(|membership| absorb(&mut state.pool, membership, now, pace));
    state.pool.tick(now, rng);
    let events = settle_circuits(&mut state.pool, &state.sharing.circuits_key, now, rng);
    for event in &events {
        log::transition(event, now);
        state.metrics.count_transition(&state.pool.config().name, event.transition.reason.signal);
    }
    if let Some(membership) = membership {
        publish(state, membership, now);
        let due = state.sharing.slow_done.is_none_or(|done| now.since(done) >= SLOW_PERIOD || done > now);
        if due {
            state.sharing.slow_done = Some(now);
            publish_sketches(state, membership, now);
            state.metrics.flush(&state.pool, leads);
        }
        if leads {
            history::record(&state.pool, &mut state.sharing.recorded, &membership.registry.members, now, pace);
        }
    }
    events
}

/// Reads the other workers' cells. Returns whether this worker is the first of those alive, who speaks for all of them.
fn absorb(pool: &mut Pool, membership: &Membership, now: Time, pace: Duration) -> bool {
    let stale_ms = (pace.as_millis() as u64).saturating_mul(STALE_TICKS);
    let mut peers = MergedPool::new(pool.keys().collect());
    // The sum is as old as its oldest part: taken for fresher, all workers would run to the same endpoint.
    let mut oldest: Option<Time> = None;
    let mut leads = true;
    let name = &pool.config().name;
    for Member { worker, nonce } in membership.registry.members.iter().filter(|m| m.nonce != membership.nonce) {
        let Some(cell) = shared::read(&shared::cell_key(*worker, name), Cell::decode) else { continue };
        // One from the future was published before the clock was set back, perhaps by a worker that is gone.
        let stale = cell.nonce != *nonce || now.as_millis().abs_diff(cell.at_ms) > stale_ms;
        if stale {
            continue;
        }
        peers.add(&cell, false);
        let at = Time::from_millis(cell.at_ms);
        oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        leads &= membership.number < *worker;
    }
    pool.absorb(&peers, oldest, now);
    leads
}

/// Brings the shared circuits and this worker's view of them together. An unchanged record costs one read.
fn settle_circuits(pool: &mut Pool, key: &str, now: Time, rng: &mut Rng) -> Vec<Event> {
    let mut proposal: Option<Proposal> = None;
    let written = shared::update(key, Circuits::decode, Circuits::encode, |record| {
        proposal = pool.propose(broken::record(pool, record), now, rng);
        proposal.as_ref().map(|proposal| proposal.circuits.clone())
    });
    let record = match written {
        Ok(record) => record,
        // Others were faster every time: what was seen stays, for the next tick.
        Err(Failure::CasMismatch) => return Vec::new(),
        // A host without shared data: this worker is on its own.
        Err(_) => {
            let record = pool.circuits().clone();
            proposal = pool.propose(&record, now, rng);
            proposal.as_ref().map_or(record, |proposal| proposal.circuits.clone())
        }
    };
    if proposal.is_none() && pool.has_evidence() {
        pool.drop_evidence();
    }
    if proposal.is_some() || record != *pool.circuits() {
        pool.adopt(record, proposal.as_ref());
    }
    proposal.map(|proposal| events(pool, proposal)).unwrap_or_default()
}

fn events(pool: &Pool, proposal: Proposal) -> Vec<Event> {
    let event = |(key, transition)| {
        // The pool's own circuit is no endpoint's.
        let (endpoint, address) = match pool.position(key).and_then(|position| pool.endpoint(position)) {
            Some(endpoint) => (endpoint.id.clone(), endpoint.address.clone()),
            None if key == POOL_KEY => Default::default(),
            None => return None,
        };
        Some(Event { seq: 0, pool: pool.config().name.clone(), endpoint, address, transition })
    };
    let events: Vec<Event> = proposal.transitions.into_iter().filter_map(event).collect();
    events
}

fn publish(state: &mut PoolState, membership: &Membership, now: Time) {
    let pool = &state.pool;
    let name = &pool.config().name;
    let (picks, refused) = pool.totals();
    let number = membership.number;
    if state.sharing.cell.as_ref().is_none_or(|(known, _, _)| *known != number) {
        state.sharing.cell = Some((number, shared::cell_key(number, name), shared::sketch_key(number, name)));
    }
    let cell = Cell {
        worker: number,
        nonce: membership.nonce,
        generation: state.generation,
        at_ms: now.as_millis(),
        picks,
        refused,
        failures_by: pool.failures_by(),
        endpoints: pool.counts(),
    };
    if let Some((_, key, _)) = &state.sharing.cell {
        shared::overwrite(key, &cell.encode());
    }
}

fn publish_sketches(state: &PoolState, membership: &Membership, now: Time) {
    let (pool, endpoints) = (state.pool.sketch(), state.pool.sketches());
    let cell = SketchCell { nonce: membership.nonce, at_ms: now.as_millis(), pool, endpoints };
    if let Some((_, _, key)) = &state.sharing.cell {
        shared::overwrite(key, &cell.encode());
    }
}

/// Appends this worker's transitions to the shared log. What cannot be written now is kept for the next tick.
fn publish_events() {
    let pending = vm::with(|vm| core::mem::take(&mut vm.events)).unwrap_or_default();
    if pending.is_empty() {
        return;
    }
    let written = shared::update(shared::EVENTS, EventLog::decode, EventLog::encode, |log| {
        let mut log = log.clone();
        pending.iter().cloned().for_each(|event| log.append(event));
        Some(log)
    });
    if written.is_err() {
        vm::with(|vm| {
            let mut pending = pending;
            pending.append(&mut vm.events);
            let lost = pending.len().saturating_sub(MAX_PENDING_EVENTS);
            pending.drain(..lost);
            vm.events = pending;
        });
    }
}
