//! Benchmarks. `benches/` holds those that criterion runs: `cargo bench -p plimsoll-benches --bench engine`. Programs
//! that measure whole processes side by side are binaries in `src/bin/`, built from these parts:
//!
//! - [`answers`]: what the admin API costs
//! - [`bed`]: a pool in service
//! - [`cpu`]: processor time of another process
//! - [`load`]: clients and endpoints that cost little, so that the process in the middle is what is measured
//! - [`paired`]: ratios of measurements that were taken side by side
//! - [`variants`]: the setups that are compared

pub mod answers;
pub mod bed;
pub mod cpu;
pub mod load;
pub mod paired;
pub mod variants;
