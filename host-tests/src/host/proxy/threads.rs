//! The threads of a proxy, main first, then the workers, and the VMs in them: one per thread and group of plugins.
//!
//! A plugin starts in a canary VM that is thrown away, then on the main thread, then on each worker. What the canary
//! wrote to shared data and metrics stays. An update adds a root to each VM; the old root ticks until it is drained.

use std::cell::{Cell, RefCell, RefMut};
use std::time::Duration;

use super::Core;
use super::events::{Event, OfVm};
use super::setup::{FailurePolicy, Link, Setup};
use crate::host::{Plugin, StartError, Vm, VmError, World};

/// The main thread is the first of all threads.
pub(super) const MAIN: usize = 0;
/// A VM is not loaded again sooner; Envoy adds up to half of it by chance.
const RELOAD_AFTER_NS: u64 = 1_000_000_000;

/// A place for a VM: one thread's, for one group of plugins.
pub(super) struct Slot {
    /// Of the VM: the thread, and for all groups but the first a number.
    pub(super) name: String,
    pub(super) thread: usize,
    group: usize,
    /// None before the first plugin starts.
    vm: RefCell<Option<Vm>>,
    /// Plugins with their roots, the one that serves new streams last.
    roots: RefCell<Vec<(String, u32)>>,
    pub(super) next_tick: Cell<Option<u64>>,
    loaded_ns: Cell<u64>,
    reload_ns: Cell<u64>,
    /// How often the VM was loaded again.
    epoch: Cell<u32>,
}

impl Slot {
    pub(super) fn new(thread: usize, group: usize) -> Self {
        let of = thread_name(thread);
        let name = if group == 0 { of } else { format!("{of}.{group}") };
        let vm = RefCell::new(None);
        let (roots, next_tick) = (RefCell::default(), Cell::new(None));
        let (loaded_ns, reload_ns) = (Cell::new(0), Cell::new(RELOAD_AFTER_NS));
        Self { name, thread, group, vm, roots, next_tick, loaded_ns, reload_ns, epoch: Cell::new(0) }
    }

    /// Tells its VM from those that were there before.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch.get()
    }

    /// Its VM, between callbacks. Panics before the first plugin has started.
    pub(super) fn vm(&self) -> RefMut<'_, Vm> {
        RefMut::map(self.vm.borrow_mut(), |vm| vm.as_mut().expect("a thread has a VM once a plugin has started"))
    }

    /// Works on its VM, if there is one.
    pub(super) fn if_started<R>(&self, run: impl FnOnce(&mut Vm) -> R) -> Option<R> {
        self.vm.borrow_mut().as_mut().map(run)
    }
}

impl Core {
    pub(super) fn slot(&self, thread: usize, group: usize) -> usize {
        thread * self.setup.groups.len() + group
    }

    /// The root that serves new streams of a plugin.
    pub(super) fn root(&self, slot: usize, root_id: &str) -> Option<u32> {
        let roots = self.slots[slot].roots.borrow();
        roots.iter().rev().find(|(name, _)| name == root_id).map(|(_, root)| *root)
    }

    pub(super) fn is_dead(&self, slot: usize) -> bool {
        self.slots[slot].vm().is_dead()
    }

    /// Works on a VM between its callbacks.
    pub(super) fn vm<R>(&self, slot: usize, run: impl FnOnce(&mut Vm) -> R) -> R {
        run(&mut self.slots[slot].vm())
    }

    /// Starts plugins in every thread: all of them on the main thread, and then on the workers, each when its turn
    /// comes. Of a plugin that its canary refuses nothing is left.
    pub(super) fn add_plugins(&self, links: &[&Link]) -> Result<(), StartError> {
        links.iter().try_for_each(|link| self.add_to_main(link))?;
        for thread in 1..self.busy.len() {
            let delay = Duration::from_nanos(self.preemptor.borrow_mut().start_delay_ns());
            for link in links {
                let event = Event::Start { group: link.group, plugin: Box::new(link.plugin.clone()) };
                self.schedule(thread, delay, event);
            }
        }
        while self.events.borrow().has_starts() {
            self.step(u64::MAX);
        }
        if let Some(error) = self.start_errors.take().into_iter().next() {
            return Err(error);
        }
        let named = links.iter().map(|link| (link.plugin.root_id.clone(), link.plugin.clone()));
        self.plugins.borrow_mut().extend(named);
        Ok(())
    }

