//! Where a thread stands still in the middle of a callback: drawn from a seed, or given, so that a run can be repeated
//! with fewer of them.
//!
//! A real thread is interrupted anywhere; what others can notice are only its calls that touch what all share. So each
//! such call is a place to stand still at: the others go on for a while, in virtual time, before the call is done.

use crate::host::Rng;

/// One stand: which thread, at which of its shared calls, and how long.
///
/// Calls are counted for each thread, so that a stand that is left out moves the others as little as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preemption {
    /// 0 is the main thread, then the workers.
    pub thread: usize,
    /// The how-manieth host call of this thread that touches what all threads share, counted from 1.
    pub call: u64,
    /// How long the thread stood still, in nanoseconds.
    pub stall_ns: u64,
}

/// How stands are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Odds {
    /// Of each shared call, in a thousand.
    pub(crate) per_mille: u64,
    /// In one run.
    pub(crate) most: usize,
    /// Longest stand, nanoseconds.
    pub(crate) longest_ns: u64,
}

/// At most so many threads stand still at once, counting the one that is about to: the stack is finite.
const DEEPEST: usize = 8;

#[derive(Debug, Default)]
enum Mode {
    #[default]
    Never,
    Drawn(Rng, Odds),
    Given(Vec<Preemption>),
}

/// Decides where threads stand still.
#[derive(Debug, Default)]
pub(crate) struct Preemptor {
    mode: Mode,
    /// When workers start a plugin is drawn apart, so that it is the same when stands are given.
    starts: Option<(Rng, u64)>,
    /// Shared calls so far, by thread.
    calls: Vec<u64>,
    taken: Vec<Preemption>,
}

impl Preemptor {
    /// Draws from a seed.
    pub(crate) fn drawn(seed: u64, odds: Odds) -> Self {
        let rng = Rng::new(seed ^ 0x5851_f42d_4c95_7f2d);
        Self { mode: Mode::Drawn(rng, odds), ..Self::given(seed, odds, Vec::new()) }
    }

    /// Repeats a run with these stands only.
    pub(crate) fn given(seed: u64, odds: Odds, preemptions: Vec<Preemption>) -> Self {
        let starts = Some((Rng::new(seed ^ 0x1405_7b7e_f767_814f), odds.longest_ns / 16));
        Self { mode: Mode::Given(preemptions), starts, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.mode, Mode::Never)
    }

    /// The stands of this run so far.
    pub(crate) fn taken(&self) -> &[Preemption] {
        &self.taken
    }

    /// Whether and how long the thread stands still at this call.
    pub(crate) fn decide(&mut self, thread: usize, waiting: usize) -> Option<u64> {
        if self.calls.len() <= thread {
            self.calls.resize(thread + 1, 0);
        }
        self.calls[thread] += 1;
        if waiting > DEEPEST {
            return None;
        }
        let call = self.calls[thread];
        let stall_ns = match &mut self.mode {
            Mode::Never => return None,
            Mode::Given(preemptions) => {
                preemptions.iter().find(|stand| (stand.thread, stand.call) == (thread, call))?.stall_ns
            }
            Mode::Drawn(rng, odds) => {
                if rng.below(1000) >= odds.per_mille || self.taken.len() >= odds.most {
                    return None;
                }
                // Short ones interleave what is close together; long ones make a thread sleep over others' ticks.
                let bound = if rng.percent(50) { odds.longest_ns / 16 } else { odds.longest_ns };
                rng.below(bound.max(1))
            }
        };
        self.taken.push(Preemption { thread, call, stall_ns });
        Some(stall_ns)
    }

    /// By how much a worker starts a plugin later than the others.
    pub(crate) fn start_delay_ns(&mut self) -> u64 {
        self.starts.as_mut().map_or(0, |(rng, bound)| rng.below(*bound))
    }
}
