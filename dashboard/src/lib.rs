//! The one page that shows an operator what the filter knows: which endpoint, since when, why, and is it
//! getting better.
//!
//! What the page says is worked out by plain modules that know no browser and are tested natively: [`model`]
//! and [`freshness`] judge how old the data is, [`history`] turns cumulative counts into rates, [`rows`] and
//! [`format`](mod@format) put everything into words, [`chart`] draws to any plotters backend. The modules that
//! exist only in a browser poll, hold signals, and render.

pub mod alerts;
pub mod chart;
pub mod events;
pub mod format;
pub mod freshness;
pub mod history;
pub mod model;
pub mod named;
pub mod overview;
pub mod palette;
pub mod past;
pub mod read;
pub mod reason;
pub mod route;
pub mod rows;
pub mod spark;
pub mod state;
pub mod strip;
pub mod table;
pub mod ticks;
pub mod why;
pub mod workers;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod components;
#[cfg(target_arch = "wasm32")]
mod keys;
#[cfg(target_arch = "wasm32")]
mod poll;

#[cfg(target_arch = "wasm32")]
pub use app::mount;
