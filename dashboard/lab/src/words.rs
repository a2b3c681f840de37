//! The result of a trial as the page shows it, and what was played, in words.

use super::comparison::{Comparison, Estimate, Row};
use super::{Setup, Source, built_in, live};
use plimsoll_config::units;
use plimsoll_sim::Fault;

/// Stands where there is nothing to show.
const NONE: &str = "–";
/// What a row says: name and verdict for programs, label, present, changed and difference with their units, the verdict's
/// class and its words.
pub const PLACES: usize = 11;

/// What the difference of a figure means; the class of its colour, and the words.
pub fn verdict(row: &Row) -> (&'static str, String) {
    let seeds = |side: Option<Estimate>| side.map_or(0, |estimate| estimate.count);
    let (present, changed) = (seeds(row.present), seeds(row.changed));
    if present != changed {
        // Those that have it would be compared with the worse ones of the other side.
        return ("", format!("in {present} and {changed} seeds"));
    }
    let Some(difference) = row.difference else { return ("quiet", String::new()) };
    let (tone, words) = judge(row, difference);
    (tone, words.to_owned())
}

fn judge(row: &Row, difference: Estimate) -> (&'static str, &'static str) {
    if difference.mean == 0.0 && difference.half.is_none_or(|half| half == 0.0) {
        return ("quiet", "the same");
    }
    if difference.half.is_none() {
        return ("quiet", "not sure after one seed");
    }
    if !difference.is_sure() {
        return ("quiet", "no clear difference");
    }
    let less = difference.mean < 0.0;
    match row.figure.name {
        // More of them is neither good nor bad.
        "ejections" if less => ("", "fewer"),
        "ejections" => ("", "more"),
        _ if less == row.figure.less_is_better => ("good", "✓ better"),
        _ => ("bad", "✕ worse"),
    }
}

/// The rows of a result, in their order.
pub fn lines(result: &Comparison) -> Vec<[String; PLACES]> {
    result.rows.iter().map(line).collect()
}

/// A figure's row.
pub fn line(row: &Row) -> [String; PLACES] {
    let (tone, words) = verdict(row);
    let digits = digits(row);
    let mean = |estimate: Option<Estimate>| estimate.map_or(NONE.into(), |estimate| fixed(estimate.mean, digits));
    let unit = |estimate: Option<Estimate>| unit(estimate, row.figure.unit).to_owned();
    let difference = match row.difference {
        None => NONE.into(),
        Some(Estimate { mean, half, .. }) => {
            let plus = if mean > 0.0 { "+" } else { "" };
            let half = half.map(|half| format!(" ± {}", fixed(half, digits))).unwrap_or_default();
            format!("{plus}{}{half}", fixed(mean, digits))
        }
    };
    [
        row.figure.name.into(),
        words.clone(),
        row.figure.label.into(),
        mean(row.present),
        unit(row.present),
        mean(row.changed),
        unit(row.changed),
        difference,
        unit(row.difference),
        tone.into(),
        words,
    ]
}

fn unit(estimate: Option<Estimate>, unit: &'static str) -> &'static str {
    match (estimate, unit) {
        (None, _) | (_, "") => "",
        (_, "ms") => " ms",
        (_, "s") => " s",
        _ => " %",
    }
}

/// As many digits after the point as a column of these values needs.
fn digits(row: &Row) -> u32 {
    let largest = [row.present, row.changed].into_iter().flatten().map(|value| value.mean).fold(0.0, f64::max);
    match row.figure.unit {
        "%" => 2,
        "" => 1,
        _ if largest < 10.0 => 2,
        _ if largest < 1000.0 => 1,
        _ => 0,
    }
}

/// A number with so many digits after the point, in integers: the standard library's way is large.
pub fn fixed(value: f64, digits: u32) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let scale = 10_u64.pow(digits);
    let parts = libm::rint(value.abs() * scale as f64) as u64;
    let mut text = String::from(if value < 0.0 && parts > 0 { "−" } else { "" });
    text.push_str(&(parts / scale).to_string());
    if digits > 0 {
        let fraction = (scale + parts % scale).to_string();
        text.push('.');
        text.push_str(&fraction[1..]);
    }
    text
}

/// What a scenario shows.
pub fn about(setup: &Setup) -> String {
    match &setup.source {
        Source::BuiltIn(name) => built_in::find(name).map(|found| found.about).unwrap_or_default(),
        Source::Live(pool) => format!("Pool {pool} as it was when it was taken."),
    }
}

/// What is assumed and what goes wrong, a sentence each.
pub fn assumptions(setup: &Setup) -> Vec<String> {
    let mut list = live::assumptions(setup);
    let of_scenario = setup.scenario.faults.iter().filter(|_| matches!(setup.source, Source::BuiltIn(_)));
    list.extend(of_scenario.chain(&setup.fault).map(|fault| when(fault, setup)));
    list
}

/// A fault and its time.
fn when(fault: &Fault, setup: &Setup) -> String {
    let mut text = live::describe(fault, setup);
    // Endpoints of built-in scenarios are numbered.
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        text.insert_str(0, "Endpoint ");
    }
    text.push_str(" From ");
    text.push_str(&units::print(fault.from));
    match fault.to {
        Some(to) => {
            text.push_str(" to ");
            text.push_str(&units::print(to));
        }
        None => text.push_str(" on"),
    }
    text.push_str(if fault.flapping.is_some() { ", coming and going." } else { "." });
    text
}
