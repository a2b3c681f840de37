//! The endpoints of a pool.

use super::address::canonical;
use super::circuits;
use super::node::{Node, Object};
use super::validate::{non_empty, unique};
use plimsoll_engine::EndpointConfig;

const MAX_ENDPOINTS: usize = 100_000;
const MAX_METADATA: usize = 32;
const MAX_TIER: u32 = 15;

pub(super) fn read(node: &Node) -> Result<Vec<EndpointConfig>, String> {
    let list = node.list()?;
    if list.is_empty() || list.len() > MAX_ENDPOINTS {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_ENDPOINTS}", node.path(), list.len()));
    }
    let mut accepted = Vec::with_capacity(list.len());
    for node in &list {
        let endpoint = node.object(&["address", "id", "weight", "zone", "tier", "draining", "circuit", "metadata"])?;
        let address = address(&endpoint)?;
        let defaults = EndpointConfig::default();
        accepted.push(EndpointConfig {
            id: endpoint.or("id", address.clone(), |node| non_empty(node).map(str::to_owned))?,
            weight: endpoint.or("weight", defaults.weight, |node| node.whole(1..=1000))?,
            zone: endpoint.or("zone", None, |node| non_empty(node).map(|zone| Some(zone.to_owned())))?,
            tier: endpoint.or("tier", defaults.tier, |node| node.whole(0..=MAX_TIER))?,
            draining: endpoint.or("draining", defaults.draining, Node::flag)?,
            circuit: endpoint.or("circuit", defaults.circuit, |node| node.choice(&circuits::FORCED))?,
            metadata: endpoint.or("metadata", Vec::new(), metadata)?,
            address,
        });
    }
    unique(accepted.iter().map(|endpoint| endpoint.address.as_str()), node.path(), "address")?;
    unique(accepted.iter().map(|endpoint| endpoint.id.as_str()), node.path(), "id")?;
    Ok(accepted)
}

/// An address in the form in which the proxy prints it: other spellings would never match.
fn address(endpoint: &Object) -> Result<String, String> {
    let node = endpoint.required("address")?;
    match canonical(node.text()?) {
        Some((_, 0)) => Err(node.error("has port 0, allowed are 1 to 65535")),
        Some((address, _)) => Ok(address),
        None => Err(node.error("is not an IP address and port, such as \"10.0.2.10:8002\" or \"[fd00::1]:80\"")),
    }
}

fn metadata(node: &Node) -> Result<Vec<(String, String)>, String> {
    let entries = node.entries()?;
    if entries.len() > MAX_METADATA {
        return Err(format!("{}: {} given, allowed are 0 to {MAX_METADATA}", node.path(), entries.len()));
    }
    entries.iter().map(|(key, value)| Ok(((*key).to_owned(), non_empty(value)?.to_owned()))).collect()
}
