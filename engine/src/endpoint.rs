//! What one worker knows about one endpoint, split by how often it is touched: [`Hot`] by every pick that considers
//! the endpoint, [`Cold`] by its own attempts and the tick only.

use crate::config::{EndpointConfig, Forced};
use crate::detectors::Detectors;
use crate::ewma::PeakEwma;
use crate::rng::mix;
use crate::score::Sample;
use crate::time::Time;
use alloc::boxed::Box;
use core::time::Duration;
use plimsoll_snapshot::{CircuitState, FailureKind, sketch::CompactSketch};

/// Length of half a window: counts and histograms show the last one to two epochs.
pub(crate) const EPOCH: Duration = Duration::from_secs(5);

/// The key of an endpoint in every record between workers: FNV-1a over the address, finalised so that neighbouring
/// ports share no bits.
#[must_use]
pub fn address_key(address: &[u8]) -> u64 {
    let hash = address
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mix(hash)
}

/// Touched by every pick that considers the endpoint: at most 64 bytes, one cache line.
#[derive(Clone, Debug)]
pub(crate) struct Hot {
    pub(crate) ewma: PeakEwma,
    /// This worker's attempts under way: exact.
    pub(crate) in_flight: u32,
    /// The other workers' attempts under way when they last published.
    pub(crate) peers_in_flight: f32,
    /// Weight in force.
    pub(crate) weight: f32,
    /// Failures in a row seen by this worker under the present generation.
    pub(crate) failures_in_row: u32,
    /// Generation of the circuit's state; results of attempts begun under another one decide nothing.
    pub(crate) generation: u64,
    pub(crate) circuit: LocalCircuit,
    /// Tier and zone: see `pool::plan`.
    pub(crate) class: u8,
    /// Takes sessions that stick to it, and nothing else.
    pub(crate) draining: bool,
}

const _: () = assert!(size_of::<Hot>() <= 64, "hot state must fit one cache line");

/// The circuit as this worker acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalCircuit {
    /// As the shared record says.
    Shared(CircuitState),
    /// This worker has the evidence to open it and has not yet written so: it takes no traffic here.
    Opening,
}

impl LocalCircuit {
    /// What the operator wants, whatever detectors say.
    pub(crate) fn forced(forced: Forced) -> Option<Self> {
        match forced {
            Forced::Auto => None,
            Forced::Open => Some(Self::Shared(CircuitState::ForcedOpen)),
            Forced::Disabled => Some(Self::Shared(CircuitState::Disabled)),
        }
    }

    pub(crate) fn is_forced(self) -> bool {
        matches!(self, Self::Shared(CircuitState::ForcedOpen | CircuitState::Disabled))
    }

    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Shared(CircuitState::Closed | CircuitState::Disabled))
    }
}

/// Touched by attempts on this endpoint and by the tick.
#[derive(Clone, Debug)]
pub(crate) struct Cold {
    pub(crate) config: EndpointConfig,
    pub(crate) key: u64,
    /// The pool's membership when this endpoint came.
    pub(crate) joined: u32,
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) slow: u64,
    pub(crate) overloads: u64,
    pub(crate) ignored: u64,
    pub(crate) last_failure: Option<FailureKind>,
    pub(crate) detectors: Detectors,
    /// This epoch's and the last one's counts.
    pub(crate) recent: [Sample; 2],
    /// Histograms alike; absent until the first success, and in pools too large to keep them.
    pub(crate) sketches: Option<Box<[CompactSketch; 2]>>,
    /// What the other workers saw lately.
    pub(crate) peers: Sample,
    /// Part of the configured weight that the score leaves, 0 to 1.
    pub(crate) health: f64,
    /// New or recovered: since when its share grows.
    pub(crate) warming_since: Option<Time>,
    /// Half-open: permits that this worker may still use.
    pub(crate) permits: u32,
    /// Half-open: probes picked whose attempt has not begun.
    pub(crate) probes_picked: u32,
    /// Half-open: probes under way.
    pub(crate) probes: Probes,
}

/// Probes of a half-open circuit that this worker has under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Probes {
    /// Their answer has not begun.
    pub(crate) waiting: u32,
    /// Since when nothing came of those.
    since: Option<Time>,
    /// Their answer has begun and goes on, and what it counts as is not known.
    answering: u32,
    /// Those of them whose answer was slow to begin.
    slow: u32,
    /// Probes that have counted although they go on.
    settled: u32,
}

