//! Status codes of the ABI, as a host call returns them to the guest.

use std::fmt;

/// What a host call returns. The numbers are the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The key, property, buffer, queue or metric does not exist.
    NotFound = 1,
    /// An argument is out of range, or the map is not available in this phase.
    BadArgument = 2,
    /// Bytes that should hold a serialised map do not.
    SerializationFailure = 3,
    /// A message that the host should understand is malformed.
    ParseFailure = 4,
    /// A pointer or a length leaves the guest's memory.
    InvalidMemoryAccess = 6,
    /// The queue is empty.
    Empty = 7,
    /// The value changed since it was read.
    CasMismatch = 8,
    /// The host cannot do it now.
    InternalFailure = 10,
    /// The connection broke. No host call returns it; it is the status of an HTTP call that was reset.
    BrokenConnection = 11,
    /// The host does not offer it to this context.
    Unimplemented = 12,
}

impl Status {
    /// The number the guest sees.
    pub fn code(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
