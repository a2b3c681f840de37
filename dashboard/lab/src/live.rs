//! A scenario out of what a live pool shows: who serves, how much is asked, how long it takes, and what goes wrong now.
//!
//! - Requests come independently (Poisson) at the rate at which the picker steered them lately.
//! - Service times have each endpoint's own median and 99th percentile: exponential if the two are as far apart as an
//!   exponential distribution has them (6.64 times, a tenth more or less), else lognormal with σ = ln(p99/p50) / 2.326. An
//!   endpoint without percentiles has the pool's.
//! - What is waiting and what is service cannot be told apart from outside, so all of it is taken for service, and every
//!   endpoint gets slots for twice what it has under way now, at least [`LEAST_SLOTS`].
//! - An endpoint that is more than [`SLOW`] times as slow as the middle of the pool is one that would be as fast as that
//!   but for a fault, so that ejecting it is not counted as a mistake. The same with one that fails clearly more often than
//!   the middle; what is usual in the pool hits all. One that is ejected is as bad as when it was.
//!
//! Clients try again as often as the pool's lists of candidates allow; how long they wait is not known here and assumed.
//! [`assumptions`] says all of it for people.

use super::configuration;
use super::setup::{MAX_ENDPOINTS, Setup, Source, blank};
use plimsoll_engine::{EndpointConfig, Forced};
use plimsoll_sim::{Client, Endpoint, Extent, Fault, FaultKind, Keys, Service, Shape, Targets, Traffic};
use plimsoll_snapshot::{CircuitState, FailureKind, LatencyMs, Pool, Signal};
use serde_json::Value;
use std::time::Duration;

/// Above this many times the middle's median an endpoint is slow.
pub const SLOW: f64 = 2.5;
/// So many slots an endpoint has at least: with fewer, chance alone would make requests wait.
pub const LEAST_SLOTS: u32 = 8;
/// ln 100 / ln 2: an exponential distribution's 99th percentile over its median.
const EXPONENTIAL: f64 = 6.643_856;
/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_348;
/// An endpoint that is ejected for being slow takes so many times as long.
const EJECTED_SLOW: f64 = 5.0;

/// What a pool did lately, endpoints in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    /// Requests steered per second.
    pub requests_per_s: f64,
    /// Its endpoints.
    pub endpoints: Vec<Rate>,
}

/// What an endpoint did lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Attempts finished per second.
    pub attempts_per_s: f64,
    /// Failed share of them, 0 to 1.
    pub failed: f64,
}

impl Setup {
    /// A live pool as it is now; `config` is that pool in `GET config`.
    ///
    /// # Errors
    /// There is too little traffic to go by, or there are more endpoints than a page can play.
    pub fn from_live(pool: &Pool, config: &Value, rates: &Rates) -> Result<Self, String> {
        let count = pool.endpoints.len();
        if count == 0 || count > MAX_ENDPOINTS {
            return Err(format!("{}: {count} endpoints, the lab plays 1 to {MAX_ENDPOINTS}", pool.name));
        }
        if rates.requests_per_s < 0.01 {
            return Err(format!("{}: hardly any requests lately, so there is nothing to go by", pool.name));
        }
        let Some(usual) = pool.latency_ms.filter(|latency| latency.p50 > 0.0) else {
            return Err(format!("{}: no latencies yet, so there is nothing to go by", pool.name));
        };
        let present = configuration::of_live(config);
        let pool_settings = configuration::parse(&present, count)?;
        let mut scenario = blank();
        scenario.traffic = Traffic::Poisson { rate: rounded(rates.requests_per_s) };
        scenario.warm_up = Extent::Time(Duration::from_secs(5));
        scenario.measured = Extent::Time(Duration::from_secs(30));
        scenario.keys = pool_settings.strategy.is_keyed().then_some(Keys::Zipf { count: 10_000, exponent: 1.0 });
        scenario.client = client(usual, pool_settings.candidates);
        let middle = middle(pool, usual);
        let base = usual_failures(rates);
        if base > 0.0 {
            scenario.faults.push(errors(Targets::All, base));
        }
        let weights: f64 = pool.endpoints.iter().map(|endpoint| f64::from(endpoint.weight)).sum();
        for (number, seen) in pool.endpoints.iter().enumerate() {
            let rate = rates.endpoints.get(number).copied().unwrap_or_default();
            let latency = seen.latency_ms.filter(|latency| latency.p50 > 0.0).unwrap_or(usual);
            let (endpoint, slowness) = endpoint(number, latency, middle);
            scenario.endpoints.push(endpoint);
            let here = Targets::Some(vec![number as u32]);
            if let Some(kind) = what_is_wrong(seen, rate.failed, base, slowness) {
                let fault = Fault { targets: here, from: Duration::ZERO, to: None, flapping: None, kind };
                scenario.faults.push(fault);
            }
            let fair = rates.requests_per_s * f64::from(seen.weight) / weights.max(1.0);
            if let Some(endpoint) = scenario.endpoints.last_mut() {
                endpoint.slots = slots(rate.attempts_per_s.max(fair), endpoint.service.mean, slowness);
                endpoint.config = as_configured(seen, config, &endpoint.config);
            }
        }
        let source = Source::Live(pool.name.clone());
        let mut setup = Self { source, scenario, fault: None, seeds: 5, workers: 2, changed: present.clone(), present };
        setup.fit();
        Ok(setup)
    }
}

