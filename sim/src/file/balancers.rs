//! Who balances: a pool as the filter reads it, or a peer by its name.

use crate::scenario::Scenario;
use crate::subject::{Engine, Envoy, EnvoyPolicy, Nginx, NginxPolicy, Outlier, Subject};
use plimsoll_engine::{PoolConfig, Strategy};
use serde_json::{Value, json};
use std::time::Duration;

/// The peers' names, and who they are.
pub const PEERS: [(&str, &str); 11] = [
    ("random", "by chance, whatever the weights"),
    ("round_robin", "in turn, whatever the weights"),
    ("shortest_queue", "the fewest requests under way per slot, known exactly: an oracle"),
    ("central_queue", "one queue before the balancer: the best that the slots allow"),
    ("envoy_round_robin", "Envoy ROUND_ROBIN"),
    ("envoy_least_request", "Envoy LEAST_REQUEST, two choices"),
    ("envoy_outlier", "the same with outlier detection as it is by default"),
    ("envoy_tuned", "the same with outlier detection every second, up to half of the hosts"),
    ("nginx", "nginx, smooth weighted round robin, max_fails=1"),
    ("nginx_least_conn", "nginx least_conn, max_fails=1"),
    ("plimsoll_STRATEGY", "Plimsoll with this strategy and defaults for the rest, such as plimsoll_maglev"),
];

/// A subject by its name, with this number of workers and tick where it is Plimsoll; `None` if there is none.
#[must_use]
pub fn peer(name: &str, workers: u32, tick: Duration) -> Option<Subject> {
    let tuned = Outlier { interval: Duration::from_secs(1), max_ejection_percent: 50, ..Outlier::default() };
    let plain = |policy| Envoy { policy, ..Envoy::least_request(None) };
    Some(match name {
        "random" => Subject::Random,
        "round_robin" => Subject::RoundRobin,
        "shortest_queue" => Subject::ShortestQueue,
        "central_queue" => Subject::CentralQueue,
        "envoy_round_robin" => Subject::Envoy(plain(EnvoyPolicy::RoundRobin)),
        "envoy_least_request" => Subject::Envoy(Envoy::least_request(None)),
        "envoy_outlier" => Subject::Envoy(Envoy::least_request(Some(Outlier::default()))),
        "envoy_tuned" => Subject::Envoy(Envoy::least_request(Some(tuned))),
        "nginx" => Subject::Nginx(Nginx::new(NginxPolicy::RoundRobin)),
        "nginx_least_conn" => Subject::Nginx(Nginx::new(NginxPolicy::LeastConn)),
        _ => {
            let strategy =
                Strategy::ALL.into_iter().find(|strategy| name == format!("plimsoll_{}", strategy.name()))?;
            let pool = PoolConfig { strategy, ..PoolConfig::default() };
            Subject::Engine(Box::new(Engine { pool, workers, tick }))
        }
    })
}

/// A pool from a file as the filter reads it: its settings alone, or a whole configuration with one pool, whose tick
/// counts too. Its endpoints are replaced by the scenario's, so they may be left out, and so may its name.
///
/// # Errors
/// One line that names the key, the value and what is allowed.
pub fn engine(value: &Value, scenario: &Scenario, workers: u32) -> Result<Engine, String> {
    let mut value = value.clone();
    let pool = match value.get_mut("pools").and_then(|pools| pools.get_mut(0)) {
        Some(pool) => pool,
        None => &mut value,
    };
    if let Some(pool) = pool.as_object_mut() {
        let endpoint = |endpoint: &crate::Endpoint| json!({ "address": endpoint.config.address });
        pool.entry("endpoints").or_insert_with(|| scenario.endpoints.iter().map(endpoint).collect());
        pool.entry("name").or_insert_with(|| json!("simulated"));
    }
    let mut pool = plimsoll_config::parse_pool(&value)?.engine;
    let highest = pool.ranges.iter().flat_map(|range| &range.endpoints).max();
    if let Some(highest) = highest.filter(|position| **position as usize >= scenario.endpoints.len()) {
        let count = scenario.endpoints.len();
        return Err(format!("ranges: they name endpoint {highest} (from 0), the scenario has {count}"));
    }
    pool.endpoints = scenario.endpoints.iter().map(|endpoint| endpoint.config.clone()).collect();
    // Its form and range have been checked with the rest.
    let tick = value.get("tick").and_then(Value::as_str).and_then(plimsoll_config::units::parse);
    Ok(Engine { pool, workers, tick: tick.unwrap_or(plimsoll_config::DEFAULT_TICK) })
}
