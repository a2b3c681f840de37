//! Root contexts of a VM: start, configure, tick, shut down.
//!
//! A configuration update adds a root to the same VM; the old one stays and ticks until it is stopped.

use std::fmt;
use std::rc::Rc;

use super::LogLine;
use super::Status;
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
        self.store.data_mut().roots.insert(root, Root::new(plugin.clone()));
        self.configuring(root, true);
        self.raw(Kind::ContextCreate, &[root, 0])?;
        for (kind, size) in [(Kind::VmStart, vm_size), (Kind::Configure, size)] {
            self.configuring(root, kind == Kind::Configure);
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
        self.configuring(root, false);
        Ok(root)
    }

    fn configuring(&mut self, root: u32, configuring: bool) {
        self.with_root(root, |root| root.configuring = configuring);
    }

    pub(crate) fn with_root(&mut self, root: u32, change: impl FnOnce(&mut Root)) {
        if let Some(root) = self.store.data_mut().roots.get_mut(&root) {
            change(root);
        }
    }

    /// What a root's guest finds as properties, besides its plugin's names.
    pub fn root_properties(&mut self, root: u32) -> Option<&mut Properties> {
        self.store.data_mut().roots.get_mut(&root).map(|root| &mut root.properties)
    }

    /// Whether a root lives.
    pub(crate) fn has_root(&self, root: u32) -> bool {
        self.store.data().roots.contains_key(&root)
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

    /// Ends a root: done, then delete. One that answers "not yet" stays, and ticks, until it calls `proxy_done`.
    pub fn stop_root(&mut self, root: u32) -> Result<(), VmError> {
        if self.raw(Kind::Done, &[root])? == 0 {
            self.with_root(root, |root| root.pending_done = true);
            return Ok(());
        }
        self.delete_root(root)
    }

    /// Deletes a root whose `proxy_on_done` said "not yet".
    pub fn delete_root(&mut self, root: u32) -> Result<(), VmError> {
        let deleted = self.raw(Kind::Delete, &[root]);
        self.store.data_mut().roots.remove(&root);
        deleted.map(drop)
    }

    /// Asks a root whether it would take a configuration. Envoy does not ask any more; older guests still answer.
    pub fn validate_configuration(&mut self, root: u32) -> Result<bool, VmError> {
        let size = self.store.data().roots.get(&root).map_or(0, |root| root.plugin.configuration.len() as u32);
        self.configuring(root, true);
        let valid = self.raw(Kind::ValidateConfiguration, &[root, size]);
        self.configuring(root, false);
        Ok(valid? != 0)
    }

    /// A foreign function calls back. Its data can be read during the callback only.
    pub fn foreign_function(&mut self, context: u32, function: u32, data: Vec<u8>) -> Result<(), VmError> {
        let size = data.len() as u32;
        self.store.data_mut().call_data = data;
        let told = self.raw(Kind::ForeignFunction, &[context, function, size]);
        self.store.data_mut().call_data = Vec::new();
        told.map(drop)
    }

    /// Tells a root that a queue has something.
    pub fn queue_ready(&mut self, root: u32, queue: u32) -> Result<(), VmError> {
        self.raw(Kind::QueueReady, &[root, queue]).map(drop)
    }

    /// Answers an HTTP call. Its headers, body and trailers can be read during the callback only. An answer without
    /// headers is a call that was reset: nothing can be read, and `proxy_get_status` says so.
    pub fn answer_http_call(&mut self, root: u32, token: u32, reply: HttpReply) -> Result<(), VmError> {
        let (headers, trailers) = (reply.headers.len() as u32, reply.trailers.len() as u32);
        let body = reply.body.len() as u32;
        let args = if headers == 0 { [root, token, 0, 0, 0] } else { [root, token, headers, body, trailers] };
        self.with_root(root, |root| {
            if headers == 0 {
                root.status = (Status::BrokenConnection as u32, b"reset".to_vec());
            } else {
                root.incoming.http = Some(reply);
            }
        });
        let caller = self.store.data_mut().callers.remove(&token);
        let answered = self.raw_for(Kind::HttpCallResponse, &args, caller);
        self.with_root(root, |root| {
            root.incoming.http = None;
            root.status.1.clear();
        });
        answered.map(drop)
    }
}
