//! How soon a sick endpoint is found, how seldom a healthy one is taken for sick, and what becomes of either: the engine
//! in the simulator, over many seeds.
//!
//! A program of its own for the same reasons as `believed`: the table is the point, and the questions are played side by
//! side on all cores. In it, a row that is `WRONG` names the seed that shows it. Rows without a verdict are told for
//! comparison.
//!
//! - `evidence`: what there is to judge a sick endpoint by
//! - `times`: from a fault to the ejection, by fault, strategy, workers and tick
//! - `healthy`: ejections in pools that nothing is wrong with
//! - `shared`: ejections where what everybody depends on fails or slows down
//! - `readmission`: the share of who is well again, the cost of who is not
//! - `flapping`: who comes and goes
//!
//! `BELIEVED=long` (set by `cargo xtask test --long`) plays the full sizes; words on the command line select rows by
//! their section's name. What the ordinary run leaves out is said in each module.

mod bed;
mod claim;
mod evidence;
mod flapping;
mod healthy;
mod readmission;
mod shared;
mod times;

use claim::{Claim, Effort, table};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

/// Rows that belong together, played by one thread.
#[derive(Clone, Copy)]
struct Section {
    name: &'static str,
    claims: fn(Effort) -> Vec<Claim>,
}

/// The sections in the order of the table.
fn sections() -> Vec<Section> {
    let all = [
        &times::SECTIONS[..],
        &evidence::SECTIONS,
        &healthy::SECTIONS,
        &shared::SECTIONS,
        &readmission::SECTIONS,
        &flapping::SECTIONS,
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
    let claims: Vec<Claim> = play(&sections, effort).into_iter().flatten().collect();
    println!("{}", table(&claims));
    let wrong = claims.iter().filter(|claim| claim.is_wrong()).count();
    let seconds = started.elapsed().as_secs_f64();
    println!("{} rows, {wrong} wrong, {effort:?}, {seconds:.1} s", claims.len());
    // Words that select nothing prove nothing.
    ExitCode::from(u8::from(wrong > 0 || claims.is_empty()))
}

/// All sections, as many at a time as there are cores; results in the order of the sections.
fn play(sections: &[Section], effort: Effort) -> Vec<Vec<Claim>> {
    let next = Mutex::new(0_usize);
    let results: Vec<Mutex<Vec<Claim>>> = sections.iter().map(|_| Mutex::default()).collect();
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
            *results[index].lock().expect("written once") = claims;
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
