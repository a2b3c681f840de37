//! The invariants of the circuits over many interleavings of the workers, on every kind of host, and proof that a filter
//! which breaks one of them is caught: four builds with a mistake each (`filter/src/broken.rs`).

#[path = "../filter_bed/mod.rs"]
mod filter_bed;

mod invariants;
mod scenarios;

use filter_bed::address;
use plimsoll_host_tests::host::Guest;
use plimsoll_host_tests::host::explore::Explore;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(40);
const ENDPOINTS: usize = 4;
const PERMITS: usize = 3;
/// Stands in one run, and how long each is at most: few find most mistakes, and they bound how late a worker can be.
const STANDS: usize = 5;
const STAND: Duration = Duration::from_millis(16);
const LATE: Duration = Duration::from_millis(5 * 16);

/// Stands are spread over a run of about 200 shared calls with one worker, 300 with two, 700 with four, and, as each
/// reads what all others publish, 5,000 with sixteen.
fn explore(runs: u64, workers: usize) -> Explore {
    let per_mille = match workers {
        1 => 25,
        2 => 17,
        3..=4 => 8,
        _ => 1,
    };
    Explore::new(runs).preempt(per_mille, STANDS, STAND)
}

#[test]
fn trial() {
    let guest: &Guest = filter_bed::filter();
    let runs: u64 = std::env::var("RUNS").map_or(20, |runs| runs.parse().expect("a number"));
    for scenario in scenarios::ALL {
        for workers in std::env::var("WORKERS").map_or(vec![1, 2, 4, 16], |w| vec![w.parse().unwrap()]) {
            for profile in scenarios::profiles() {
                let began = std::time::Instant::now();
                let found = explore(runs, workers)
                    .try_check(|| scenario.setup(guest, workers, profile.clone()), |proxy| scenario.run(proxy, workers));
                match found {
                    Ok(explored) => println!("{} {workers} {profile:?}: {explored:?} {:?}", scenario.name, began.elapsed() / runs as u32),
                    Err(failure) => println!("{} {workers} {profile:?}: {}", scenario.name, failure.to_string().lines().take(12).collect::<Vec<_>>().join("\n")),
                }
            }
        }
    }
}

#[test]
fn broken() {
    for what in ["permits", "circuits", "settle", "cas"] {
        let guest = Guest::from_file(format!("{}/../target/test/plimsoll-broken-{what}.wasm", env!("CARGO_MANIFEST_DIR"))).expect("built");
        for scenario in scenarios::ALL {
            for workers in [2, 4] {
                for profile in scenarios::profiles() {
                    let found = explore(100, workers)
                        .try_check(|| scenario.setup(&guest, workers, profile.clone()), |proxy| scenario.run(proxy, workers));
                    match found {
                        Ok(explored) => println!("{what}: {} {workers} {profile:?}: {explored:?}", scenario.name),
                        Err(failure) => println!("{what}: {} {workers} {profile:?}: {}", scenario.name, failure.to_string().lines().take(1).collect::<Vec<_>>().join("\n")),
                    }
                }
            }
        }
    }
}
