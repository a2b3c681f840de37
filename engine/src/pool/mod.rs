//! One worker's view of one pool. The hot vectors are indexed by position; positions change only when the
//! configuration does, and attempts that span such a change find their endpoint again by key.
//!
//! - `plan`: where requests of one kind may go, and in which proportions; `choice`: which plan a request follows
//! - `pick`: the ordered list of candidates; `first`: who has to be tried first; `rank`: who is best; `hashed`: who
//!   serves a key; `keyed`: how much of its keys an endpoint takes
//! - `ramp`: shares that grow; `by_load`: latencies by load
//! - `attempts`: from start to settlement, exactly once; `judge`: from results to alarms, `silence`: from none;
//!   `breaker`: the circuit of the whole pool; `near`: how near it is to an alarm
//! - `refresh`: what happens on the tick: epochs, scores, other workers' counts
//!
//! Circuits are in [`crate::circuit`].

mod attempts;
mod breaker;
mod by_load;
mod choice;
mod first;
mod hashed;
mod judge;
mod keyed;
mod near;
mod pick;
mod plan;
mod ramp;
mod rank;
mod refresh;
mod silence;

use crate::circuit::POOL_KEY;
use crate::config::{CircuitConfig, EndpointConfig, Forced, PoolConfig, Strategy};
use crate::endpoint::{Cold, Hot, LocalCircuit, address_key};
use crate::evidence::Evidence;
use crate::positions::Positions;
use crate::time::Time;
use alloc::vec::Vec;
use plimsoll_snapshot::circuits::{CircuitEntry, Circuits};
use plimsoll_snapshot::{CircuitState, FailuresBy, sketch::CompactSketch};

pub use attempts::{Attempt, Ending, Outcome};
pub use pick::{Candidates, Refusal, Refused};
pub use refresh::{EndpointView, middle_us};

/// Pools up to this size keep a histogram per endpoint (776 bytes each and worker); larger ones only the pool's.
const SKETCHED_ENDPOINTS: usize = 1000;

/// One worker's view of one pool.
#[derive(Debug)]
pub struct Pool {
    pub(crate) config: PoolConfig,
    pub(crate) hot: Vec<Hot>,
    pub(crate) cold: Vec<Cold>,
    by_key: Positions,
    /// Grows when positions change.
    membership: u32,
    choice: choice::Choice,
    /// Endpoints with a permit to use, one entry per permit.
    pub(crate) probes: Vec<u32>,
    suspects: first::Suspects,
    /// Endpoints whose share grows, in no order.
    warming: Vec<u32>,
    by_load: by_load::ByLoad,
    tables: hashed::Tables,
    window: refresh::Window,
    levels: judge::Levels,
    pub(crate) breaker: breaker::Breaker,
    /// Endpoints whose circuit is the operator's.
    pub(crate) forced: Vec<u32>,
    /// The highest that was ever read or written.
    pub(crate) last_generation: u64,
    /// When the operator said so, if that is known.
    pub(crate) configured_at: Option<Time>,
    /// Endpoints that are out, by the shared record or by this worker's own evidence.
    out: usize,
    pub(crate) evidence: Vec<Evidence>,
    /// The circuits record as last read or written.
    pub(crate) circuits: Circuits,
    pub(crate) picks: u64,
    pub(crate) refused: u64,
    failures_by: FailuresBy,
    /// Requests steered or refused when the tick last looked: a pool that refuses everything has to probe, too.
    requests_before: u64,
    /// A request came since the last tick, so permits claimed now will be used.
    pub(crate) has_traffic: bool,
}

impl Pool {
    /// A pool in which nothing happened yet.
    #[must_use]
    pub fn new(config: PoolConfig) -> Self {
        let mut pool = Self {
            config: PoolConfig::default(),
            hot: Vec::new(),
            cold: Vec::new(),
            by_key: Positions::default(),
            membership: 0,
            choice: choice::Choice::default(),
            probes: Vec::new(),
            suspects: first::Suspects::default(),
            warming: Vec::new(),
            by_load: by_load::ByLoad::default(),
            tables: hashed::Tables::default(),
            window: refresh::Window::default(),
            levels: judge::Levels::default(),
            breaker: breaker::Breaker::default(),
            forced: Vec::new(),
            last_generation: 0,
            configured_at: None,
            out: 0,
            evidence: Vec::new(),
            circuits: Circuits::default(),
            picks: 0,
            refused: 0,
            failures_by: FailuresBy::default(),
            requests_before: 0,
            has_traffic: false,
        };
        pool.reconfigure(config);
        pool
    }

