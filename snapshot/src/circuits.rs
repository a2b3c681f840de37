//! The one record per pool that all workers change, by compare-and-swap: every circuit that is not plainly closed.
//! What a change may be is decided in the engine; here are only the data and their binary form.

use crate::codec::{Malformed, Reader, Writer};
use crate::view::{Circuit, CircuitState};
use alloc::vec::Vec;

const CIRCUITS_VERSION: u8 = 2;

/// All circuits of a pool that are not plainly closed. An endpoint without an entry is closed and has never opened,
/// or not for long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circuits {
    /// The last generation given out; grows by one with every change of state of any endpoint.
    pub generation: u64,
    /// In no order; at most one per endpoint.
    pub entries: Vec<CircuitEntry>,
}

/// One endpoint's circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitEntry {
    /// Hash of the endpoint's address.
    pub key: u64,
    /// Closed (while the back-off is remembered), open or half-open.
    pub state: CircuitState,
    /// Generation of this state.
    pub generation: u64,
    /// Since when, Unix milliseconds.
    pub since_ms: u64,
    /// Open: probing may start after it. Half-open: permits expire after it. Closed: a step of back-off may be
    /// forgotten after it. Unix milliseconds.
    pub until_ms: u64,
    /// The back-off step: openings that are not forgotten yet.
    pub openings: u32,
    /// Half-open: permits that workers hold or have used.
    pub permits_issued: u32,
    /// Half-open: probes that were answered well, slow ones included.
    pub probes_passed: u32,
    /// Half-open: those of them that were slow.
    pub probes_slow: u32,
}

impl CircuitEntry {
    /// As readers see it, where so many probes have to pass.
    #[must_use]
    pub fn view(&self, half_open_permits: u32) -> Circuit {
        let half_open = self.state == CircuitState::HalfOpen;
        Circuit {
            state: self.state,
            generation: self.generation,
            openings: self.openings,
            until_ms: (half_open || self.state == CircuitState::Open).then_some(self.until_ms),
            permits_left: half_open.then(|| half_open_permits.saturating_sub(self.permits_issued)),
        }
    }
}

impl Circuits {
    /// The entry of an endpoint.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&CircuitEntry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(CIRCUITS_VERSION);
        writer.varint(self.generation);
        writer.varint(self.entries.len() as u64);
        for entry in &self.entries {
            writer.key(entry.key);
            writer.byte(state_byte(entry.state));
            for value in [entry.generation, entry.since_ms, entry.until_ms] {
                writer.varint(value);
            }
            for value in [entry.openings, entry.permits_issued, entry.probes_passed, entry.probes_slow] {
                writer.varint(u64::from(value));
            }
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, CIRCUITS_VERSION)?;
        let circuits = Self {
            generation: reader.varint()?,
            entries: reader.list(|r| {
                Ok(CircuitEntry {
                    key: r.key()?,
                    state: state_of(r.byte()?)?,
                    generation: r.varint()?,
                    since_ms: r.varint()?,
                    until_ms: r.varint()?,
                    openings: r.small()?,
                    permits_issued: r.small()?,
                    probes_passed: r.small()?,
                    probes_slow: r.small()?,
                })
            })?,
        };
        reader.end()?;
        Ok(circuits)
    }
}

pub(crate) fn state_byte(state: CircuitState) -> u8 {
    match state {
        CircuitState::Closed => 0,
        CircuitState::Open => 1,
        CircuitState::HalfOpen => 2,
        CircuitState::ForcedOpen => 3,
        CircuitState::Disabled => 4,
    }
}

pub(crate) fn state_of(byte: u8) -> Result<CircuitState, Malformed> {
    Ok(match byte {
        0 => CircuitState::Closed,
        1 => CircuitState::Open,
        2 => CircuitState::HalfOpen,
        3 => CircuitState::ForcedOpen,
        4 => CircuitState::Disabled,
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn circuits_survive_the_road(generation: u64, keys in prop::collection::vec(any::<u64>(), 0..20),
                                     times: [u64; 3], counts: [u32; 4], state in 0_u8..5) {
            let entry = |key| CircuitEntry {
                key,
                state: state_of(state).unwrap(),
                generation: times[0],
                since_ms: times[1],
                until_ms: times[2],
                openings: counts[0],
                permits_issued: counts[1],
                probes_passed: counts[2],
                probes_slow: counts[3],
            };
            let circuits = Circuits { generation, entries: keys.into_iter().map(entry).collect() };
            prop_assert_eq!(Circuits::decode(&circuits.encode()), Ok(circuits));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Circuits::decode(&bytes);
        }
    }
}
