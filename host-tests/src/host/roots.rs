//! Root contexts of a VM: start, configure, tick, shut down.
//!
//! A configuration update adds a root to the same VM; the old one stays and ticks until it is stopped.

use std::fmt;
use std::rc::Rc;

use super::LogLine;
use super::callbacks::CallbackKind as Kind;
use super::context::{Plugin, Root};
use super::properties::Properties;
use super::vm::{HttpReply, Vm, VmError};

/// Why a plugin did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The guest answered false.
    Refused {
        /// `proxy_on_vm_start` or `proxy_on_configure`.
        callback: &'static str,
        /// Name of the VM.
        vm: String,
        /// The plugin's `root_id`.
        root_id: String,
        /// What the guest logged meanwhile.
        log: Vec<LogLine>,
    },
    /// It trapped, or its VM was dead.
    Vm(VmError),
    /// No VM could be made for it.
    Load(super::LoadError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { callback, vm, root_id, log } => {
                let said: Vec<&str> = log.iter().map(|line| line.message.as_str()).collect();
                write!(f, "{root_id} refused {callback} in {vm}: {}", said.join("; "))
            }
            Self::Vm(error) => error.fmt(f),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<VmError> for StartError {
    fn from(error: VmError) -> Self {
        Self::Vm(error)
    }
}

impl From<super::LoadError> for StartError {
    fn from(error: super::LoadError) -> Self {
        Self::Load(error)
    }
}

impl Vm {
    /// Creates a root context, starts and configures it; its id. A root that refuses is taken away again.
    pub fn start_root(&mut self, plugin: &Plugin) -> Result<u32, StartError> {
        let root = self.new_context_id();
        let plugin = Rc::new(plugin.clone());
        let logged = self.store.data().world.log_len();
        let size = plugin.configuration.len() as u32;
        let vm_size = self.store.data().vm_configuration.len() as u32;
        let (tick_period, next_tick) = (None, None);
        let values = Properties::default();
        let entry = Root { plugin: plugin.clone(), tick_period, next_tick, starting: true, values };
        self.store.data_mut().roots.insert(root, entry);
        self.raw(Kind::ContextCreate, &[root, 0])?;
        for (kind, size) in [(Kind::VmStart, vm_size), (Kind::Configure, size)] {
            if self.raw(kind, &[root, size])? == 0 {
                self.store.data_mut().roots.remove(&root);
                return Err(StartError::Refused {
                    callback: kind.name(),
                    vm: self.name().to_owned(),
                    root_id: plugin.root_id.clone(),
                    log: self.store.data().world.log_since(logged),
                });
            }
        }
        if let Some(entry) = self.store.data_mut().roots.get_mut(&root) {
            entry.starting = false;
        }
        Ok(root)
    }

    /// Ids of the roots that live.
    pub fn roots(&self) -> Vec<u32> {
        self.store.data().roots.keys().copied().collect()
    }

    /// When the next timer is due, nanoseconds since 1970; `None` without a timer or in a dead VM.
    pub fn next_tick_ns(&self) -> Option<u64> {
        let due = self.store.data().roots.values().filter_map(|root| root.next_tick);
        if self.is_dead() { None } else { due.min() }
    }

    /// Moves every timer that runs later by a part of its period, so that threads do not tick in step.
    pub(crate) fn skew_timers(&mut self, root: u32, part: impl FnOnce(u64) -> u64) {
        if let Some(root) = self.store.data_mut().roots.get_mut(&root)
            && let (Some(period), Some(next)) = (root.tick_period, root.next_tick)
        {
            root.next_tick = Some(next + part(period));
        }
    }

    /// Runs the ticks that are due, oldest first, each once. A timer is armed again when its tick has returned.
    pub fn run_due_ticks(&mut self) -> Result<(), VmError> {
        let now = self.store.data().world.now_ns();
        let mut due: Vec<(u64, u32)> = Vec::new();
        for (id, root) in &self.store.data().roots {
            due.extend(root.next_tick.filter(|at| *at <= now).map(|at| (at, *id)));
        }
        due.sort_unstable();
        for (_, root) in due {
            self.tick(root)?;
        }
        Ok(())
    }

    /// Runs one root's tick now.
    pub fn tick(&mut self, root: u32) -> Result<(), VmError> {
        self.raw(Kind::Tick, &[root])?;
        let now = self.store.data().world.now_ns();
        if let Some(root) = self.store.data_mut().roots.get_mut(&root) {
            root.next_tick = root.tick_period.map(|period| now + period);
        }
        Ok(())
    }

    /// Ends a root: done, then delete. One that answers "not yet" stays until it calls `proxy_done`.
    pub fn stop_root(&mut self, root: u32) -> Result<(), VmError> {
        if let Some(root) = self.store.data_mut().roots.get_mut(&root) {
            (root.tick_period, root.next_tick) = (None, None);
        }
        if self.raw(Kind::Done, &[root])? != 0 {
            self.delete_root(root)?;
        }
        Ok(())
    }

    /// Deletes a root whose `proxy_on_done` said "not yet".
    pub fn delete_root(&mut self, root: u32) -> Result<(), VmError> {
        let deleted = self.raw(Kind::Delete, &[root]);
        self.store.data_mut().roots.remove(&root);
        deleted.map(drop)
    }

    /// Tells a root that a queue has something.
    pub fn queue_ready(&mut self, root: u32, queue: u32) -> Result<(), VmError> {
        self.raw(Kind::QueueReady, &[root, queue]).map(drop)
    }

    /// Answers an HTTP call. Its headers, body and trailers can be read during the callback only.
    pub fn answer_http_call(&mut self, root: u32, token: u32, reply: HttpReply) -> Result<(), VmError> {
        let (headers, trailers) = (reply.headers.len() as u32, reply.trailers.len() as u32);
        let body = reply.body.len() as u32;
        self.store.data_mut().reply = Some(reply);
        let answered = self.raw(Kind::HttpCallResponse, &[root, token, headers, body, trailers]);
        self.store.data_mut().reply = None;
        answered.map(drop)
    }
}
