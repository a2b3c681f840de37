//! The real filter as a subject of the simulator: the `.wasm` as it ships, a VM for each worker, one store, driven callback
//! by callback as Envoy does. Each attempt meets the picker once, for its list, and the observer from its start to its end;
//! ticks run when they are due.
//!
//! It knows what the proxy is configured with, not what the picker's stream sees afterwards: with `observe: request` the
//! filter would learn nothing here, so that is refused.

use std::collections::HashMap;
use std::time::Duration;

use plimsoll_sim::{Attempt, Balancer, Change, Ending, Pick, Request, Scenario, Time, Verdict};
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::{CircuitState, Event, FailureKind};
use serde_json::{Map as Object, Value, json};

use crate::host::{Cas, Flow, Guest, Headers, Map, Plugin, START_NS, StartError, Vm, VmError, World};

const STEERING: &str = "x-plimsoll-endpoint";
/// Keyed strategies find the key of a request in this header, in decimal; it is the path, too.
pub const KEY_HEADER: &str = "x-key";
const PICKER: &str = "plimsoll-picker";
const VM_ID: &str = "plimsoll";
/// Where the filter keeps its transitions.
const EVENTS: &[u8] = b"plimsoll/1/events";

/// The filter in its workers.
pub struct Filtered {
    world: World,
    workers: Vec<Worker>,
    /// The configuration, but for the endpoints of its pool.
    settings: Value,
    /// By position in the scenario: an endpoint as the configuration has it, and its address.
    endpoints: Vec<(Value, String)>,
    positions: HashMap<String, u32>,
    /// How long the router waits for an attempt, in milliseconds, as it tells the endpoint.
    patience: Option<String>,
    /// The simulator's time at which the world began.
    began: Option<Time>,
    present: Vec<u32>,
    /// By the slot of the request: its list, and the observer's stream of its attempt.
    lists: Vec<Vec<u32>>,
    observed: Vec<Option<u32>>,
    /// Number and version of the last transition that has been read, from the filter's log of them.
    read: (u64, u32),
    failure: Option<String>,
}

struct Worker {
    vm: Vm,
    picker: Option<u32>,
    observer: Option<u32>,
}

impl Filtered {
    /// The filter in `workers` VMs for a scenario. `settings` is a configuration with one pool, or a pool alone; its
    /// endpoints are the scenario's.
    ///
    /// # Errors
    /// When the `.wasm` cannot be instantiated, or the configuration asks for what the simulator cannot show.
    pub fn new(guest: &Guest, scenario: &Scenario, settings: &Value, workers: u32) -> Result<Self, String> {
        let world = World::new(Cas::Envoy);
        world.set_random_seed(scenario.seed);
        let worker = |number| -> Result<Worker, String> {
            let vm = Vm::new(guest, &format!("worker-{number}"), VM_ID, &world).map_err(|error| error.to_string())?;
            Ok(Worker { vm, picker: None, observer: None })
        };
        let endpoints: Vec<(Value, String)> = scenario.endpoints.iter().map(endpoint).collect();
        let positions = endpoints.iter().zip(0..).map(|((_, address), position)| (address.clone(), position));
        Ok(Self {
            workers: (0..workers.max(1)).map(worker).collect::<Result<_, _>>()?,
            settings: whole(settings)?,
            positions: positions.collect(),
            patience: scenario.client.try_timeout.map(|timeout| timeout.as_millis().to_string()),
            began: None,
            present: Vec::new(),
            lists: Vec::new(),
            observed: Vec::new(),
            read: (0, 0),
            failure: None,
            endpoints,
            world,
        })
    }

