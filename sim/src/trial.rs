//! One endpoint of a healthy pool falls sick: how soon a balancer finds it, and whom it takes for sick besides. The pool,
//! the fault, and a watch that sees every attempt without the balancer's knowing.

use crate::{
    Attempt, Balancer, Change, Client, Ending, Endpoint, Extent, Fault, FaultKind, Pick, Report, Request, Scenario,
    Service, Shape, Targets, Time, Traffic, Verdict, VerdictReport, run_with,
};
use std::time::Duration;

/// Mean service time.
const SERVICE: Duration = Duration::from_millis(20);
/// Requests per second to each endpoint. With the service it keeps two slots busy.
pub const RATE: f64 = 100.0;
/// Enough for three times the service time and retries of a third, so that queues are not what is measured.
const SLOTS: u32 = 16;

/// A healthy pool of equal endpoints. `length`: until when requests come.
#[must_use]
pub fn pool(count: usize, shape: &Shape, length: Duration, seed: u64) -> Scenario {
    let service = Service { mean: SERVICE, shape: shape.clone() };
    let endpoint = |number| Endpoint { service: service.clone(), ..Endpoint::plain(number, SLOTS, SERVICE) };
    Scenario {
        seed,
        // Everything is warm-up, but one request: the report keeps a latency for each measured one.
        warm_up: Extent::Time(length),
        measured: Extent::Requests(1),
        traffic: Traffic::Poisson { rate: RATE * count as f64 },
        endpoints: (0..count).map(endpoint).collect(),
        client: Client {
            try_timeout: Some(Duration::from_millis(500)),
            timeout: Some(Duration::from_secs(5)),
            retries: 2,
            back_off: Duration::from_millis(25),
            ..Client::default()
        },
        ..Scenario::equals(count, 0.5, SERVICE)
    }
}

/// When the fault of a seed begins: from second 12 to 17, at another phase of the engine's epochs (5 s) and of its
/// ticks each time. The golden ratio spreads them evenly.
#[must_use]
pub fn onset(seed: u64) -> Duration {
    Duration::from_secs_f64(12.0 + 5.0 * (seed as f64 * 0.618_033_988_749_895).fract())
}

/// On the first endpoint.
#[must_use]
pub fn fault(kind: FaultKind, from: Duration, to: Option<Duration>) -> Fault {
    Fault { targets: Targets::Some(vec![0]), from, to, flapping: None, kind }
}

/// A run, and what the first endpoint saw of it.
pub struct Watched {
    /// Of the whole run.
    pub report: Report,
    /// Attempts on the first endpoint.
    pub attempts: Vec<Seen>,
}

/// An attempt on the first endpoint, in the time of the run.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When it began.
    pub began: Duration,
    /// What became of it; `None`: it was under way at the end.
    pub failed: Option<bool>,
}

/// Plays a scenario.
pub fn play(scenario: &Scenario, balancer: &mut dyn Balancer) -> Watched {
    let mut watch = Watch::new(balancer);
    let report = run_with(scenario, &mut watch, &mut |_| ());
    Watched { report, attempts: watch.attempts }
}

/// What became of the first endpoint after its fault, and of those that had none.
#[derive(Clone, Debug)]
pub struct Found {
    /// Of the run.
    pub seed: u64,
    /// From the fault to the ejection; `None`: never.
    pub after: Option<Duration>,
    /// From the fault to the first attempt that met it.
    pub met: Duration,
    /// The signal that ejected it, in the subject's words.
    pub signal: String,
    /// Ejections of others, or before the fault.
    pub wrong: usize,
}

/// Plays until the first endpoint is ejected after `from`; nothing is served after that.
pub fn find(scenario: &Scenario, balancer: &mut dyn Balancer, from: Duration) -> Found {
    let mut watch = Watch { ends_at_ejection_after: Some(from), ..Watch::new(balancer) };
    let report = run_with(scenario, &mut watch, &mut |_| ());
    let ejected = || report.verdicts.iter().filter(|verdict| verdict.change == Change::Ejected);
    let right = |verdict: &&VerdictReport| verdict.endpoint == 0 && verdict.at >= from;
    let first = ejected().find(right);
    Found {
        seed: scenario.seed,
        after: first.map(|verdict| verdict.at - from),
        met: watch.attempts.iter().find(|seen| seen.began >= from).map_or(Duration::ZERO, |seen| seen.began - from),
        signal: first.and_then(|verdict| verdict.why.split(' ').next()).unwrap_or("none").to_owned(),
        wrong: ejected().filter(|verdict| !right(verdict)).count(),
    }
}

/// Any balancer, and a count beside it that it cannot influence.
struct Watch<'a> {
    inner: &'a mut dyn Balancer,
    begin: Option<Time>,
    now: Duration,
    ends_at_ejection_after: Option<Duration>,
    ended: bool,
    attempts: Vec<Seen>,
    /// By the slot of a request: the number of its attempt on the first endpoint.
    under_way: Vec<Option<usize>>,
}

impl<'a> Watch<'a> {
    fn new(inner: &'a mut dyn Balancer) -> Self {
        Self {
            inner,
            begin: None,
            now: Duration::ZERO,
            ends_at_ejection_after: None,
            ended: false,
            attempts: Vec::new(),
            under_way: Vec::new(),
        }
    }

    fn pass(&mut self, now: Time) {
        self.now = now.since(*self.begin.get_or_insert(now));
    }
}

impl Balancer for Watch<'_> {
    fn workers(&self) -> u32 {
        self.inner.workers()
    }

    fn members(&mut self, present: &[u32], now: Time) {
        self.pass(now);
        self.inner.members(present, now);
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        if self.ended {
            return Pick::Refuse;
        }
        self.inner.pick(request, now)
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        self.pass(now);
        if attempt.endpoint == 0 {
            let slot = attempt.slot as usize;
            if self.under_way.len() <= slot {
                self.under_way.resize(slot + 1, None);
            }
            self.under_way[slot] = Some(self.attempts.len());
            self.attempts.push(Seen { began: self.now, failed: None });
        }
        self.inner.start(attempt, now);
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        self.pass(now);
        if attempt.endpoint == 0
            && let Some(number) = self.under_way[attempt.slot as usize].take()
        {
            self.attempts[number].failed = Some(ending != Ending::Success);
        }
        self.inner.settle(attempt, now, ending);
    }

    fn next_tick(&self) -> Option<Time> {
        self.inner.next_tick()
    }

    fn tick(&mut self, now: Time) {
        self.pass(now);
        self.inner.tick(now);
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        let verdicts = self.inner.verdicts();
        let found = verdicts.iter().any(|verdict| verdict.endpoint == 0 && verdict.change == Change::Ejected);
        self.ended |= found && self.ends_at_ejection_after.is_some_and(|from| self.now >= from);
        verdicts
    }
}