impl Probes {
    pub(crate) fn begin(&mut self, now: Time) {
        self.waiting = self.waiting.saturating_add(1);
        self.since.get_or_insert(now);
    }

    /// The answer of one has begun, or it is over without any. The others may have begun as late as now.
    pub(crate) fn note_answer(&mut self, now: Time, slow: bool) {
        self.waiting = self.waiting.saturating_sub(1);
        self.since = self.since.filter(|_| self.waiting > 0).map(|since| since.max(now));
        self.answering = self.answering.saturating_add(1);
        self.slow = self.slow.saturating_add(u32::from(slow));
    }

    /// One whose answer has begun, or that is over without any, counts. True if it has counted already.
    pub(crate) fn end(&mut self) -> bool {
        if self.settled > 0 {
            self.settled = self.settled.saturating_sub(1);
            return true;
        }
        self.answering = self.answering.saturating_sub(1);
        self.slow = self.slow.min(self.answering);
        false
    }

    /// All answers that go on count now: how many there are, and how many of them were slow to begin.
    pub(crate) fn settle(&mut self) -> (u32, u32) {
        let (answering, slow) = (core::mem::take(&mut self.answering), core::mem::take(&mut self.slow));
        self.settled = self.settled.saturating_add(answering);
        (answering, slow.min(answering))
    }

    /// One has waited for longer than `limit`, and nothing has come of any other meanwhile.
    pub(crate) fn is_overdue(&self, now: Time, limit: Duration) -> bool {
        self.since.is_some_and(|since| now.since(since) > limit)
    }

    pub(crate) fn set_back(&mut self, now: Time) {
        self.since = self.since.map(|since| since.min(now));
    }
}

impl Cold {
    /// Apart, so that there is one copy of it.
    #[inline(never)]
    pub(crate) fn new(config: &EndpointConfig, joined: u32) -> Self {
        Self {
            key: address_key(config.address.as_bytes()),
            config: config.clone(),
            joined,
            requests: 0,
            failures: 0,
            slow: 0,
            overloads: 0,
            ignored: 0,
            last_failure: None,
            detectors: Detectors::default(),
            recent: [Sample::default(); 2],
            sketches: None,
            peers: Sample::default(),
            health: 1.0,
            warming_since: None,
            permits: 0,
            probes_picked: 0,
            probes: Probes::default(),
        }
    }

    /// The same endpoint under a new configuration.
    #[inline(never)]
    pub(crate) fn reconfigured(self, config: &EndpointConfig) -> Self {
        Self { config: config.clone(), ..self }
    }

    /// This worker's counts of the window.
    pub(crate) fn own(&self) -> Sample {
        let [now, before] = self.recent;
        sum(now, before)
    }

    /// All workers' counts of the window.
    pub(crate) fn merged(&self) -> Sample {
        sum(self.own(), self.peers)
    }

    /// Forgets permits and probes of an earlier state.
    pub(crate) fn forget_probes(&mut self) {
        self.permits = 0;
        self.probes_picked = 0;
        self.probes = Probes::default();
    }

    /// Begins a new epoch.
    pub(crate) fn rotate(&mut self) {
        let [now, before] = &mut self.recent;
        *before = core::mem::take(now);
        if let Some(sketches) = &mut self.sketches {
            sketches.swap(0, 1);
            let [now, _] = &mut **sketches;
            now.clear();
        }
    }
}

impl Hot {
    /// It may get new traffic if its circuit lets it, or where circuits are ignored.
    pub(crate) fn is_present(&self) -> bool {
        !self.draining && self.circuit != LocalCircuit::Shared(CircuitState::ForcedOpen)
    }

    pub(crate) fn new(weight: u32) -> Self {
        Self {
            ewma: PeakEwma::default(),
            in_flight: 0,
            peers_in_flight: 0.0,
            weight: weight as f32,
            failures_in_row: 0,
            generation: 0,
            circuit: LocalCircuit::Shared(CircuitState::Closed),
            class: 0,
            draining: false,
        }
    }
}

fn sum(a: Sample, b: Sample) -> Sample {
    Sample {
        requests: a.requests.saturating_add(b.requests),
        failures: a.failures.saturating_add(b.failures),
        overloads: a.overloads.saturating_add(b.overloads),
        latency_us: a.latency_us.saturating_add(b.latency_us),
    }
}
