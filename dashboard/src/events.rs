//! The event list as the page keeps it: merged from polls, bounded, newest first on screen.
//!
//! The proxy numbers events without gaps. A number lower than what was seen means that the proxy restarted:
//! the list starts anew, because old numbers would hide new events.

use std::collections::VecDeque;

use plimsoll_snapshot::{Event, Events};

use crate::sheet::Line;
use crate::{format, mark, reason, why};

/// An event in a list, for [`line()`].
pub const FORM: &str = concat!(
    r#"<li data-testid="event" data-s="data-seq aria-current data-to title"><time data-s=".">-</time>"#,
    r#"<span class="mark" aria-hidden="true" data-s="<"></span><div><button class="id" data-s="title .">-</button> "#,
    r#"<span class="what" data-s=".">-</span> <span class="why" data-s=".">-</span></div></li>"#,
);

/// The values for [`FORM`]. `with_pool`: events of all pools are listed; `chosen`: the charts show this one's time.
pub fn line(event: &Event, with_pool: bool, chosen: bool, west_minutes: i64) -> Line {
    let transition = &event.transition;
    let whose = match (with_pool, event.endpoint.as_str()) {
        (true, "") => format!("{} (pool)", event.pool),
        (true, endpoint) => format!("{} / {endpoint}", event.pool),
        (false, "") => "the pool".into(),
        (false, endpoint) => endpoint.to_owned(),
    };
    // A proxy that restarted counts from one again.
    let mut line = Line::new(&format!("{} {}", event.seq, transition.at_ms));
    line.put(&event.seq.to_string())
        .put(&chosen.to_string())
        .put(format::circuit_key(transition.to))
        .put(&transition.reason.trace_ids.join(" "))
        .put(&format::clock(transition.at_ms, west_minutes))
        .put(&mark::of_circuit(transition.to))
        .put(&event.address)
        .put(&whose)
        .put(&why::change(transition))
        .put(&reason::sentence(&transition.reason));
    line
}

/// How many events the page keeps.
pub const KEEP: usize = 200;

/// The newest events.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    last_seq: u64,
    missed: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    /// What to ask for next: `GET events?since=` this.
    pub fn since(&self) -> u64 {
        self.last_seq
    }

    /// What of the log there is, as two numbers that change with it: the first event's number and the last one's.
    pub fn extent(&self) -> (u64, u64) {
        (self.events.front().map_or(0, |event| event.seq), self.last_seq)
    }

    /// How many events were dropped by the proxy before this page could read them.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Merges an answer. After a restart of the proxy the list is empty and the next question starts from 0.
    pub fn merge(&mut self, answer: Events) {
        if answer.last_seq < self.last_seq {
            *self = EventLog::default();
            return;
        }
        if answer.dropped_through > self.last_seq {
            self.missed += answer.dropped_through - self.last_seq;
        }
        for event in answer.events {
            if event.seq > self.last_seq {
                self.last_seq = event.seq;
                self.events.push_back(event);
            }
        }
        self.last_seq = self.last_seq.max(answer.last_seq);
        while self.events.len() > KEEP {
            self.events.pop_front();
        }
    }

    /// The events, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_snapshot::{CircuitState, Reason, Signal, Transition};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            pool: "orders".into(),
            endpoint: "order-1".into(),
            address: "10.0.0.1:80".into(),
            transition: Transition {
                at_ms: seq,
                from: CircuitState::Closed,
                to: CircuitState::Open,
                reason: Reason {
                    signal: Signal::ConsecutiveFailures,
                    observed: 5.0,
                    threshold: 5.0,
                    samples: 5,
                    share: None,
                    pool: None,
                    failure: None,
                    trace_ids: Vec::new(),
                },
            },
        }
    }

    fn answer(seqs: std::ops::RangeInclusive<u64>, dropped_through: u64) -> Events {
        Events { last_seq: *seqs.end(), dropped_through, events: seqs.map(event).collect(), ..Events::default() }
    }

    fn seqs(log: &EventLog) -> Vec<u64> {
        log.newest_first().map(|event| event.seq).collect()
    }

    #[test]
    fn answers_add_up_newest_first_and_repeats_add_nothing() {
        let mut log = EventLog::default();
        log.merge(answer(1..=2, 0));
        log.merge(answer(2..=3, 0));
        assert_eq!(seqs(&log), [3, 2, 1]);
        assert_eq!(log.since(), 3);
    }

    #[test]
    fn a_restarted_proxy_starts_the_list_anew() {
        let mut log = EventLog::default();
        log.merge(answer(1..=9, 0));
        log.merge(Events { last_seq: 2, ..Events::default() });
        assert_eq!((log.since(), log.newest_first().count()), (0, 0));
        log.merge(answer(1..=2, 0));
        assert_eq!(seqs(&log), [2, 1]);
    }

    #[test]
    fn events_dropped_before_they_were_read_are_counted() {
        let mut log = EventLog::default();
        log.merge(answer(1..=2, 0));
        log.merge(answer(11..=12, 10));
        assert_eq!(log.missed(), 8);
    }

    #[test]
    fn the_list_is_bounded() {
        let mut log = EventLog::default();
        log.merge(answer(1..=1000, 0));
        assert_eq!(log.newest_first().count(), KEEP);
        assert_eq!(seqs(&log)[0], 1000);
    }

    #[test]
    fn an_event_fills_its_form() {
        let line = line(&event(7), true, true, 0);
        assert_eq!(line.values.len(), crate::sheet::places(FORM));
        assert_eq!(line.values[..3], ["7", "true", "open"]);
        assert_eq!(line.values[7], "orders / order-1");
    }
}
