//! What has to hold in every interleaving: looked at in shared data whenever an attempt starts, and in what the run left
//! behind.

use super::{ENDPOINTS, LATE, MS, PERMITS, TICK, address};
use plimsoll_host_tests::host::proxy::{AttemptEnd, AttemptRecord, Behaviour, Proxy};
use plimsoll_host_tests::host::{Headers, START_NS, World};
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::view::{CircuitState, Event, Events, Snapshot};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// Looks at the shared record of the circuits as often as an attempt starts.
pub(crate) struct Watch {
    world: World,
    generation: Cell<u64>,
    broken: RefCell<Option<String>>,
}

impl Watch {
    /// Gives every endpoint a behaviour by its number and the time in milliseconds.
    pub(crate) fn over(proxy: &mut Proxy, behave: impl Fn(usize, u128) -> Behaviour + 'static) -> Rc<Self> {
        let world = proxy.world().clone();
        let watch = Rc::new(Self { world, generation: Cell::new(0), broken: RefCell::default() });
        let behave = Rc::new(behave);
        for n in 0..ENDPOINTS {
            let (watch, behave) = (watch.clone(), behave.clone());
            proxy.set_script(&address(n), move |attempt, _| {
                if let Err(reason) = watch.look() {
                    watch.broken.borrow_mut().get_or_insert(format!("at {:?}: {reason}", attempt.elapsed));
                }
                behave(n, attempt.elapsed.as_millis())
            });
        }
        watch
    }

    fn look(&self) -> Result<(), String> {
        let store = self.world.store();
        let (bytes, _) = store.get("plimsoll", b"plimsoll/1/circuits/demo").ok_or("the record is gone")?;
        let record = Circuits::decode(bytes).map_err(|_| "the record cannot be read")?;
        let before = self.generation.replace(record.generation);
        if record.generation < before {
            return Err(format!(
                "the record went back from generation {before} to {}: a change is lost",
                record.generation
            ));
        }
        let keys: BTreeSet<u64> = record.entries.iter().map(|entry| entry.key).collect();
        let ejected = record.entries.iter().filter(|entry| entry.state != CircuitState::Closed).count();
        let permits = record.entries.iter().map(|entry| entry.permits_issued).max().unwrap_or(0);
        let ok = keys.len() == record.entries.len() && ejected <= ENDPOINTS / 2 && permits as usize <= PERMITS;
        if ok { Ok(()) } else { Err(format!("{ejected} ejected, {permits} permits: {record:?}")) }
    }
}

/// Everything that a run left behind.
pub(crate) struct Evidence {
    pub(crate) events: Vec<Event>,
    pub(crate) snapshot: Snapshot,
    /// By endpoint, each with its worker.
    attempts: BTreeMap<String, Vec<(usize, AttemptRecord)>>,
}

fn since_start(event: &Event) -> Duration {
    Duration::from_millis(event.transition.at_ms - START_NS / 1_000_000)
}

fn ask<T: serde::de::DeserializeOwned>(proxy: &mut Proxy, what: &str) -> Result<T, String> {
    let headers = Headers::get_request(&format!("/plimsoll/v1/{what}"));
    let (_, _, body) = proxy.admin(0, headers).ok_or("worker 0 does not answer")?;
    serde_json::from_slice(&body).map_err(|error| format!("{what}: {error}"))
}

impl Evidence {
    /// Lets everything end, and every worker publish it.
    pub(crate) fn of(proxy: &mut Proxy, watch: &Watch) -> Result<Self, String> {
        proxy.run_until_idle();
        proxy.run_for(TICK * 3 + LATE);
        if let Some(broken) = watch.broken.take() {
            return Err(broken);
        }
        let mut attempts: BTreeMap<String, Vec<(usize, AttemptRecord)>> = BTreeMap::new();
        for outcome in proxy.take_outcomes() {
            for attempt in outcome.attempts {
                attempts.entry(attempt.endpoint.clone()).or_default().push((outcome.worker, attempt));
            }
        }
        let events: Events = ask(proxy, "events?since=0")?;
        Ok(Self { events: events.events, snapshot: ask(proxy, "snapshot")?, attempts })
    }

    /// All of them.
    pub(crate) fn is_sound(&self) -> Result<(), String> {
        self.probes_have_permits()?;
        self.open_circuits_are_left_alone()?;
        self.every_attempt_is_settled_once()?;
        self.events_are_in_order()
    }

