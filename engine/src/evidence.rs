//! What a worker has seen that may change a circuit, kept until the shared record tells what became of it.

use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::{CircuitState, FailureKind, Reason};

/// What a worker has seen that may change a circuit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Evidence {
    /// An alarm.
    Opening { key: u64, generation: u64, reason: Reason },
    /// A probe came back.
    Probe { key: u64, generation: u64, result: ProbeResult },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    Passed,
    /// Well, but slow.
    Slow,
    Failed(FailureKind),
    Returned,
}

impl Evidence {
    pub(crate) fn key(&self) -> u64 {
        match self {
            Self::Opening { key, .. } | Self::Probe { key, .. } => *key,
        }
    }

    /// It is about the state that the record shows; otherwise somebody else changed this circuit since.
    pub(crate) fn is_current(&self, record: &Circuits) -> bool {
        let entry = record.get(self.key());
        match self {
            Self::Opening { generation, .. } => {
                entry.is_none_or(|entry| entry.state == CircuitState::Closed && entry.generation == *generation)
            }
            Self::Probe { generation, .. } => {
                entry.is_some_and(|entry| entry.state == CircuitState::HalfOpen && entry.generation == *generation)
            }
        }
    }
}
