//! The test host itself, with small guests. One binary, because linking many is slow.

mod abi;
mod buffers;
mod calls;
mod chain;
mod connections;
mod explore;
mod foreign;
mod fuzz;
mod grpc;
mod guests;
mod headers;
mod profile;
mod properties;
mod proxy;
mod shared;
mod steering;
mod versions;
mod vm;
mod wasi;
