//! The engine through its public surface: fixed seeds, virtual time. One binary, because linking many is slow.

mod arrange;
mod attempts;
mod circuits;
mod cost;
mod detectors;
mod ejection;
mod hashing;
mod picks;
mod plans;
mod pool_circuit;
mod ramp;
mod edges;
mod robustness;
mod weights;
mod workers;
