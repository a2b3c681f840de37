//! The simulator as a WebAssembly module: plays a scenario that comes with it and hands over the report, so that a test
//! can compare its bytes with those of a native run. As a library it is that native run.
//!
//! It imports nothing: no clock, no dice. The report is handed over byte by byte, which is slow and needs no pointers.

use plimsoll_sim::file::{BUILT_IN, parse, peer};
use plimsoll_sim::statistics::report_json;
use plimsoll_sim::{Extent, Scenario, run};
use std::sync::Mutex;
use std::time::Duration;

/// Whoever may balance, by number.
pub const SUBJECTS: [&str; 12] = [
    "plimsoll_peak_ewma",
    "plimsoll_round_robin",
    "plimsoll_random",
    "plimsoll_least_request",
    "plimsoll_least_response_time",
    "plimsoll_hcl",
    "plimsoll_maglev",
    "plimsoll_ring_hash",
    "envoy_tuned",
    "nginx",
    "shortest_queue",
    "central_queue",
];

static REPORT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The first seconds of a built-in scenario under a seed, as JSON; `None` for numbers that stand for nothing.
#[must_use]
pub fn simulate(scenario: usize, subject: usize, seed: u64) -> Option<String> {
    let (_, text) = BUILT_IN.get(scenario)?;
    let value: serde_json::Value = serde_yaml_ng::from_str(text).ok()?;
    let file = parse(&value, &|_| Err("there are no files here".to_owned())).ok()?;
    let subject = peer(SUBJECTS.get(subject)?, 3, Duration::from_millis(100))?;
    let measured = match file.scenario.measured {
        Extent::Time(time) => Extent::Time(time.min(Duration::from_secs(10))),
        Extent::Requests(count) => Extent::Requests(count.min(10_000)),
    };
    let warm_up = match file.scenario.warm_up {
        Extent::Time(time) => Extent::Time(time),
        Extent::Requests(count) => Extent::Requests(count.min(1_000)),
    };
    let scenario = Scenario { seed, measured, warm_up, timeline: Duration::from_secs(1), ..file.scenario };
    Some(report_json(&run(&scenario, &subject)).to_string())
}

/// Plays a scenario; the length of its report, 0 if there is none.
#[allow(unsafe_code, reason = "an export of the module")]
#[unsafe(no_mangle)]
pub extern "C" fn play(scenario: u32, subject: u32, seed: u64) -> u32 {
    let report = simulate(scenario as usize, subject as usize, seed).unwrap_or_default().into_bytes();
    let length = report.len() as u32;
    if let Ok(mut place) = REPORT.lock() {
        *place = report;
    }
    length
}

/// A byte of the last report; 0 behind its end.
#[allow(unsafe_code, reason = "an export of the module")]
#[unsafe(no_mangle)]
pub extern "C" fn byte(at: u32) -> u32 {
    let report = REPORT.lock();
    report.ok().and_then(|report| report.get(at as usize).copied()).map_or(0, u32::from)
}
