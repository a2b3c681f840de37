//! Randomness of a run: one seed, and from it one sequence per purpose. What a subject draws never shifts the traffic,
//! so two subjects under the same seed meet the very same requests.

use plimsoll_engine::Rng;
use std::time::Duration;

/// One generator per purpose.
pub(crate) struct Dice {
    pub(crate) arrivals: Rng,
    pub(crate) service: Rng,
    pub(crate) subject: Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut root = Rng::new(seed);
        let mut stream = || Rng::new(root.next_u64());
        Self { arrivals: stream(), service: stream(), subject: stream() }
    }
}

/// An exponentially distributed time with this mean in seconds.
pub(crate) fn exponential(rng: &mut Rng, mean_s: f64) -> Duration {
    // 1 - u lies above 0, so its logarithm is finite.
    Duration::from_secs_f64(-libm::log(1.0 - rng.unit()) * mean_s)
}
