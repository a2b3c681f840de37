//! What the VMs of one proxy have in common: virtual time, the shared store, the trace, the log.
//!
//! A [`World`] is a cheap handle. It belongs to one thread; tests that run in parallel each have their own.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::store::SharedStore;
use super::{Profile, Rng, Status, Trace};

/// Virtual time starts here: 2026-01-01T00:00:00Z, in nanoseconds since 1970.
pub const START_NS: u64 = 1_767_225_600_000_000_000;

/// One line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Virtual time, nanoseconds since 1970.
    pub at_ns: u64,
    /// Name of the VM.
    pub vm: String,
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 critical.
    pub level: u32,
    /// What it said.
    pub message: String,
}

/// Run before a host call that touches what all VMs share; see [`World::set_preempt`].
type Preempt = Rc<dyn Fn()>;
type ForeignFunction = Rc<dyn Fn(&[u8]) -> Result<Vec<u8>, Status>>;

struct Inner {
    now_ns: Cell<u64>,
    store: RefCell<SharedStore>,
    trace: RefCell<Trace>,
    log: RefCell<Vec<LogLine>>,
    log_level: Cell<u32>,
    foreign: RefCell<BTreeMap<Vec<u8>, ForeignFunction>>,
    preempt: RefCell<Option<Preempt>>,
    profile: Profile,
    /// What `random_get` gives.
    dice: RefCell<Rng>,
    environment: RefCell<Vec<(String, String)>>,
}

/// A handle on what all VMs of one proxy share.
#[derive(Clone)]
pub struct World(Rc<Inner>);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World at {:?}", self.elapsed())
    }
}

impl World {
    /// A world at [`START_NS`] with an empty store, as a host has it.
    pub fn new(profile: impl Into<Profile>) -> Self {
        let profile = profile.into();
        Self(Rc::new(Inner {
            now_ns: Cell::new(START_NS),
            store: RefCell::new(SharedStore::new(profile.clone())),
            trace: RefCell::default(),
            log: RefCell::default(),
            log_level: Cell::new(2),
            foreign: RefCell::default(),
            preempt: RefCell::default(),
            profile,
            dice: RefCell::new(Rng::new(0)),
            environment: RefCell::default(),
        }))
    }

    /// The host that this is.
    pub fn profile(&self) -> Profile {
        self.0.profile.clone()
    }

    /// What WASI's `random_get` gives depends on this seed only; 0 from the start.
    pub fn set_random_seed(&self, seed: u64) {
        *self.0.dice.borrow_mut() = Rng::new(seed);
    }

    pub(crate) fn random(&self, bytes: &mut [u8]) {
        let mut dice = self.0.dice.borrow_mut();
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&dice.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    /// The environment variables that guests see through WASI, in this order.
    pub fn set_environment<K: Into<String>, V: Into<String>>(&self, variables: impl IntoIterator<Item = (K, V)>) {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        *self.0.environment.borrow_mut() = variables.collect();
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.0.environment.borrow().clone()
    }

    /// Virtual time, nanoseconds since 1970.
    pub fn now_ns(&self) -> u64 {
        self.0.now_ns.get()
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now_ns() - START_NS)
    }

    /// Lets time pass. Nothing happens by itself: a proxy runs what is due.
    pub fn advance(&self, by: Duration) {
        self.set_now_ns(self.now_ns() + by.as_nanos() as u64);
    }

    pub(crate) fn set_now_ns(&self, now_ns: u64) {
        self.0.now_ns.set(now_ns.max(self.now_ns()));
    }

    /// Shared data, queues and metrics. The borrow must end before a VM runs.
    pub fn store(&self) -> RefMut<'_, SharedStore> {
        self.0.store.borrow_mut()
    }

    /// The record of what crossed the boundary. The borrow must end before a VM runs.
    pub fn trace(&self) -> RefMut<'_, Trace> {
        self.0.trace.borrow_mut()
    }

    /// What guests logged so far.
    pub fn log(&self) -> Vec<LogLine> {
        self.0.log.borrow().clone()
    }

    /// What guests logged since line `from`.
    pub fn log_since(&self, from: usize) -> Vec<LogLine> {
        self.0.log.borrow().get(from..).unwrap_or_default().to_vec()
    }

    /// How many lines guests logged.
    pub fn log_len(&self) -> usize {
        self.0.log.borrow().len()
    }

    /// The level that `proxy_get_log_level` reports; everything that is logged is kept whatever it is.
    pub fn set_log_level(&self, level: u32) {
        self.0.log_level.set(level);
    }

    /// Offers a foreign function besides those that the host has itself; one of the same name takes its place.
    pub fn define_foreign(&self, name: &str, function: impl Fn(&[u8]) -> Result<Vec<u8>, Status> + 'static) {
        self.0.foreign.borrow_mut().insert(name.as_bytes().to_vec(), Rc::new(function));
    }

    pub(crate) fn foreign(&self, name: &[u8]) -> Option<ForeignFunction> {
        self.0.foreign.borrow().get(name).cloned()
    }

    /// Lets somebody run other VMs before each host call that touches what all VMs share.
    pub(crate) fn set_preempt(&self, preempt: Option<Preempt>) {
        *self.0.preempt.borrow_mut() = preempt;
    }

    pub(crate) fn preempt(&self) {
        let preempt = self.0.preempt.borrow().clone();
        if let Some(preempt) = preempt {
            preempt();
        }
    }

    pub(crate) fn log_level(&self) -> u32 {
        self.0.log_level.get()
    }

    pub(crate) fn push_log(&self, vm: &str, level: u32, message: String) {
        self.0.log.borrow_mut().push(LogLine { at_ns: self.now_ns(), vm: vm.to_owned(), level, message });
    }

    pub(crate) fn tracing(&self) -> bool {
        self.0.trace.borrow().is_on()
    }

    pub(crate) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        if self.tracing() {
            let what = what();
            self.0.trace.borrow_mut().push(self.now_ns() - START_NS, who, &what);
        }
    }
}
