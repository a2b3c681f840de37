//! What guests ask for in host calls, done after their callback has returned; HTTP calls and their answers; queues.

use std::time::Duration;

use super::Core;
use super::attempts::SERVICE_TIME_HEADER;
use super::chain::Key;
use super::events::{Event, OfVm};
use super::model::CallAnswer;
use super::replies::LATE;
use crate::host::{Action, HttpCall, HttpReply};

/// An HTTP call that nobody answered yet.
pub(super) struct PendingCall {
    pub(super) slot: usize,
    pub(super) call: HttpCall,
    reply: Option<HttpReply>,
}

impl Core {
    /// Does what guests asked for in host calls, after their callback has returned.
    pub(super) fn run_actions(&self, slot: usize) {
        let actions = self.vm(slot, crate::host::Vm::take_actions);
        for action in actions {
            match action {
                Action::LocalResponse { context } => self.local_response(slot, context),
                Action::Continue { context, side } => {
                    if let Some((key, index)) = self.find(slot, context) {
                        self.resume(key, index, side);
                    }
                }
                Action::Close { context } => {
                    if let Some((Key::Down(id) | Key::Up(id, _), _)) = self.find(slot, context) {
                        self.close(id);
                    }
                }
                Action::Done { context } => self.delete_late(slot, context),
                Action::HttpCall(call) => self.dispatch(slot, call),
                // gRPC and connections have no far end in this proxy; a test that needs them drives a `Vm`.
                _ => {}
            }
        }
        let ready = self.world.store().take_ready();
        for owner in ready {
            let Some(to) = self.slots.iter().position(|place| place.name == owner.vm) else { continue };
            let what = OfVm::QueueReady { root: owner.root, queue: owner.queue };
            let event = Event::OfVm { slot: to, epoch: self.slots[to].epoch(), what };
            self.schedule(self.slots[to].thread, Duration::ZERO, event);
        }
    }

    fn delete_late(&self, slot: usize, context: u32) {
        self.guarded(slot, |vm| {
            let is_stream = vm.stream(context).is_some();
            if is_stream { vm.delete_stream(context) } else { vm.delete_root(context) }
        });
    }

    /// An HTTP call leaves: its cluster answers by its script, or nobody does until the test or the timeout.
    fn dispatch(&self, slot: usize, call: HttpCall) {
        let script = self.call_scripts.borrow_mut().remove(&call.upstream);
        let answer = script.map(|mut script| {
            let answer = script(&call, &mut self.rng.borrow_mut());
            self.call_scripts.borrow_mut().entry(call.upstream.clone()).or_insert(script);
            answer
        });
        // 0 waits for ever.
        let timeout = (call.timeout_ms > 0).then(|| Duration::from_millis(u64::from(call.timeout_ms)));
        let (token, thread) = (call.token, self.slots[slot].thread);
        self.world.note("proxy", || format!("call {token} of {} to {}", self.slots[slot].name, call.upstream));
        let mut reply = None;
        let due = match answer {
            Some(CallAnswer { after, reply: mut answer, of_an_endpoint })
                if timeout.is_none_or(|timeout| after <= timeout) =>
            {
                if of_an_endpoint {
                    answer.headers.replace(SERVICE_TIME_HEADER, after.as_millis().to_string());
                }
                reply = Some(answer);
                Some((after, false))
            }
            _ => timeout.map(|timeout| (timeout, true)),
        };
        self.calls.borrow_mut().push(PendingCall { slot, call, reply });
        if let Some((after, late)) = due {
            let event = Event::OfVm { slot, epoch: self.slots[slot].epoch(), what: OfVm::CallAnswer { token, late } };
            self.schedule(thread, after, event);
        }
    }

    /// A scripted answer, or the timeout's.
    pub(super) fn call_due(&self, slot: usize, token: u32, late: bool) {
        let reply = if late {
            Some(CallAnswer::of_the_router(504, 0, LATE).reply)
        } else {
            let mut calls = self.calls.borrow_mut();
            let call = calls.iter_mut().find(|pending| pending.slot == slot && pending.call.token == token);
            call.and_then(|pending| pending.reply.take())
        };
        if let Some(reply) = reply {
            self.answer_call(slot, token, reply);
        }
    }

    pub(super) fn answer_call(&self, slot: usize, token: u32, reply: HttpReply) {
        let found = {
            let mut calls = self.calls.borrow_mut();
            let at = calls.iter().position(|pending| pending.slot == slot && pending.call.token == token);
            at.map(|at| calls.remove(at))
        };
        // A root that is gone takes its calls with it.
        if let Some(PendingCall { call, .. }) = found
            && self.vm(slot, |vm| vm.has_root(call.context))
        {
            self.guarded(slot, |vm| vm.answer_http_call(call.context, token, reply));
            self.run_actions(slot);
        }
    }

    pub(super) fn queue_ready(&self, slot: usize, root: u32, queue: u32) {
        if !self.vm(slot, |vm| vm.has_root(root)) {
            return;
        }
        self.guarded(slot, |vm| vm.queue_ready(root, queue));
        self.run_actions(slot);
    }

    /// The stream of a context, and the filter's place in its chain.
    fn find(&self, slot: usize, context: u32) -> Option<(Key, usize)> {
        let (exchanges, epoch) = (self.exchanges.borrow(), self.slots[slot].epoch());
        for (id, exchange) in exchanges.iter() {
            let here = |chain: &super::chain::Chain| chain.iter().position(|filter| filter.is(slot, epoch, context));
            if let Some(index) = here(&exchange.down) {
                return Some((Key::Down(*id), index));
            }
            for live in &exchange.live {
                if let Some(index) = here(&live.chain) {
                    return Some((Key::Up(*id, live.number), index));
                }
            }
        }
        None
    }

    /// A filter answers a request by itself.
    fn local_response(&self, slot: usize, context: u32) {
        let Some((Key::Down(id) | Key::Up(id, _), _)) = self.find(slot, context) else { return };
        let Some(local) = self.vm(slot, |vm| vm.take_local_response(context)) else { return };
        self.filter_reply(id, local);
    }
}
