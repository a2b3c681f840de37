//! The engine's own circuit in the place of theirs: a pool with one worker, of which the first endpoint is looked at.
//! The worker has other traffic, to the second endpoint, and ticks after every step, so that the shared record is up to
//! date whenever the test looks.
//!
//! | theirs | here |
//! |---|---|
//! | `tryAcquirePermission`, `acquirePermission` | [`Subject::ask`]: a request that can go nowhere else |
//! | `onSuccess`, `onError` with a duration | [`Subject::settle`]: the clock moves by it, then the answer comes |
//! | `onError` with an ignored exception | [`Subject::ignore`]: an answer that says nothing of the endpoint |
//! | `releasePermission` | [`Subject::release`]: the attempt is abandoned |
//! | `transitionToOpenState` | [`Subject::open`]: five failures |
//! | `transitionToHalfOpenState` | [`Subject::half_open`]: and the time out is over |
//! | `transitionToForcedOpenState`, `transitionToDisabledState` | [`Subject::force`]: a new configuration |
//! | `transitionToMetricsOnlyState` | [`Subject::mode`]: the same |
//! | `getNumberOfNotPermittedCalls` | [`Subject::refused`], which is never set back |
//! | events, `getFailureRate` at an event | [`Subject::events`], the reason in it |

use crate::arrange::{BEGAN, ms};
use plimsoll_engine::detect::{Limits, WindowKind};
use plimsoll_engine::{
    Attempt, CircuitConfig, CircuitMode, Ending, EndpointConfig, Forced, Outcome, Pool, PoolConfig, RateConfig,
    Request, Rng, Strategy, Time, subset_key,
};
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal, Transition};
use std::time::Duration;

/// The figures of `CircuitBreakerStateMachineTest`, and of its back-off.
pub(crate) fn theirs() -> CircuitConfig {
    let rates = RateConfig {
        limits: Limits { failure_percent: 50, slow_percent: 50 },
        slow_above: Some(Duration::from_secs(4)),
        minimum_calls: 5,
        window: WindowKind::Seconds(20),
    };
    CircuitConfig {
        consecutive_failures: 0,
        rates: Some(rates),
        outliers: false,
        relative: false,
        mode: CircuitMode::Enforce,
        open_for: Duration::from_secs(5),
        open_for_max: Duration::from_secs(300),
        backoff: 1.5,
        half_open_permits: 4,
        half_open_max: Duration::from_secs(1),
    }
}

pub(crate) struct Subject {
    pool: Pool,
    pub(crate) record: Circuits,
    pub(crate) events: Vec<Transition>,
    pub(crate) now: Time,
    rng: Rng,
}

impl Subject {
    /// With their figures.
    pub(crate) fn new() -> Self {
        Self::with(theirs())
    }

    pub(crate) fn with(circuit: CircuitConfig) -> Self {
        Self::knowing(circuit, Circuits::default())
    }

    /// A worker that finds this record.
    pub(crate) fn knowing(circuit: CircuitConfig, record: Circuits) -> Self {
        let endpoint = |name: &str| EndpointConfig {
            address: format!("10.0.0.{}:8000", name.len()),
            id: name.into(),
            metadata: vec![("name".into(), name.into())],
            ..EndpointConfig::default()
        };
        let config = PoolConfig {
            name: "test".into(),
            strategy: Strategy::RoundRobin,
            endpoints: vec![endpoint("subject"), endpoint("other")],
            circuit,
            max_ejected_percent: 100,
            panic_threshold_percent: 0,
            subset_keys: vec!["name".into()],
            ..PoolConfig::default()
        };
        let mut subject = Self { pool: Pool::new(config), record, events: Vec::new(), now: BEGAN, rng: Rng::new(5) };
        subject.tick();
        subject
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn state(&self) -> CircuitState {
        self.pool.circuit_state(0)
    }

    /// Requests that were not let through.
    pub(crate) fn refused(&self) -> u64 {
        self.pool.totals().1
    }

    pub(crate) fn entry(&self) -> CircuitEntry {
        *self.record.get(self.pool.keys().next().unwrap()).unwrap()
    }

    /// State before, state after and signal of every event so far.
    pub(crate) fn story(&self) -> Vec<(CircuitState, CircuitState, Signal)> {
        self.events.iter().map(|event| (event.from, event.to, event.reason.signal)).collect()
    }

    fn pick(&mut self, name: &str) -> bool {
        let request = Request { subset: Some(subset_key([name.as_bytes()])), ..Request::default() };
        self.pool.pick_for(&request, self.now, &mut self.rng).is_ok()
    }

    /// The worker's tick: it reads the record and writes what it wants to change.
    pub(crate) fn tick(&mut self) {
        assert!(self.pick("other"), "the other endpoint is always well");
        self.pool.tick(self.now, &mut self.rng);
        self.pool.adopt(self.record.clone(), None);
        let Some(proposal) = self.pool.propose(&self.record, self.now, &mut self.rng) else {
            return self.pool.drop_evidence();
        };
        self.record = Circuits::decode(&proposal.circuits.encode()).unwrap();
        self.pool.adopt(self.record.clone(), Some(&proposal));
        self.events.extend(proposal.transitions.into_iter().map(|(_, event)| event));
    }

    /// The clock moves.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.tick();
    }