    fn add_to_main(&self, link: &Link) -> Result<(), StartError> {
        if self.slots[self.slot(MAIN, link.group)].if_started(|_| ()).is_none() {
            // Envoy makes a VM from the code before all others, and runs no plugin in it.
            new_vm(&self.setup, &self.world, "main", link.group)?;
        }
        self.inside(MAIN, || -> Result<(), StartError> {
            let mut canary = new_vm(&self.setup, &self.world, "canary", link.group)?;
            canary.start_root(&link.plugin).map(drop)
        })?;
        self.start_root(self.slot(MAIN, link.group), &link.plugin).map(drop)
    }

    /// Starts a plugin in one VM; the root that it had lives on until it is drained.
    pub(super) fn start_root(&self, slot: usize, plugin: &Plugin) -> Result<u32, StartError> {
        let before = self.root(slot, &plugin.root_id);
        let place = &self.slots[slot];
        let root = self.inside(place.thread, || {
            if place.if_started(|_| ()).is_none() {
                *place.vm.borrow_mut() = Some(new_vm(&self.setup, &self.world, &place.name, place.group)?);
            }
            place.vm().start_root(plugin)
        })?;
        self.vm(slot, |vm| {
            vm.skew_timers(root, |period| self.rng.borrow_mut().below(period));
            place.next_tick.set(vm.next_tick_ns());
        });
        place.roots.borrow_mut().push((plugin.root_id.clone(), root));
        place.loaded_ns.set(self.world.now_ns());
        if let Some(root) = before {
            let drain = Event::OfVm { slot, epoch: place.epoch(), what: OfVm::Drain { root } };
            self.schedule(place.thread, self.setup.drain, drain);
        }
        self.run_actions(slot);
        Ok(root)
    }

    /// A new request found a dead VM: with the policy for it, and long enough after the last start, a fresh one takes
    /// its place. Each plugin's root in it starts when a request wants it.
    pub(super) fn reload_if_due(&self, slot: usize, link: &Link) {
        if link.policy != FailurePolicy::Reload {
            return;
        }
        let place = &self.slots[slot];
        if self.is_dead(slot) {
            let since = self.world.now_ns().saturating_sub(place.loaded_ns.get());
            if since < place.reload_ns.get() {
                return;
            }
            place.loaded_ns.set(self.world.now_ns());
            place.reload_ns.set(RELOAD_AFTER_NS + self.rng.borrow_mut().below(RELOAD_AFTER_NS / 2));
            let Ok(vm) = new_vm(&self.setup, &self.world, &place.name, place.group) else { return };
            self.world.note("proxy", || format!("{} loads its VM again", place.name));
            if let Some(dead) = place.vm.replace(Some(vm)) {
                self.retired.borrow_mut().merge(dead.costs());
            }
            place.epoch.set(place.epoch() + 1);
            place.next_tick.set(None);
            place.roots.borrow_mut().clear();
            // Nobody waits for these any more, and their tokens come again.
            self.calls.borrow_mut().retain(|pending| pending.slot != slot);
        }
        if self.root(slot, &link.plugin.root_id).is_none() {
            let plugin = self.plugins.borrow().get(&link.plugin.root_id).cloned();
            if let Err(error) = self.start_root(slot, plugin.as_ref().unwrap_or(&link.plugin)) {
                self.world.note("proxy", || format!("{} cannot start it: {error}", place.name));
                // Dead until the next time.
                self.vm(slot, Vm::give_up);
                if let StartError::Vm(error @ VmError::Trapped { .. }) = error {
                    self.traps.borrow_mut().push(error);
                }
            }
        }
    }

    pub(super) fn drain_root(&self, slot: usize, root: u32) {
        if !self.vm(slot, |vm| vm.has_root(root)) {
            return;
        }
        self.slots[slot].roots.borrow_mut().retain(|(_, other)| *other != root);
        self.guarded(slot, |vm| vm.stop_root(root));
        self.run_actions(slot);
    }

    /// Ends every root of every thread, as at the proxy's end.
    pub(super) fn stop_all_roots(&self) {
        for slot in 0..self.slots.len() {
            let roots: Vec<u32> = self.slots[slot].roots.borrow().iter().map(|(_, root)| *root).collect();
            for root in roots {
                self.drain_root(slot, root);
            }
        }
    }
}

/// What a thread is called in traces and logs.
pub(crate) fn thread_name(thread: usize) -> String {
    if thread == MAIN { "main".to_owned() } else { format!("worker-{}", thread - 1) }
}

/// A VM of a group for a thread.
fn new_vm(setup: &Setup, world: &World, name: &str, group: usize) -> Result<Vm, StartError> {
    let spec = &setup.groups[group];
    let mut vm = Vm::new(&spec.guest, name, &spec.vm_id, world)?;
    vm.set_clusters(setup.call_clusters.iter().cloned().chain([setup.cluster.clone()]));
    vm.set_vm_configuration(&spec.vm_configuration);
    Ok(vm)
}
