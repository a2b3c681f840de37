//! Antagonists and faults.

use super::LONGEST;
use super::values::{above_zero, one_of, positive, time};
use crate::scenario::{Antagonist, Fault, FaultKind, Flapping, Targets};
use plimsoll_config::{Node, Object};
use std::time::Duration;

/// Nothing takes more than this many times as long, or less than one part in this many.
const MAX_FACTOR: f64 = 1e6;

pub(super) fn antagonist(node: &Node<'_>, endpoints: usize) -> Result<Antagonist, String> {
    let factor = |object: &Object<'_>, key: &str| positive(&object.required(key)?, MAX_FACTOR);
    match one_of(node, &["some", "each"])? {
        ("some", node) => {
            let object = node.object(&["count", "factor", "every"])?;
            Ok(Antagonist::Some {
                count: object.required("count")?.whole(1..=endpoints as u32)?,
                factor: factor(&object, "factor")?,
                every: object.or("every", None, |node| above_zero(node).map(Some))?,
            })
        }
        (_, node) => {
            let object = node.object(&["every", "low", "high"])?;
            let low = factor(&object, "low")?;
            Ok(Antagonist::Each {
                every: above_zero(&object.required("every")?)?,
                low,
                high: object.required("high")?.number(low..=MAX_FACTOR)?,
            })
        }
    }
}

pub(super) fn fault(node: &Node<'_>, endpoints: usize) -> Result<Fault, String> {
    let kinds = ["slow", "errors", "hang", "refuse"];
    let object = node.object(&["endpoints", "from", "to", "flapping", "slow", "errors", "hang", "refuse"])?;
    let mut given = kinds.iter().filter_map(|kind| object.get(kind).map(|node| (*kind, node)));
    let (Some((kind, content)), None) = (given.next(), given.next()) else {
        return Err(node.error(format_args!("has not exactly one of the keys {}", kinds.join(", "))));
    };
    let from = time(&object, "from", Duration::ZERO)?;
    let after = from + Duration::from_millis(1);
    Ok(Fault {
        targets: targets(&object.required("endpoints")?, endpoints)?,
        from,
        to: object.or("to", None, |node| node.duration(after..=LONGEST).map(Some))?,
        flapping: object.or("flapping", None, |node| flapping(node).map(Some))?,
        kind: fault_kind(kind, &content)?,
    })
}

fn fault_kind(kind: &str, node: &Node<'_>) -> Result<FaultKind, String> {
    match kind {
        "slow" => {
            let factor = positive(&node.object(&["factor"])?.required("factor")?, MAX_FACTOR)?;
            Ok(FaultKind::Slow { factor })
        }
        "errors" => {
            let object = node.object(&["share", "after", "of_requests"])?;
            Ok(FaultKind::Errors {
                share: object.or("share", 1.0, |node| node.number(0.0..=1.0))?,
                after: object.or("after", None, |node| node.duration(Duration::ZERO..=LONGEST).map(Some))?,
                of_requests: object.or("of_requests", false, Node::flag)?,
            })
        }
        "hang" => node.object(&[]).map(|_| FaultKind::Hang),
        _ => node.object(&[]).map(|_| FaultKind::Refuse),
    }
}

/// `all`, or positions in the scenario's list, counted from 0.
fn targets(node: &Node<'_>, endpoints: usize) -> Result<Targets, String> {
    if node.text().is_ok() {
        return node.choice(&[("all", ())]).map(|()| Targets::All);
    }
    let last = endpoints.saturating_sub(1) as u32;
    let positions = node.list()?.iter().map(|node| node.whole(0..=last)).collect::<Result<Vec<_>, _>>()?;
    if positions.is_empty() { Err(node.error("names no endpoint")) } else { Ok(Targets::Some(positions)) }
}

fn flapping(node: &Node<'_>) -> Result<Flapping, String> {
    let object = node.object(&["bad", "good"])?;
    Ok(Flapping { bad: above_zero(&object.required("bad")?)?, good: above_zero(&object.required("good")?)? })
}
