//! A modelled proxy around the VMs: listener → picker → router → `override_host` cluster → observer → upstream.
//!
//! Virtual time and an event queue: requests overlap, so what is in flight is real. Ticks of all VMs, the main
//! thread's too, run when time passes, and never inside another callback. One seed decides which worker gets a
//! connection, where each thread's timers stand, back-offs and the cluster's fallback. Modelled simply: one filter per
//! chain, no hedging, no reload of a VM that trapped, a request's body in one piece.

mod attempts;
mod cluster;
mod events;
mod flow;
mod info;
mod model;
mod setup;
mod threads;

pub use model::{Attempt, AttemptEnd, AttemptRecord, Behaviour, Outcome, Request, RequestId, Script, Source};
pub use setup::{FailurePolicy, Retries, Setup};

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, Body, Costs, Headers, HttpCall, HttpReply, Plugin, Rng, StartError, Vm, VmError, World};
use cluster::Cluster;
use events::{Event, Events};
use flow::Exchange;
use threads::{MAIN, Thread};

/// A modelled proxy.
pub struct Proxy {
    setup: Setup,
    world: World,
    rng: Rng,
    threads: Vec<Thread>,
    cluster: Cluster,
    events: Events,
    exchanges: BTreeMap<RequestId, Exchange>,
    outcomes: BTreeMap<RequestId, Outcome>,
    calls: Vec<(usize, HttpCall)>,
    traps: Vec<VmError>,
    requests: RequestId,
}

impl Proxy {
    fn start(setup: Setup) -> Result<Self, StartError> {
        let world = World::new(setup.cas);
        world.trace().record(setup.trace);
        let mut proxy = Self {
            rng: Rng::new(setup.seed),
            threads: Vec::new(),
            cluster: Cluster::new(&setup.cluster, &setup.endpoints),
            events: Events::default(),
            exchanges: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            calls: Vec::new(),
            traps: Vec::new(),
            requests: 0,
            setup,
            world,
        };
        let names = (0..proxy.setup.workers).map(|worker| format!("worker-{worker}"));
        for name in ["main".to_owned()].into_iter().chain(names) {
            let vm = proxy.new_vm(&name)?;
            proxy.threads.push(Thread::new(vm));
        }
        // Clusters come before listeners, so the upstream filter starts first.
        let plugins = [&proxy.setup.upstream, &proxy.setup.downstream, &proxy.setup.admin];
        let plugins: Vec<Plugin> = plugins.into_iter().flatten().cloned().collect();
        for plugin in &plugins {
            proxy.add_plugin(plugin)?;
        }
        Ok(proxy)
    }

    /// Time, shared store, trace and log.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// A worker's VM.
    pub fn worker(&mut self, worker: usize) -> &mut Vm {
        &mut self.threads[worker + 1].vm
    }

    /// The main thread's VM.
    pub fn main_thread(&mut self) -> &mut Vm {
        &mut self.threads[MAIN].vm
    }

    /// What trapped so far.
    pub fn traps(&self) -> &[VmError] {
        &self.traps
    }

    /// What all VMs that live have cost.
    pub fn costs(&self) -> Costs {
        let mut sum = Costs::default();
        for thread in &self.threads {
            sum.merge(thread.vm.costs());
        }
        sum
    }

    /// Starts counting costs anew.
    pub fn reset_costs(&mut self) {
        for thread in &mut self.threads {
            thread.vm.reset_costs();
        }
    }

    /// Gives an endpoint a fixed behaviour. Panics if the cluster has no such endpoint.
    pub fn set_behaviour(&mut self, endpoint: &str, behaviour: Behaviour) {
        self.set_script(endpoint, move |_, _| behaviour);
    }

