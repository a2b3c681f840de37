//! Placeholder replaced on merge.

use super::Cas;

/// Which host is modelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Compare-and-swap.
    pub cas: Cas,
}

impl Profile {
    /// As Envoy.
    pub fn envoy() -> Self {
        Self::default()
    }
}

impl From<Cas> for Profile {
    fn from(cas: Cas) -> Self {
        Self { cas }
    }
}
