//! The invariants of the circuits over many interleavings of the workers, under every kind of host.

mod filter_bed;

use std::collections::BTreeMap;
use std::time::Duration;

use filter_bed::{ADMIN, OBSERVER, PICKER, address, configuration};
use plimsoll_host_tests::host::proxy::{AttemptEnd, AttemptRecord, Behaviour, Proxy, Request, Retries, Setup};
use plimsoll_host_tests::host::{Cas, Guest, Headers, Plugin, START_NS};
use plimsoll_snapshot::view::{CircuitState, Event, Events, Snapshot};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(20);
const ENDPOINTS: usize = 4;
const PERMITS: usize = 3;
/// One request each; over all workers.
const EVERY: Duration = Duration::from_millis(1);

fn pool() -> Value {
    json!({
        "strategy": "round_robin",
        "circuit": {
            "consecutive_failures": 1, "open_for": "100ms", "backoff": 1,
            "half_open_permits": PERMITS, "half_open_max": "100ms",
        },
    })
}

fn picker(pool: &Value) -> Plugin {
    let mut configuration = configuration(ENDPOINTS, pool);
    configuration["tick"] = json!("20ms");
    Plugin::new(PICKER, configuration.to_string())
}

fn setup(guest: &Guest, workers: usize, cas: Cas) -> Setup {
    Setup::new(guest)
        .workers(workers)
        .cas(cas)
        .upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#))
        .downstream(picker(&pool()))
        .admin(Plugin::new(ADMIN, r#"{"role": "admin"}"#))
        .cluster("demo", (0..ENDPOINTS).map(address))
        .steering_header("x-plimsoll-endpoint", true)
        .retries(Retries { limit: 2, backoff: MS, ..Retries::default() })
        .per_try_timeout(30 * MS)
}

fn ask<T: serde::de::DeserializeOwned>(proxy: &mut Proxy, worker: usize, what: &str) -> Result<T, String> {
    let headers = Headers::get_request(&format!("/plimsoll/v1/{what}"));
    let (_, _, body) = proxy.admin(worker, headers).ok_or_else(|| format!("worker {worker} does not answer"))?;
    serde_json::from_slice(&body).map_err(|error| format!("{what}: {error}"))
}

/// Everything that a run left behind.
struct Evidence {
    events: Vec<Event>,
    snapshot: Snapshot,
    attempts: BTreeMap<String, Vec<AttemptRecord>>,
}

fn since_start(event: &Event) -> Duration {
    Duration::from_millis(event.transition.at_ms - START_NS / 1_000_000)
}

impl Evidence {
    fn collect(proxy: &mut Proxy) -> Result<Self, String> {
        let mut attempts: BTreeMap<String, Vec<AttemptRecord>> = BTreeMap::new();
        for attempt in proxy.outcomes().flat_map(|outcome| outcome.attempts) {
            attempts.entry(attempt.endpoint.clone()).or_default().push(attempt);
        }
        let events: Events = ask(proxy, 0, "events?since=0")?;
        Ok(Self { events: events.events, snapshot: ask(proxy, 0, "snapshot")?, attempts })
    }

    /// Events of one endpoint.
    fn of<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.address == address)
    }

    /// Numbered without gaps; each change of an endpoint begins where its last one ended.
    fn events_are_in_order(&self) -> Result<(), String> {
        let mut states: BTreeMap<&str, CircuitState> = BTreeMap::new();
        for (event, seq) in self.events.iter().zip(1..) {
            let before = states.insert(&event.address, event.transition.to).unwrap_or(CircuitState::Closed);
            if event.seq != seq || event.transition.from != before {
                return Err(format!("event {seq} does not follow from {before:?}: {event:?}"));
            }
        }
        Ok(())
    }

    /// At no time more than half of the pool is out.
    fn at_most_half_is_ejected(&self) -> Result<(), String> {
        let mut out: BTreeMap<&str, bool> = BTreeMap::new();
        for event in &self.events {
            out.insert(&event.address, event.transition.to != CircuitState::Closed);
            let ejected = out.values().filter(|out| **out).count();
            if ejected > ENDPOINTS / 2 {
                return Err(format!("{ejected} of {ENDPOINTS} are ejected after event {}", event.seq));
            }
        }
        Ok(())
    }

    /// One tick after an opening nobody sends to the endpoint, until it is half open; `late` is for stalls.
    fn open_circuits_are_left_alone(&self, late: Duration) -> Result<(), String> {
        for (address, attempts) in &self.attempts {
            let events: Vec<&Event> = self.of(address).collect();
            for (at, event) in events.iter().enumerate().filter(|(_, e)| e.transition.to == CircuitState::Open) {
                let from = since_start(event) + TICK + late + MS;
                let until = events.get(at + 1).map_or(Duration::MAX, |next| since_start(next));
                if let Some(attempt) = attempts.iter().find(|attempt| (from..until).contains(&attempt.started)) {
                    return Err(format!("{attempt:?} on a circuit that is open since {:?}", since_start(event)));
                }
            }
        }
        Ok(())
    }

    /// While a circuit is half open, no more attempts than permits, over all workers.
    fn probes_have_permits(&self, late: Duration) -> Result<(), String> {
        for (address, attempts) in &self.attempts {
            let events: Vec<&Event> = self.of(address).collect();
            for (at, event) in events.iter().enumerate().filter(|(_, e)| e.transition.to == CircuitState::HalfOpen) {
                let from = since_start(event);
                // A worker that does not know yet that the circuit is closed holds permits at most.
                let until = events.get(at + 1).map_or(Duration::MAX, |next| match next.transition.to {
                    CircuitState::Closed => since_start(next),
                    _ => since_start(next) + TICK + late,
                });
                // A client that left gave its permit back.
                let counts = |attempt: &&AttemptRecord| !matches!(attempt.end, Some((AttemptEnd::Aborted, _)));
                let within = |attempt: &&AttemptRecord| (from..until).contains(&attempt.started);
                let probes = attempts.iter().filter(within).filter(counts).count();
                if probes > PERMITS {
                    return Err(format!(
                        "{probes} probes with {PERMITS} permits on {address} from {from:?} to {until:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What ended is counted once, a client that left blames nobody, and nothing is in flight.
    fn every_attempt_is_settled_once(&self) -> Result<(), String> {
        for endpoint in &self.snapshot.pools[0].endpoints {
            let (mut requests, mut failures) = (0, 0);
            for attempt in self.attempts.get(&endpoint.address).map_or(&[][..], Vec::as_slice) {
                let (end, _) = attempt.end.ok_or_else(|| format!("{attempt:?} has not ended"))?;
                requests += u64::from(end != AttemptEnd::Aborted);
                failures += u64::from(!matches!(end, AttemptEnd::Aborted | AttemptEnd::Status(200)));
            }
            let counted = (endpoint.requests, endpoint.failures, endpoint.in_flight);
            if counted != (requests, failures, 0) {
                return Err(format!("{}: counted {counted:?}, happened {:?}", endpoint.id, (requests, failures, 0)));
            }
        }
        Ok(())
    }

    fn is_sound(&self, late: Duration) -> Result<(), String> {
        self.every_attempt_is_settled_once()?;
        self.probes_have_permits(late)?;
        self.open_circuits_are_left_alone(late)?;
        self.at_most_half_is_ejected()?;
        self.events_are_in_order()
    }
}

/// Even traffic over all workers, of which every seventh client leaves before the answer.
fn traffic(proxy: &mut Proxy, workers: usize, lasts: Duration) {
    for n in 0..(lasts.as_millis() / EVERY.as_millis()) as u32 {
        let request = Request::get("/").on_worker(n as usize % workers);
        let request = if n % 7 == 3 { request.aborting_after(MS / 2) } else { request };
        proxy.submit_after(EVERY * n, request);
    }
}

fn finish(proxy: &mut Proxy) -> Result<Evidence, String> {
    proxy.run_until_idle();
    proxy.run_for(TICK * 3);
    Evidence::collect(proxy)
}

/// All but one endpoint fail at once, for a while.
fn most_fail_and_recover(proxy: &mut Proxy, workers: usize) -> Result<(), String> {
    for n in 1..ENDPOINTS {
        proxy.set_script(&address(n), |attempt, _| match attempt.elapsed.as_millis() {
            100..250 => Behaviour::status(503, 1),
            _ => Behaviour::ok(1),
        });
    }
    traffic(proxy, workers, 700 * MS);
    let evidence = finish(proxy)?;
    evidence.is_sound(Duration::ZERO)?;
    let opened = evidence.events.iter().filter(|event| event.transition.to == CircuitState::Open).count();
    let closed = evidence.snapshot.pools[0].endpoints.iter().filter(|e| e.circuit.state == CircuitState::Closed);
    if opened < 2 || closed.count() < ENDPOINTS {
        return Err(format!("nothing opened, or not all closed again: {:?}", evidence.events));
    }
    Ok(())
}

/// One endpoint never answers: its circuit stays open or half open.
fn probes_hang(proxy: &mut Proxy, workers: usize) -> Result<(), String> {
    proxy.set_behaviour(&address(2), Behaviour::Hang);
    traffic(proxy, workers, 600 * MS);
    finish(proxy)?.is_sound(Duration::ZERO)
}

#[test]
fn trial() {
    for (name, scenario) in
        [("most_fail", most_fail_and_recover as fn(&mut Proxy, usize) -> Result<(), String>), ("hang", probes_hang)]
    {
        for workers in [1, 2, 4, 16] {
            for cas in [Cas::Envoy, Cas::Strict] {
                let began = std::time::Instant::now();
                let mut failed = Vec::new();
                for seed in 0..20 {
                    let mut proxy = setup(filter_bed::filter(), workers, cas).seed(seed).start().expect("starts");
                    if let Err(error) = scenario(&mut proxy, workers) {
                        failed.push(format!("seed {seed}: {error}"));
                    }
                }
                println!("{name} {workers} {cas:?}: {:?} a run, {} failed", began.elapsed() / 20, failed.len());
                failed.iter().take(2).for_each(|error| println!("   {}", &error[..error.len().min(600)]));
            }
        }
    }
}
