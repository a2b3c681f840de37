//! Who serves: groups of equal endpoints, each with a number of its own.

use super::values::{above_zero, shape, time};
use super::{LONGEST, ReadFile};
use crate::scenario::{Endpoint, Service, Shape, Warming};
use plimsoll_config::Node;
use std::time::Duration;

const MAX_ENDPOINTS: usize = 100_000;

pub(super) const KEYS: [&str; 14] = [
    "count", "slots", "queue", "service", "weight", "zone", "tier", "draining", "metadata", "warming", "cold",
    "notices", "joins", "leaves",
];

pub(super) fn endpoints(node: &Node<'_>, files: ReadFile<'_>) -> Result<Vec<Endpoint>, String> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for group in node.list()? {
        let count = group.object(&KEYS)?.or("count", 1, |node| node.whole(1..=MAX_ENDPOINTS as u32))?;
        let like = endpoint(&group, files)?;
        for _ in 0..count {
            let named = Endpoint::plain(endpoints.len(), 1, Duration::from_millis(1)).config;
            let mut endpoint = like.clone();
            (endpoint.config.address, endpoint.config.id) = (named.address, named.id);
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() || endpoints.len() > MAX_ENDPOINTS {
        return Err(format!("{}: {} endpoints, allowed are 1 to {MAX_ENDPOINTS}", node.path(), endpoints.len()));
    }
    Ok(endpoints)
}

fn endpoint(node: &Node<'_>, files: ReadFile<'_>) -> Result<Endpoint, String> {
    let object = node.object(&KEYS)?;
    let slots = object.or("slots", 1, |node| node.whole(1..=1_000_000))?;
    let service = service(&object.required("service")?, files)?;
    let joins = time(&object, "joins", Duration::ZERO)?;
    let after = joins + Duration::from_millis(1);
    let mut endpoint = Endpoint {
        queue: object.or("queue", None, |node| node.whole(0..=100_000_000).map(Some))?,
        warming: object.or("warming", None, |node| warming(node).map(Some))?,
        cold: object.or("cold", 1.0, |node| node.number(1.0..=1e6))?,
        notices: object.or("notices", true, Node::flag)?,
        joins,
        leaves: object.or("leaves", None, |node| node.duration(after..=LONGEST).map(Some))?,
        ..Endpoint::plain(0, slots, service.mean)
    };
    endpoint.service = service;
    endpoint.config.weight = object.or("weight", 1, |node| node.whole(1..=1000))?;
    endpoint.config.zone = object.or("zone", None, |node| node.text().map(|zone| Some(zone.to_owned())))?;
    endpoint.config.tier = object.or("tier", 0, |node| node.whole(0..=15))?;
    endpoint.config.draining = object.or("draining", false, Node::flag)?;
    endpoint.config.metadata = object.or("metadata", Vec::new(), metadata)?;
    Ok(endpoint)
}

/// A mean, or a mean and how times vary around it.
fn service(node: &Node<'_>, files: ReadFile<'_>) -> Result<Service, String> {
    if node.text().is_ok() {
        return Ok(Service { mean: above_zero(node)?, shape: Shape::Exponential });
    }
    let object = node.object(&["mean", "shape"])?;
    let mean = above_zero(&object.required("mean")?)?;
    Ok(Service { mean, shape: object.or("shape", Shape::Exponential, |node| shape(node, files))? })
}

fn warming(node: &Node<'_>) -> Result<Warming, String> {
    let object = node.object(&["from", "over"])?;
    Ok(Warming {
        from: super::values::positive(&object.required("from")?, 1.0)?,
        over: above_zero(&object.required("over")?)?,
    })
}

fn metadata(node: &Node<'_>) -> Result<Vec<(String, String)>, String> {
    let pair = |node: &Node<'_>| {
        let object = node.object(&["key", "value"])?;
        Ok((object.required("key")?.text()?.to_owned(), object.required("value")?.text()?.to_owned()))
    };
    node.list()?.iter().map(pair).collect()
}
