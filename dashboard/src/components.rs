//! What the page is made of. Components are functions that take signals and give views; what they show is worked out
//! elsewhere.

#![allow(non_snake_case, reason = "components are written as such")]

mod banner;
mod charts;
mod endpoints;
mod events;
mod help;
mod lab;
mod mark;
mod matrix;
mod overview;
pub(crate) mod parts;
mod pool;
mod row;
mod sheet;
mod strip;
mod table;
mod top;
mod why;

pub(crate) use banner::Banner;
pub(crate) use help::{CLOSE, Help};
pub(crate) use lab::Lab;
pub(crate) use overview::Overview;
pub(crate) use pool::PoolPage;
pub(crate) use top::Top;
