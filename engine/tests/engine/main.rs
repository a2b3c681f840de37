//! The engine through its public surface: fixed seeds, virtual time. One binary, because linking many is slow.

mod arrange;
mod attempts;
mod circuits;
mod comebacks;
mod cost;
mod detectors;
mod ejection;
mod hashing;
mod near;
mod operator;
mod picks;
mod plans;
mod pool_circuit;
mod ramp;
mod robustness;
mod shared;
mod silence;
mod streams;
mod weights;
mod workers;
