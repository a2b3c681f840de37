//! The records that one worker has taken from the queue and not yet delivered.
//!
//! At most one batch is under way. A batch that is not taken goes back to the front, so records arrive at least once;
//! beyond a bound the oldest are dropped, so a dead audit cluster costs records and not memory.

use std::collections::VecDeque;
use std::time::Duration;

use proxy_wasm::hostcalls::dispatch_http_call;
use proxy_wasm::types::{Bytes, LogLevel};

use crate::{config, log};

const KEPT: usize = 1_000;
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is collected, and what is under way.
#[derive(Default)]
pub(crate) struct Audit {
    waiting: VecDeque<Bytes>,
    sent: Vec<Bytes>,
}

impl Audit {
    /// Adds a record; how many had to be dropped for it.
    pub(crate) fn add(&mut self, record: Bytes) -> usize {
        self.waiting.push_back(record);
        self.shorten()
    }

    /// Sends what has been collected, a line each, unless a batch is under way.
    pub(crate) fn flush(&mut self, config: &config::Audit) {
        if self.waiting.is_empty() || self.is_under_way() {
            return;
        }
        let batch: Vec<Bytes> = self.waiting.drain(..).collect();
        let headers = vec![
            (":method", "POST"),
            (":path", "/records"),
            (":authority", config.cluster.as_str()),
            ("content-type", "application/x-ndjson"),
        ];
        match dispatch_http_call(&config.cluster, headers, Some(&batch.join(&b'\n')), vec![], TIMEOUT) {
            Ok(_) => self.sent = batch,
            Err(status) => {
                log(LogLevel::Error, &format!("guard: no call to the audit cluster {}: {status:?}", config.cluster));
                self.waiting.extend(batch);
            }
        }
    }

    /// The batch was taken; how many records it had.
    pub(crate) fn confirm(&mut self) -> usize {
        std::mem::take(&mut self.sent).len()
    }

    /// The batch was not taken; how many records had to be dropped for it.
    pub(crate) fn take_back(&mut self) -> usize {
        for record in std::mem::take(&mut self.sent).into_iter().rev() {
            self.waiting.push_front(record);
        }
        self.shorten()
    }

    /// A batch waits for its answer.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.sent.is_empty()
    }

    fn shorten(&mut self) -> usize {
        let excess = self.waiting.len().saturating_sub(KEPT);
        self.waiting.drain(..excess);
        excess
    }
}
