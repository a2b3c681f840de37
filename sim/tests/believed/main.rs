//! Whether the simulator can be believed: it reproduces results that are not ours, queueing theory and figures of
//! independent simulations, on several seeds, before its answers about us count. Prints every figure with what was
//! expected, what came out and what is tolerated.
//!
//! A program of its own instead of `#[test]` functions, because the table is the point: it is printed whole, also when
//! all is well, and its rows are run side by side on all cores. `BELIEVED=long` (set by `cargo xtask test --long`) runs
//! more and longer with tighter tolerances; words on the command line select rows by their section's name.

mod arithmetic;
mod average;
mod bed;
mod chances;
mod choices;
mod circuits;
mod claim;
mod formulas;
mod hashing;
mod queues;
mod rules;
mod stale;
mod uneven;

use claim::{Claim, Effort, table};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A few figures that belong together, run by one thread.
#[derive(Clone, Copy)]
struct Section {
    name: &'static str,
    claims: fn(Effort) -> Vec<Claim>,
}

/// The sections in the order of the table.
fn sections() -> Vec<Section> {
    let all = [
        &arithmetic::SECTIONS[..],
        &queues::SECTIONS,
        &choices::SECTIONS,
        &stale::SECTIONS,
        &uneven::SECTIONS,
        &chances::SECTIONS,
        &hashing::SECTIONS,
        &rules::SECTIONS,
        &circuits::SECTIONS,
    ];
    all.into_iter().flatten().copied().collect()
}

fn main() -> ExitCode {
    // What a test runner passes (`--nocapture`, `--test-threads=1`) says nothing about figures.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let effort = match std::env::var("BELIEVED").as_deref() {
        Ok("long") => Effort::Long,
        _ => Effort::Quick,
    };
    let chosen = |section: &Section| words.is_empty() || words.iter().any(|word| section.name.contains(word.as_str()));
    let sections: Vec<Section> = sections().into_iter().filter(chosen).collect();
    let started = Instant::now();
    let results = run(&sections, effort);
    let claims: Vec<Claim> = results.into_iter().flat_map(|(claims, _)| claims).collect();
    println!("{}", table(&claims));
    let wrong = claims.iter().filter(|claim| !claim.holds()).count();
    let seconds = started.elapsed().as_secs_f64();
    println!("{} figures, {wrong} wrong, {effort:?}, {seconds:.1} s", claims.len());
    // Words that select nothing prove nothing.
    ExitCode::from(u8::from(wrong > 0 || claims.is_empty()))
}

/// All sections, as many at a time as there are cores; results in the order of the sections.
fn run(sections: &[Section], effort: Effort) -> Vec<(Vec<Claim>, Duration)> {
    let next = Mutex::new(0_usize);
    let results: Vec<Mutex<(Vec<Claim>, Duration)>> = sections.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let index = {
                let mut next = next.lock().expect("no thread fails while it holds it");
                *next += 1;
                *next - 1
            };
            let Some(section) = sections.get(index) else { return };
            let started = Instant::now();
            let claims = (section.claims)(effort);
            eprintln!("  {}: {:.1} s", section.name, started.elapsed().as_secs_f64());
            *results[index].lock().expect("written once") = (claims, started.elapsed());
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    results.into_iter().map(|result| result.into_inner().expect("all threads are done")).collect()
}
