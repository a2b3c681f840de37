//! The heart of the modelled proxy: its state, the order of events, and running a thread's VM.
//!
//! All state lies in cells, because a thread may stand still inside a callback while events of other threads run on
//! the same stack: no borrow spans a call into a VM.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::calls::PendingCall;
use super::cluster::Cluster;
use super::events::{Event, Events, OfVm};
use super::flow::Exchange;
use super::model::{CallScript, Outcome, Request, RequestId};
use super::preempt::Preemptor;
use super::setup::Setup;
use super::threads::{Slot, thread_name};
use crate::host::{Costs, Headers, Map, Plugin, Rng, StartError, Vm, VmError, World};

/// More than any test has due at one instant.
const STEPS_AT_ONCE: u64 = 1_000_000;

pub(super) struct Core {
    pub(super) setup: Rc<Setup>,
    pub(super) world: World,
    pub(super) rng: RefCell<Rng>,
    pub(super) slots: Vec<Slot>,
    /// Threads that stand inside a callback.
    pub(super) busy: Vec<Cell<bool>>,
    /// Of the route and of its virtual host.
    pub(super) names: (Rc<str>, Rc<str>),
    /// The cluster behind the router, then those of the routes.
    pub(super) clusters: RefCell<Vec<Cluster>>,
    pub(super) events: RefCell<Events>,
    pub(super) exchanges: RefCell<BTreeMap<RequestId, Box<Exchange>>>,
    pub(super) outcomes: RefCell<BTreeMap<RequestId, Outcome>>,
    pub(super) calls: RefCell<Vec<PendingCall>>,
    pub(super) call_scripts: RefCell<BTreeMap<String, CallScript>>,
    pub(super) traps: RefCell<Vec<VmError>>,
    pub(super) start_errors: RefCell<Vec<StartError>>,
    /// Costs of VMs that were replaced.
    pub(super) retired: RefCell<Costs>,
    pub(super) preemptor: RefCell<Preemptor>,
    pub(super) draining: Cell<bool>,
    /// The thread whose VM runs.
    running: Cell<usize>,
    /// How many steps were made at the same instant, and which.
    instant: Cell<(u64, u64)>,
    /// Stands during which somebody else ran.
    pub(super) stands: Cell<u64>,
    /// Plugins as they were configured last, by `root_id`.
    pub(super) plugins: RefCell<BTreeMap<String, Plugin>>,
    /// A digest of who ran and who touched what all share, in order.
    pub(super) order: Cell<u64>,
    requests: Cell<RequestId>,
}

/// The default cluster, then those of the routes that lead somewhere; the same cluster twice is one.
fn clusters(setup: &Setup) -> Vec<Cluster> {
    let mut clusters = vec![Cluster::new(&setup.cluster, &setup.endpoints)];
    for (_, name, endpoints) in &setup.routes {
        if !name.is_empty() && clusters.iter().all(|cluster| *cluster.name != **name) {
            clusters.push(Cluster::new(name, endpoints));
        }
    }
    clusters
}

impl Core {
    /// The cluster to which a path leads; `None` if it does not exist.
    pub(super) fn cluster_of(&self, path: &[u8]) -> Option<usize> {
        let mut routes = self.setup.routes.iter();
        let Some((_, name, _)) = routes.find(|(prefix, ..)| path.starts_with(prefix.as_bytes())) else {
            return Some(0);
        };
        self.clusters.borrow().iter().position(|cluster| *cluster.name == **name)
    }

