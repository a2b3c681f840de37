//! What the page is made of. Components take signals and render; what they show is worked out elsewhere.

// Leptos' macro writes `pub` items for each component's properties, in modules that are private here.
#![allow(unreachable_pub)]

mod banner;
mod chart;
mod events;
mod mark;
mod parts;
mod pool;
mod row;
mod top;

pub(crate) use banner::Banner;
pub(crate) use parts::{list, when};
pub(crate) use pool::PoolSection;
pub(crate) use top::Top;
