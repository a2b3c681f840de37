//! The endpoints and what happens to them, whoever balances.

pub(crate) mod jobs;
pub(crate) mod station;
pub(crate) mod trouble;
