//! The runner of test programs whose point is a table: every row is printed, also when all is well, and the sections are
//! played side by side on all cores. `BELIEVED=long` (set by `cargo xtask test --long`) asks for the full sizes; words on
//! the command line select sections by name.

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

/// How much is spent on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For every change.
    Quick,
    /// `cargo xtask test --long`: more seeds, longer runs, tighter tolerances.
    Long,
}

impl Effort {
    /// One or the other.
    pub(crate) fn pick<T>(self, quick: T, long: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Long => long,
        }
    }
}

/// Rows that belong together, played by one thread.
pub(crate) struct Section<Row> {
    pub(crate) name: &'static str,
    pub(crate) claims: fn(Effort) -> Vec<Row>,
}

impl<Row> Clone for Section<Row> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Row> Copy for Section<Row> {}

/// Plays what the command line selects and prints the table: success if there is one and nothing in it `is_wrong`.
pub(crate) fn run<Row: Send>(
    mut sections: Vec<Section<Row>>,
    table: fn(&[Row]) -> String,
    is_wrong: fn(&Row) -> bool,
) -> ExitCode {
    // What a test runner passes (`--nocapture`, `--test-threads=1`) says nothing about figures.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let effort = match std::env::var("BELIEVED").as_deref() {
        Ok("long") => Effort::Long,
        _ => Effort::Quick,
    };
    sections.retain(|section| words.is_empty() || words.iter().any(|word| section.name.contains(word.as_str())));
    let started = Instant::now();
    let rows: Vec<Row> = play(&sections, effort).into_iter().flatten().collect();
    println!("{}", table(&rows));
    let wrong = rows.iter().filter(|row| is_wrong(row)).count();
    let seconds = started.elapsed().as_secs_f64();
    println!("{} rows, {wrong} wrong, {effort:?}, {seconds:.1} s", rows.len());
    // Words that select nothing prove nothing.
    ExitCode::from(u8::from(wrong > 0 || rows.is_empty()))
}

/// All sections, as many at a time as there are cores; results in the order of the sections.
fn play<Row: Send>(sections: &[Section<Row>], effort: Effort) -> Vec<Vec<Row>> {
    let next = Mutex::new(0_usize);
    let results: Vec<Mutex<Vec<Row>>> = sections.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let index = {
                let mut next = next.lock().expect("no thread fails while it holds it");
                *next += 1;
                *next - 1
            };
            let Some(section) = sections.get(index) else { return };
            let started = Instant::now();
            let rows = (section.claims)(effort);
            eprintln!("  {}: {:.1} s", section.name, started.elapsed().as_secs_f64());
            *results[index].lock().expect("written once") = rows;
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