    /// Why it has stopped working, if it has: a configuration that was refused, or a trap. It refuses requests then.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Takes note of the first failure.
    fn tried<T>(&mut self, result: Result<T, impl ToString>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure.get_or_insert_with(|| error.to_string());
                None
            }
        }
    }

    fn set_time(&self, now: Time) {
        let passed = self.began.map_or(Duration::ZERO, |began| now.since(began));
        self.world.advance(passed.saturating_sub(self.world.elapsed()));
    }

    fn configuration(&self) -> String {
        let mut settings = self.settings.clone();
        let listed: Vec<Value> =
            self.present.iter().map(|position| self.endpoints[*position as usize].0.clone()).collect();
        settings["pools"][0]["endpoints"] = listed.into();
        settings.to_string()
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<Vec<u32>, VmError> {
        let worker = &mut self.workers[request.worker as usize];
        let key = request.key.map(|key| key.to_string());
        let mut headers = Headers::get_request(&format!("/{}", key.as_deref().unwrap_or_default()));
        if let Some(key) = key {
            headers.add(KEY_HEADER, key);
        }
        let stream = worker.vm.open_stream(worker.picker.unwrap_or_default())?;
        let flow = worker.vm.request_headers(stream, headers, true)?;
        let refused = worker.vm.take_local_response(stream).is_some() || flow == Flow::Pause;
        let text = worker.vm.map(stream, Map::RequestHeaders).text(STEERING).filter(|_| !refused);
        worker.vm.end_stream(stream)?;
        let listed = text.unwrap_or_default();
        Ok(listed.split(',').filter_map(|address| self.positions.get(address).copied()).collect())
    }

    fn begin(&mut self, attempt: Attempt) -> Result<u32, VmError> {
        let worker = &mut self.workers[attempt.worker as usize];
        let stream = worker.vm.open_stream(worker.observer.unwrap_or_default())?;
        if let Some(stream) = worker.vm.stream_mut(stream) {
            let (_, address) = &self.endpoints[attempt.endpoint as usize];
            stream.properties.set("upstream.address", address.as_str());
        }
        let mut headers = Headers::get_request("/");
        if let Some(patience) = &self.patience {
            headers.add("x-envoy-expected-rq-timeout-ms", patience);
        }
        worker.vm.request_headers(stream, headers, true)?;
        Ok(stream)
    }

    fn end(&mut self, attempt: Attempt, stream: u32, ending: Ending) -> Result<(), VmError> {
        let vm = &mut self.workers[attempt.worker as usize].vm;
        // There is a local address as soon as there is a connection.
        if !matches!(ending, Ending::Failure(FailureKind::Connect))
            && let Some(stream) = vm.stream_mut(stream)
        {
            stream.properties.set("upstream.local_address", "127.0.0.1:49152");
        }
        let status = match ending {
            Ending::Success => Some(200),
            Ending::Failure(FailureKind::Status) => Some(503),
            Ending::Failure(_) => None,
        };
        if let Some(status) = status {
            vm.response_headers(stream, Headers::response(status), true)?;
        }
        vm.end_upstream(stream)
    }
}

