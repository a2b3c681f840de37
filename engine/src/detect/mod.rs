//! Detectors: what a row of results says about whoever gave them. All are pure values that are fed results and asked for
//! a verdict; none knows an endpoint, a pool or a clock. They are ready to be used, and circuits do not use them yet:
//! those still open on failures in a row counted in place.
//!
//! | detector | asks | finds |
//! |---|---|---|
//! | [`Consecutive`] | how many in a row? | death, at once; partial failure hardly ever |
//! | [`Cusum`] | does the rate still look like the pool's? | partial failure and slowness, in tens of requests |
//! | [`Window`], [`Breaker`] | how many of the last n calls, or of the last n seconds? | what an operator can reckon |

mod breaker;
mod consecutive;
mod cusum;
mod window;

pub use breaker::{Breaker, BreakerConfig, BreakerState, Change, Limits, Verdict, WindowKind};
pub use consecutive::Consecutive;
pub use cusum::{Cusum, Rates, threshold};
pub use window::{Call, CountWindow, Counts, TimeWindow, Window};
