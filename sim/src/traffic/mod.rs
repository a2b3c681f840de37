//! Traffic as it is drawn: when requests come ([`arrivals`]), what they are about ([`keys`]), what they take
//! ([`shape`]).

pub(crate) mod arrivals;
pub(crate) mod keys;
pub(crate) mod shape;
