//! From what was written to what is accepted: keys, ranges, uniqueness, canonical addresses. Defaults come from the
//! engine's own `Default`s, where each stands with its reason.

use super::node::{Node, Object};
use super::{Accepted, Observe, PoolSettings, Role};
use core::net::SocketAddr;
use core::time::Duration;
use plimsoll_engine::{CircuitConfig, EndpointConfig, MAX_CANDIDATES, PoolConfig, Strategy, address_key};
use serde_json::Value;
use std::collections::BTreeSet;

/// How often workers exchange what they know, unless configured otherwise.
pub const DEFAULT_TICK: Duration = Duration::from_millis(100);
const MAX_POOLS: usize = 256;
const MAX_ENDPOINTS: usize = 100_000;

/// Keys of a whole configuration.
pub(super) const ROOT_KEYS: [&str; 3] = ["role", "tick", "pools"];

pub(super) fn accept(value: &Value) -> Result<Accepted, String> {
    let root = Node::root(value).object(&ROOT_KEYS)?;
    let roles = [("picker", Role::Picker), ("observer", Role::Observer), ("admin", Role::Admin)];
    let role = root.or("role", Role::default(), |node| node.choice(&roles))?;
    if role != Role::Picker
        && let Some(node) = root.get("tick").or_else(|| root.get("pools"))
    {
        return Err(format!("{}: only role picker has it; observer and admin use the picker's", node.path()));
    }
    let ticks = Duration::from_millis(10)..=Duration::from_secs(1);
    let tick = root.or("tick", DEFAULT_TICK, |node| node.duration(ticks))?;
    let pools = root.or("pools", Vec::new(), Node::list)?;
    if (role == Role::Picker && pools.is_empty()) || pools.len() > MAX_POOLS {
        return Err(format!("pools: {} given, a picker needs 1 to {MAX_POOLS}", pools.len()));
    }
    let pools = pools.iter().map(pool).collect::<Result<Vec<_>, _>>()?;
    unique(pools.iter().map(|pool| pool.engine.name.as_str()), "pools", "name")?;
    unique(pools.iter().map(|pool| pool.engine.cluster.as_str()), "pools", "cluster")?;
    Ok(Accepted { role, tick, pools, generation: 0 })
}

pub(super) fn pool(node: &Node) -> Result<PoolSettings, String> {
    let pool = node.object(&[
        "name",
        "cluster",
        "strategy",
        "observe",
        "candidates",
        "detect_truncated",
        "endpoints",
        "circuit",
        "max_ejected_percent",
        "panic_threshold_percent",
        "minimum_samples",
    ])?;
    let defaults = PoolConfig::default();
    let name = name(&pool.required("name")?)?;
    let strategies = Strategy::ALL.map(|strategy| (strategy.name(), strategy));
    let modes = [("attempt", Observe::Attempt), ("request", Observe::Request)];
    let observe = pool.or("observe", Observe::default(), |node| node.choice(&modes))?;
    let percent = |key, default| pool.or(key, default, |node| node.whole(0..=100));
    let engine = PoolConfig {
        cluster: pool.or("cluster", name.clone(), |node| non_empty(node).map(str::to_owned))?,
        strategy: pool.or("strategy", defaults.strategy, |node| node.choice(&strategies))?,
        candidates: pool.or("candidates", defaults.candidates, |node| {
            node.whole(1..=MAX_CANDIDATES as u32).map(|count| count as usize)
        })?,
        detect_truncated: pool.or("detect_truncated", defaults.detect_truncated, Node::flag)?,
        endpoints: endpoints(&pool.required("endpoints")?)?,
        circuit: pool.or("circuit", CircuitConfig::default(), circuit)?,
        max_ejected_percent: percent("max_ejected_percent", defaults.max_ejected_percent)?,
        panic_threshold_percent: percent("panic_threshold_percent", defaults.panic_threshold_percent)?,
        minimum_samples: pool.or("minimum_samples", defaults.minimum_samples, |node| node.whole(1..=1_000_000))?,
        name,
        ..PoolConfig::default()
    };
    if engine.detect_truncated {
        let at = pool.at("detect_truncated");
        if observe == Observe::Request {
            return Err(format!("{at}: true needs observe: \"attempt\", this pool has \"request\""));
        }
    }
    Ok(PoolSettings { engine, observe })
}

