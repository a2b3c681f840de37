//! Detectors: what a row of results says about whoever gave them. All are pure values that are fed results and asked for
//! a verdict; none knows an endpoint, a pool or a clock. `pool::judge` feeds them.
//!
//! | detector | asks | finds |
//! |---|---|---|
//! | [`Consecutive`] | how many in a row? | death, at once; partial failure hardly ever |
//! | [`Excursion`], a [`Cusum`] with a second look | worse than the others? | partial failure and slowness, in tens of requests |
//! | [`Window`], [`Limits`] | how many of the last n calls, or of the last n seconds? | what an operator can reckon |
//!
//! [`Breaker`] is a whole circuit of one caller, to compare with.

mod breaker;
mod consecutive;
mod cusum;
mod excursion;
mod window;

pub use breaker::{Breaker, BreakerConfig, BreakerState, Change, Limits, Verdict};
pub use consecutive::Consecutive;
pub use cusum::{Cusum, Rates, threshold};
pub use excursion::{Alarm, Excursion, Kind, Noise, Steps, Totals, Usual};
pub use window::{Call, CountWindow, Counts, TimeWindow, Window, WindowKind};
