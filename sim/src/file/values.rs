//! Values that several keys share.

use super::{LONGEST, ReadFile};
use crate::scenario::Shape;
use plimsoll_config::{Node, Object};
use std::time::Duration;

/// More numbers than this are no scenario but a data set.
const MAX_NUMBERS: usize = 10_000_000;

/// An object with one key that says which of these it is.
pub(super) fn one_of<'a>(node: &Node<'a>, choices: &[&'static str]) -> Result<(&'static str, Node<'a>), String> {
    let object = node.object(choices)?;
    let mut given = choices.iter().filter_map(|key| object.get(key).map(|node| (*key, node)));
    match (given.next(), given.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(node.error(format_args!("has not exactly one of the keys {}", choices.join(", ")))),
    }
}

/// A time above zero.
pub(super) fn above_zero(node: &Node<'_>) -> Result<Duration, String> {
    let duration = node.duration(Duration::ZERO..=LONGEST)?;
    if duration.is_zero() { Err(node.error("is not above 0")) } else { Ok(duration) }
}

/// A number above zero.
pub(super) fn positive(node: &Node<'_>, most: f64) -> Result<f64, String> {
    let number = node.number(0.0..=most)?;
    if number > 0.0 { Ok(number) } else { Err(node.error(format_args!("is not a number above 0 up to {most}"))) }
}

/// A time since the start, or a length.
pub(super) fn time(object: &Object<'_>, key: &str, default: Duration) -> Result<Duration, String> {
    object.or(key, default, |node| node.duration(Duration::ZERO..=LONGEST))
}

/// How service times, or thinking times, vary around their mean.
pub(super) fn shape(node: &Node<'_>, files: ReadFile<'_>) -> Result<Shape, String> {
    if node.text().is_ok() {
        let plain = [("fixed", false), ("exponential", true)];
        let exponential = node
            .choice(&plain)
            .map_err(|error| format!("{error}, or an object with one of the keys lognormal, bimodal, samples"))?;
        return Ok(if exponential { Shape::Exponential } else { Shape::Fixed });
    }
    match one_of(node, &["lognormal", "bimodal", "samples"])? {
        ("lognormal", node) => {
            let sigma = node.object(&["sigma"])?.required("sigma")?.number(0.0..=5.0)?;
            Ok(Shape::LogNormal { sigma })
        }
        ("bimodal", node) => {
            let object = node.object(&["share", "factor"])?;
            let share = object.required("share")?.number(0.0..=1.0)?;
            Ok(Shape::Bimodal { share, factor: object.required("factor")?.number(1.0..=1e6)? })
        }
        (_, node) => {
            let samples = numbers(&node, files)?;
            if samples.iter().any(|sample| *sample > 0.0) {
                Ok(Shape::Empirical(samples))
            } else {
                Err(format!("{}: none of the samples is above 0", node.path()))
            }
        }
    }
}

/// Numbers of 0 and above: a list, or `{file: NAME}` of a file with one a line, where what follows a `#` is a comment.
pub(super) fn numbers(node: &Node<'_>, files: ReadFile<'_>) -> Result<Vec<f64>, String> {
    let numbers = match node.list() {
        Ok(list) => list.iter().map(|node| node.number(0.0..=1e12)).collect::<Result<Vec<_>, _>>()?,
        Err(_) => from_file(&node.object(&["file"])?.required("file")?, files)?,
    };
    if numbers.is_empty() || numbers.len() > MAX_NUMBERS {
        return Err(format!("{}: {} given, allowed are 1 to {MAX_NUMBERS}", node.path(), numbers.len()));
    }
    Ok(numbers)
}

fn from_file(node: &Node<'_>, files: ReadFile<'_>) -> Result<Vec<f64>, String> {
    let text = files(node.text()?).map_err(|error| node.error(error))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).enumerate();
    let number = |(index, line): (usize, &str)| match line.parse::<f64>() {
        Ok(number) if (0.0..=1e12).contains(&number) => Ok(number),
        _ => Err(node.error(format_args!("has {line:?} in line {}, which is no number from 0 to 1e12", index + 1))),
    };
    lines.filter(|(_, line)| !line.is_empty()).map(number).collect()
}
