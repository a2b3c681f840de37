//! The log of transitions in shared data: bounded, in order, numbered without gaps. The worker whose compare-and-swap
//! changed a circuit appends the event, so each transition is logged once. Endpoints and pools stand here by name,
//! not by hash, so that an event stays readable when its endpoint has left the configuration.

use crate::circuits::{state_byte, state_of};
use crate::codec::{Malformed, Reader, Writer};
use crate::view::{Event, Events, FailureKind, Reason, Signal, Transition, VERSION};
use alloc::vec::Vec;

const EVENTS_VERSION: u8 = 2;

/// How many events are kept: at about 100 bytes each, one log fits well into one copy per request of the admin API.
pub const CAPACITY: usize = 512;

/// The last [`CAPACITY`] events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLog {
    /// The last sequence number given out.
    pub last_seq: u64,
    /// Oldest first, without gaps, up to `last_seq`.
    pub events: Vec<Event>,
}

impl EventLog {
    /// Appends an event under the next number, dropping the oldest beyond [`CAPACITY`].
    pub fn append(&mut self, mut event: Event) {
        self.last_seq = self.last_seq.saturating_add(1);
        event.seq = self.last_seq;
        self.events.push(event);
        while self.events.len() > CAPACITY {
            self.events.remove(0);
        }
    }

    /// The last number that is no longer here; 0 if nothing was dropped.
    #[must_use]
    pub fn dropped_through(&self) -> u64 {
        self.events.first().map_or(self.last_seq, |event| event.seq.saturating_sub(1))
    }

    /// What came after the event with this number, to be shown.
    #[must_use]
    pub fn since(mut self, seq: u64, at_ms: u64) -> Events {
        let dropped_through = self.dropped_through();
        let known = usize::try_from(seq.saturating_sub(dropped_through)).unwrap_or(usize::MAX);
        let events = self.events.split_off(known.min(self.events.len()));
        Events { version: VERSION, at_ms, last_seq: self.last_seq, dropped_through, events }
    }

    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(EVENTS_VERSION);
        writer.varint(self.last_seq);
        writer.varint(self.events.len() as u64);
        for event in &self.events {
            write_event(&mut writer, event);
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, EVENTS_VERSION)?;
        let last_seq = reader.varint()?;
        let events = reader.list(read_event)?;
        reader.end()?;
        Ok(Self { last_seq, events })
    }
}

fn write_event(writer: &mut Writer, event: &Event) {
    let Transition { at_ms, from, to, reason } = &event.transition;
    writer.varint(event.seq);
    for text in [&event.pool, &event.endpoint, &event.address] {
        writer.text(text);
    }
    writer.varint(*at_ms);
    writer.byte(state_byte(*from));
    writer.byte(state_byte(*to));
    writer.byte(place(&Signal::ALL, reason.signal));
    writer.key(reason.observed.to_bits());
    writer.key(reason.threshold.to_bits());
    writer.varint(reason.samples);
    for share in [reason.share, reason.pool] {
        // NaN stands for absence: a rate is never NaN.
        writer.key(share.unwrap_or(f64::NAN).to_bits());
    }
    writer.byte(reason.failure.map_or(0, |kind| place(&FailureKind::ALL, kind).saturating_add(1)));
    writer.varint(reason.trace_ids.len() as u64);
    for trace_id in &reason.trace_ids {
        writer.text(trace_id);
    }
}

fn read_event(reader: &mut Reader) -> Result<Event, Malformed> {
    let seq = reader.varint()?;
    let (pool, endpoint, address) = (reader.text()?, reader.text()?, reader.text()?);
    let at_ms = reader.varint()?;
    let (from, to) = (state_of(reader.byte()?)?, state_of(reader.byte()?)?);
    let signal = *Signal::ALL.get(usize::from(reader.byte()?)).ok_or(Malformed)?;
    let (observed, threshold) = (f64::from_bits(reader.key()?), f64::from_bits(reader.key()?));
    let samples = reader.varint()?;
    let mut rate = || reader.key().map(f64::from_bits).map(|rate| (!rate.is_nan()).then_some(rate));
    let (share, pool_value) = (rate()?, rate()?);
    let failure = match reader.byte()?.checked_sub(1) {
        None => None,
        Some(place) => Some(*FailureKind::ALL.get(usize::from(place)).ok_or(Malformed)?),
    };
    let trace_ids = reader.list(Reader::text)?;
    let reason = Reason { signal, observed, threshold, samples, share, pool: pool_value, failure, trace_ids };
    Ok(Event { seq, pool, endpoint, address, transition: Transition { at_ms, from, to, reason } })
}

/// The number of a value in binary records.
fn place<T: PartialEq>(all: &[T], value: T) -> u8 {
    all.iter().position(|other| *other == value).map_or(u8::MAX, |place| place as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::CircuitState;
    use alloc::{string::ToString, vec};
    use proptest::prelude::*;

    fn event(at_ms: u64) -> Event {
        let reason = Reason {
            signal: Signal::ProbeFailed,
            observed: 1.0,
            threshold: 1.0,
            samples: 3,
            share: None,
            pool: Some(0.25),
            failure: Some(FailureKind::Timeout),
            trace_ids: vec!["4bf92f".to_string()],
        };
        let transition = Transition { at_ms, from: CircuitState::HalfOpen, to: CircuitState::Open, reason };
        Event { seq: 0, pool: "p".into(), endpoint: "e".into(), address: "[::1]:80".into(), transition }
    }

    #[test]
    fn the_log_is_bounded_numbered_and_says_what_it_dropped() {
        let mut log = EventLog::default();
        assert_eq!(log.dropped_through(), 0);
        for at_ms in 0..(CAPACITY as u64 + 3) {
            log.append(event(at_ms));
        }
        assert_eq!(log.events.len(), CAPACITY);
        assert_eq!((log.dropped_through(), log.last_seq), (3, CAPACITY as u64 + 3));
        assert_eq!(EventLog::decode(&log.encode()), Ok(log));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = EventLog::decode(&bytes);
        }
    }
}
