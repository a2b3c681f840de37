//! The scenarios: short, because each runs a thousand times for every number of workers.

use super::filter_bed::{ADMIN, OBSERVER, PICKER, address, configuration, filter, variant};
use super::invariants::{Evidence, Watch};
use super::{ENDPOINTS, LATE, MS, PERMITS, TICK};
use plimsoll_host_tests::host::proxy::{Behaviour, FailurePolicy, Proxy, Request, Retries, Setup};
use plimsoll_host_tests::host::{Cas, Guest, Plugin, Profile};
use plimsoll_snapshot::view::CircuitState;
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;

/// A setup and what happens in it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    run: fn(&mut Proxy, usize, Host) -> Result<(), String>,
    traps: bool,
}

pub(crate) const SCENARIOS: [Scenario; 3] = [
    Scenario { name: "endpoints fail, refuse and hang at once", run: most_fail, traps: false },
    Scenario { name: "the configuration changes while endpoints fail", run: updates_meanwhile, traps: false },
    Scenario { name: "a worker traps while endpoints fail, and reloads", run: traps_meanwhile, traps: true },
];

/// A kind of host, and how the filter is used on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Envoy, every attempt observed.
    Envoy,
    /// The same with strict swaps.
    Strict,
    /// ngx_wasm_module: no filters in front of an upstream, so final answers are observed, and nothing is tried again.
    NgxWasm,
}

impl Host {
    pub(crate) const ALL: [Self; 3] = [Self::Envoy, Self::Strict, Self::NgxWasm];

    fn profile(self) -> Profile {
        match self {
            Self::Envoy => Profile::envoy(),
            Self::Strict => Cas::Strict.into(),
            Self::NgxWasm => Profile::ngx_wasm(),
        }
    }

    fn observe(self) -> &'static str {
        if self == Self::NgxWasm { "request" } else { "attempt" }
    }
}

