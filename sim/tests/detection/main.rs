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
#[path = "../common/mod.rs"]
mod common;
mod evidence;
mod flapping;
mod healthy;
mod readmission;
mod shared;
mod times;

use claim::{Claim, table};
use std::process::ExitCode;

type Section = common::Section<Claim>;

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
    common::run(sections(), table, Claim::is_wrong)
}