    /// Takes over a new configuration. Endpoints that stay, by address, keep all that is known about them; attempts
    /// under way on endpoints that left are forgotten.
    pub fn reconfigure(&mut self, config: PoolConfig) {
        self.membership = self.membership.saturating_add(1);
        let known = core::mem::take(&mut self.by_key);
        let cold = core::mem::take(&mut self.cold).into_iter();
        let mut old: Vec<Option<(Hot, Cold)>> =
            core::mem::take(&mut self.hot).into_iter().zip(cold).map(Some).collect();
        let kept = if config.strategy == Strategy::Hcl { config.endpoints.len() } else { 0 };
        let mut loads = core::mem::replace(&mut self.by_load, by_load::ByLoad::new(kept));
        let mut joined = Vec::new();
        for (position, endpoint) in config.endpoints.iter().enumerate() {
            let at = known.get(address_key(endpoint.address.as_bytes())).map(|position| position as usize);
            let stayed = at.and_then(|at| old.get_mut(at)?.take());
            match at.filter(|_| stayed.is_some()) {
                Some(at) => self.by_load.take_over(position, &mut loads, at),
                None => joined.push(position as u32),
            }
            let (mut hot, cold) = match stayed {
                Some((hot, cold)) => (hot, cold.reconfigured(endpoint)),
                None => (Hot::new(endpoint.weight), Cold::new(endpoint, self.membership)),
            };
            hot.draining = endpoint.draining;
            match LocalCircuit::forced(endpoint.circuit) {
                Some(circuit) => hot.circuit = circuit,
                None if hot.circuit.is_forced() => hot.circuit = LocalCircuit::Shared(CircuitState::Closed),
                None => {}
            }
            hot.class = plan::class(endpoint.tier, config.prefer_zone.is_some() && endpoint.zone == config.prefer_zone);
            self.hot.push(hot);
            self.cold.push(cold);
        }
        self.by_key = Positions::of(self.keys());
        self.replace_windows(&config);
        self.config = config;
        self.choice = choice::Choice::new(&self.config, &self.hot);
        // Where most are new, those that stayed could not carry what the others must not take yet.
        let few = joined.len().saturating_mul(2) <= self.hot.len();
        self.settle_in(if few { joined } else { Vec::new() });
    }

    /// Windows of another kind or length than before are begun anew.
    fn replace_windows(&mut self, config: &PoolConfig) {
        let window = |circuit: &CircuitConfig| circuit.rates.map(|rates| rates.window);
        if window(&self.config.circuit) != window(&config.circuit) {
            self.cold.iter_mut().for_each(|cold| cold.detectors.replace_window());
        }
        let of_pool = |config: &PoolConfig| config.pool_circuit.as_ref().and_then(|pool| window(&pool.circuit));
        if of_pool(&self.config) != of_pool(config) {
            self.breaker.replace_window();
        }
    }

    /// The endpoints are new or have moved: brings everything up to date that names positions. `joined` came to others
    /// that serve already.
    fn settle_in(&mut self, joined: Vec<u32>) {
        self.begin_tables();
        self.recount_under_way();
        self.out = self.hot.iter().filter(|hot| !hot.circuit.passes()).count();
        let is_forced = |cold: &Cold| cold.config.circuit != Forced::Auto;
        self.forced = (0_u32..).zip(&self.cold).filter(|(_, cold)| is_forced(cold)).map(|(at, _)| at).collect();
        self.levels.resize(self.hot.len());
        self.relist_warming();
        for position in joined {
            self.warm(position, self.window.ticked);
        }
        for position in 0..self.hot.len() as u32 {
            self.reweigh(position, self.window.ticked);
        }
        self.suspects.relist(&self.hot);
        self.evidence.retain(|evidence| evidence.key() == POOL_KEY || self.by_key.contains(evidence.key()));
        self.list_probes();
        // Endpoints that are new here may be known to the shared record already.
        let circuits = core::mem::take(&mut self.circuits);
        self.adopt(circuits, None);
    }

    /// The configuration came at this time: what the operator has changed since with a newer one, through another worker,
    /// is left as it is.
    pub fn set_configured_at(&mut self, now: Time) {
        self.configured_at = Some(now);
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// The endpoint at a position, as configured.
    #[must_use]
    pub fn endpoint(&self, position: u32) -> Option<&EndpointConfig> {
        self.cold.get(position as usize).map(|cold| &cold.config)
    }

    /// The position of an endpoint.
    #[must_use]
    pub fn position(&self, key: u64) -> Option<u32> {
        self.by_key.get(key)
    }

    /// Hashes of the addresses, in the order of the configuration.
    pub fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.cold.iter().map(|cold| cold.key)
    }

