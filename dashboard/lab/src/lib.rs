//! The lab of the dashboard: what clients would see if a pool were configured otherwise, played by the engine and the
//! simulator in the browser, in a worker beside the page.
//!
//! A [`Setup`] says what is played: a scenario ([`built_in`], or a live pool's by [`live`]), a fault, and two configurations,
//! the present one and a changed one. A [`Trial`] plays both under the same seeds, so that they meet the same requests, in
//! steps that are as short as the page wants, and gives a [`Comparison`]. A setup travels as a link ([`link`]), and both as
//! JSON ([`export`]). The page shows and changes all of it by a [`Form`], and talks with it over a [`Desk`].
//!
//! It is a module of its own, so that nobody who opens the dashboard waits for it. Nothing here knows a browser. What is played is bounded before it begins: see [`setup`].

pub mod built_in;
pub mod comparison;
pub mod configuration;
pub mod desk;
pub mod export;
pub mod fields;
pub mod form;
pub mod link;
pub mod live;
pub mod message;
mod not_played;
pub mod setup;
pub mod trial;
pub mod words;

#[cfg(target_arch = "wasm32")]
mod worker;

pub use comparison::{Comparison, Figure, Row};
pub use desk::Desk;
pub use form::Form;
pub use live::{Rate, Rates};
pub use setup::{Setup, Source};
pub use trial::Trial;

#[cfg(test)]
mod tests;
