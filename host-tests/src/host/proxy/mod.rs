//! A modelled proxy around the VMs: listener → filters → router → `override_host` cluster → upstream filters →
//! endpoint.
//!
//! Virtual time and an event queue: requests overlap, so what is in flight is real. Ticks of all VMs, the main
//! thread's too, run when time passes, and never inside another callback of the same thread. One seed decides which
//! worker gets a connection, where each thread's timers stand, back-offs and the cluster's fallback; with
//! [`explore`](super::explore) also where a thread stands still in the middle of a callback while others go on.

mod attempts;
mod calls;
mod chain;
mod cluster;
mod core;
mod events;
mod flow;
mod held;
mod info;
mod model;
mod policy;
mod preempt;
mod replies;
mod retries;
mod setup;
mod threads;

pub use model::{
    Answer, Attempt, AttemptEnd, AttemptRecord, Behaviour, CallAnswer, Outcome, Request, RequestId, Source,
};
pub use setup::{FailurePolicy, Retries, Setup};

use std::cell::RefMut;
use std::rc::Rc;
use std::time::Duration;

use self::core::Core;
use super::{Costs, Headers, HttpCall, HttpReply, Plugin, Rng, StartError, Vm, VmError, World};
pub use preempt::Preemption;
pub(crate) use preempt::{Odds, Preemptor};
use threads::MAIN;
pub(crate) use threads::thread_name;

/// A modelled proxy.
pub struct Proxy {
    core: Rc<Core>,
}

impl Proxy {
    fn start(setup: Setup) -> Result<Self, StartError> {
        Self::start_with(setup, Preemptor::default())
    }

    /// Starts it with somebody who decides where threads stand still.
    pub(crate) fn start_with(setup: Setup, preemptor: Preemptor) -> Result<Self, StartError> {
        let core = Core::new(setup, preemptor)?;
        // Clusters come before listeners, so the upstream filters start first.
        let plugins = core.setup.upstream.iter().chain(&core.setup.downstream).chain(&core.setup.admin);
        core.add_plugins(&plugins.collect::<Vec<_>>())?;
        Ok(Self { core })
    }

    /// Time, shared store, trace and log.
    pub fn world(&self) -> &World {
        &self.core.world
    }