    /// A request for the endpoint: refused, or under way.
    pub(crate) fn ask(&mut self) -> Option<Attempt> {
        let attempt = if self.pick("subject") { self.pool.start(0, self.now) } else { None };
        self.tick();
        attempt
    }

    /// So many requests, all let through.
    pub(crate) fn ask_times(&mut self, times: usize) -> Vec<Attempt> {
        (0..times).map(|index| self.ask().unwrap_or_else(|| panic!("request {index} is let through"))).collect()
    }

    /// The endpoint answers after this time, well or not.
    pub(crate) fn settle(&mut self, mut attempt: Attempt, took: Duration, failed: bool) {
        self.pass(took);
        let outcome = if failed { Outcome::Failure(FailureKind::Status) } else { Outcome::Success };
        self.pool.answer(&mut attempt, self.now, outcome);
        self.pool.finish(attempt, self.now, Ending::Complete);
        self.tick();
    }

    /// The answer says nothing about the endpoint.
    pub(crate) fn ignore(&mut self, mut attempt: Attempt) {
        self.pool.answer(&mut attempt, self.now, Outcome::Ignored);
        self.pool.finish(attempt, self.now, Ending::Complete);
        self.tick();
    }

    /// The attempt is over before there is an answer, and nobody's fault.
    pub(crate) fn release(&mut self, attempt: Attempt) {
        self.pool.finish(attempt, self.now, Ending::Abandoned);
        self.tick();
    }

    /// Requests one after the other, all let through and answered at once: well (`S`), not well (`F`), or in a way that
    /// says nothing (`I`).
    pub(crate) fn calls(&mut self, script: &str) {
        for call in script.chars() {
            let attempt = self.ask_times(1).remove(0);
            match call {
                'I' => self.ignore(attempt),
                _ => self.settle(attempt, ms(0), call == 'F'),
            }
        }
    }

    /// Requests one after the other, each answered well or not after its time, in milliseconds.
    pub(crate) fn timed(&mut self, calls: &[(u64, bool)]) {
        for (took, failed) in calls {
            let attempt = self.ask_times(1).remove(0);
            self.settle(attempt, ms(*took), *failed);
        }
    }

    pub(crate) fn open(&mut self) {
        self.calls("FFFFF");
        assert_eq!(self.state(), CircuitState::Open);
    }

    pub(crate) fn half_open(&mut self) {
        self.open();
        self.wait();
    }

    /// The time out passes.
    pub(crate) fn wait(&mut self) {
        let left = self.entry().until_ms - self.now.as_millis();
        self.pass(ms(left));
        assert_eq!(self.state(), CircuitState::Open, "strictly after");
        self.pass(ms(1));
        assert_eq!(self.state(), CircuitState::HalfOpen);
    }

    /// A new configuration.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut PoolConfig)) {
        let mut config = self.pool.config().clone();
        change(&mut config);
        self.pool.reconfigure(config);
        self.tick();
    }

    pub(crate) fn force(&mut self, forced: Forced) {
        self.configure(|config| config.endpoints[0].circuit = forced);
    }

    pub(crate) fn mode(&mut self, mode: CircuitMode) {
        self.configure(|config| config.circuit.mode = mode);
    }
}
