//! Scenario files: what a user wrote, JSON or YAML as a JSON value, becomes a [`Scenario`], or an error that names key,
//! value and what is allowed. Nothing is accepted in part and unknown keys are errors.
//!
//! `docs/simulator.md` documents every key. Files that a scenario names (recorded arrivals, measured service times) are
//! read by the caller, so that this runs where there are no files. Distributions, rates and the like are objects with a
//! single key that says which: `traffic: {poisson: {rate: 900}}`.

mod balancers;
mod built_in;
mod client;
mod endpoints;
#[cfg(test)]
mod tests;
mod traffic;
mod trouble;
mod values;
mod write;

pub use balancers::{PEERS, engine, peer};
pub use built_in::BUILT_IN;
pub use write::write;

use crate::scenario::{Extent, Scenario};
use plimsoll_config::{Node, Object};
use serde_json::Value;
use std::time::Duration;

/// The longest time that anything in a scenario may take: a week.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Reads a file that a scenario names.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// An accepted scenario file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// What it shows, in a sentence; may be empty.
    pub about: String,
    /// Its seed is 1: the caller chooses seeds.
    pub scenario: Scenario,
}

const KEYS: [&str; 10] =
    ["about", "warm_up", "measured", "traffic", "keys", "endpoints", "antagonists", "faults", "client", "timeline"];

/// Reads a scenario.
///
/// # Errors
/// One line that names the key, the value and what is allowed.
pub fn parse(value: &Value, files: ReadFile<'_>) -> Result<File, String> {
    let root = Node::root(value).object(&KEYS).map_err(|error| error.replace("the configuration", "the scenario"))?;
    let endpoints = endpoints::endpoints(&root.required("endpoints")?, files)?;
    let count = endpoints.len();
    let items = |key| root.or(key, Vec::new(), Node::list);
    let scenario = Scenario {
        seed: 1,
        warm_up: root.or("warm_up", Extent::Time(Duration::ZERO), |node| extent(node, 0))?,
        measured: extent(&root.required("measured")?, 1)?,
        traffic: traffic::traffic(&root.required("traffic")?, files)?,
        keys: root.or("keys", None, |node| traffic::keys(node).map(Some))?,
        antagonists: items("antagonists")?
            .iter()
            .map(|node| trouble::antagonist(node, count))
            .collect::<Result<_, _>>()?,
        faults: items("faults")?.iter().map(|node| trouble::fault(node, count)).collect::<Result<_, _>>()?,
        client: root.or("client", Default::default(), client::client)?,
        timeline: root.or("timeline", Duration::ZERO, |node| node.duration(Duration::ZERO..=LONGEST))?,
        endpoints,
    };
    worth_running(&root, &scenario)?;
    let about = root.or("about", String::new(), |node| node.text().map(str::to_owned))?;
    Ok(File { about, scenario })
}

/// A number of requests, or a time.
fn extent(node: &Node<'_>, least: u32) -> Result<Extent, String> {
    if node.text().is_ok() {
        let low = Duration::from_millis(u64::from(least));
        return node.duration(low..=LONGEST).map(Extent::Time);
    }
    let object = node.object(&["requests"])?;
    object.required("requests")?.whole(least..=100_000_000).map(|count| Extent::Requests(u64::from(count)))
}

/// What each part allows for itself and is nothing together.
fn worth_running(root: &Object<'_>, scenario: &Scenario) -> Result<(), String> {
    if scenario.endpoints.iter().all(|endpoint| !endpoint.joins.is_zero()) {
        return Err(format!("{}: one endpoint at least has to be there from the start", root.at("endpoints")));
    }
    if let Extent::Time(measured) = scenario.measured
        && scenario.timeline.as_nanos() * 100_000 < measured.as_nanos()
        && !scenario.timeline.is_zero()
    {
        return Err(format!("{}: more than 100000 buckets in the time measured", root.at("timeline")));
    }
    Ok(())
}