    /// Gives an endpoint a script. Panics if the cluster has no such endpoint.
    pub fn set_script(&mut self, endpoint: &str, script: impl FnMut(Attempt<'_>, &mut Rng) -> Behaviour + 'static) {
        let at = self.cluster.position(endpoint);
        let at = at.unwrap_or_else(|| panic!("the cluster has no endpoint {endpoint}"));
        *self.cluster.script(at) = Box::new(script);
    }

    /// Replaces the cluster's members.
    pub fn set_endpoints<S: Into<String>>(&mut self, endpoints: impl IntoIterator<Item = S>) {
        let endpoints: Vec<String> = endpoints.into_iter().map(Into::into).collect();
        self.cluster.set_endpoints(&endpoints);
    }

    /// Gives a plugin a new configuration, as Envoy does: the same VMs, one more root in each. If the guest refuses
    /// it, everything stays as it was.
    pub fn update(&mut self, plugin: &Plugin) -> Result<(), StartError> {
        self.add_plugin(plugin)
    }

    /// Sends a request now. It runs when time passes.
    pub fn submit(&mut self, request: Request) -> RequestId {
        self.submit_after(Duration::ZERO, request)
    }

    /// Sends a request later.
    pub fn submit_after(&mut self, delay: Duration, request: Request) -> RequestId {
        self.requests += 1;
        let id = self.requests;
        self.schedule(delay, Event::Arrive { id, request: Box::new(request) });
        id
    }

    /// What a request came to; `None` while it is under way.
    pub fn outcome(&self, id: RequestId) -> Option<&Outcome> {
        self.outcomes.get(&id)
    }

    /// All outcomes so far, in the order of the requests.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.values()
    }

