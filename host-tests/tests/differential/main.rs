//! The test host against the real Envoy: the same guest, the same scripts, the same requests, and two traces that must
//! be equal, case by case. Needs an Envoy in `ENVOY` or on the PATH and `target/test/probe.wasm`; `cargo xtask test`
//! brings both. One Envoy per scene, so run them one at a time (`--test-threads=1`).

mod case;
mod compare;
mod envoy;
mod host;
mod trace;

mod bodies;
mod callbacks;
mod calls;
mod flow;
mod maps;
mod memory;
mod metrics;
mod misuse;
mod other;
mod outcomes;
mod phases;
mod properties;
mod replies;
mod shared;
mod start;
mod timers;
mod trailers;
mod traps;
mod updates;
