//! The threads of a proxy, each with its VM: main first, then the workers; and how plugins get into them.
//!
//! A plugin starts in a canary VM that is thrown away, then on the main thread, then on each worker. What the canary
//! wrote to shared data and metrics stays. An update adds a root to each VM; the old root ticks until it is drained.

use super::Proxy;
use super::events::Event;
use crate::host::{Plugin, StartError, Vm};

/// The main thread is the first of all threads.
pub(super) const MAIN: usize = 0;

/// One thread.
pub(super) struct Thread {
    pub(super) vm: Vm,
    /// Plugins with their roots, the one that serves new streams last.
    roots: Vec<(String, u32)>,
}

impl Thread {
    pub(super) fn new(vm: Vm) -> Self {
        Self { vm, roots: Vec::new() }
    }

    /// The root that serves new streams of a plugin.
    pub(super) fn root(&self, root_id: &str) -> Option<u32> {
        self.roots.iter().rev().find(|(name, _)| name == root_id).map(|(_, root)| *root)
    }
}

impl Proxy {
    /// Starts a plugin in every thread. Nothing has changed if the canary refuses it.
    pub(super) fn add_plugin(&mut self, plugin: &Plugin) -> Result<(), StartError> {
        let mut canary = self.new_vm("canary")?;
        canary.start_root(plugin)?;
        drop(canary);
        let until = self.world.now_ns() + self.setup.drain.as_nanos() as u64;
        for thread in 0..self.threads.len() {
            let before = self.threads[thread].root(&plugin.root_id);
            let root = self.threads[thread].vm.start_root(plugin)?;
            let rng = &mut self.rng;
            self.threads[thread].vm.skew_timers(root, |period| rng.below(period));
            self.threads[thread].roots.push((plugin.root_id.clone(), root));
            if let Some(root) = before {
                self.events.schedule(until, Event::Drain { thread, root });
            }
            self.run_actions(thread);
        }
        Ok(())
    }

    pub(super) fn new_vm(&self, name: &str) -> Result<Vm, StartError> {
        let mut vm = Vm::new(&self.setup.guest, name, &self.setup.vm_id, &self.world)?;
        vm.set_clusters([self.setup.cluster.clone()]);
        Ok(vm)
    }

    pub(super) fn drain_root(&mut self, thread: usize, root: u32) {
        self.threads[thread].roots.retain(|(_, other)| *other != root);
        self.guarded(thread, |vm| vm.stop_root(root));
        self.run_actions(thread);
    }
}