fn name(node: &Node) -> Result<String, String> {
    let name = node.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(node.error("is not 1 to 64 letters, digits, `-` or `_`"));
    }
    Ok(name.to_owned())
}

fn non_empty<'a>(node: &Node<'a>) -> Result<&'a str, String> {
    let text = node.text()?;
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
        return Err(node.error("is not 1 to 128 printable characters"));
    }
    Ok(text)
}

fn endpoints(node: &Node) -> Result<Vec<EndpointConfig>, String> {
    let list = node.list()?;
    if list.is_empty() || list.len() > MAX_ENDPOINTS {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_ENDPOINTS}", node.path(), list.len()));
    }
    let mut keys = BTreeSet::new();
    let mut accepted = Vec::with_capacity(list.len());
    for node in &list {
        let endpoint = node.object(&["address", "id", "weight", "zone"])?;
        let address = address(&endpoint)?;
        if !keys.insert(address_key(address.as_bytes())) {
            return Err(format!("{}: {address:?} is there twice", endpoint.at("address")));
        }
        accepted.push(EndpointConfig {
            id: endpoint.or("id", address.clone(), |node| non_empty(node).map(str::to_owned))?,
            weight: endpoint.or("weight", 1, |node| node.whole(1..=1000))?,
            zone: endpoint.or("zone", None, |node| non_empty(node).map(|zone| Some(zone.to_owned())))?,
            address,
            ..EndpointConfig::default()
        });
    }
    unique(accepted.iter().map(|endpoint| endpoint.id.as_str()), node.path(), "id")?;
    Ok(accepted)
}

/// An address in the form in which the proxy prints it: other spellings would never match.
fn address(endpoint: &Object) -> Result<String, String> {
    let node = endpoint.required("address")?;
    match node.text()?.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address.to_string()),
        Ok(_) => Err(node.error("has port 0, allowed are 1 to 65535")),
        Err(_) => Err(node.error("is not an IP address and port, such as \"10.0.2.10:8002\" or \"[fd00::1]:80\"")),
    }
}

fn circuit(node: &Node) -> Result<CircuitConfig, String> {
    let circuit = node.object(&[
        "consecutive_failures",
        "open_for",
        "open_for_max",
        "backoff",
        "half_open_permits",
        "half_open_max",
    ])?;
    let defaults = CircuitConfig::default();
    let time = Duration::from_millis(100)..=Duration::from_secs(3600);
    let open_for = circuit.or("open_for", defaults.open_for, |node| node.duration(time.clone()))?;
    let longer = open_for..=Duration::from_secs(86_400);
    Ok(CircuitConfig {
        consecutive_failures: circuit
            .or("consecutive_failures", defaults.consecutive_failures, |node| node.whole(1..=1000))?,
        open_for,
        open_for_max: circuit.or("open_for_max", defaults.open_for_max.max(open_for), |node| node.duration(longer))?,
        backoff: circuit.or("backoff", defaults.backoff, |node| node.number(1.0..=10.0))?,
        half_open_permits: circuit.or("half_open_permits", defaults.half_open_permits, |node| node.whole(1..=100))?,
        half_open_max: circuit.or("half_open_max", defaults.half_open_max, |node| node.duration(time))?,
    })
}

fn unique<'a>(values: impl Iterator<Item = &'a str>, at: &str, key: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if !seen.insert(value) {
            return Err(format!("{at}[{index}].{key}: {value:?} is there twice"));
        }
    }
    Ok(())
}