    pub(super) fn new(setup: Setup, preemptor: Preemptor) -> Result<Rc<Self>, StartError> {
        let setup = Rc::new(setup);
        let world = World::new(setup.profile.clone());
        world.trace().record(setup.trace);
        world.set_random_seed(setup.seed);
        let threads = setup.workers + 1;
        let mut slots = Vec::new();
        for thread in 0..threads {
            for group in 0..setup.groups.len() {
                slots.push(Slot::new(thread, group));
            }
        }
        let core = Rc::new(Self {
            rng: RefCell::new(Rng::new(setup.seed)),
            slots,
            busy: vec![Cell::new(false); threads],
            names: (setup.route_name.as_str().into(), setup.virtual_host.as_str().into()),
            clusters: RefCell::new(clusters(&setup)),
            events: RefCell::default(),
            exchanges: RefCell::default(),
            outcomes: RefCell::default(),
            calls: RefCell::default(),
            call_scripts: RefCell::default(),
            traps: RefCell::default(),
            start_errors: RefCell::default(),
            retired: RefCell::default(),
            draining: Cell::new(false),
            running: Cell::new(0),
            instant: Cell::new((0, 0)),
            stands: Cell::new(0),
            plugins: RefCell::default(),
            order: Cell::new(0xcbf2_9ce4_8422_2325),
            requests: Cell::new(0),
            setup,
            world,
            preemptor: RefCell::new(preemptor),
        });
        if core.preemptor.borrow().is_on() {
            let weak = Rc::downgrade(&core);
            core.world.set_preempt(Some(Rc::new(move || {
                if let Some(core) = weak.upgrade() {
                    core.stand_still();
                }
            })));
        }
        Ok(core)
    }

    pub(super) fn submit(&self, delay: Duration, request: Request) -> RequestId {
        let id = self.requests.get() + 1;
        self.requests.set(id);
        let drawn = self.rng.borrow_mut().index(self.setup.workers);
        let worker = request.worker.filter(|worker| *worker < self.setup.workers).unwrap_or(drawn);
        self.schedule(worker + 1, delay, Event::Arrive { id, request: Box::new(request) });
        id
    }

    pub(super) fn schedule(&self, thread: usize, delay: Duration, event: Event) {
        let at = self.world.now_ns().saturating_add(delay.as_nanos() as u64);
        self.events.borrow_mut().schedule(at, thread, event);
    }

    pub(super) fn is_working(&self) -> bool {
        !self.exchanges.borrow().is_empty() || self.events.borrow().has_arrivals()
    }

    pub(super) fn run_until(&self, until_ns: u64) {
        while self.step(until_ns) {}
        self.world.set_now_ns(until_ns);
    }

    /// Runs the next event or tick that is due until `limit_ns`, of a thread that is not inside a callback; false if
    /// there is none.
    pub(super) fn step(&self, limit_ns: u64) -> bool {
        let busy = |thread: usize| self.busy[thread].get();
        let anyone = self.busy.iter().any(Cell::get);
        let free = self.slots.iter().enumerate().filter(|(_, slot)| !busy(slot.thread));
        let tick = free.filter_map(|(at, slot)| Some((slot.next_tick.get()?, at))).min();
        let event = self.events.borrow().next_ns(busy, anyone);
        let (at_ns, slot) = match (event, tick) {
            (Some(event), Some((tick, slot))) if tick < event => (tick, Some(slot)),
            (Some(event), _) => (event, None),
            (None, Some((tick, slot))) => (tick, Some(slot)),
            (None, None) => return false,
        };
        if at_ns > limit_ns {
            return false;
        }
        self.world.set_now_ns(at_ns);
        self.count_step();
        match slot {
            Some(slot) => {
                self.guarded(slot, Vm::run_due_ticks);
                self.run_actions(slot);
            }
            None => self.run_event(),
        }
        true
    }

    /// A guest that calls or wakes itself at once and for ever would keep time from passing.
    fn count_step(&self) {
        let (now, (instant, steps)) = (self.world.now_ns(), self.instant.get());
        let steps = if instant == now { steps + 1 } else { 0 };
        assert!(steps < STEPS_AT_ONCE, "a million events at {:?} and time does not pass", self.world.elapsed());
        self.instant.set((now, steps));
    }