    /// A worker's VM; of the first `.wasm`, if there are several.
    pub fn worker(&mut self, worker: usize) -> RefMut<'_, Vm> {
        self.core.slots[self.core.slot(worker + 1, 0)].vm()
    }

    /// The main thread's VM; of the first `.wasm`, if there are several.
    pub fn main_thread(&mut self) -> RefMut<'_, Vm> {
        self.core.slots[self.core.slot(MAIN, 0)].vm()
    }

    /// How many streams are not deleted yet, over all VMs.
    pub fn open_streams(&self) -> usize {
        self.core.slots.iter().filter_map(|slot| slot.if_started(|vm| vm.open_streams())).sum()
    }

    /// What trapped so far.
    pub fn traps(&self) -> Vec<VmError> {
        self.core.traps.borrow().clone()
    }

    /// What all VMs have cost, those that were replaced after a trap too.
    pub fn costs(&self) -> Costs {
        let mut sum = self.core.retired.borrow().clone();
        for slot in &self.core.slots {
            slot.if_started(|vm| sum.merge(vm.costs()));
        }
        sum
    }

    /// Starts counting costs anew.
    pub fn reset_costs(&mut self) {
        *self.core.retired.borrow_mut() = Costs::default();
        for slot in &self.core.slots {
            slot.if_started(Vm::reset_costs);
        }
    }

    /// Gives an endpoint a fixed behaviour. Panics if no cluster has it.
    pub fn set_behaviour(&mut self, endpoint: &str, behaviour: Behaviour) {
        self.set_script(endpoint, move |_, _| behaviour);
    }

    /// Gives an endpoint a fixed answer. Panics if no cluster has it.
    pub fn set_answer(&mut self, endpoint: &str, answer: Answer) {
        self.set_script(endpoint, move |_, _| answer.clone());
    }

    /// Gives an endpoint a script. Panics if no cluster has it.
    pub fn set_script<A: Into<Answer>>(
        &mut self,
        endpoint: &str,
        mut script: impl FnMut(Attempt<'_>, &mut Rng) -> A + 'static,
    ) {
        let mut clusters = self.core.clusters.borrow_mut();
        let mut found = clusters.iter_mut().filter_map(|cluster| Some((cluster.position(endpoint)?, cluster)));
        let (at, cluster) = found.next().unwrap_or_else(|| panic!("no cluster has an endpoint {endpoint}"));
        cluster.set_script(at, Box::new(move |attempt, rng| script(attempt, rng).into()));
    }

    /// Replaces the members of the cluster behind the router.
    pub fn set_endpoints<S: Into<String>>(&mut self, endpoints: impl IntoIterator<Item = S>) {
        let endpoints: Vec<String> = endpoints.into_iter().map(Into::into).collect();
        self.core.clusters.borrow_mut()[0].set_endpoints(&endpoints);
    }

    /// Answers guests' HTTP calls to a cluster. Without a script they wait for [`Proxy::answer_http_call`], or end in
    /// a 504 after their own timeout.
    pub fn set_call_script(&mut self, cluster: &str, script: impl FnMut(&HttpCall, &mut Rng) -> CallAnswer + 'static) {
        self.core.call_scripts.borrow_mut().insert(cluster.to_owned(), Box::new(script));
    }

    /// Gives a plugin a new configuration, as Envoy does: the same VMs, one more root in each. If the guest refuses
    /// it, everything stays as it was. Panics for a plugin that the proxy was not started with.
    pub fn update(&mut self, plugin: &Plugin) -> Result<(), StartError> {
        let setup = &self.core.setup;
        let known = setup.upstream.iter().chain(&setup.downstream).chain(&setup.admin);
        let link = known.into_iter().find(|link| link.plugin.root_id == plugin.root_id);
        let mut link = link.unwrap_or_else(|| panic!("no plugin {} to update", plugin.root_id)).clone();
        link.plugin = plugin.clone();
        self.core.add_plugins(&[&link])
    }

    /// Sends a request now. It runs when time passes.
    pub fn submit(&mut self, request: Request) -> RequestId {
        self.submit_after(Duration::ZERO, request)
    }

    /// Sends a request later.
    pub fn submit_after(&mut self, delay: Duration, request: Request) -> RequestId {
        self.core.submit(delay, request)
    }

    /// What a request came to; `None` while it is under way.
    pub fn outcome(&self, id: RequestId) -> Option<Outcome> {
        self.core.outcomes.borrow().get(&id).cloned()
    }

    /// All outcomes so far, in the order of the requests.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        let all: Vec<Outcome> = self.core.outcomes.borrow().values().cloned().collect();
        all.into_iter()
    }

    /// Forgets the outcomes, so that a long run does not pile them up.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        self.core.outcomes.take().into_values().collect()
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        self.core.exchanges.borrow().len()
    }

    /// Sends a request and lets time pass until it has ended. Panics if it has not within ten minutes.
    pub fn fetch(&mut self, request: Request) -> Outcome {
        let id = self.submit(request);
        let limit = self.core.world.now_ns() + 600_000_000_000;
        loop {
            if let Some(outcome) = self.outcome(id) {
                return outcome;
            }
            assert!(self.core.step(limit), "request {id} has not ended within ten minutes");
        }
    }

    /// Lets time pass; everything due meanwhile runs.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.core.world.now_ns() + duration.as_nanos() as u64;
        self.core.run_until(until);
    }

    /// Lets time pass until no request is under way. Panics if one still is after ten minutes.
    pub fn run_until_idle(&mut self) {
        let limit = self.core.world.now_ns() + 600_000_000_000;
        while self.core.is_working() {
            assert!(self.core.step(limit), "requests have not ended within ten minutes");
        }
    }

    /// Drains the listener, as at a proxy's end: new requests are turned away, those under way may end within the
    /// given time and are cut off after it, then every root ends.
    pub fn drain(&mut self, within: Duration) {
        self.core.draining.set(true);
        let limit = self.core.world.now_ns() + within.as_nanos() as u64;
        while self.core.is_working() && self.core.step(limit) {}
        let left: Vec<RequestId> = self.core.exchanges.borrow().keys().copied().collect();
        left.into_iter().for_each(|id| self.core.close(id));
        self.core.stop_all_roots();
    }

    /// Asks the private listener's filter on one worker. `None` if the filter let the request pass.
    pub fn admin(&mut self, worker: usize, headers: Headers) -> Option<(u16, Headers, Vec<u8>)> {
        self.core.admin(worker, headers)
    }

    /// HTTP calls that wait for an answer, with the thread that made each: 0 is main, then the workers.
    pub fn http_calls(&self) -> Vec<(usize, HttpCall)> {
        let calls = self.core.calls.borrow();
        calls.iter().map(|pending| (self.core.slots[pending.slot].thread, pending.call.clone())).collect()
    }

    /// Answers an HTTP call. Without an answer it ends in a 504 after its own timeout.
    pub fn answer_http_call(&mut self, thread: usize, token: u32, reply: HttpReply) {
        let slot = {
            let calls = self.core.calls.borrow();
            let matches = |slot: usize| self.core.slots[slot].thread == thread;
            calls
                .iter()
                .find(|pending| pending.call.token == token && matches(pending.slot))
                .map(|pending| pending.slot)
        };
        if let Some(slot) = slot {
            self.core.answer_call(slot, token, reply);
        }
    }

    pub(crate) fn preemptor(&self) -> Preemptor {
        self.core.preemptor.take()
    }

    /// How often a thread stood still while another one ran.
    pub(crate) fn stands(&self) -> u64 {
        self.core.stands.get()
    }

    /// A digest of the order in which shared calls were made, and by whom.
    pub(crate) fn order(&self) -> u64 {
        self.core.order.get()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The hook holds the core only weakly; without it the world may outlive the proxy.
        self.core.world.set_preempt(None);
    }
}
