//! HTTP/1.1 byte by byte, where a test decides about every chunk, pause and cut: a client that sends one request on a
//! connection of its own, and endpoints that answer what they are told.

mod client;
mod endpoint;
mod message;

pub use client::{Client, Received, send};
pub use endpoint::{Endpoint, Script};
pub use message::{Message, read_message};

use std::time::Duration;

/// What one side sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes, at once and together.
    Send(Vec<u8>),
    /// Nothing for a while.
    Wait(Duration),
    /// Ends the connection in order.
    Close,
    /// Breaks the connection.
    Reset,
    /// Nothing any more; the connection stays.
    Hang,
}
