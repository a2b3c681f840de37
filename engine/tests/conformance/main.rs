//! Conformance with resilience4j: every behaviour that its tests of state machine and windows list has a case of ours,
//! in [`table`]. Where we differ on purpose, the row says why, and its case holds what we do instead.

mod agreement;
mod arrange;
mod closed;
mod count_window;
mod half_open;
mod open;
mod operator;
mod subject;
mod table;
mod theirs;
mod time_window;