impl Worker {
    /// As Envoy updates a configuration: the new root comes, then the old one goes.
    fn configure(&mut self, configuration: &str, part: f64) -> Result<(), StartError> {
        let picker = self.vm.start_root(&Plugin::new(PICKER, configuration))?;
        self.vm.skew_timers(picker, |period| (period as f64 * part) as u64);
        if let Some(old) = self.picker.replace(picker) {
            self.vm.stop_root(old)?;
        }
        if self.observer.is_none() {
            self.observer = Some(self.vm.start_root(&Plugin::new("plimsoll-observer", r#"{"role": "observer"}"#))?);
        }
        Ok(())
    }
}

impl Balancer for Filtered {
    fn workers(&self) -> u32 {
        self.workers.len() as u32
    }

    fn members(&mut self, present: &[u32], now: Time) {
        self.began.get_or_insert(now);
        self.set_time(now);
        self.present = present.to_vec();
        let configuration = self.configuration();
        let count = self.workers.len() as f64;
        for number in 0..self.workers.len() {
            let configured = self.workers[number].configure(&configuration, number as f64 / count);
            self.tried(configured);
        }
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        let slot = request.slot as usize;
        if self.failure.is_some() {
            return Pick::Refuse;
        }
        if request.tried.is_empty() {
            self.set_time(now);
            if self.lists.len() <= slot {
                self.lists.resize_with(slot + 1, Vec::new);
            }
            let asked = self.ask(request);
            self.lists[slot] = self.tried(asked).unwrap_or_default();
            return self.lists[slot].first().map_or(Pick::Refuse, |first| Pick::To(*first));
        }
        // When the list is used up, the proxy's own policy balances: here, in turn.
        let attempt = request.tried.len();
        let fallback = || self.present.get((slot + attempt) % self.present.len().max(1)).copied();
        let listed = self.lists.get(slot).and_then(|list| list.get(attempt).copied()).or_else(fallback);
        listed.map_or(Pick::Refuse, Pick::To)
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        self.set_time(now);
        let slot = attempt.slot as usize;
        if self.observed.len() <= slot {
            self.observed.resize(slot + 1, None);
        }
        let begun = self.begin(attempt);
        self.observed[slot] = self.tried(begun);
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        self.set_time(now);
        let stream = self.observed.get_mut(attempt.slot as usize).and_then(Option::take);
        if let Some(stream) = stream.filter(|_| self.failure.is_none()) {
            let ended = self.end(attempt, stream, ending);
            self.tried(ended);
        }
    }

    fn next_tick(&self) -> Option<Time> {
        let due = self.workers.iter().filter_map(|worker| worker.vm.next_tick_ns()).min()?;
        let began = self.began?;
        Some(began.after(Duration::from_nanos(due.saturating_sub(START_NS))))
    }

    fn tick(&mut self, now: Time) {
        self.set_time(now);
        for number in 0..self.workers.len() {
            let ticked = self.workers[number].vm.run_due_ticks();
            self.tried(ticked);
        }
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        let store = self.world.store();
        let Some((bytes, version)) = store.get(VM_ID, EVENTS).filter(|(_, version)| *version != self.read.1) else {
            return Vec::new();
        };
        let log = EventLog::decode(bytes).unwrap_or_default();
        let news = log.events.iter().filter(|event| event.seq > self.read.0);
        let verdicts = news.filter_map(|event| verdict(event, &self.positions)).collect();
        self.read = (log.last_seq, version);
        verdicts
    }
}

/// A configuration with one pool, whether it came as such or as a pool alone.
fn whole(settings: &Value) -> Result<Value, String> {
    let mut whole = settings.clone();
    if whole.get("pools").is_none() {
        whole = json!({ "pools": [whole] });
    }
    if whole["pools"].as_array().is_none_or(|pools| pools.len() != 1) {
        return Err("pools: the simulator plays one".into());
    }
    let Some(pool) = whole["pools"][0].as_object_mut() else { return Err("pools[0]: an object is wanted".into()) };
    if pool.get("observe").is_some_and(|observe| observe == "request") {
        return Err("observe: the simulator plays \"attempt\" only with the filter itself".into());
    }
    pool.entry("name").or_insert_with(|| json!("simulated"));
    Ok(whole)
}

/// An endpoint as the filter's configuration has it, with its address.
fn endpoint(endpoint: &plimsoll_sim::Endpoint) -> (Value, String) {
    let config = &endpoint.config;
    let mut value = Object::new();
    value.insert("address".into(), config.address.clone().into());
    value.insert("id".into(), config.id.clone().into());
    if config.weight != 1 {
        value.insert("weight".into(), config.weight.into());
    }
    if let Some(zone) = &config.zone {
        value.insert("zone".into(), zone.clone().into());
    }
    if config.tier != 0 {
        value.insert("tier".into(), config.tier.into());
    }
    if config.draining {
        value.insert("draining".into(), true.into());
    }
    if !config.metadata.is_empty() {
        let pairs: Object<String, Value> =
            config.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        value.insert("metadata".into(), pairs.into());
    }
    (value.into(), config.address.clone())
}

/// What a transition says about an endpoint.
fn verdict(event: &Event, positions: &HashMap<String, u32>) -> Option<Verdict> {
    let change = match event.transition.to {
        CircuitState::Open | CircuitState::ForcedOpen => Change::Ejected,
        CircuitState::HalfOpen => Change::Probed,
        CircuitState::Closed | CircuitState::Disabled => Change::Returned,
    };
    let reason = &event.transition.reason;
    let why = format!("{:?} {} of {}", reason.signal, reason.observed, reason.threshold);
    Some(Verdict { endpoint: *positions.get(&event.address)?, change, why })
}
