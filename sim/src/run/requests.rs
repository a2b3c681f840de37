//! The way of a request: arrival, attempts, retries, end.

use super::{Run, time};
use crate::agenda::Event;
use crate::balancer::{Attempt, Ending, Pick, Request};
use crate::run::record::Outcome;
use plimsoll_snapshot::FailureKind;

/// A client that is none of a closed loop's.
const NO_CLIENT: u32 = u32::MAX;

/// Requests under way, by numbers that are used again.
#[derive(Debug)]
pub(super) struct Requests {
    list: Vec<State>,
    free: Vec<u32>,
    /// Where the attempts of each went: `stride` places for each.
    tried: Vec<u32>,
    stride: usize,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) number: u64,
    /// When it was meant to be sent.
    pub(super) intended: u64,
    pub(super) luck: u64,
    pub(super) key: Option<u64>,
    pub(super) worker: u32,
    client: u32,
    pub(super) phase: Phase,
    /// Attempts begun.
    pub(super) attempts: u32,
    /// Where the present attempt is, and went.
    pub(super) job: u32,
    pub(super) endpoint: u32,
    try_deadline: u64,
    deadline: u64,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The place is free.
    Over,
    /// The balancer holds it back.
    Held,
    /// An attempt is under way.
    Sent,
    /// It waits for its next attempt.
    Pausing,
}

impl Requests {
    pub(super) fn new(retries: u32) -> Self {
        Self { list: Vec::new(), free: Vec::new(), tried: Vec::new(), stride: retries as usize + 1 }
    }

