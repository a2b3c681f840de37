//! The one page that shows an operator what the filter knows: which endpoint, since when, why, and is it
//! getting better.
//!
//! What the page says is worked out by plain modules that know no browser and are tested natively:
//!
//! - [`model`], [`past`] and [`events`] keep what the admin API said, and [`freshness`] judges how old it is; [`history`] turns
//!   cumulative counts into rates
//! - [`route`] is where the page is, as it stands in the address
//! - [`overview`], [`rows`], [`why`], [`workers`] and [`alerts`] are what stands on a page, a value per cell; [`table`] is
//!   which rows, [`state`], [`reason`] and [`format`](mod@format) the words for it
//! - [`chart`], [`strip`], [`spark`] and [`mark`] draw; [`sheet`] is how the rows of a table are filled in
//! - [`lab`] is how the page talks with its lab, a module of its own that runs in a worker (`dashboard/lab`)
//!
//! The modules that exist only in a browser poll, hold signals, and render. Bytes are counted: all of the page has a limit
//! of 250 KiB gzipped, which is why there is one type of element (`components::parts`) and one reader of documents
//! (`plimsoll_snapshot::read`).

pub mod alerts;
pub mod chart;
pub mod events;
pub mod format;
pub mod freshness;
pub mod history;
pub mod lab;
pub mod mark;
pub mod model;
pub mod named;
pub mod overview;
pub mod palette;
pub mod past;
pub mod reason;
pub mod route;
pub mod rows;
pub mod sheet;
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