impl Scenario {
    /// The filter as it ships, where it need not trap.
    pub(crate) fn guest(&self) -> &'static Guest {
        static TRAPPING: OnceLock<Guest> = OnceLock::new();
        if self.traps { TRAPPING.get_or_init(|| variant("trap")) } else { filter() }
    }

    pub(crate) fn setup(&self, guest: &Guest, workers: usize, host: Host) -> Setup {
        let retries = if host == Host::NgxWasm { 0 } else { 2 };
        let setup = Setup::new(guest)
            .workers(workers)
            .profile(host.profile())
            .downstream(picker(host, &json!({})))
            .admin(Plugin::new(ADMIN, r#"{"role": "admin"}"#))
            .cluster("demo", (0..ENDPOINTS).map(address))
            .steering_header("x-plimsoll-endpoint", true)
            .retries(Retries { limit: retries, backoff: MS, ..Retries::default() })
            .per_try_timeout(30 * MS)
            .failure_policy(FailurePolicy::Reload);
        match host {
            Host::NgxWasm => setup,
            _ => setup.upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#)),
        }
    }

    pub(crate) fn run(&self, proxy: &mut Proxy, workers: usize, host: Host) -> Result<(), String> {
        (self.run)(proxy, workers, host)
    }
}

/// A pool that opens a circuit at the first failure; `extra` is merged into it.
fn picker(host: Host, extra: &Value) -> Plugin {
    let mut pool = json!({
        "strategy": "round_robin",
        "observe": host.observe(),
        "circuit": {
            "consecutive_failures": 1, "relative": false, "open_for": "200ms", "backoff": 1,
            "half_open_permits": PERMITS, "half_open_max": "100ms",
        },
    });
    if let (Some(pool), Some(extra)) = (pool.as_object_mut(), extra.as_object()) {
        pool.extend(extra.clone());
    }
    let mut configuration = configuration(ENDPOINTS, &pool);
    configuration["tick"] = json!(format!("{}ms", TICK.as_millis()));
    Plugin::new(PICKER, configuration.to_string())
}

/// Even traffic over all workers, of which every seventh client leaves before the answer.
fn traffic(proxy: &mut Proxy, workers: usize, starts: Duration, lasts: Duration) {
    const EVERY: Duration = Duration::from_millis(3);
    for n in 0..(lasts.as_millis() / EVERY.as_millis()) as u32 {
        let request = Request::get("/").on_worker(n as usize % workers);
        let request = if n % 7 == 3 { request.aborting_after(MS / 2) } else { request };
        proxy.submit_after(starts + EVERY * n, request);
    }
}

/// Something was opened and probed, or the run says nothing.
fn circuits_changed(evidence: &Evidence) -> Result<(), String> {
    match [CircuitState::Open, CircuitState::HalfOpen].map(|to| evidence.count(to)) {
        [0, _] => Err("nothing opened".to_owned()),
        [_, 0] => Err("nothing was probed".to_owned()),
        _ => Ok(()),
    }
}

/// All but one endpoint break at once: one for a while, one refuses for a while, one hangs for good.
fn most_fail(proxy: &mut Proxy, workers: usize, _: Host) -> Result<(), String> {
    let watch = Watch::over(proxy, |n, at| match (n, at) {
        (1, 60..160) => Behaviour::status(503, 1),
        (2, 60..) => Behaviour::Hang,
        (3, 60..160) => Behaviour::Refuse,
        _ => Behaviour::ok(1),
    });
    traffic(proxy, workers, Duration::ZERO, 540 * MS);
    let evidence = Evidence::of(proxy, &watch)?;
    evidence.is_sound()?;
    let hanging =
        evidence.events.iter().find(|event| event.endpoint == "e2" && event.transition.to == CircuitState::Closed);
    if let Some(event) = hanging {
        return Err(format!("the circuit of an endpoint that hangs closed: {event:?}"));
    }
    circuits_changed(&evidence)
}

/// Endpoints fail, and the configuration changes twice: another strategy and order, and back.
fn updates_meanwhile(proxy: &mut Proxy, workers: usize, host: Host) -> Result<(), String> {
    let watch = Watch::over(proxy, |n, at| match (n, at) {
        (1 | 2, 60..300) => Behaviour::status(503, 2),
        _ => Behaviour::ok(2),
    });
    traffic(proxy, workers, Duration::ZERO, 540 * MS);
    let mut turned = configuration(ENDPOINTS, &json!({}))["pools"][0]["endpoints"].clone();
    if let Some(endpoints) = turned.as_array_mut() {
        endpoints.reverse();
    }
    proxy.run_for(100 * MS);
    let changed = picker(host, &json!({"strategy": "least_request", "endpoints": turned}));
    proxy.update(&changed).map_err(|error| error.to_string())?;
    proxy.run_for(200 * MS);
    proxy.update(&picker(host, &json!({}))).map_err(|error| error.to_string())?;
    let evidence = Evidence::of(proxy, &watch)?;
    evidence.is_sound()?;
    circuits_changed(&evidence)
}

/// The first worker traps right after circuits opened, and gets a fresh VM with the next request. Its VM has to be a second
/// old for that.
fn traps_meanwhile(proxy: &mut Proxy, workers: usize, _: Host) -> Result<(), String> {
    const OLD: Duration = Duration::from_millis(1_100);
    const TRAP: Duration = Duration::from_millis(1_225);
    let watch = Watch::over(proxy, |n, at| match (n, at) {
        (1 | 2, 1_160..1_300) => Behaviour::status(503, 1),
        _ => Behaviour::ok(1),
    });
    traffic(proxy, workers, OLD, 540 * MS);
    proxy.submit_after(TRAP, Request::get("/").on_worker(0).header("x-plimsoll-test-trap", "now"));
    proxy.run_for(OLD + 540 * MS);
    // Until what the dead VM last published is stale.
    proxy.run_for(TICK * 11);
    let evidence = Evidence::of(proxy, &watch)?;
    if proxy.traps().len() != 1 {
        return Err(format!("one trap was meant to be: {:?}", proxy.traps()));
    }
    let after = TRAP + 20 * MS..OLD + 540 * MS;
    let served = (0..ENDPOINTS).map(|n| evidence.attempts_of(0, &address(n), after.clone())).sum::<u64>();
    if served == 0 {
        return Err("the worker that trapped never came back".to_owned());
    }
    evidence.probes_have_permits()?;
    evidence.open_circuits_are_left_alone()?;
    evidence.events_are_in_order()?;
    // What the dead VM had not published is lost; nothing is counted twice.
    let unpublished = (OLD.max(TRAP - TICK - LATE), TRAP + LATE);
    for (endpoint, (requests, failures)) in evidence.counted() {
        let lost = evidence.attempts_of(0, &endpoint.address, unpublished.0..unpublished.1);
        let right = (requests.saturating_sub(lost)..=requests).contains(&endpoint.requests)
            && (failures.saturating_sub(lost)..=failures).contains(&endpoint.failures)
            && endpoint.in_flight == 0;
        if !right {
            return Err(format!("{endpoint:?}: happened {requests} and {failures}, of which {lost} may be lost"));
        }
    }
    circuits_changed(&evidence)
}
