//! The scenarios: short, because each runs a thousand times for every number of workers.

use super::filter_bed::{ADMIN, OBSERVER, PICKER, address, configuration};
use super::invariants::{Evidence, Watch};
use super::{ENDPOINTS, MS, PERMITS};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request, Retries, Setup};
use plimsoll_host_tests::host::{Guest, Plugin, Profile};
use plimsoll_snapshot::view::CircuitState;
use serde_json::{Value, json};
use std::time::Duration;

/// A setup and what happens in it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    run: fn(&mut Proxy, usize) -> Result<(), String>,
}

pub(crate) const ALL: [Scenario; 3] = [
    Scenario { name: "most endpoints fail at once and recover", run: most_fail_and_recover },
    Scenario { name: "probes hang", run: probes_hang },
    Scenario { name: "the configuration changes while endpoints fail", run: updates_meanwhile },
];

/// The hosts on which every scenario has to hold.
pub(crate) fn profiles() -> [Profile; 2] {
    [Profile::envoy(), plimsoll_host_tests::host::Cas::Strict.into()]
}

impl Scenario {
    pub(crate) fn setup(&self, guest: &Guest, workers: usize, profile: Profile) -> Setup {
        Setup::new(guest)
            .workers(workers)
            .profile(profile)
            .upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#))
            .downstream(picker(&json!({})))
            .admin(Plugin::new(ADMIN, r#"{"role": "admin"}"#))
            .cluster("demo", (0..ENDPOINTS).map(address))
            .steering_header("x-plimsoll-endpoint", true)
            .retries(Retries { limit: 2, backoff: MS, ..Retries::default() })
            .per_try_timeout(30 * MS)
    }

    pub(crate) fn run(&self, proxy: &mut Proxy, workers: usize) -> Result<(), String> {
        (self.run)(proxy, workers)
    }
}

/// A pool that opens a circuit at the first failure; `extra` is merged into it.
fn picker(extra: &Value) -> Plugin {
    let mut pool = json!({
        "strategy": "round_robin",
        "circuit": {
            "consecutive_failures": 1, "open_for": "200ms", "backoff": 1,
            "half_open_permits": PERMITS, "half_open_max": "100ms",
        },
    });
    if let (Some(pool), Some(extra)) = (pool.as_object_mut(), extra.as_object()) {
        pool.extend(extra.clone());
    }
    let mut configuration = configuration(ENDPOINTS, &pool);
    configuration["tick"] = json!("40ms");
    Plugin::new(PICKER, configuration.to_string())
}

/// Even traffic over all workers, of which every seventh client leaves before the answer.
fn traffic(proxy: &mut Proxy, workers: usize, lasts: Duration) {
    const EVERY: Duration = Duration::from_millis(3);
    for n in 0..(lasts.as_millis() / EVERY.as_millis()) as u32 {
        let request = Request::get("/").on_worker(n as usize % workers);
        let request = if n % 7 == 3 { request.aborting_after(MS / 2) } else { request };
        proxy.submit_after(EVERY * n, request);
    }
}

/// All but one endpoint fail at once, for a while.
fn most_fail_and_recover(proxy: &mut Proxy, workers: usize) -> Result<(), String> {
    let watch = Watch::over(proxy, |n, at| match (n, at) {
        (1.., 60..160) => Behaviour::status(503, 1),
        _ => Behaviour::ok(1),
    });
    traffic(proxy, workers, 600 * MS);
    let evidence = Evidence::of(proxy, &watch)?;
    evidence.is_sound()?;
    if evidence.count(CircuitState::Open) == 0 || evidence.count(CircuitState::HalfOpen) == 0 {
        return Err(format!("nothing opened, or was never probed: {:?}", evidence.events));
    }
    Ok(())
}

/// One endpoint never answers: its circuit stays open or half open.
fn probes_hang(proxy: &mut Proxy, workers: usize) -> Result<(), String> {
    let watch = Watch::over(proxy, |n, _| if n == 2 { Behaviour::Hang } else { Behaviour::ok(1) });
    traffic(proxy, workers, 600 * MS);
    let evidence = Evidence::of(proxy, &watch)?;
    evidence.is_sound()?;
    match evidence.count(CircuitState::Closed) {
        0 if evidence.count(CircuitState::Open) > 0 => Ok(()),
        _ => Err(format!("a circuit closed without a probe that passed: {:?}", evidence.events)),
    }
}

/// Endpoints fail, and the configuration changes twice: another strategy and order, and back.
fn updates_meanwhile(proxy: &mut Proxy, workers: usize) -> Result<(), String> {
    let watch = Watch::over(proxy, |n, at| match (n, at) {
        (1 | 2, 60..300) => Behaviour::status(503, 2),
        _ => Behaviour::ok(2),
    });
    traffic(proxy, workers, 600 * MS);
    let mut turned = configuration(ENDPOINTS, &json!({}))["pools"][0]["endpoints"].clone();
    if let Some(endpoints) = turned.as_array_mut() {
        endpoints.reverse();
    }
    proxy.run_for(100 * MS);
    let changed = picker(&json!({"strategy": "least_request", "endpoints": turned}));
    proxy.update(&changed).map_err(|error| error.to_string())?;
    proxy.run_for(200 * MS);
    proxy.update(&picker(&json!({}))).map_err(|error| error.to_string())?;
    let evidence = Evidence::of(proxy, &watch)?;
    evidence.is_sound()
}
