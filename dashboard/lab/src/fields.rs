//! The fields of a setup by name, as text and back.
//!
//! `source`, `seeds`, `workers`, `length`; `fault`, `fault.size`, `fault.who`, `fault.from`, `fault.to`; `present` and
//! `changed`, the differences from the defaults as JSON, and `present:circuit.open_for`, a setting in them.

use super::{Setup, Source, configuration};
use plimsoll_config::units;
use plimsoll_sim::{Extent, Fault, FaultKind, Scenario, Targets};
use std::time::Duration;

/// Faults that can be added, as in a choice.
pub const FAULTS: [(&str, &str); 5] = [
    ("", "none"),
    ("errors", "answers are errors"),
    ("slow", "takes longer"),
    ("hang", "nothing comes back"),
    ("refuse", "refuses connections"),
];
/// Strategies that can be played.
pub const STRATEGIES: [&str; 8] =
    ["peak_ewma", "least_request", "round_robin", "random", "least_response_time", "hcl", "maglev", "ring_hash"];
/// Where a circuit's preset stands.
const PRESET: &str = "circuit.preset";
/// Of the circuits of endpoints.
pub const PRESETS: [&str; 4] = ["adaptive", "rates", "patient", "tolerant"];

/// A setting that is often turned.
pub struct Setting {
    /// Where it stands.
    pub path: &'static str,
    /// For people.
    pub label: &'static str,
    /// What there is to choose from, the default first; nothing where any text is taken.
    pub choices: &'static [&'static str],
    /// What holds where nothing is written and the configuration has no default that could be written.
    pub unset: &'static str,
}

const fn setting(path: &'static str, label: &'static str, unset: &'static str) -> Setting {
    Setting { path, label, choices: &[], unset }
}

const fn choice(path: &'static str, label: &'static str, choices: &'static [&'static str]) -> Setting {
    Setting { path, label, choices, unset: choices[0] }
}

/// Those settings. All others are changed in the JSON.
pub const SETTINGS: [Setting; 10] = [
    choice("strategy", "Strategy", &STRATEGIES),
    setting("candidates", "Candidates: first attempt and retries", ""),
    setting("ramp", "Ramp of new and recovered endpoints", ""),
    choice(PRESET, "Circuit: preset", &PRESETS),
    setting("circuit.consecutive_failures", "Circuit: failures in a row that eject", ""),
    setting("circuit.failure_rate_percent", "Circuit: failed % that ejects", "no rates"),
    setting("circuit.slow_call_duration", "Circuit: a call is slow above", "2.5 × the middle"),
    setting("circuit.open_for", "Circuit: first time out", ""),
    setting("max_ejected_percent", "Ejected at most, %", ""),
    setting("panic_threshold_percent", "Panic below this eligible %", ""),
];

/// All fields by name.
pub fn names() -> impl Iterator<Item = String> {
    const NAMED: [&str; 11] = [
        "source",
        "seeds",
        "workers",
        "length",
        "fault",
        "fault.size",
        "fault.who",
        "fault.from",
        "fault.to",
        "present",
        "changed",
    ];
    let settings = |side: &'static str| SETTINGS.iter().map(move |setting| format!("{side}:{}", setting.path));
    NAMED.into_iter().map(str::to_owned).chain(settings("present")).chain(settings("changed"))
}

/// The text of a field.
pub(super) fn read(setup: &Setup, field: &str) -> String {
    match (field, &setup.fault) {
        ("source", _) => match &setup.source {
            Source::BuiltIn(name) => name.clone(),
            Source::Live(_) => "kept".into(),
        },
        ("seeds", _) => setup.seeds.to_string(),
        ("workers", _) => setup.workers.to_string(),
        ("length", _) => match setup.scenario.measured {
            Extent::Time(time) => units::print(time),
            Extent::Requests(count) => count.to_string(),
        },
        ("present", _) => setup.present.clone(),
        ("changed", _) => setup.changed.clone(),
        (_, Some(fault)) if field.starts_with("fault") => of_fault(fault, &setup.scenario, field),
        _ => match field.split_once(':') {
            Some((side, path)) => of_settings(if side == "present" { &setup.present } else { &setup.changed }, path),
            None => String::new(),
        },
    }
}

/// As written; empty where that is the default, but for choices, which always have one.
fn of_settings(text: &str, path: &str) -> String {
    let chosen = SETTINGS.iter().any(|setting| setting.path == path && !setting.choices.is_empty());
    match configuration::written(text, path) {
        None if chosen => default_of(path),
        Some(value) if chosen || !is_default(text, path, &value) => value,
        _ => String::new(),
    }
}

/// A circuit's defaults are its preset's: with a preset that is written, nothing else of it is known to be one.
fn is_default(settings: &str, path: &str, value: &str) -> bool {
    let preset = path.starts_with("circuit.") && path != PRESET && configuration::written(settings, PRESET).is_some();
    default_of(path) == value && !preset
}

/// What holds where a setting is not written.
pub fn default_of(path: &str) -> String {
    let unset = SETTINGS.iter().find(|setting| setting.path == path).map_or("", |setting| setting.unset);
    configuration::get("", path).unwrap_or_else(|| unset.to_owned())
}

