//! Everything that this VM knows. One VM serves one worker; the roots of all roles, old and new ones of a
//! configuration update included, and all streams share it.
//!
//! The state is borrowed only between host calls, never across one: the host may call back into the VM during any of
//! them. A pool that the tick works on is taken out meanwhile.

use crate::picker::Target;
use crate::reading::{Reading, Wishes};
use crate::shared::Worker;
use crate::streams::{ContextHasher, Stream, Streams};
use crate::{log, metrics, observer, tick};
use core::cell::RefCell;
use core::hash::BuildHasherDefault;
use core::time::Duration;
use plimsoll_config::{Accepted, Classify, DEFAULT_TICK, Observe, PoolSettings, Role};
use plimsoll_engine::{Attempt, Ending, Pool, Rng, Time};
use plimsoll_snapshot::Event;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    static VM: RefCell<Vm> = RefCell::new(Vm::default());
}

/// Works with the state of this VM; `None` if it is in use, which only a host that calls back unexpectedly can cause.
pub fn with<R>(work: impl FnOnce(&mut Vm) -> R) -> Option<R> {
    VM.with(|vm| vm.try_borrow_mut().ok().map(|mut vm| work(&mut vm)))
}

/// The state.
#[derive(Debug)]
pub struct Vm {
    /// Roots that are alive, by context id.
    pub roots: Vec<(u32, Root)>,
    /// Streams under way.
    pub streams: Streams,
    /// Pools; a place may be empty.
    pub slots: Vec<Slot>,
    /// Which endpoint has this address.
    addresses: HashMap<u64, Place, BuildHasherDefault<ContextHasher>>,
    /// Dice of this VM.
    pub rng: Rng,
    /// This VM among the workers.
    pub worker: Worker,
    /// Transitions made by this worker that are not in the shared log yet.
    pub events: Vec<Event>,
    /// What the log takes.
    pub log: log::Limit,
    /// For header values, so that a pick allocates nothing.
    pub text: String,
    /// What a request says, so that its key allocates nothing.
    pub wishes: Wishes,
    /// When the tick last worked.
    pub ticked: Option<Time>,
    /// When dead workers were last looked for.
    pub swept: Option<Time>,
    /// A request has come, so this VM is a worker's, not the main thread's.
    pub carries_traffic: bool,
    next_uid: u32,
}

impl Default for Vm {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            streams: Streams::default(),
            slots: Vec::new(),
            addresses: HashMap::default(),
            rng: Rng::new(0),
            worker: Worker::default(),
            events: Vec::new(),
            log: log::Limit::default(),
            text: String::new(),
            wishes: Wishes::default(),
            ticked: None,
            swept: None,
            carries_traffic: false,
            next_uid: 0,
        }
    }
}

/// A root context.
#[derive(Debug, Default)]
pub struct Root {
    /// The proxy's name for it: roots of the same name are generations of one configuration.
    pub name: Vec<u8>,
    /// Its configuration, once accepted.
    pub config: Option<Rc<Accepted>>,
    /// Its pools.
    pub pools: Vec<PoolId>,
    /// How often it ticks now.
    pub period: Duration,
}

impl Root {
    /// As [`Vm::pace`], by this root's own configuration: where the tick is fixed, it is known.
    #[must_use]
    pub fn pace(&self) -> Duration {
        match self.config.as_ref().and_then(|config| config.tick) {
            // A worker that stands still for a moment is not dead, and one under an update may still tick as before.
            Some(fixed) => fixed.max(DEFAULT_TICK),
            None => self.period.max(DEFAULT_TICK),
        }
    }
}

/// A pool of this VM, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolId {
    slot: u32,
    uid: u32,
}

/// A place for a pool.
#[derive(Debug)]
pub struct Slot {
    /// Tells it from an earlier pool in the same place.
    pub uid: u32,
    /// Name of the root that brought it.
    pub owner: Vec<u8>,
    /// The pool; absent while the tick works on it, and when it is gone.
    pub state: Option<PoolState>,
}

/// A pool and what belongs to it.
#[derive(Debug)]
pub struct PoolState {
    /// The engine's part.
    pub pool: Pool,
    /// Where its attempts are watched.
    pub observe: Observe,
    /// What its answers are taken for.
    pub classify: Classify,
    /// What it wants to know of a request; `None`: nothing.
    pub reading: Option<Rc<Reading>>,
    /// How long the proxy waits for its attempts.
    pub patience: observer::Patience,
    /// Hash of the configuration that it is from.
    pub generation: u64,
    /// What the tick keeps for it.
    pub sharing: tick::PoolSharing,
    /// Its metrics.
    pub metrics: metrics::PoolMetrics,
}

