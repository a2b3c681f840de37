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
const TICK: Duration = Duration::from_millis(20);
const ENDPOINTS: usize = 4;
const PERMITS: usize = 3;
/// Stands in one run, and how long each is at most: few find most mistakes, and they bound how late a worker can be.
const STANDS: usize = 6;
const STAND: Duration = Duration::from_millis(24);
const LATE: Duration = Duration::from_millis(6 * 24);

fn explore(runs: u64) -> Explore {
    Explore::new(runs).preempt(20, STANDS, STAND)
}

#[test]
fn trial() {
    let guest: &Guest = filter_bed::filter();
    for scenario in scenarios::ALL {
        for workers in [1, 2, 4, 16] {
            for profile in scenarios::profiles() {
                let began = std::time::Instant::now();
                let found = explore(50).try_check(|| scenario.setup(guest, workers, profile.clone()), |proxy| scenario.run(proxy, workers));
                match found {
                    Ok(explored) => println!("{} {workers} {profile:?}: {explored:?} {:?}", scenario.name, began.elapsed() / 50),
                    Err(failure) => println!("{} {workers} {profile:?}: {}", scenario.name, failure.to_string().lines().take(12).collect::<Vec<_>>().join("\n")),
                }
            }
        }
    }
}