fn of_fault(fault: &Fault, scenario: &Scenario, field: &str) -> String {
    match field {
        "fault" => match fault.kind {
            FaultKind::Errors { .. } => "errors".into(),
            FaultKind::Slow { .. } => "slow".into(),
            FaultKind::Hang => "hang".into(),
            FaultKind::Refuse => "refuse".into(),
        },
        "fault.size" => match fault.kind {
            FaultKind::Errors { share, .. } => units::decimal(libm::rint(share * 1e5) / 1e3),
            FaultKind::Slow { factor } => units::decimal(factor),
            _ => String::new(),
        },
        "fault.who" => match &fault.targets {
            Targets::All => "all".into(),
            Targets::Some(list) => {
                let id = |at: &u32| scenario.endpoints.get(*at as usize).map(|endpoint| endpoint.config.id.as_str());
                list.iter().filter_map(id).collect::<Vec<_>>().join(", ")
            }
        },
        "fault.from" => units::print(fault.from),
        _ => fault.to.map(units::print).unwrap_or_default(),
    }
}

/// Changes a field.
pub(super) fn write(setup: &mut Setup, field: &str, text: &str) -> Result<(), String> {
    let text = text.trim();
    match field {
        "source" => {
            if let Some(built_in) = Setup::built_in(text) {
                let (present, changed) = (std::mem::take(&mut setup.present), std::mem::take(&mut setup.changed));
                *setup = Setup { present, changed, ..built_in };
            }
        }
        "seeds" => setup.seeds = whole(field, text)?,
        "workers" => setup.workers = whole(field, text)?,
        "length" => setup.scenario.measured = extent(text)?,
        "present" => text.clone_into(&mut setup.present),
        "changed" => text.clone_into(&mut setup.changed),
        _ if field.starts_with("fault") => to_fault(setup, field, text)?,
        _ => {
            if let Some((side, path)) = field.split_once(':') {
                let settings = if side == "present" { &mut setup.present } else { &mut setup.changed };
                // What is the default need not be said.
                let value = if is_default(settings, path, text) { "" } else { text };
                *settings = configuration::set(settings, path, value)?;
            }
        }
    }
    Ok(())
}

/// That a field does not take a text. Quoted by hand: the standard library's quotes are 2 KiB of the page.
#[inline(never)]
fn refused(field: &str, text: &str, why: &str) -> String {
    [field, ": \"", text, "\" ", why].concat()
}

fn whole(field: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| refused(field, text, "is not a whole number"))
}

fn extent(text: &str) -> Result<Extent, String> {
    if let Ok(count) = text.parse::<u64>() {
        return if count == 0 { Err("length: 0 requests say nothing".into()) } else { Ok(Extent::Requests(count)) };
    }
    match units::parse(text).filter(|time| !time.is_zero()) {
        Some(time) => Ok(Extent::Time(time)),
        None => Err(refused("length", text, "is neither a duration such as 30s nor a number of requests")),
    }
}

fn to_fault(setup: &mut Setup, field: &str, text: &str) -> Result<(), String> {
    if field == "fault" {
        return kind(setup, text);
    }
    let targets = if field == "fault.who" { Some(who(&setup.scenario, text)?) } else { None };
    let time = |text: &str| match units::parse(text) {
        Some(time) => Ok(time),
        None => Err(refused(field, text, "is not a duration such as 5s")),
    };
    let Some(fault) = &mut setup.fault else { return Ok(()) };
    match (field, &mut fault.kind) {
        ("fault.size", FaultKind::Errors { share, .. }) => *share = number(field, text)? / 100.0,
        ("fault.size", FaultKind::Slow { factor }) => *factor = number(field, text)?,
        ("fault.from", _) => fault.from = time(text)?,
        ("fault.to", _) => fault.to = if text.is_empty() { None } else { Some(time(text)?) },
        _ => {}
    }
    if let Some(targets) = targets {
        fault.targets = targets;
    }
    Ok(())
}

/// Another kind of fault; where and when stay.
fn kind(setup: &mut Setup, name: &str) -> Result<(), String> {
    let kind = match name {
        "errors" => FaultKind::Errors { share: 0.5, after: None, of_requests: false },
        "slow" => FaultKind::Slow { factor: 5.0 },
        "hang" => FaultKind::Hang,
        "refuse" => FaultKind::Refuse,
        _ => {
            setup.fault = None;
            return Ok(());
        }
    };
    let fault = setup.fault.get_or_insert_with(|| Fault {
        targets: Targets::Some(vec![0]),
        from: Duration::from_secs(10),
        to: None,
        flapping: None,
        kind,
    });
    fault.kind = kind;
    Ok(())
}

/// `all`, or endpoints by name.
fn who(scenario: &Scenario, text: &str) -> Result<Targets, String> {
    if text == "all" {
        return Ok(Targets::All);
    }
    let place = |name: &str| scenario.endpoints.iter().position(|endpoint| endpoint.config.id == name);
    // A name may have anything in it.
    let names = if place(text).is_some() { vec![text] } else { text.split(',').map(str::trim).collect() };
    let mut list = Vec::new();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        let Some(place) = place(name) else {
            let id = |at: Option<&plimsoll_sim::Endpoint>| at.map_or("", |endpoint| &endpoint.config.id).to_owned();
            let (first, last) = (id(scenario.endpoints.first()), id(scenario.endpoints.last()));
            let known = ["is not an endpoint; there are ", &first, " to ", &last, ", or all"].concat();
            return Err(refused("fault.who", name, &known));
        };
        list.push(place as u32);
    }
    Ok(Targets::Some(list))
}

fn number(field: &str, text: &str) -> Result<f64, String> {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    value.and_then(|value| value.as_f64()).ok_or_else(|| refused(field, text, "is not a number"))
}
