//! What the filter costs in the test host: requests per second of one core through picker and observer, fuel and host
//! calls per request. `cargo xtask bench wasm` builds everything and starts this.
//!
//! The real `dist/plimsoll.wasm` in the modelled proxy, with one worker, in virtual time: no sockets, no Envoy, one
//! thread. Beside it, in the same rounds and taking turns in short slices, the proxy without any filter and with a
//! guest that exports the same callbacks and does nothing in them. So the host's own share is known, and claims about
//! speed are ratios of variants that met the same machine. Fuel and host calls are exact: they are the same everywhere.

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use plimsoll_benches::{cpu, paired};
use plimsoll_host_tests::host::proxy::{Behaviour, Proxy, Request, Setup};
use plimsoll_host_tests::host::{CallbackKind, Costs, Guest, Plugin, StreamCosts};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PICKER: &str = "plimsoll-picker";
const OBSERVER: &str = "plimsoll-observer";
/// Requests are this far apart and answered after [`LATENCY`]: 16 are under way, and a tick comes every 800.
const APART: Duration = Duration::from_micros(125);
const LATENCY: Duration = Duration::from_millis(2);
/// So many are handed to the proxy at once, and their outcomes looked at, as a test would do it.
const GROUP: u32 = 50;
/// Every variant has so many turns in a round; the round's figure is their median. What counts is the time on the wall
/// less what the thread has waited for a processor: it does nothing but compute.
const SLICES: u32 = 10;
/// What is to be reached with every strategy.
const TARGET: f64 = 100_000.0;

/// The callbacks of a request that the filter exports, and nothing in them.
const IDLE_GUEST: &str = r#"(module
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1)))"#;

#[derive(Parser)]
#[command(
    name = "bench-wasm",
    about = "Requests per second and core, fuel and host calls of the filter in the test host"
)]
struct Arguments {
    /// How often every variant is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// Requests per variant and round
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    requests: u32,
    /// Sizes of the pool, one table each
    #[arg(long, value_delimiter = ',', default_value = "8,1000", value_parser = clap::value_parser!(u16).range(1..=5000))]
    endpoints: Vec<u16>,
    /// Only variants whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// The filter
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/plimsoll.wasm"))]
    filter: PathBuf,
}

/// One proxy and what was measured of it.
struct Variant {
    name: String,
    proxy: Proxy,
    /// The cluster's choice came from the filter.
    steers: bool,
    /// Microseconds per request, one value a round.
    rounds: Vec<f64>,
    /// Of one slice in steady state.
    costs: Costs,
    counted: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let filter = Guest::from_file(&arguments.filter)
        .map_err(|error| anyhow!("{error}"))
        .context("no filter to measure: run `cargo xtask build`")?;
    let idle = Guest::compile(&wat::parse_str(IDLE_GUEST)?).map_err(|error| anyhow!("{error}"))?;
    let mut reached = true;
    for endpoints in &arguments.endpoints {
        reached &= bench(&arguments, &filter, &idle, usize::from(*endpoints))?;
    }
    println!(
        "\ntarget of {TARGET:.0} requests per second and core: {}",
        if reached { "reached" } else { "not reached" }
    );
    Ok(())
}

fn bench(arguments: &Arguments, filter: &Guest, idle: &Guest, endpoints: usize) -> Result<bool> {
    let mut variants = variants(filter, idle, endpoints)?;
    variants.retain(|variant| arguments.only.as_ref().is_none_or(|only| variant.name.contains(only)));
    let slice = (arguments.requests / SLICES).max(10);
    for variant in &mut variants {
        variant.warm_up(slice)?;
    }
    for _ in 0..arguments.rounds {
        round(&mut variants, slice)?;
    }
    println!("\n{endpoints} endpoints, 1 worker, {} rounds of {} requests", arguments.rounds, slice * SLICES);
    print_speed(&variants);
    print_costs(&variants);
    let slow = |variant: &&Variant| variant.steers && variant.per_second() < TARGET;
    Ok(variants.iter().find(slow).is_none())
}