    /// Too few endpoints are eligible in some tier, so ejections are ignored there.
    #[must_use]
    pub fn panics(&self) -> bool {
        self.choice.whole().is_some_and(|plan| plan.groups.iter().any(|group| group.panic))
    }

    /// Endpoints that may get ordinary traffic.
    #[must_use]
    pub fn eligible(&self) -> usize {
        match self.choice.whole() {
            Some(plan) if !plan.is_outdated() => plan.eligible(),
            _ => self.hot.iter().filter(|hot| hot.circuit.passes() && hot.is_present()).count(),
        }
    }

    /// With fewer eligible endpoints than this, ejections are ignored. 0 where no number says so: the threshold is 0, or
    /// there are several tiers, each of which is judged by itself and only while all together cannot carry the traffic.
    #[must_use]
    pub fn panic_below(&self) -> usize {
        if !self.choice.whole().is_some_and(plan::Plan::has_one_tier) {
            return 0;
        }
        let present = self.hot.iter().filter(|hot| hot.is_present()).count();
        present.saturating_mul(self.config.panic_threshold_percent as usize).div_ceil(100)
    }

    /// The circuits record as this worker last saw it.
    #[must_use]
    pub fn circuits(&self) -> &Circuits {
        &self.circuits
    }

    /// Lists the permits that this worker holds, for the picks to take.
    pub(crate) fn list_probes(&mut self) {
        self.probes.clear();
        for (position, cold) in self.cold.iter().enumerate() {
            for _ in 0..cold.permits {
                self.probes.push(position as u32);
            }
        }
    }

    /// The circuit as this worker acts on it; what follows from its generation is for [`Pool::set_circuit`].
    pub(crate) fn set_local(&mut self, position: u32, circuit: LocalCircuit) {
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position as usize), self.cold.get_mut(position as usize))
        else {
            return;
        };
        match (hot.circuit.passes(), circuit.passes()) {
            (true, false) => self.out = self.out.saturating_add(1),
            (false, true) => self.out = self.out.saturating_sub(1),
            _ => {}
        }
        if circuit.passes() != hot.circuit.passes() {
            self.choice.mark(position, hot.class);
            cold.warming_since = None;
        }
        hot.circuit = circuit;
    }

    pub(crate) fn set_circuit(&mut self, position: u32, circuit: LocalCircuit, generation: u64) {
        let before = self.hot.get(position as usize).map(|hot| hot.circuit);
        self.set_local(position, circuit);
        let (Some(hot), Some(cold)) = (self.hot.get_mut(position as usize), self.cold.get_mut(position as usize))
        else {
            return;
        };
        if circuit.passes() && before.is_some_and(|before| !before.passes()) {
            // What it was like before it broke says little; it starts again in the middle of the pool.
            match self.window.usual_us {
                Some(usual) => hot.ewma.restart(self.window.ticked, usual),
                None => hot.ewma.clear(),
            }
            self.by_load.forget(position as usize);
        }
        if hot.generation != generation {
            cold.forget_probes();
            cold.detectors.restart();
            hot.failures_in_row = 0;
            self.suspects.remove(position);
        }
        hot.generation = generation;
    }

    fn sketch_mut(&mut self, position: usize) -> Option<&mut CompactSketch> {
        if self.hot.len() > SKETCHED_ENDPOINTS {
            return None;
        }
        let [now, _] = &mut **self.cold.get_mut(position)?.sketches.get_or_insert_default();
        Some(now)
    }

    /// The shared state of the circuit at a position.
    #[must_use]
    pub fn circuit_state(&self, position: u32) -> CircuitState {
        match self.hot.get(position as usize).map(|hot| hot.circuit) {
            Some(LocalCircuit::Shared(state)) => state,
            Some(LocalCircuit::Opening) => CircuitState::Open,
            None => CircuitState::Closed,
        }
    }

    /// Requests steered so far, and requests refused.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.picks, self.refused)
    }

    /// Attempts that failed, by kind, of all endpoints and of those that have left.
    #[must_use]
    pub fn failures_by(&self) -> FailuresBy {
        self.failures_by
    }

    /// Earliest time at which an ejected endpoint may be tried again.
    fn next_probe(&self) -> Option<Time> {
        let comes_back = |entry: &&CircuitEntry| {
            let out = matches!(entry.state, CircuitState::Open | CircuitState::HalfOpen);
            out && self.position(entry.key).is_some()
        };
        self.circuits.entries.iter().filter(comes_back).map(|entry| Time::from_millis(entry.until_ms)).min()
    }
}
