//! Plays a scenario for all subjects under all seeds, as many runs at a time as there are cores, and says on the standard
//! error how far it is when that takes long. Results do not depend on who was ready first.

use crate::input::{Input, Who};
use plimsoll_sim::statistics::{Column, Comparison};
use plimsoll_sim::{Report, Scenario, run};
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Before that, nobody wonders.
const PATIENCE: Duration = Duration::from_secs(2);

/// A scenario's results under the seeds from 1 to `seeds`.
pub(crate) fn all(input: &Input, seeds: u64) -> Result<Comparison, String> {
    let runs: Vec<(usize, u64)> =
        (0..input.subjects.len()).flat_map(|subject| (1..=seeds).map(move |seed| (subject, seed))).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<(usize, Result<Report, String>)>();
    let mut reports: Vec<Option<Result<Report, String>>> = runs.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.min(runs.len()) {
            let (sender, next, runs) = (sender.clone(), &next, &runs);
            scope.spawn(move || {
                while let Some((index, (subject, seed))) = take(next, runs) {
                    let report = play(input, subject, seed);
                    if sender.send((index, report)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut progress = Progress::new(runs.len());
        for (index, report) in receiver {
            reports[index] = Some(report);
            progress.step();
        }
        progress.end();
    });
    let mut columns: Vec<Column> = input.subjects.iter().map(|(name, _)| Column::new(name)).collect();
    for ((subject, _), report) in runs.iter().zip(&reports) {
        match report.as_ref().ok_or("a run has failed")? {
            Ok(report) => columns[*subject].push(report),
            Err(error) => return Err(format!("{}: {error}", input.subjects[*subject].0)),
        }
    }
    Ok(Comparison { scenario: input.name.clone(), seeds: (1..=seeds).collect(), columns })
}

fn take(next: &AtomicUsize, runs: &[(usize, u64)]) -> Option<(usize, (usize, u64))> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    runs.get(index).map(|run| (index, *run))
}

fn play(input: &Input, subject: usize, seed: u64) -> Result<Report, String> {
    let scenario = Scenario { seed, ..input.file.scenario.clone() };
    match &input.subjects[subject].1 {
        Who::Subject(subject) => Ok(run(&scenario, subject)),
        #[cfg(feature = "wasm-host")]
        Who::Shipped(shipped) => shipped.play(&scenario),
    }
}

/// A line that is written again and again; lines one below the other where there is no terminal.
struct Progress {
    started: Instant,
    told: Instant,
    done: usize,
    all: usize,
}

impl Progress {
    fn new(all: usize) -> Self {
        let now = Instant::now();
        Self { started: now, told: now, done: 0, all }
    }

    fn step(&mut self) {
        self.done += 1;
        let pause = if stderr().is_terminal() { Duration::from_millis(200) } else { Duration::from_secs(10) };
        if self.started.elapsed() < PATIENCE || self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let left = self.started.elapsed().as_secs_f64() * (self.all - self.done) as f64 / self.done as f64;
        let (start, end) = if stderr().is_terminal() { ("\r", "  ") } else { ("", "\n") };
        eprint!("{start}{} of {} runs, {left:.0} s to go{end}", self.done, self.all);
        // Nobody can be told that nobody can be told.
        let _ = stderr().flush();
    }

    fn end(&self) {
        if stderr().is_terminal() && self.started.elapsed() >= PATIENCE {
            eprint!("\r\x1b[K");
        }
    }
}
