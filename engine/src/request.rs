//! What a request says about where it may go.

use crate::endpoint::address_key;

/// What a request says about where it may go. The default says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Requests of the same key go to the same endpoint, under the strategies that look at keys. Without one, those
    /// choose as `least_request` does.
    pub key: Option<&'a [u8]>,
    /// Position of the endpoint that the request's session sticks to; it goes there first while that is possible.
    pub sticky: Option<u32>,
    /// [`subset_key`] of the values that it wants, where the pool has `subset_keys`.
    pub subset: Option<u64>,
}

/// The key of a subset: a hash of one value for each of the pool's `subset_keys`, in their order.
#[must_use]
pub fn subset_key<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    values.into_iter().fold(0, |key, value| crate::rng::mix(key ^ address_key(value)))
}
