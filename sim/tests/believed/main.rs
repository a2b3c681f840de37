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
#[path = "../common/mod.rs"]
mod common;
mod formulas;
mod hashing;
mod queues;
mod rules;
mod stale;
mod uneven;

use claim::{Claim, table};
use std::process::ExitCode;

type Section = common::Section<Claim>;

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
    common::run(sections(), table, |claim| !claim.holds())
}
