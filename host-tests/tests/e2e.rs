//! The filter in a real Envoy, with real upstreams and clients: what a user would notice. One Envoy per test, so run
//! them one at a time (`--test-threads=1`), or they measure each other. Needs `cargo xtask build`, and an Envoy in
//! `ENVOY` or on the PATH; `cargo xtask test` brings both.

mod pool_metrics;

mod e2e {
    mod admin;
    mod circuits;
    mod classify;
    mod in_flight;
    mod metrics;
    mod outcomes;
    mod pools;
    mod routing;
    mod soak;
    mod strategies;
    mod support;
    mod traps;
    mod updates;
}
