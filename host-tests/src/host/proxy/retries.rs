//! Attempts that fail or are late: another one, beside it or after it, or the router's own answer.

use std::time::Duration;

use super::Core;
use super::events::Event;
use super::model::{AttemptEnd, RequestId};
use super::policy::Failed;
use super::replies::{LATE, RouterReply, broken_off, flags};

impl Core {
    /// The router's answer for an attempt that broke off before its answer.
    pub(super) fn broken(
        &self,
        id: RequestId,
        status: u16,
        flags: u64,
        details: &'static str,
        reason: &str,
    ) -> RouterReply {
        let retried = self.info(id).is_some_and(|info| info.attempts.get() > 1);
        RouterReply { status, flags, details, body: broken_off(retried, reason).into() }
    }

    pub(super) fn per_try_timeout(&self, id: RequestId, number: u32) {
        let hedge = self.exchange(id, |exchange| (exchange.policy.hedge, exchange.retries < exchange.policy.limit));
        if let Some((true, left)) = hedge {
            // It goes on until the whole timeout, whether or not there is another one to send beside it.
            if left && self.live(id, number, |live| std::mem::replace(&mut live.hedged, true)) == Some(false) {
                self.world.note("router", || format!("request {id} attempt {number} is late, one more beside it"));
                self.retry(id);
            }
            return;
        }
        let reply =
            RouterReply { status: 504, flags: flags::TIMEOUT, details: "upstream_per_try_timeout", body: LATE.into() };
        self.attempt_failed(id, number, (AttemptEnd::Timeout, Failed::Timeout), &reply);
    }

    /// An attempt ended without an answer: another one, or the router's reply.
    pub(super) fn attempt_failed(&self, id: RequestId, number: u32, how: (AttemptEnd, Failed), reply: &RouterReply) {
        let (end, failed) = how;
        let again = self.may_retry(id, failed);
        let beside = self.exchange(id, |exchange| exchange.live.len() > 1) == Some(true);
        let hedged = beside || self.retries_are_pending(id);
        if !again && !hedged {
            self.give_up(id);
        }
        self.end_attempt(id, number, end);
        match (hedged, again) {
            // Another attempt runs beside it and may still answer.
            (true, _) => {}
            (false, true) => self.retry(id),
            (false, false) => self.router_reply(id, reply),
        }
    }

    /// No retry is left, where there were some.
    pub(super) fn give_up(&self, id: RequestId) {
        if self.exchange(id, |exchange| exchange.policy.limit > 0) == Some(true) {
            self.inform(id, |info| info.add_flags(flags::RETRIES_USED_UP));
        }
    }

    pub(super) fn may_retry(&self, id: RequestId, failed: Failed) -> bool {
        let may = self
            .exchange(id, |exchange| exchange.retries < exchange.policy.limit && exchange.policy.wants_retry(failed));
        may == Some(true)
    }

    pub(super) fn retries_are_pending(&self, id: RequestId) -> bool {
        self.exchange(id, |exchange| exchange.pending_retries > 0) == Some(true)
    }

    /// The back-off is over. Nothing is tried again if an answer has begun meanwhile.
    pub(super) fn retry_due(&self, id: RequestId) {
        let answered = self.exchange(id, |exchange| {
            exchange.pending_retries = exchange.pending_retries.saturating_sub(1);
            exchange.source.is_some()
        });
        if answered == Some(false) {
            self.start_attempt(id);
        }
    }

    pub(super) fn retry(&self, id: RequestId) {
        let found = self.exchange(id, |exchange| {
            exchange.retries += 1;
            exchange.pending_retries += 1;
            (exchange.thread, exchange.attempts.len(), exchange.policy.backoff)
        });
        let Some((thread, attempts, base)) = found else { return };
        let base = base.as_nanos() as u64;
        let bound = base.saturating_mul((1 << attempts.min(16)) - 1).min(base.saturating_mul(10));
        let delay = Duration::from_nanos(self.rng.borrow_mut().below(bound));
        self.schedule(thread, delay, Event::Retry { id });
    }
}
