//! The proxy-wasm filter: an adapter around [`plimsoll_engine`]. It decides nothing; it reads what the host offers,
//! asks the engine, and writes the answer back.
//!
//! - [`abi`]: the functions that the host calls, and nothing more, because every exported callback costs each request
//! - [`host`]: the functions that the host offers; all fallible, the only other `unsafe` code
//! - [`vm`]: everything this VM knows: roots, streams, pools
//! - [`picker`], [`observer`], [`admin`]: the three roles; [`answers`]: what an answer says of its endpoint; [`traces`]
//! - [`reading`]: what a request says about where it may go; [`sessions`]: the cookie that says it
//! - [`tick`]: sharing with the other workers, through [`shared`]; [`metrics`], [`log`]; `history`, for people
//! - [`plimsoll_config`]: reads the configuration
//! - `broken`: mistakes on purpose, in test builds only
//!
//! The crate does not link the proxy-wasm SDK. Its dispatcher panics, and so traps the VM for every stream, on a
//! callback for a context that it does not know, and its wrappers do on any status they do not expect; it also exports
//! all callbacks under fixed names, so it cannot be used beside our own.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod abi;
pub mod admin;
pub mod answers;
mod broken;
mod history;
pub mod host;
pub mod log;
pub mod metrics;
pub mod observer;
pub mod picker;
pub mod reading;
pub mod sessions;
pub mod shared;
pub mod streams;
pub mod tick;
pub mod traces;
pub mod vm;