    fn add(&mut self, state: State) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.list[slot as usize] = state;
            return slot;
        }
        self.list.push(state);
        self.tried.resize(self.list.len() * self.stride, 0);
        self.list.len() as u32 - 1
    }

    pub(super) fn get(&self, slot: u32) -> &State {
        &self.list[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut State {
        &mut self.list[slot as usize]
    }

    fn tried(&self, slot: u32) -> &[u32] {
        let first = slot as usize * self.stride;
        &self.tried[first..first + self.get(slot).attempts as usize]
    }

    /// An attempt begins there.
    fn try_at(&mut self, slot: u32, endpoint: u32) {
        let state = &mut self.list[slot as usize];
        self.tried[slot as usize * self.stride + state.attempts as usize] = endpoint;
        state.attempts += 1;
        state.endpoint = endpoint;
        state.phase = Phase::Sent;
    }

    fn end(&mut self, slot: u32) {
        self.list[slot as usize].phase = Phase::Over;
        self.free.push(slot);
    }
}

impl State {
    fn attempt(&self, slot: u32) -> Attempt {
        Attempt { slot, worker: self.worker, endpoint: self.endpoint }
    }
}

impl Run<'_> {
    pub(super) fn arrive(&mut self) {
        let wanted = self.admit(NO_CLIENT);
        if wanted {
            self.schedule_arrival();
        }
    }

    pub(super) fn arrive_from(&mut self, client: u32) {
        self.admit(client);
    }

    /// The client of a closed loop thinks, then asks again.
    pub(super) fn think(&mut self, client: u32) {
        if let Some((units, mean)) = &self.think {
            let pause = (mean * units.draw(&mut self.client_rng)) as u64;
            self.agenda.schedule(self.now + pause, Event::Client(client));
        }
    }

    /// A request comes, unless traffic is over; whether it is not.
    fn admit(&mut self, client: u32) -> bool {
        let Some(number) = self.recorder.arrival(self.now) else { return false };
        let luck = self.luck.next_u64();
        let key = self.keys.as_ref().map(|keys| keys.draw(&mut self.key_rng));
        let worker = self.worker_rng.below(self.workers);
        let deadline = self.client.timeout.map(|timeout| self.now + timeout.as_nanos() as u64);
        let slot = self.requests.add(State {
            number,
            intended: self.now,
            luck,
            key,
            worker,
            client,
            phase: Phase::Pausing,
            attempts: 0,
            job: 0,
            endpoint: 0,
            try_deadline: u64::MAX,
            deadline: deadline.unwrap_or(u64::MAX),
        });
        if let Some(valve) = &mut self.valve
            && !valve.passes(self.now, &mut self.client_rng)
        {
            self.end(slot, Outcome::Throttled);
            return true;
        }
        if let Some(budget) = &mut self.budget {
            budget.request(self.now);
        }
        if let Some(deadline) = deadline {
            self.agenda.schedule(deadline, Event::Timeout(slot));
        }
        self.send(slot);
        true
    }

    /// The next attempt. A retry whose request has ended meanwhile, or is another one by now, does not happen.
    pub(super) fn send(&mut self, slot: u32) {
        let state = self.requests.get(slot);
        let request = Request { slot, worker: state.worker, key: state.key, tried: self.requests.tried(slot) };
        match self.balancer.pick(&request, time(self.now)) {
            Pick::To(endpoint) => self.attempt(slot, endpoint),
            Pick::Hold => {
                self.requests.get_mut(slot).phase = Phase::Held;
                self.held.push_back(slot);
            }
            Pick::Refuse => self.end(slot, Outcome::Refused),
        }
    }

    fn attempt(&mut self, slot: u32, endpoint: u32) {
        self.requests.try_at(slot, endpoint);
        let attempt = self.requests.get(slot).attempt(slot);
        self.balancer.start(attempt, time(self.now));
        if let Some(timeout) = self.client.try_timeout {
            let deadline = self.now + timeout.as_nanos() as u64;
            self.requests.get_mut(slot).try_deadline = deadline;
            self.agenda.schedule(deadline, Event::TryTimeout(slot));
        }
        self.recorder.attempt(self.requests.get(slot));
        self.launch(slot);
    }

    /// The present attempt has its answer, or will get none.
    pub(super) fn deliver(&mut self, slot: u32, ending: Ending) {
        let state = self.requests.get(slot);
        self.recorder.attempt_ended(state, ending);
        self.balancer.settle(state.attempt(slot), time(self.now), ending);
        match ending {
            Ending::Success => {
                if let Some(valve) = &mut self.valve {
                    valve.accepted(self.now);
                }
                self.end(slot, Outcome::Ok);
            }
            Ending::Failure(kind) => {
                if !self.try_again(slot, kind) {
                    self.end(slot, Outcome::Failed(kind));
                }
                self.hear_verdicts();
            }
        }
        self.release();
    }

    /// Schedules a retry if there may be one.
    fn try_again(&mut self, slot: u32, kind: FailureKind) -> bool {
        let client = self.client;
        let wanted = match kind {
            FailureKind::Status | FailureKind::Truncated | FailureKind::Protocol | FailureKind::Grpc => {
                client.retry_on.status
            }
            FailureKind::Connect | FailureKind::ConnectTimeout | FailureKind::Reset => client.retry_on.connect,
            FailureKind::Timeout => client.retry_on.timeout,
        };
        let attempts = self.requests.get(slot).attempts;
        if !wanted || attempts > client.retries || self.now >= self.requests.get(slot).deadline {
            return false;
        }
        if let Some(budget) = &mut self.budget
            && !budget.allows(self.now)
        {
            self.recorder.over_budget(self.requests.get(slot));
            return false;
        }
        let base = client.back_off.as_nanos() as f64;
        let pause = if base > 0.0 {
            let longest = (base * (f64::from(1_u32 << attempts.min(20)) - 1.0)).min(10.0 * base);
            (longest * self.client_rng.unit()) as u64
        } else {
            0
        };
        let state = self.requests.get_mut(slot);
        // With its end it would come too late.
        if self.now + pause >= state.deadline {
            return false;
        }
        state.phase = Phase::Pausing;
        self.agenda.schedule(self.now + pause, Event::Retry(slot));
        true
    }

    /// Requests that were held back ask again, in their order, until one has to wait on.
    fn release(&mut self) {
        while let Some(slot) = self.held.pop_front() {
            self.send(slot);
            if self.requests.get(slot).phase == Phase::Held && self.held.back() == Some(&slot) {
                // Back to the front, where it was.
                self.held.rotate_right(1);
                return;
            }
        }
    }

    /// The deadline tells an attempt's own time-out from that of an earlier one.
    pub(super) fn try_timeout(&mut self, slot: u32) {
        let state = self.requests.get(slot);
        if state.phase == Phase::Sent && state.try_deadline == self.now {
            self.give_up(state.job);
            self.deliver(slot, Ending::Failure(FailureKind::Timeout));
        }
    }

    pub(super) fn timeout(&mut self, slot: u32) {
        let state = self.requests.get(slot);
        if state.deadline != self.now {
            return;
        }
        match state.phase {
            Phase::Over => {}
            Phase::Sent => {
                self.give_up(state.job);
                self.deliver(slot, Ending::Failure(FailureKind::Timeout));
            }
            Phase::Held => {
                self.held.retain(|held| *held != slot);
                self.end(slot, Outcome::Failed(FailureKind::Timeout));
            }
            // A retry is never scheduled for after the deadline.
            Phase::Pausing => {}
        }
    }

    fn end(&mut self, slot: u32, outcome: Outcome) {
        let state = *self.requests.get(slot);
        self.recorder.end(self.now, &state, outcome);
        self.requests.end(slot);
        if state.client != NO_CLIENT && !self.recorder.traffic_ended() {
            self.think(state.client);
        }
    }
}
