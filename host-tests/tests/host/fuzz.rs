//! Replays what the fuzzer found worth keeping: no panic, and equal traces in two runs.

#[path = "../../fuzz/shared/drive.rs"]
mod drive;
use crate::guests::puppet;

/// One input in hexadecimal digits on each line.
const CORPUS: &str = include_str!("../../fuzz/corpus.txt");

fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let digit = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("two hexadecimal digits");
        (0..line.len()).step_by(2).map(digit).collect()
    })
}

#[test]
fn the_corpus_runs_without_a_panic_and_twice_alike() {
    let mut count = 0;
    for input in inputs() {
        let traced = drive::drive(&input);
        assert!(traced == drive::drive(&input), "two runs differ: {input:02x?}");
        count += 1;
    }
    assert!(count >= 100, "{count} inputs");
}

#[test]
fn chance_runs_without_a_panic() {
    let mut rng = plimsoll_host_tests::host::Rng::new(1);
    for _ in 0..300 {
        let input: Vec<u8> = (0..rng.below(600)).map(|_| rng.next_u64() as u8).collect();
        drive::drive(&input);
    }
}
