//! The dashboard in a real Chromium, served by a real Envoy with the filter, real upstreams and load behind it.
//! What the page shows is compared with the answers that it got and with counts taken beside it.
//!
//! Needs `cargo xtask build` for the files in `dist`. Run with `--test-threads=1`: in parallel these tests would
//! measure each other.

mod access;
mod changes;
mod chart;
mod faults;
mod figures;
mod keyboard;
mod lab;
mod layout;
mod overview;
mod page;
mod print;
mod speed;
mod stage;
mod staleness;
mod why;
mod workers;
