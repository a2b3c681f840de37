//! Probes whose answers begin and go on, as streams do.

use crate::arrange::{Bed, TICK, ms, well, with_circuit};
use plimsoll_engine::{Attempt, CircuitConfig, Ending, Time};
use plimsoll_snapshot::{CircuitState, Signal};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Streams whose heads come after `head` and that do not end.
fn streams(
    workers: usize,
    head: Duration,
    shuffle: bool,
    time: Duration,
    seed: u64,
) -> (Bed, Vec<(CircuitState, CircuitState, Signal)>) {
    let mut bed = Bed::new(with_circuit(CircuitConfig::default()), workers, seed);
    bed.traffic(1200, ms(5), &well);
    bed.eject(&[0]);
    let mut out: Vec<(usize, Time, Attempt)> = Vec::new();
    let mut going: Vec<(usize, Attempt)> = Vec::new();
    let began = bed.now;
    while bed.now.since(began) < time && bed.state(0) != CircuitState::Closed {
        bed.now = bed.now.after(TICK);
        // In whatever order.
        let mut order: Vec<usize> = (0..workers).collect();
        if shuffle {
            for at in (1..workers).rev() {
                let with = bed.rng.below(at as u32 + 1) as usize;
                order.swap(at, with);
            }
        }
        let now = bed.now;
        for worker in order {
            let mut rng = bed.rng.clone();
            bed.pools[worker].tick(now, &mut rng);
            bed.sync(worker);
        }
        for worker in 0..workers {
            let first = bed.pick(worker).unwrap()[0];
            if first == 0 {
                let attempt = bed.start(worker, 0);
                out.push((worker, now.after(head), attempt));
            } else {
                bed.attempt(worker, first, &well);
            }
        }
        while let Some(index) = out.iter().position(|(_, due, _)| *due <= now) {
            let (worker, _, mut attempt) = out.swap_remove(index);
            bed.pools[worker].hold(&mut attempt, now);
            going.push((worker, attempt));
        }
    }
    let story = bed.story();
    let end = bed.now;
    for (worker, attempt) in going.into_iter().chain(out.into_iter().map(|(worker, _, attempt)| (worker, attempt))) {
        bed.pools[worker].finish(attempt, end, Ending::Abandoned);
    }
    (bed, story)
}

#[test]
fn streams_of_many_workers_bring_an_endpoint_back() {
    let mut bad = Vec::new();
    for seed in 0..5 {
        let (bed, story) = streams(16, ms(50), true, 1800 * SECOND, seed);
        if bed.state(0) != CircuitState::Closed {
            bad.push((seed, story.len(), story.last().copied(), bed.record.get(bed.key(0)).copied()));
        }
    }
    assert!(bad.is_empty(), "every head came after 50 ms, half an hour: {bad:?}");
}

#[test]
fn streams_with_slow_heads_do_not_bring_a_slow_endpoint_back() {
    let (_, story) = streams(1, ms(3000), false, 120 * SECOND, 1);
    assert!(!story.iter().any(|(_, to, _)| *to == CircuitState::Closed), "three hundred times slower: {story:?}");
}
