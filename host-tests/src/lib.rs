//! What Plimsoll is tested with: a deterministic proxy-wasm host that loads the real `.wasm`, and a bed of real
//! processes (Envoy, upstreams, a browser). The filter is met only as a file, never linked.

pub mod bed;
#[cfg(feature = "wasm-host")]
pub mod host;
