//! What all cases start from: calls, a clock that only the test moves, and one circuit of the engine with one worker.

use plimsoll_engine::Time;
use plimsoll_engine::detect::Call;
use std::time::Duration;

pub(crate) const GOOD: Call = Call { failed: false, slow: false };
pub(crate) const FAILED: Call = Call { failed: true, slow: false };
pub(crate) const SLOW: Call = Call { failed: false, slow: true };
pub(crate) const SLOW_FAILED: Call = Call { failed: true, slow: true };

/// When every test begins: a full second.
pub(crate) const BEGAN: Time = Time::from_millis(1_700_000_000_000);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