/// An attempt under way.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Its pool.
    pub id: PoolId,
    /// The same.
    pub state: &'a mut PoolState,
    /// The attempt.
    pub attempt: &'a mut Attempt,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    pool: PoolId,
    position: u32,
    /// More than one pool has this address.
    shared: bool,
}

/// Where an address belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// This endpoint.
    At(PoolId, u32),
    /// It depends on the cluster.
    Ambiguous,
    /// In no pool.
    Nowhere,
}

impl Vm {
    /// A root, by its context.
    #[must_use]
    pub fn root(&self, context: u32) -> Option<&Root> {
        self.roots.iter().find(|(id, _)| *id == context).map(|(_, root)| root)
    }

    /// A root, by its context.
    pub fn root_mut(&mut self, context: u32) -> Option<&mut Root> {
        self.roots.iter_mut().find(|(id, _)| *id == context).map(|(_, root)| root)
    }

    /// What a root does; `None` before it is configured.
    #[must_use]
    pub fn role(&self, root: u32) -> Option<Role> {
        Some(self.root(root)?.config.as_ref()?.role)
    }

    /// A pool that is alive.
    pub fn pool_mut(&mut self, id: PoolId) -> Option<&mut PoolState> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.uid == id.uid { slot.state.as_mut() } else { None }
    }

    /// The attempt that a stream watches, and its pool.
    pub fn watched(&mut self, context: u32) -> Option<Watched<'_>> {
        let stream = self.streams.get_mut(context)?;
        let (Stream::Attempt(id, attempt) | Stream::Request(id, attempt, ..)) = stream else { return None };
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.uid == id.uid)?;
        Some(Watched { id: *id, state: slot.state.as_mut()?, attempt })
    }

    /// How often those who read what workers publish may expect news: as often as this VM ticks, which the others do much
    /// the same, but not more often than once in [`DEFAULT_TICK`], because their periods differ while they learn.
    #[must_use]
    pub fn pace(&self) -> Duration {
        let pickers = self.roots.iter().filter(|(_, root)| !root.pools.is_empty());
        pickers.map(|(_, root)| root.pace()).next_back().unwrap_or(DEFAULT_TICK)
    }

    /// All pools, in the order of the configurations.
    pub fn pools(&self) -> impl Iterator<Item = &PoolState> {
        self.slots.iter().filter_map(|slot| slot.state.as_ref())
    }

    /// Puts a configuration in force that a root of this name brings. Pools keep their state by name, endpoints by
    /// address; pools that an earlier root of the same name brought and this one does not are gone.
    pub fn install(&mut self, name: &[u8], accepted: &Accepted, now: Time) -> Vec<PoolId> {
        self.abandon(name, |pool| accepted.pools.iter().any(|settings| settings.engine.name == pool.config().name));
        let ids: Vec<PoolId> =
            accepted.pools.iter().map(|settings| self.install_pool(name, settings, accepted.generation)).collect();
        for id in &ids {
            if let Some(state) = self.pool_mut(*id) {
                state.pool.set_configured_at(now);
            }
        }
        self.index_addresses();
        ids
    }

    fn install_pool(&mut self, owner: &[u8], settings: &PoolSettings, generation: u64) -> PoolId {
        let same =
            |slot: &Slot| slot.state.as_ref().is_some_and(|state| state.pool.config().name == settings.engine.name);
        let place = self.slots.iter().position(same);
        if let Some((index, slot)) = place.and_then(|index| Some((index, self.slots.get_mut(index)?)))
            && let Some(state) = &mut slot.state
        {
            state.pool.reconfigure(settings.engine.clone());
            state.observe = settings.observe;
            state.classify = settings.classify;
            state.reading = Reading::of(settings).map(Rc::new);
            state.generation = generation;
            slot.owner = owner.to_vec();
            return PoolId { slot: index as u32, uid: slot.uid };
        }
        self.next_uid = self.next_uid.wrapping_add(1);
        let slot = Slot {
            uid: self.next_uid,
            owner: owner.to_vec(),
            state: Some(PoolState {
                pool: Pool::new(settings.engine.clone()),
                observe: settings.observe,
                classify: settings.classify,
                reading: Reading::of(settings).map(Rc::new),
                patience: observer::Patience::default(),
                generation,
                sharing: tick::PoolSharing::new(&settings.engine.name),
                metrics: metrics::PoolMetrics::default(),
            }),
        };
        let id = |index: usize| PoolId { slot: index as u32, uid: self.next_uid };
        if let Some((index, free)) = self.slots.iter_mut().enumerate().find(|(_, slot)| slot.state.is_none()) {
            *free = slot;
            return id(index);
        }
        self.slots.push(slot);
        id(self.slots.len().saturating_sub(1))
    }

    /// A root is gone. Its pools go with it, unless another root of its name is there: that one has replaced it.
    pub fn remove_root(&mut self, context: u32) {
        let Some(index) = self.roots.iter().position(|(id, _)| *id == context) else { return };
        let (_, root) = self.roots.remove(index);
        let replaced = self.roots.iter().any(|(_, other)| other.name == root.name && other.config.is_some());
        if root.config.is_some_and(|config| config.role == Role::Picker) && !replaced {
            self.abandon(&root.name, |_| false);
            self.index_addresses();
        }
    }

    /// Pools of an owner that are not kept go to another root that uses them, or are gone.
    fn abandon(&mut self, owner: &[u8], kept: impl Fn(&Pool) -> bool) {
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.owner == owner) {
            if slot.state.as_ref().is_none_or(|state| kept(&state.pool)) {
                continue;
            }
            let id = PoolId { slot: index as u32, uid: slot.uid };
            let heir = self.roots.iter().find(|(_, root)| root.name != owner && root.pools.contains(&id));
            match heir {
                Some((_, root)) => slot.owner.clone_from(&root.name),
                None => slot.state = None,
            }
        }
    }

    fn index_addresses(&mut self) {
        self.addresses.clear();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(state) = slot.state.as_ref().filter(|state| state.observe == Observe::Attempt) else { continue };
            let pool = PoolId { slot: index as u32, uid: slot.uid };
            for (position, key) in state.pool.keys().enumerate() {
                let place = Place { pool, position: position as u32, shared: false };
                self.addresses.entry(key).and_modify(|place| place.shared = true).or_insert(place);
            }
        }
    }

    /// The endpoint with this key, among pools whose attempts are watched by observers.
    #[must_use]
    pub fn locate(&self, key: u64) -> Located {
        match self.addresses.get(&key) {
            None => Located::Nowhere,
            Some(place) if place.shared => Located::Ambiguous,
            Some(place) => Located::At(place.pool, place.position),
        }
    }

    /// The endpoint with this address in the pool of this cluster.
    #[must_use]
    pub fn locate_in(&self, cluster: &[u8], key: u64) -> Located {
        let found = self.slots.iter().enumerate().find_map(|(index, slot)| {
            let state = slot.state.as_ref().filter(|state| state.observe == Observe::Attempt)?;
            (state.pool.config().cluster.as_bytes() == cluster)
                .then_some((PoolId { slot: index as u32, uid: slot.uid }, state.pool.position(key)?))
        });
        found.map_or(Located::Nowhere, |(pool, position)| Located::At(pool, position))
    }

    /// Of a root's pools, the one that steers this cluster.
    #[must_use]
    pub fn pool_of_cluster(&self, root: u32, cluster: &[u8]) -> Option<PoolId> {
        let of = |id: &&PoolId| {
            let state = self.slots.get(id.slot as usize).filter(|slot| slot.uid == id.uid)?.state.as_ref()?;
            (state.pool.config().cluster.as_bytes() == cluster).then_some(())
        };
        self.root(root)?.pools.iter().find(|id| of(id).is_some()).copied()
    }

    /// A pool and what it wants to know of a request.
    #[must_use]
    pub(crate) fn target(&self, id: Option<PoolId>) -> Target {
        let slot = |id: PoolId| self.slots.get(id.slot as usize).filter(|slot| slot.uid == id.uid);
        match id.and_then(|id| Some((id, slot(id)?.state.as_ref()?))) {
            Some((id, state)) => Target::Pool(id, state.reading.clone()),
            None => Target::None,
        }
    }

    /// Ends an attempt in its pool, if that is still there.
    pub fn finish(&mut self, id: PoolId, attempt: Attempt, now: Time, ending: Ending) {
        if let Some(state) = self.pool_mut(id) {
            state.pool.finish(attempt, now, ending);
        }
    }
}
