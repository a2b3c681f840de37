//! Who decides where requests go, as the simulator sees it. Subjects of this crate are in [`crate::Subject`]; others,
//! such as the real `.wasm` in a host, implement [`Balancer`] outside.

use plimsoll_engine::Time;
use plimsoll_snapshot::FailureKind;

/// Decides where requests go. Endpoints are named by their position in the scenario, workers from 0.
pub trait Balancer {
    /// How many workers there are; each request meets one of them by chance.
    fn workers(&self) -> u32 {
        1
    }

    /// These endpoints, ascending, are there from now on. Called once before the first request, and at every change.
    fn members(&mut self, present: &[u32], now: Time);

    /// Where an attempt goes. Called once for each attempt of a request, and again after [`Pick::Hold`].
    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick;

    /// The attempt picked begins.
    fn start(&mut self, attempt: Attempt, now: Time);

    /// An attempt that began is over, once.
    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending);

    /// When it wants to be called next, whatever happens; asked before the run and after each tick.
    fn next_tick(&self) -> Option<Time> {
        None
    }

    /// That time has come.
    fn tick(&mut self, now: Time) {
        let _ = now;
    }

    /// Takes what it has decided about endpoints since the last call; asked after ticks and after settlements that
    /// failed.
    fn verdicts(&mut self) -> Vec<Verdict> {
        Vec::new()
    }
}

/// A borrowed one balances as it would owned.
impl Balancer for &mut dyn Balancer {
    fn workers(&self) -> u32 {
        (**self).workers()
    }

    fn members(&mut self, present: &[u32], now: Time) {
        (**self).members(present, now);
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        (**self).pick(request, now)
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        (**self).start(attempt, now);
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        (**self).settle(attempt, now, ending);
    }

    fn next_tick(&self) -> Option<Time> {
        (**self).next_tick()
    }

    fn tick(&mut self, now: Time) {
        (**self).tick(now);
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        (**self).verdicts()
    }
}

/// A request that wants to know where to go.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Names it among the requests under way; small, and used again later.
    pub slot: u32,
    /// The worker that has it.
    pub worker: u32,
    /// What it is about.
    pub key: Option<u64>,
    /// Where its attempts went so far.
    pub tried: &'a [u32],
}

/// The answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// It goes to this endpoint.
    To(u32),
    /// It waits, and asks again when an attempt is over.
    Hold,
    /// It may not go anywhere.
    Refuse,
}

/// An attempt. A request has one under way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The request's.
    pub slot: u32,
    /// The request's.
    pub worker: u32,
    /// Where it went.
    pub endpoint: u32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a good answer.
    Success,
    /// With a bad one, or none.
    Failure(FailureKind),
}

/// What a balancer decided about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whom it is about.
    pub endpoint: u32,
    /// What becomes of it.
    pub change: Change,
    /// Why, in the balancer's words.
    pub why: String,
}

/// What becomes of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It gets no traffic.
    Ejected,
    /// It gets a little, to see how it is.
    Probed,
    /// It gets its share again.
    Returned,
}