    fn run_event(&self) {
        let popped = self.events.borrow_mut().pop(|thread| self.busy[thread].get());
        let Some((thread, event)) = popped else { return };
        match event {
            Event::Arrive { id, request } => self.accept(id, thread, *request),
            Event::Pieces { id } => self.request_pieces(id),
            Event::Upstream { id, attempt, what } => self.hear_upstream(id, attempt, what),
            Event::Retry { id } => self.retry_due(id),
            Event::Timeout { id } => self.time_out(id),
            Event::Abort { id } => self.abort(id),
            Event::Start { group, plugin } => {
                if let Err(error) = self.start_root(self.slot(thread, group), &plugin) {
                    self.start_errors.borrow_mut().push(error);
                }
            }
            Event::OfVm { slot, epoch, what } if self.slots[slot].epoch() == epoch => match what {
                OfVm::Drain { root } => self.drain_root(slot, root),
                OfVm::QueueReady { root, queue } => self.queue_ready(slot, root, queue),
                OfVm::CallAnswer { token, late } => self.call_due(slot, token, late),
            },
            // Meant for a VM that is no more.
            Event::OfVm { .. } => {}
        }
    }

    /// A thread is about to touch what all threads share: it may stand still here while the others go on.
    fn stand_still(&self) {
        self.fold_order(self.running.get() as u64 * 2 + 1);
        let waiting = self.busy.iter().filter(|busy| busy.get()).count();
        if waiting >= self.busy.len() {
            return;
        }
        let Some(stall) = self.preemptor.borrow_mut().decide(self.running.get(), waiting) else { return };
        let until = self.world.now_ns() + stall;
        let thread = self.running.get();
        self.world.note("explore", || format!("{} stands still for {stall} ns", thread_name(thread)));
        let before = self.order.get();
        self.run_until(until);
        self.stands.set(self.stands.get() + u64::from(self.order.get() != before));
    }

    fn fold_order(&self, what: u64) {
        self.order.set((self.order.get() ^ what).wrapping_mul(0x0100_0000_01b3));
    }

    /// Runs something on a thread: until it returns, nothing else runs there.
    pub(super) fn inside<R>(&self, thread: usize, run: impl FnOnce() -> R) -> R {
        let was = self.busy[thread].replace(true);
        let ran = self.running.replace(thread);
        self.fold_order(thread as u64 * 2);
        let result = run();
        self.busy[thread].set(was);
        self.running.set(ran);
        result
    }

    /// As [`Core::guarded`], if the VM is still the one of this epoch. One that was loaded again since knows nothing of
    /// the streams of its predecessor, though it may use their numbers.
    pub(super) fn guarded_in<R>(
        &self,
        slot: usize,
        epoch: u32,
        run: impl FnOnce(&mut Vm) -> Result<R, VmError>,
    ) -> Option<R> {
        if self.slots[slot].epoch() == epoch { self.guarded(slot, run) } else { None }
    }

    /// Runs something in a VM. If it traps, the VM is dead; what that means for its streams shows at their next
    /// callback.
    pub(super) fn guarded<R>(&self, slot: usize, run: impl FnOnce(&mut Vm) -> Result<R, VmError>) -> Option<R> {
        let place = &self.slots[slot];
        let result = self.inside(place.thread, || {
            let mut vm = place.vm();
            let result = run(&mut vm);
            place.next_tick.set(vm.next_tick_ns());
            result
        });
        match result {
            Ok(result) => Some(result),
            Err(VmError::Dead) => None,
            Err(trap) => {
                self.traps.borrow_mut().push(trap);
                None
            }
        }
    }

    pub(super) fn admin(&self, worker: usize, headers: Headers) -> Option<(u16, Headers, Vec<u8>)> {
        let link = self.setup.admin.as_ref()?;
        let slot = self.slot(worker + 1, link.group);
        self.reload_if_due(slot, link);
        let root = self.root(slot, &link.plugin.root_id)?;
        let answer = self.guarded(slot, |vm| {
            let context = vm.open_stream(root)?;
            vm.request_headers(context, headers, true)?;
            let Some(local) = vm.take_local_response(context) else {
                vm.end_stream(context)?;
                return Ok(None);
            };
            let mut headers = Headers::response(local.status as u16);
            local.headers.iter().for_each(|(key, value)| headers.add(key, value));
            vm.response_headers(context, headers, local.body.is_empty())?;
            let headers = vm.map(context, Map::ResponseHeaders);
            vm.end_stream(context)?;
            Ok(Some((local.status as u16, headers, local.body)))
        });
        self.run_actions(slot);
        answer.flatten()
    }
}