    /// Events of an endpoint that changed to a state, each with the next one of that endpoint.
    fn turns<'a>(&'a self, address: &'a str, to: CircuitState) -> Vec<(&'a Event, Option<&'a Event>)> {
        let events: Vec<&Event> = self.events.iter().filter(|event| event.address == address).collect();
        let turns = events.iter().enumerate().filter(|(_, event)| event.transition.to == to);
        turns.map(|(at, event)| (*event, events.get(at + 1).copied())).collect()
    }

    /// Numbered without gaps; each change of an endpoint begins where its last one ended, and none is there twice.
    pub(crate) fn events_are_in_order(&self) -> Result<(), String> {
        let mut states: BTreeMap<&str, CircuitState> = BTreeMap::new();
        for (event, seq) in self.events.iter().zip(1..) {
            let before = states.insert(&event.address, event.transition.to).unwrap_or(CircuitState::Closed);
            if event.seq != seq || event.transition.from != before {
                return Err(format!("event {seq} does not follow {before:?}: {}", self.outline()));
            }
        }
        Ok(())
    }

    fn outline(&self) -> String {
        let line = |event: &Event| {
            let transition = &event.transition;
            let (at, signal) = (since_start(event), transition.reason.signal);
            format!("{} {at:?} {} {:?} → {:?} {signal:?}", event.seq, event.endpoint, transition.from, transition.to)
        };
        self.events.iter().map(line).collect::<Vec<_>>().join("; ")
    }

    /// A tick after an opening nobody sends to the endpoint, until it is half open.
    pub(crate) fn open_circuits_are_left_alone(&self) -> Result<(), String> {
        for (address, attempts) in &self.attempts {
            for (event, next) in self.turns(address, CircuitState::Open) {
                let from = since_start(event) + TICK + LATE + MS;
                let until = next.map_or(Duration::MAX, since_start);
                if let Some((_, attempt)) =
                    attempts.iter().find(|(_, attempt)| (from..until).contains(&attempt.started))
                {
                    let at = attempt.started;
                    return Err(format!("{address} got an attempt at {at:?}, open: {}", self.outline()));
                }
            }
        }
        Ok(())
    }

    /// While a circuit is half open, no more attempts than permits, over all workers. A client that left gave its
    /// permit back.
    pub(crate) fn probes_have_permits(&self) -> Result<(), String> {
        for (address, attempts) in &self.attempts {
            for (event, next) in self.turns(address, CircuitState::HalfOpen) {
                let from = since_start(event);
                let until = next.map_or(Duration::MAX, |next| {
                    let late = if next.transition.to == CircuitState::Open { TICK + LATE } else { Duration::ZERO };
                    since_start(next) + late
                });
                let returned = |attempt: &AttemptRecord| matches!(attempt.end, Some((AttemptEnd::Aborted, _)));
                let within = attempts.iter().filter(|(_, attempt)| (from..until).contains(&attempt.started));
                let probes = within.filter(|(_, attempt)| !returned(attempt)).count();
                if probes > PERMITS {
                    return Err(format!(
                        "{probes} probes with {PERMITS} permits on {address} from {from:?}: {}",
                        self.outline()
                    ));
                }
            }
        }
        Ok(())
    }

    /// What ended is counted once, a client that left blames nobody, and nothing is in flight.
    pub(crate) fn every_attempt_is_settled_once(&self) -> Result<(), String> {
        for (endpoint, (requests, failures)) in self.counted() {
            let counted = (endpoint.requests, endpoint.failures, endpoint.in_flight);
            if counted != (requests, failures, 0) {
                return Err(format!("{}: counted {counted:?}, happened {:?}", endpoint.id, (requests, failures, 0)));
            }
        }
        Ok(())
    }

    /// Every endpoint with the requests and failures that it should have.
    pub(crate) fn counted(&self) -> Vec<(&plimsoll_snapshot::Endpoint, (u64, u64))> {
        let happened = |address: &str| {
            let (mut requests, mut failures) = (0, 0);
            for (_, attempt) in self.attempts.get(address).map_or(&[][..], Vec::as_slice) {
                let end = attempt.end.map_or(AttemptEnd::Lost, |(end, _)| end);
                requests += u64::from(end != AttemptEnd::Aborted);
                failures += u64::from(!matches!(end, AttemptEnd::Aborted | AttemptEnd::Status(200)));
            }
            (requests, failures)
        };
        self.snapshot.pools[0].endpoints.iter().map(|endpoint| (endpoint, happened(&endpoint.address))).collect()
    }

    /// How many attempts on an endpoint one worker began in a time.
    pub(crate) fn attempts_of(&self, worker: usize, address: &str, time: Range<Duration>) -> u64 {
        let all = self.attempts.get(address).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|(of, attempt)| *of == worker && time.contains(&attempt.started)).count() as u64
    }

    /// How often a circuit changed to a state.
    pub(crate) fn count(&self, to: CircuitState) -> usize {
        self.events.iter().filter(|event| event.transition.to == to).count()
    }
}