    /// Forgets the outcomes, so that a long run does not pile them up.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes).into_values().collect()
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        self.exchanges.len()
    }

    /// Sends a request and lets time pass until it has ended. Panics if it has not within ten minutes.
    pub fn fetch(&mut self, request: Request) -> Outcome {
        let id = self.submit(request);
        let limit = self.world.now_ns() + 600_000_000_000;
        while !self.outcomes.contains_key(&id) {
            assert!(self.step(limit), "request {id} has not ended within ten minutes");
        }
        self.outcomes[&id].clone()
    }

    /// Lets time pass; everything due meanwhile runs.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.world.now_ns() + duration.as_nanos() as u64;
        while self.step(until) {}
        self.world.set_now_ns(until);
    }

    /// Lets time pass until no request is under way. Panics if one still is after ten minutes.
    pub fn run_until_idle(&mut self) {
        let limit = self.world.now_ns() + 600_000_000_000;
        while !self.exchanges.is_empty() || self.events.has_arrivals() {
            assert!(self.step(limit), "requests have not ended within ten minutes");
        }
    }

    /// Asks the private listener's filter on one worker. `None` if the filter let the request pass.
    pub fn admin(&mut self, worker: usize, headers: Headers) -> Option<(u16, Headers, Vec<u8>)> {
        let (thread, plugin) = (worker + 1, self.setup.admin.clone()?);
        let root = self.threads[thread].root(&plugin.root_id)?;
        let answer = self.guarded(thread, |vm| {
            let context = vm.open_stream(root)?;
            vm.request_headers(context, headers, true)?;
            let Some(local) = vm.take_local_response(context) else {
                vm.end_stream(context)?;
                return Ok(None);
            };
            let mut headers = Headers::response(local.status as u16);
            local.headers.iter().for_each(|(key, value)| headers.add(key, value));
            vm.response_headers(context, headers, local.body.is_empty())?;
            let headers = vm.map(context, super::Map::ResponseHeaders);
            vm.end_stream(context)?;
            Ok(Some((local.status as u16, headers, local.body)))
        });
        self.run_actions(thread);
        answer.flatten()
    }

    /// HTTP calls that wait for an answer, with the thread that made each: 0 is main, then the workers.
    pub fn http_calls(&self) -> &[(usize, HttpCall)] {
        &self.calls
    }

    /// Answers an HTTP call. Without an answer it ends in a 504 after its own timeout.
    pub fn answer_http_call(&mut self, thread: usize, token: u32, reply: HttpReply) {
        let found = self.calls.iter().position(|(of, call)| *of == thread && call.token == token);
        if let Some(at) = found {
            let (_, call) = self.calls.remove(at);
            self.guarded(thread, |vm| vm.answer_http_call(call.context, token, reply));
            self.run_actions(thread);
        }
    }

    /// Runs the next event or tick that is due until `limit_ns`; false if there is none.
    fn step(&mut self, limit_ns: u64) -> bool {
        let tick =
            self.threads.iter().enumerate().filter_map(|(at, thread)| Some((thread.vm.next_tick_ns()?, at))).min();
        let event = self.events.next_ns();
        let (at_ns, thread) = match (event, tick) {
            (Some(event), Some((tick, thread))) if tick < event => (tick, Some(thread)),
            (Some(event), _) => (event, None),
            (None, Some((tick, thread))) => (tick, Some(thread)),
            (None, None) => return false,
        };
        if at_ns > limit_ns {
            return false;
        }
        self.world.set_now_ns(at_ns);
        match thread {
            Some(thread) => {
                self.guarded(thread, Vm::run_due_ticks);
                self.run_actions(thread);
            }
            None => self.run_event(),
        }
        true
    }

    fn run_event(&mut self) {
        match self.events.pop() {
            Some(Event::Arrive { id, request }) => self.accept(id, *request),
            Some(Event::Upstream { id, attempt, what }) => self.hear_upstream(id, attempt, what),
            Some(Event::Retry { id }) => self.start_attempt(id),
            Some(Event::Timeout { id }) => self.time_out(id),
            Some(Event::Abort { id }) => self.abort(id),
            Some(Event::Drain { thread, root }) => self.drain_root(thread, root),
            Some(Event::CallTimeout { thread, token }) => {
                let reply = HttpReply { headers: Headers::response(504), ..HttpReply::default() };
                self.answer_http_call(thread, token, reply);
            }
            None => {}
        }
    }

    fn schedule(&mut self, delay: Duration, event: Event) {
        self.events.schedule(self.world.now_ns() + delay.as_nanos() as u64, event);
    }

    /// Runs something in a thread's VM. If it traps, all that was under way in it is lost.
    fn guarded<R>(&mut self, thread: usize, run: impl FnOnce(&mut Vm) -> Result<R, VmError>) -> Option<R> {
        match run(&mut self.threads[thread].vm) {
            Ok(result) => Some(result),
            Err(VmError::Dead) => None,
            Err(trap) => {
                self.traps.push(trap);
                self.lose_thread(thread);
                None
            }
        }
    }

    /// Does what guests asked for in host calls, after their callback has returned.
    fn run_actions(&mut self, thread: usize) {
        for action in self.threads[thread].vm.take_actions() {
            match action {
                Action::LocalResponse { context } => self.local_response(thread, context),
                Action::Continue { context, side: Body::Request } => self.resume_request(thread, context),
                Action::Continue { context, side } => self.threads[thread].vm.resume(context, side),
                Action::Close { context } => self.close(thread, context),
                Action::Done { context } => self.delete_late(thread, context),
                Action::HttpCall(call) => {
                    let timeout = Duration::from_millis(u64::from(call.timeout_ms));
                    self.schedule(timeout, Event::CallTimeout { thread, token: call.token });
                    self.calls.push((thread, call));
                }
                // gRPC and connections have no far end in this proxy; a test that needs them drives a `Vm`.
                _ => {}
            }
        }
        let ready = self.world.store().take_ready();
        for owner in ready {
            let Some(to) = self.threads.iter().position(|thread| thread.vm.name() == owner.vm) else { continue };
            self.guarded(to, |vm| vm.queue_ready(owner.root, owner.queue));
            self.run_actions(to);
        }
    }

    fn delete_late(&mut self, thread: usize, context: u32) {
        self.guarded(thread, |vm| {
            let is_stream = vm.stream(context).is_some();
            if is_stream { vm.delete_stream(context) } else { vm.delete_root(context) }
        });
    }
}
