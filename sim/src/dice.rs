//! Randomness of a run: one seed, and from it one sequence per purpose. What a subject draws never shifts the traffic,
//! so two subjects under the same seed meet the very same requests.
//!
//! A request carries its luck: what it would take and whether it would fail, whoever serves it. Each of its attempts
//! has its own part of that.

use plimsoll_engine::Rng;

/// One generator per purpose.
pub(crate) struct Dice {
    pub(crate) arrivals: Rng,
    pub(crate) luck: Rng,
    pub(crate) keys: Rng,
    pub(crate) workers: Rng,
    pub(crate) clients: Rng,
    pub(crate) world: Rng,
}

/// What the subject's generator is derived from.
const SUBJECT: u64 = 0x5b2c_9d1e_77a3_4f60;
/// Odd, so that the parts of one luck differ.
const PART: u64 = 0xd134_2543_de82_ef95;

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut root = Rng::new(seed);
        let mut stream = || Rng::new(root.next_u64());
        Self {
            arrivals: stream(),
            luck: stream(),
            keys: stream(),
            workers: stream(),
            clients: stream(),
            world: stream(),
        }
    }
}

/// The subject's generator.
pub(crate) fn subject(seed: u64) -> Rng {
    Rng::new(Rng::new(seed ^ SUBJECT).next_u64())
}

/// The generator of one part of a luck: 0 for the request as a whole, from 1 for its attempts.
pub(crate) fn part(luck: u64, number: u64) -> Rng {
    Rng::new(luck ^ number.wrapping_mul(PART))
}

/// An exponentially distributed number with mean 1.
pub(crate) fn exponential(rng: &mut Rng) -> f64 {
    // 1 - u lies above 0, so its logarithm is finite.
    -libm::log(1.0 - rng.unit())
}

/// A normally distributed number with mean 0 and variance 1 (Box and Muller 1958; the second one is thrown away, so
/// that each draw takes two numbers).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    let radius = libm::sqrt(2.0 * exponential(rng));
    radius * libm::cos(2.0 * std::f64::consts::PI * rng.unit())
}

/// Nanoseconds; saturating.
pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