/// Thousandths: as exact as anything here is, and short in a link.
fn rounded(value: f64) -> f64 {
    (libm::rint(value * 1000.0) / 1000.0).max(0.001)
}

/// As Envoy does it where nothing else is said, but for the time-out of an attempt.
fn client(usual: LatencyMs, candidates: usize) -> Client {
    let patience = (usual.p99 * 10.0).clamp(1000.0, 60_000.0) as u64;
    Client {
        try_timeout: Some(Duration::from_millis(patience)),
        timeout: Some(Duration::from_millis(patience.saturating_mul(2).max(15_000))),
        retries: candidates.saturating_sub(1).min(15) as u32,
        back_off: Duration::from_millis(25),
        ..Client::default()
    }
}

/// The middle of the endpoints' medians.
fn middle(pool: &Pool, usual: LatencyMs) -> f64 {
    let latencies = pool.endpoints.iter().filter_map(|endpoint| endpoint.latency_ms);
    let medians: Vec<f64> = latencies.map(|latency| latency.p50).filter(|median| *median > 0.0).collect();
    of_middle(medians).unwrap_or(usual.p50)
}

/// Of two in the middle the better one: of two endpoints, one of which is sick, the other says what is usual.
fn of_middle(mut values: Vec<f64>) -> Option<f64> {
    plimsoll_engine::sort_by(&mut values, |a, b| a < b);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// The share of failures that is usual: the middle of the endpoints that had traffic.
fn usual_failures(rates: &Rates) -> f64 {
    let busy = rates.endpoints.iter().filter(|rate| rate.attempts_per_s > 0.0);
    let share = of_middle(busy.map(|rate| rate.failed).collect()).unwrap_or_default();
    if share < 0.000_5 { 0.0 } else { rounded(share).min(1.0) }
}

/// An endpoint with these latencies, and how many times as slow it is as one in which nothing is wrong.
fn endpoint(number: usize, latency: LatencyMs, middle: f64) -> (Endpoint, f64) {
    let ratio = (latency.p99 / latency.p50).max(1.0);
    let slowness = if latency.p50 > SLOW * middle { latency.p50 / middle } else { 1.0 };
    let (shape, mean_ms) = if (ratio / EXPONENTIAL - 1.0).abs() < 0.1 {
        (Shape::Exponential, latency.p50 / core::f64::consts::LN_2)
    } else {
        // Beyond what percentiles of so few seconds can mean, a mean is made of next to nothing.
        let sigma = rounded(libm::log(ratio) / NORMAL_P99).min(2.0);
        (Shape::LogNormal { sigma }, latency.p50 * libm::exp(sigma * sigma / 2.0))
    };
    let nanos = (mean_ms * 1e3 / slowness) as u64;
    let mean = Duration::from_micros(nanos.max(1));
    (Endpoint { service: Service { mean, shape }, ..Endpoint::plain(number, 1, mean) }, rounded(slowness))
}

/// Twice what is under way at this rate.
fn slots(per_s: f64, mean: Duration, slowness: f64) -> u32 {
    let under_way = per_s * mean.as_secs_f64() * slowness;
    // Saturates.
    (libm::ceil(2.0 * under_way) as u32).clamp(LEAST_SLOTS, 1_000_000)
}

fn what_is_wrong(seen: &plimsoll_snapshot::Endpoint, failed: f64, base: f64, slowness: f64) -> Option<FaultKind> {
    let failing = |share: f64| FaultKind::Errors { share: rounded(share).min(1.0), after: None, of_requests: false };
    let is_out = matches!(seen.circuit.state, CircuitState::Open | CircuitState::HalfOpen);
    if is_out && let Some(last) = &seen.last_transition {
        match last.reason.signal {
            Signal::Slowness | Signal::SlowRate | Signal::ProbesSlow => {
                return Some(FaultKind::Slow { factor: slowness.max(EJECTED_SLOW) });
            }
            Signal::Silence | Signal::PermitsExpired => return Some(FaultKind::Hang),
            Signal::FailureRate => return Some(failing(last.reason.observed / 100.0)),
            Signal::ProbeFailed if last.reason.failure == Some(FailureKind::Timeout) => return Some(FaultKind::Hang),
            Signal::Operator => {}
            // Why it was ejected stood in the transition before: what it did lately decides, if it did anything.
            Signal::EjectionElapsed | Signal::ProbesPassed if slowness > 1.0 || failed > 0.0 => {}
            _ => return Some(failing(last.reason.share.filter(|share| *share > 0.0).unwrap_or(1.0))),
        }
    }
    if slowness > 1.0 {
        return Some(FaultKind::Slow { factor: slowness });
    }
    // What is usual hits it anyway.
    (failed > base + (2.0 * base).max(0.02)).then(|| failing((failed - base) / (1.0 - base)))
}

fn errors(targets: Targets, share: f64) -> Fault {
    let kind = FaultKind::Errors { share, after: None, of_requests: false };
    Fault { targets, from: Duration::ZERO, to: None, flapping: None, kind }
}

/// As the configuration has it, under a number in place of its address.
fn as_configured(seen: &plimsoll_snapshot::Endpoint, config: &Value, numbered: &EndpointConfig) -> EndpointConfig {
    let known = |endpoint: &&Value| endpoint.get("id").and_then(Value::as_str) == Some(seen.id.as_str());
    let written = config.get("endpoints").and_then(Value::as_array).and_then(|list| list.iter().find(known));
    let field = |key: &str| written.and_then(|written| written.get(key));
    EndpointConfig {
        id: seen.id.clone(),
        weight: seen.weight.clamp(1, 1000),
        zone: seen.zone.clone(),
        tier: field("tier").and_then(Value::as_u64).unwrap_or_default().min(15) as u32,
        draining: field("draining").and_then(Value::as_bool).unwrap_or_default(),
        circuit: match field("circuit").and_then(Value::as_str) {
            Some("forced_open") => Forced::Open,
            Some("disabled") => Forced::Disabled,
            _ => Forced::Auto,
        },
        ..numbered.clone()
    }
}

/// What is assumed in this setup, for people: a sentence each.
pub fn assumptions(setup: &Setup) -> Vec<String> {
    let scenario = &setup.scenario;
    let mut list = Vec::new();
    if let Source::Live(pool) = &setup.source {
        list.push(format!(
            "Requests come as {pool} had them lately, independent of each other; each endpoint takes as long as its own \
             median and 99th percentile say, or the pool's where it has none."
        ));
        list.push(format!(
            "Each endpoint serves twice as many requests at once as it has under way now, {LEAST_SLOTS} at least; more \
             wait in a queue without end."
        ));
    }
    let client = &scenario.client;
    let millis = |time: Option<Duration>| time.map_or(0, |time| time.as_millis() as u64);
    list.push(match client.try_timeout {
        None => format!("Clients wait for ever and try again up to {} times.", client.retries),
        Some(_) => format!(
            "Clients try again up to {} times, give up an attempt after {} ms and a request after {} ms.",
            client.retries,
            millis(client.try_timeout),
            millis(client.timeout)
        ),
    });
    list.push(format!("The proxy has {} workers, which exchange what they know every 100 ms.", setup.workers));
    if matches!(setup.source, Source::Live(_)) {
        list.extend(scenario.faults.iter().map(|fault| describe(fault, setup)));
    }
    list
}

/// A fault in words, such as `order-3 takes 5.0 times as long`.
pub fn describe(fault: &Fault, setup: &Setup) -> String {
    let who = match &fault.targets {
        Targets::All => "Everybody".to_owned(),
        Targets::Some(list) => {
            let id = |at: &u32| setup.scenario.endpoints.get(*at as usize).map(|endpoint| endpoint.config.id.as_str());
            list.iter().filter_map(id).collect::<Vec<_>>().join(", ")
        }
    };
    let tenths = |value: f64| {
        let tenths = libm::rint(value * 10.0) as u64;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match fault.kind {
        FaultKind::Slow { factor } => format!("{who}: takes {} times as long.", tenths(factor)),
        FaultKind::Errors { share, .. } => format!("{who}: {} % of the answers are errors.", tenths(share * 100.0)),
        FaultKind::Hang => format!("{who}: nothing comes back."),
        FaultKind::Refuse => format!("{who}: connections are refused."),
    }
}
