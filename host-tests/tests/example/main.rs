//! The example guest `host-tests/examples/guard`, tested with nothing but the library, as an author elsewhere would.

mod audit;
mod bodies;
mod calls;
mod costs;
mod explore;
mod failure;
mod golden;
mod support;
