//! Many interleavings of one scenario, each from a seed of its own, and the shortest one that breaks it.
//!
//! A run draws from its seed where each thread's timers stand, which worker gets a connection, when each worker starts
//! a plugin, and where threads stand still in the middle of a callback while the others go on: before any host call that touches
//! shared data, queues or metrics, so that a compare-and-swap meets a value that changed after it was read. Runs with
//! few stands find most bugs of this kind (Musuvathi and Qadeer, "Iterative context bounding", PLDI 2007), so their
//! number is bounded.
//!
//! A run that breaks the scenario is repeated with fewer stands for as long as it still breaks, and the repetition
//! with the shortest trace is shown. Threads are nested on one stack: one that stands still goes on when all that ran
//! meanwhile have returned.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::proxy::{Odds, Preemption, Preemptor, Proxy, Setup, thread_name};

/// Lines of a trace that a failure prints.
const TAIL: usize = 120;
/// Repetitions that may be spent on making a failure smaller.
const SHRINKS: usize = 200;

/// How to explore.
#[derive(Clone, Debug)]
pub struct Explore {
    runs: u64,
    seed: u64,
    odds: Odds,
}

/// What was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Runs.
    pub runs: u64,
    /// Runs that differ from all before them in the order of what happened.
    pub distinct: u64,
    /// How often a thread stood still while another one ran, over all runs.
    pub preemptions: u64,
}

/// A run that broke the scenario.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that repeats it.
    pub seed: u64,
    /// What the scenario said.
    pub reason: String,
    /// How many runs went well before.
    pub runs_before: u64,
    /// The stands that are needed for it.
    pub preemptions: Vec<Preemption>,
    /// The shortest trace that breaks.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, reason, runs_before, preemptions, trace } = self;
        writeln!(f, "seed {seed} breaks the scenario, after {runs_before} runs that did not: {reason}")?;
        writeln!(f, "{} stands are needed:", preemptions.len())?;
        for Preemption { thread, call, stall_ns } in preemptions {
            let (who, stall) = (thread_name(*thread), Duration::from_nanos(*stall_ns));
            writeln!(f, "  {who} stands still for {stall:?} at its shared call {call}")?;
        }
        let skipped = trace.len().saturating_sub(TAIL);
        writeln!(f, "its trace, {} lines, of which the first {skipped} are left out:", trace.len())?;
        trace[skipped..].iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl std::error::Error for Failure {}

/// How one run went.
struct Run {
    result: Result<(), String>,
    digest: u64,
    preemptions: Vec<Preemption>,
    /// Those during which another thread ran.
    stands: u64,
    trace: Vec<String>,
}

impl Explore {
    /// So many runs, with seeds from 1 on. In each, up to 40 stands of up to 150 ms, at two in a hundred shared calls.
    pub fn new(runs: u64) -> Self {
        let odds = Odds { per_mille: 20, most: 40, longest_ns: 150_000_000 };
        Self { runs, seed: 1, odds }
    }

    /// The seed of the first run; each further run has the next.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How likely a thread stands still at a shared call (in a thousand), how often in one run, and how long at most.
    pub fn preempt(mut self, per_mille: u64, most: usize, longest: Duration) -> Self {
        self.odds = Odds { per_mille, most, longest_ns: longest.as_nanos() as u64 };
        self
    }

    /// Runs the scenario under every seed. Panics with seed, reason and shortest trace if one breaks it. A scenario
    /// breaks by returning an error or by panicking. `setup` may set anything but the seed.
    #[track_caller]
    pub fn check(&self, setup: impl Fn() -> Setup, scenario: impl FnMut(&mut Proxy) -> Result<(), String>) -> Explored {
        match self.try_check(setup, scenario) {
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`Explore::check`], with the failure as a value.
    pub fn try_check(
        &self,
        setup: impl Fn() -> Setup,
        mut scenario: impl FnMut(&mut Proxy) -> Result<(), String>,
    ) -> Result<Explored, Box<Failure>> {
        let (mut explored, mut seen) = (Explored::default(), BTreeSet::new());
        for at in 0..self.runs {
            let seed = self.seed.wrapping_add(at);
            let run = one_run(setup(), seed, Preemptor::drawn(seed, self.odds), false, &mut scenario);
            if let Err(reason) = run.result {
                return Err(Box::new(self.shrink(&setup, seed, reason, run.preemptions, at, &mut scenario)));
            }
            explored.runs += 1;
            explored.distinct += u64::from(seen.insert(run.digest));
            explored.preemptions += run.stands;
        }
        Ok(explored)
    }

    /// Repeats the run of a failure, with its stands and no others. `Ok` if it does not break any more.
    pub fn replay(
        &self,
        failure: &Failure,
        setup: impl Fn() -> Setup,
        mut scenario: impl FnMut(&mut Proxy) -> Result<(), String>,
    ) -> Result<(), String> {
        let preemptor = Preemptor::given(failure.seed, self.odds, failure.preemptions.clone());
        one_run(setup(), failure.seed, preemptor, false, &mut scenario).result
    }

    /// Takes stands away, many at once first, for as long as the run still breaks.
    fn shrink(
        &self,
        setup: &impl Fn() -> Setup,
        seed: u64,
        reason: String,
        preemptions: Vec<Preemption>,
        runs_before: u64,
        scenario: &mut impl FnMut(&mut Proxy) -> Result<(), String>,
    ) -> Failure {
        let mut breaks = |stands: &[Preemption]| {
            let preemptor = Preemptor::given(seed, self.odds, stands.to_vec());
            let run = one_run(setup(), seed, preemptor, true, scenario);
            run.result.err().map(|reason| (reason, run.trace))
        };
        let mut best = Failure { seed, reason, runs_before, preemptions, trace: Vec::new() };
        if let Some((reason, trace)) = breaks(&best.preemptions) {
            (best.reason, best.trace) = (reason, trace);
        }
        let (mut tries, mut size) = (0, best.preemptions.len());
        while size > 0 {
            let mut at = 0;
            while at < best.preemptions.len() && tries < SHRINKS {
                let mut fewer = best.preemptions.clone();
                fewer.drain(at..(at + size).min(fewer.len()));
                tries += 1;
                match breaks(&fewer) {
                    Some((reason, trace)) => {
                        (best.preemptions, best.reason, best.trace) = (fewer, reason, trace);
                    }
                    None => at += size,
                }
            }
            size /= 2;
        }
        best
    }
}

fn one_run(
    setup: Setup,
    seed: u64,
    preemptor: Preemptor,
    trace: bool,
    scenario: &mut impl FnMut(&mut Proxy) -> Result<(), String>,
) -> Run {
    let setup = setup.seed(seed);
    let setup = if trace { setup.trace() } else { setup };
    let mut proxy = match Proxy::start_with(setup, preemptor) {
        Ok(proxy) => proxy,
        Err(error) => {
            let result = Err(format!("the proxy does not start: {error}"));
            return Run { result, digest: 0, preemptions: Vec::new(), stands: 0, trace: Vec::new() };
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| scenario(&mut proxy))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    });
    let preemptions = proxy.preemptor().taken().to_vec();
    let trace = proxy.world().trace().lines().to_vec();
    Run { result, digest: proxy.order(), preemptions, stands: proxy.stands(), trace }
}
