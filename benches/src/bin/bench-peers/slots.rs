//! The slots of an endpoint: a queue with so many servers, first come, first served.
//!
//! It runs on the time that it should be, not on the time at which a timer fired: the next piece of work begins when
//! the last one ended on paper. So timers that are late, by up to a millisecond always and by more on a busy machine,
//! delay single answers and do not make the endpoint slower.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Slots of one endpoint.
#[derive(Clone)]
pub(crate) struct Slots(Rc<RefCell<State>>);

struct State {
    free: usize,
    /// With the times at which they came.
    waiting: VecDeque<(Instant, oneshot::Sender<Instant>)>,
}

/// A turn that has come or will come.
pub(crate) struct Turn {
    slots: Slots,
    granted: oneshot::Receiver<Instant>,
}

/// A slot in use; dropping it gives it to the next in the queue.
pub(crate) struct Slot {
    slots: Slots,
    /// When the work may begin.
    pub(crate) from: Instant,
    /// When the slot is free again on paper.
    pub(crate) until: Instant,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Rc::new(RefCell::new(State { free: count, waiting: VecDeque::new() })))
    }

    /// Takes a slot, or a place in the queue.
    pub(crate) fn enter(&self, now: Instant) -> Turn {
        let (grant, granted) = oneshot::channel();
        let mut state = self.0.borrow_mut();
        if state.free > 0 {
            state.free -= 1;
            // The receiver is in our hands.
            let _ = grant.send(now);
        } else {
            state.waiting.push_back((now, grant));
        }
        Turn { slots: self.clone(), granted }
    }

    fn release(&self, at: Instant) {
        let mut state = self.0.borrow_mut();
        while let Some((came, next)) = state.waiting.pop_front() {
            // Who has left the queue does not take it.
            if next.send(at.max(came)).is_ok() {
                return;
            }
        }
        state.free += 1;
    }
}

impl Turn {
    /// Waits for the turn; cancelling gives it up.
    pub(crate) async fn come(&mut self) -> Option<Slot> {
        let from = (&mut self.granted).await.ok()?;
        Some(Slot { slots: self.slots.clone(), from, until: from })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.granted.close();
        // It came, and nobody took it.
        if let Ok(from) = self.granted.try_recv() {
            self.slots.release(from);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.release(self.until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn take(turn: &mut Turn) -> Option<Slot> {
        tokio::time::timeout(Duration::from_millis(1), turn.come()).await.ok().flatten()
    }

    #[tokio::test]
    async fn the_queue_is_served_in_order_from_the_time_at_which_the_slot_was_free_on_paper() {
        let (slots, now) = (Slots::new(1), Instant::now());
        let mut turns: Vec<Turn> = (0..3).map(|_| slots.enter(now)).collect();
        let mut first = take(&mut turns[0]).await.unwrap();
        assert!(take(&mut turns[1]).await.is_none());
        first.until = now + Duration::from_millis(7);
        drop(first);
        assert_eq!(take(&mut turns[1]).await.unwrap().from, now + Duration::from_millis(7));
        assert!(take(&mut turns[2]).await.is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_queue_takes_no_slot_with_him() {
        let (slots, now) = (Slots::new(1), Instant::now());
        let mut held = slots.enter(now);
        let slot = take(&mut held).await.unwrap();
        let (leaves_early, leaves_late) = (slots.enter(now), slots.enter(now));
        drop(leaves_early);
        drop(slot);
        // The grant is in the channel of one that leaves without having looked.
        drop(leaves_late);
        assert!(take(&mut slots.enter(now)).await.is_some());
    }
}
