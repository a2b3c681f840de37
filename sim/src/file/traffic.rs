//! When requests come, and what they are about.

use super::values::{above_zero, numbers, one_of, positive, shape, time};
use super::{LONGEST, ReadFile};
use crate::scenario::{Keys, Shape, Traffic};
use plimsoll_config::{Node, Object};
use std::time::Duration;

/// Requests per second.
const MAX_RATE: f64 = 1e7;

pub(super) fn traffic(node: &Node<'_>, files: ReadFile<'_>) -> Result<Traffic, String> {
    let kinds = ["poisson", "bursts", "batches", "wave", "ramp", "closed", "recorded"];
    let (kind, node) = one_of(node, &kinds)?;
    let rate = |object: &Object<'_>, key: &str| positive(&object.required(key)?, MAX_RATE);
    match kind {
        "poisson" => Ok(Traffic::Poisson { rate: rate(&node.object(&["rate"])?, "rate")? }),
        "bursts" => {
            let object = node.object(&["low", "high", "low_for", "high_for"])?;
            Ok(Traffic::Bursts {
                low: object.required("low")?.number(0.0..=MAX_RATE)?,
                high: rate(&object, "high")?,
                low_for: above_zero(&object.required("low_for")?)?,
                high_for: above_zero(&object.required("high_for")?)?,
            })
        }
        "batches" => {
            let object = node.object(&["rate", "size"])?;
            Ok(Traffic::Batches { rate: rate(&object, "rate")?, size: object.required("size")?.whole(1..=100_000)? })
        }
        "wave" => {
            let object = node.object(&["mean", "swing", "period"])?;
            Ok(Traffic::Wave {
                mean: rate(&object, "mean")?,
                swing: object.required("swing")?.number(0.0..=1.0)?,
                period: above_zero(&object.required("period")?)?,
            })
        }
        "ramp" => ramp(&node),
        "closed" => closed(&node, files),
        _ => recorded(&node, files),
    }
}

fn ramp(node: &Node<'_>) -> Result<Traffic, String> {
    let mut points: Vec<(Duration, f64)> = Vec::new();
    for node in node.list()? {
        let object = node.object(&["at", "rate"])?;
        let at = object.required("at")?;
        let time = at.duration(Duration::ZERO..=LONGEST)?;
        if points.last().is_some_and(|(before, _)| *before >= time) {
            return Err(at.error("is not after the point before"));
        }
        points.push((time, object.required("rate")?.number(0.0..=MAX_RATE)?));
    }
    if points.iter().any(|(_, rate)| *rate > 0.0) {
        Ok(Traffic::Ramp(points))
    } else {
        Err(format!("{}: no point has a rate above 0", node.path()))
    }
}

fn closed(node: &Node<'_>, files: ReadFile<'_>) -> Result<Traffic, String> {
    let object = node.object(&["clients", "think", "shape"])?;
    Ok(Traffic::Closed {
        clients: object.required("clients")?.whole(1..=1_000_000)?,
        think: time(&object, "think", Duration::ZERO)?,
        shape: object.or("shape", Shape::Exponential, |node| shape(node, files))?,
    })
}

/// Seconds since the start, ascending.
fn recorded(node: &Node<'_>, files: ReadFile<'_>) -> Result<Traffic, String> {
    let seconds = numbers(node, files)?;
    if let Some(index) = seconds.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!("{}: arrival {} is before the one before it", node.path(), index + 2));
    }
    if seconds.iter().any(|seconds| *seconds > LONGEST.as_secs_f64()) {
        return Err(format!("{}: arrivals after more than a week", node.path()));
    }
    Ok(Traffic::Recorded(seconds.into_iter().map(Duration::from_secs_f64).collect()))
}

pub(super) fn keys(node: &Node<'_>) -> Result<Keys, String> {
    let count = |object: &Object<'_>| object.required("count")?.whole(1..=100_000_000).map(u64::from);
    match one_of(node, &["uniform", "zipf"])? {
        ("uniform", node) => Ok(Keys::Uniform { count: count(&node.object(&["count"])?)? }),
        (_, node) => {
            let object = node.object(&["count", "exponent"])?;
            let exponent = object.or("exponent", 1.0, |node| node.number(0.0..=10.0))?;
            Ok(Keys::Zipf { count: count(&object)?, exponent })
        }
    }
}