fn variants(filter: &Guest, idle: &Guest, endpoints: usize) -> Result<Vec<Variant>> {
    let plugins = |picker: String, observer: &str| (Plugin::new(PICKER, picker), Plugin::new(OBSERVER, observer));
    let mut variants = vec![Variant::start("no filter", Setup::new(idle), endpoints, false)?, {
        let (picker, observer) = plugins(String::new(), "");
        Variant::start("idle guest", Setup::new(idle).downstream(picker).upstream(observer), endpoints, false)?
    }];
    for strategy in ["round_robin", "random", "least_request", "peak_ewma"] {
        let (picker, observer) = plugins(configuration(endpoints, strategy, "attempt"), r#"{"role":"observer"}"#);
        let setup = Setup::new(filter).downstream(picker).upstream(observer);
        variants.push(Variant::start(strategy, setup, endpoints, true)?);
    }
    let (picker, _) = plugins(configuration(endpoints, "peak_ewma", "request"), "");
    let setup = Setup::new(filter).downstream(picker);
    variants.push(Variant::start("peak_ewma, request mode", setup, endpoints, true)?);
    Ok(variants)
}

fn configuration(endpoints: usize, strategy: &str, observe: &str) -> String {
    let endpoints: Vec<_> = (0..endpoints).map(|n| json!({"address": address(n), "id": format!("e{n}")})).collect();
    let pool = json!({"name": "demo", "strategy": strategy, "observe": observe, "endpoints": endpoints});
    json!({"tick": "100ms", "pools": [pool]}).to_string()
}

fn address(n: usize) -> String {
    format!("10.0.{}.{}:8080", n / 250, n % 250 + 1)
}

impl Variant {
    fn start(name: &str, setup: Setup, endpoints: usize, steers: bool) -> Result<Self> {
        let addresses: Vec<String> = (0..endpoints).map(address).collect();
        let setup = setup.cluster("demo", &addresses).steering_header("x-plimsoll-endpoint", true);
        let mut proxy = setup.start().map_err(|error| anyhow!("{name}: {error}"))?;
        let answer = Behaviour::Respond { status: 200, latency: LATENCY };
        addresses.iter().for_each(|address| proxy.set_behaviour(address, answer));
        let (rounds, costs, counted) = Default::default();
        Ok(Self { name: name.to_owned(), proxy, steers, rounds, costs, counted })
    }

    /// Code is compiled before, but the filter has to know its endpoints; then one slice is counted.
    fn warm_up(&mut self, slice: u32) -> Result<()> {
        self.send(slice * 2)?;
        self.proxy.reset_costs();
        self.send(slice)?;
        if self.steers {
            (self.costs, self.counted) = (self.proxy.worker(0).costs().clone(), slice);
        }
        Ok(())
    }

    /// A filter that did nothing would be fast: every request has to have succeeded, where the filter said.
    fn send(&mut self, requests: u32) -> Result<()> {
        let mut ended = 0;
        for group in 0..requests.div_ceil(GROUP) {
            let size = GROUP.min(requests - group * GROUP);
            for n in 0..size {
                self.proxy.submit_after(APART * n, Request::get("/").on_worker(0));
            }
            self.proxy.run_for(APART * size);
            ended += self.look_at_outcomes()?;
        }
        self.proxy.run_until_idle();
        ended += self.look_at_outcomes()?;
        ensure!(ended == requests as usize, "{}: {ended} of {requests} ended", self.name);
        Ok(())
    }

    fn look_at_outcomes(&mut self) -> Result<usize> {
        let outcomes = self.proxy.take_outcomes();
        for outcome in &outcomes {
            let steered = outcome.attempts.iter().all(|attempt| attempt.steered == self.steers);
            ensure!(outcome.is_ok() && steered, "{}: {outcome}", self.name);
        }
        Ok(outcomes.len())
    }

    /// Requests per second of one core.
    fn per_second(&self) -> f64 {
        paired::median(&self.rounds).map_or(0.0, |micros| 1e6 / micros)
    }
}

fn round(variants: &mut [Variant], slice: u32) -> Result<()> {
    let mut slices = vec![Vec::new(); variants.len()];
    for _ in 0..SLICES {
        for (variant, slices) in variants.iter_mut().zip(&mut slices) {
            let (began, before) = (Instant::now(), cpu::waited(std::process::id())?);
            variant.send(slice)?;
            let took = began.elapsed().saturating_sub(cpu::waited(std::process::id())?.saturating_sub(before));
            slices.push(took.as_secs_f64() * 1e6 / f64::from(slice));
        }
    }
    for (variant, slices) in variants.iter_mut().zip(slices) {
        variant.rounds.extend(paired::median(&slices));
    }
    Ok(())
}

fn print_speed(variants: &[Variant]) {
    let (name, ratio) = ("", "ratio to the first");
    println!("{name:24} {:>15} {:>8} {ratio:>24}", "requests/s/core", "µs");
    for variant in variants {
        let Some(micros) = paired::median(&variant.rounds) else { continue };
        let Some(ratio) = paired::ratio(&variant.rounds, &variants[0].rounds) else { continue };
        let ratio = format!("{:.2} ({:.2}..{:.2})", ratio.median, ratio.least, ratio.most);
        println!("{:24} {:>15.0} {micros:>8.2} {ratio:>24}", variant.name, variant.per_second());
    }
}

/// Exact figures of one slice in steady state: what a request costs in each plugin and in each callback.
fn print_costs(variants: &[Variant]) {
    for variant in variants.iter().filter(|variant| variant.steers) {
        println!("{}, per request:", variant.name);
        for plugin in [PICKER, OBSERVER] {
            let StreamCosts { streams, fuel, host_calls, .. } = variant.costs.streams(plugin);
            if streams > 0 {
                let name = plugin.trim_start_matches("plimsoll-");
                print_line(name, streams, fuel, host_calls.iter(), variant.counted);
            }
        }
        for kind in CallbackKind::ALL {
            let cost = variant.costs.callback(*kind);
            if cost.calls > 0 {
                print_line(kind.name(), cost.calls, cost.fuel, cost.host_calls.iter(), variant.counted);
            }
        }
    }
}

fn print_line(
    name: &str,
    calls: u64,
    fuel: u64,
    host_calls: impl Iterator<Item = (plimsoll_host_tests::host::HostCall, u64)>,
    requests: u32,
) {
    let each = |count: u64| count as f64 / f64::from(requests);
    let made: Vec<String> = host_calls.map(|(call, count)| format!("{} {:.3}", call.name(), each(count))).collect();
    let made = if made.is_empty() { "none".to_owned() } else { made.join(", ") };
    println!("  {name:26} {:>7.3} times, fuel {:>8.1}, host calls: {made}", each(calls), each(fuel));
}
