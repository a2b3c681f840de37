//! One endpoint of a healthy pool falls sick: how soon a balancer finds it, and whom it takes for sick besides. The pool,
//! the fault, and a watch that sees every attempt without the balancer's knowing.

use crate::statistics::quantile;
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

/// Errors after service, as good answers come.
#[must_use]
pub fn errors(share: f64) -> FaultKind {
    FaultKind::Errors { share, after: None, of_requests: false }
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

/// What was found by seed, the soonest first, never last.
#[derive(Clone, Debug)]
pub struct Times(Vec<Found>);

impl Times {
    /// Of all seeds.
    #[must_use]
    pub fn new(mut times: Vec<Found>) -> Self {
        times.sort_by_key(|found| (found.after.is_none(), found.after, found.seed));
        Self(times)
    }

    /// How many seeds there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The nearest rank in seconds; infinite for never.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let times: Vec<Option<Duration>> = self.0.iter().map(|found| found.after).collect();
        quantile(&times, q).flatten().map_or(f64::INFINITY, |time| time.as_secs_f64())
    }

    /// The same from the first attempt that met the fault: nobody can know before.
    #[must_use]
    pub fn quantile_since_met(&self, q: f64) -> f64 {
        let time = |found: &Found| found.after.map_or(f64::INFINITY, |after| (after - found.met).as_secs_f64());
        let mut times: Vec<f64> = self.0.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        quantile(&times, q).unwrap_or(f64::INFINITY)
    }

    /// Half of the interval that holds the true median with a probability of 95 %: by ranks, whatever the distribution,
    /// n / 2 ± .98 √n.
    #[must_use]
    pub fn median_error(&self) -> f64 {
        let half = 0.98 / (self.0.len() as f64).sqrt();
        (self.quantile(0.5 + half) - self.quantile(0.5 - half)) / 2.0
    }

    /// The seed that took longest.
    #[must_use]
    pub fn slowest(&self) -> u64 {
        self.0.last().map_or(0, |found| found.seed)
    }

    /// By seed: ejections of others, or before the fault.
    pub fn wrong(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        self.0.iter().map(|found| (found.seed, found.wrong))
    }

    /// One for each seed.
    #[must_use]
    pub fn all(&self) -> &[Found] {
        &self.0
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
