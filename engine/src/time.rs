//! A point in time, given by whoever calls: nanoseconds of the proxy's wall clock, which all its workers share.
//! The clock may step backwards; differences saturate at zero.

use core::time::Duration;

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if that lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This point moved into the future.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// A duration in whole microseconds, saturating at [`u32::MAX`] (71 minutes).
pub(crate) fn micros(duration: Duration) -> u32 {
    // By hand: the standard library goes through 128 bits.
    match u32::try_from(duration.as_secs()) {
        Ok(secs) => u64::from(secs).wrapping_mul(1_000_000).wrapping_add(u64::from(duration.subsec_micros())),
        Err(_) => u64::MAX,
    }
    .min(u64::from(u32::MAX)) as u32
}

/// A duration in nanoseconds, saturating at [`u64::MAX`] (584 years): to divide numbers of 128 bits takes more code.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
