//! A trial as JSON text: what was played, with the scenario as a file that `cargo xtask simulate` plays, and what came out,
//! seed by seed.

use super::comparison::FIGURES;
use super::{Setup, Source, Trial};
use plimsoll_sim::{Fault, Scenario};
use serde_json::Value;

/// The scenario alone, the setup's fault included, as a file for `cargo xtask simulate`.
pub fn scenario(setup: &Setup) -> String {
    let faults: Vec<Fault> = setup.scenario.faults.iter().chain(&setup.fault).cloned().collect();
    let about = match &setup.source {
        Source::BuiltIn(name) => format!("The built-in scenario {name}."),
        Source::Live(pool) => format!("Pool {pool} as it was."),
    };
    plimsoll_sim::file::write(&about, &Scenario { faults, ..setup.scenario.clone() })
}

/// Setup and result.
pub fn json(setup: &Setup, trial: &Trial) -> String {
    let mut text = String::from("{\"version\":1,\"seeds\":");
    text.push_str(&setup.seeds.to_string());
    text.push_str(",\"workers\":");
    text.push_str(&setup.workers.to_string());
    for (key, settings) in [(",\"present\":", &setup.present), (",\"changed\":", &setup.changed)] {
        text.push_str(key);
        // A trial has only settings that were read; empty ones mean the defaults.
        text.push_str(if settings.trim().is_empty() { "{}" } else { settings });
    }
    text.push_str(",\"scenario\":");
    text.push_str(&scenario(setup));
    text.push_str(",\"result\":{");
    for (index, figure) in FIGURES.iter().enumerate() {
        text.push_str(if index == 0 { "\"" } else { ",\"" });
        text.push_str(figure.name);
        text.push('"');
        for (side, key) in trial.figures().iter().zip([":{\"present\":", ",\"changed\":"]) {
            text.push_str(key);
            let values: Vec<Value> = side.iter().map(|figures| figures[index].into()).collect();
            text.push_str(&Value::from(values).to_string());
        }
        text.push('}');
    }
    text.push_str("}}");
    text
}
