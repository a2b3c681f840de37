//! Prints what was measured, each figure beside what it should be.

use crate::files::File;
use crate::loads::{Loads, SLOWER};
use crate::page::Moments;
use crate::recording::{Recording, SLICE};
use crate::updates::{LONG, Work};
use plimsoll_benches::paired::median;

/// Median work per update, milliseconds.
const WORK_TARGET: f64 = 16.0;
/// Milliseconds until the first row with figures is painted.
const USEFUL_TARGET: f64 = 1000.0;
/// Bytes of the whole dashboard, gzipped.
const SIZE_TARGET: usize = 250 * 1024;

/// A step of a load, and when it was reached.
type Step = (&'static str, fn(&Moments) -> Option<f64>);

pub(crate) fn print_recording(recording: &Recording) {
    let costs = &recording.costs;
    let updates = costs.updates.len();
    println!("\n{} ({}), {} s, {updates} updates", recording.name, recording.path, recording.seconds);
    println!("{:46} {:>8} {:>8} {:>8}   target", "milliseconds", "median", "p95", "max");
    let cpu = |works: &[Work]| works.iter().map(|work| work.cpu).collect();
    let wall = |works: &[Work]| works.iter().map(|work| work.wall).collect();
    let work = line("main-thread work per update, processor time", cpu(&costs.updates), Some(WORK_TARGET));
    if work.is_none() {
        println!("no two answers within {} s: {}", SLICE.as_secs(), verdict(false));
    }
    line("  the same, by the clock", wall(&costs.updates), None);
    line("all work from answer to answer, processor time", cpu(&costs.cycles), None);
    line("marked by the page (plimsoll:update)", costs.marked.clone(), None);
    line("frames, by the clock", wall(&costs.frames), None);
    line("  processor time in them", cpu(&costs.frames), None);
    let yardstick = median(&recording.yardstick).unwrap_or_default();
    let least = recording.yardstick.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{:46} {yardstick:8.1} {:>8} {:>8}   at best {least:.1}", "yardstick: a fixed loop in this page", "", "");
    if let Some(work) = work {
        println!("{:46} {:8.2}", "work per update, in yardsticks", work / yardstick);
    }
    print_long("frames over 50 ms", &costs.frames, Some(0));
    print_long("tasks over 50 ms", &costs.tasks, None);
    let (before, after) = (&recording.before, &recording.after);
    println!("{:46} {} rows, {} elements, {} nodes", "document", after.rows, after.elements, after.nodes);
    println!("{:46} {} → {}", "  before and after: nodes", before.nodes, after.nodes);
    println!("{:46} {:.0} → {:.0} KiB", "  heap of JavaScript", kib(before.heap), kib(after.heap));
    let memory = |size: Option<f64>| size.map_or("unknown".into(), |bytes| format!("{:.0}", kib(bytes)));
    println!("{:46} {} → {} KiB", "  memory of the wasm", memory(before.wasm), memory(after.wasm));
}

fn print_long(name: &str, works: &[Work], target: Option<usize>) {
    let by_clock = works.iter().filter(|work| work.wall > LONG).count();
    let by_processor = works.iter().filter(|work| work.cpu > LONG).count();
    print!("{name:46} {by_clock} of {} by the clock, {by_processor} by processor time", works.len());
    println!("{}", target.map_or(String::new(), |most| format!("   none: {}", verdict(by_clock <= most))));
}

/// Prints median, 95th percentile and maximum of microseconds, if there are any; returns the median in milliseconds.
fn line(name: &str, micros: Vec<u64>, target: Option<f64>) -> Option<f64> {
    let mut millis: Vec<f64> = micros.into_iter().map(|micros| micros as f64 / 1000.0).collect();
    millis.sort_by(f64::total_cmp);
    let middle = median(&millis)?;
    let rank = (millis.len() as f64 * 0.95).ceil() as usize;
    let (high, most) = (millis.get(rank.saturating_sub(1))?, millis.last()?);
    let target = target.map_or(String::new(), |target| format!("   median < {target}: {}", verdict(middle < target)));
    println!("{name:46} {middle:8.1} {high:8.1} {most:8.1}{target}");
    Some(middle)
}

pub(crate) fn print_loads(loads: &Loads) {
    println!("\nFirst load, processor {SLOWER} times slower, empty cache, {} loads", loads.moments.len());
    println!(
        "{:46} {:>8} {:>8} {:>8}   target",
        "milliseconds from the start of the navigation", "median", "least", "most"
    );
    let steps: [Step; 5] = [
        ("the wasm is loaded", |moments| moments.loaded),
        ("the wasm is compiled and starts", |moments| moments.started),
        ("the first snapshot is asked for", |moments| moments.asked),
        ("the first snapshot is there", |moments| moments.answered),
        ("the first row with figures is painted", |moments| moments.useful),
    ];
    for (name, pick) in steps {
        let mut times: Vec<f64> = loads.moments.iter().filter_map(pick).collect();
        times.sort_by(f64::total_cmp);
        let (Some(middle), Some(least), Some(most)) = (median(&times), times.first(), times.last()) else {
            println!("{name:46} not seen");
            continue;
        };
        print!("{name:46} {middle:8.0} {least:8.0} {most:8.0}");
        let last = name == steps[steps.len() - 1].0;
        println!(
            "{}",
            if last { format!("   < {USEFUL_TARGET}: {}", verdict(middle < USEFUL_TARGET)) } else { String::new() }
        );
    }
    if let Some(failure) = &loads.failure {
        let first = format!("{failure:#}").lines().next().unwrap_or_default().to_owned();
        println!("a further load was given up: {}: {first}", verdict(false));
    }
    if let Some(yardstick) = median(&loads.yardstick) {
        println!("{:46} {yardstick:8.1}", "yardstick: a fixed loop, as slow");
    }
}

pub(crate) fn print_files(files: &[File]) {
    println!("\n{:46} {:>8} {:>8}   target", "KiB", "raw", "gzip -9");
    for file in files {
        println!("{:46} {:8.1} {:8.1}", file.name, kib(file.raw as f64), kib(file.zipped as f64));
    }
    let (raw, zipped) = files.iter().fold((0, 0), |(raw, zipped), file| (raw + file.raw, zipped + file.zipped));
    let target = format!("< {}: {}", SIZE_TARGET / 1024, verdict(zipped < SIZE_TARGET));
    println!("{:46} {:8.1} {:8.1}   {target}", "in all", kib(raw as f64), kib(zipped as f64));
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn kib(bytes: f64) -> f64 {
    bytes / 1024.0
}
