//! Everything the page knows, fed by polls: the last snapshot, its history, the events, and the link's state.
//!
//! Old data stays when polls fail, and its ages keep growing: the proxy's time is carried on from the last
//! answer with the browser's monotonic clock, so the two clocks need not agree.

use plimsoll_snapshot::{Pool, Snapshot, VERSION, read};

use crate::{
    events::EventLog,
    freshness::{Freshness, Link},
    history::History,
};

/// The page's state.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The last snapshot of our version.
    pub snapshot: Snapshot,
    /// What earlier snapshots said.
    pub history: History,
    /// The newest events.
    pub events: EventLog,
    link: Link,
    received_ms: Option<u64>,
}

impl Model {
    /// Takes the answer to `GET snapshot`, or what went wrong; `now_ms` is the browser's monotonic clock.
    pub fn receive(&mut self, answer: Result<String, String>, now_ms: u64) {
        let parsed = answer.and_then(|text| match read::document(&text)? {
            // The version is read by itself first: another version may not read as ours at all.
            (_, theirs) if theirs != VERSION => Ok(Err(theirs)),
            (tree, _) => read::snapshot(&tree).map(Ok),
        });
        match parsed {
            Ok(Ok(snapshot)) => {
                self.link.good(&snapshot, now_ms);
                self.history.observe(&snapshot);
                if self.snapshot.at_ms != snapshot.at_ms || self.received_ms.is_none() {
                    self.received_ms = Some(now_ms);
                }
                self.snapshot = snapshot;
            }
            Ok(Err(theirs)) => self.link.mismatched(theirs),
            Err(error) => self.link.bad(error),
        }
    }

    /// Takes the answer to `GET events`. What cannot be read is left for the next poll; the snapshot's poll
    /// is what the link is judged by. True if anything changed.
    pub fn receive_events(&mut self, answer: &str) -> bool {
        let read = read::document(answer).and_then(|(tree, _)| read::events(&tree));
        let Ok(events) = read else { return false };
        if events.version != VERSION || events.last_seq == self.events.since() && events.events.is_empty() {
            return false;
        }
        self.events.merge(events);
        true
    }

    /// From where on to ask for events, if the last snapshot does not say that there are none.
    pub fn wanted_events(&self) -> Option<u64> {
        let since = self.events.since();
        self.snapshot.last_seq.is_none_or(|last| last != since).then_some(since)
    }

    /// Nothing to show yet.
    pub fn is_empty(&self) -> bool {
        self.received_ms.is_none()
    }

    /// How far the page may be trusted, while a poll is made every `poll_ms`.
    pub fn freshness(&self, now_ms: u64, poll_ms: u64) -> Freshness {
        self.link.freshness(now_ms, poll_ms)
    }

    /// The proxy's time now, Unix milliseconds, carried on from the last snapshot.
    pub fn proxy_now(&self, now_ms: u64) -> u64 {
        let since = self.received_ms.map_or(0, |received| now_ms.saturating_sub(received));
        self.snapshot.at_ms.saturating_add(since)
    }

    /// A pool by its name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.snapshot.pools.iter().find(|pool| pool.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"version":1,"at_ms":5000,"tick_ms":100,"workers":[{"id":"w","age_ms":9,"stale":false}],
        "pools":[]}"#;

    #[test]
    fn a_snapshot_makes_the_page_live_and_carries_the_proxys_time_on() {
        let mut model = Model::default();
        model.receive(Ok(FIRST.into()), 100);
        assert_eq!(model.freshness(100, 1000), Freshness::Live);
        assert_eq!(model.proxy_now(1600), 6500);
    }

    #[test]
    fn another_version_is_told_even_if_nothing_else_can_be_read_and_old_data_stays() {
        let mut model = Model::default();
        model.receive(Ok(FIRST.into()), 100);
        model.receive(Ok(r#"{"version":2,"fleet":true}"#.into()), 1100);
        assert_eq!(model.freshness(1100, 1000), Freshness::Mismatch { theirs: 2 });
        assert_eq!(model.snapshot.at_ms, 5000);
    }

    #[test]
    fn an_answer_that_is_not_json_counts_as_a_failed_poll() {
        let mut model = Model::default();
        model.receive(Ok("<html>".into()), 100);
        assert!(
            matches!(model.freshness(100, 1000), Freshness::Lost { for_ms: None, error } if error.contains("not understood"))
        );
    }

    #[test]
    fn events_are_asked_for_when_there_are_some_and_always_where_nothing_tells() {
        let mut model = Model::default();
        model.receive(Ok(FIRST.into()), 100);
        assert_eq!(model.wanted_events(), Some(0), "an older filter");
        let told = |last: u64| Ok(FIRST.replace("\"workers\"", &format!("\"last_seq\":{last},\"workers\"")));
        model.receive(told(0), 100);
        assert_eq!(model.wanted_events(), None);
        model.receive(told(7), 100);
        assert_eq!(model.wanted_events(), Some(0));
        assert!(model.receive_events(r#"{"version":1,"at_ms":0,"last_seq":7,"dropped_through":0,"events":[]}"#));
        assert_eq!(model.wanted_events(), None);
        // The proxy has begun anew.
        model.receive(told(2), 100);
        assert_eq!(model.wanted_events(), Some(7));
    }

    #[test]
    fn unreadable_events_change_nothing() {
        let mut model = Model::default();
        assert!(!model.receive_events("null"));
        assert!(!model.receive_events(r#"{"version":2,"at_ms":0,"last_seq":7,"dropped_through":0,"events":[]}"#));
        assert_eq!(model.events.since(), 0);
    }
}
