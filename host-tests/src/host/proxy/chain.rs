//! A chain of filters and how headers, body and trailers travel through it, as in Envoy's filter manager.
//!
//! A request passes the filters in order, a response in reverse order. A filter that pauses on headers holds back
//! everything; one that pauses on a body gets each further piece and keeps them all until it goes on; see [`Hold`].
//! While a filter holds a body back, its callbacks read all that is held, trailers' callback too.

use std::rc::Rc;

use super::Core;
use super::held::{Held, Hold, headers_of, place, trailers_of};
use super::model::RequestId;
use super::setup::{FailurePolicy, Link};
use crate::host::context::Facts;
use crate::host::{Body as Side, CallbackKind, Flow, Headers, Map, Vm, VmError};

/// Which chain: of a request, or of one of its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Down(RequestId),
    Up(RequestId, u32),
}

/// What travels; the flag says that nothing follows.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Headers(Headers, bool),
    Data(Vec<u8>, bool),
    Trailers(Headers),
}

/// An epoch that no VM has.
const NEVER: u32 = u32::MAX;

/// One filter's part in a stream.
#[derive(Debug)]
pub(super) struct Filter {
    slot: usize,
    /// Of the VM that it began in.
    epoch: u32,
    context: u32,
    root: u32,
    policy: FailurePolicy,
    /// What its stream can read besides maps.
    facts: Rc<dyn Facts>,
    /// The context exists in the guest; before its first callback it is only a number.
    created: bool,
    /// It has seen request headers; before that, a stream passes it by.
    started: bool,
    held: [Held; 2],
}

/// Headers of a request and of its answer, as they left the proxy.
pub(super) type LoggedMaps = (Headers, Option<Headers>);

/// The filters of a stream, in the order of the request.
pub(super) type Chain = Vec<Filter>;

impl Core {
    /// Makes the filters of a chain; one whose VM is dead is bypassed or fails later, by its policy.
    pub(super) fn open_chain(&self, thread: usize, links: &[Link], facts: &Rc<dyn Facts>) -> Chain {
        let mut chain = Chain::new();
        for link in links {
            let slot = self.slot(thread, link.group);
            self.reload_if_due(slot, link);
            let dead = self.is_dead(slot);
            let bypassed = dead && matches!(link.policy, FailurePolicy::Open | FailurePolicy::OpenInFlight);
            if bypassed {
                continue;
            }
            // Without a root the plugin could not be started again: the stream fails at its first callback.
            let root = self.root(slot, &link.plugin.root_id);
            let epoch = root.map_or(NEVER, |_| self.slots[slot].epoch());
            let context = root.map_or(0, |_| self.vm(slot, Vm::reserve_stream));
            let (root, policy, facts) = (root.unwrap_or(0), link.policy, Rc::clone(facts));
            let (created, started, held) = (false, false, Default::default());
            chain.push(Filter { slot, epoch, context, root, policy, facts, created, started, held });
        }
        chain
    }

    /// Runs something on a filter's part in a stream; `None` if the stream is gone.
    fn filter<R>(&self, key: Key, at: usize, run: impl FnOnce(&mut Filter) -> R) -> Option<R> {
        self.chain(key, |chain| chain.get_mut(at).map(run)).flatten()
    }

    /// Lets a piece travel on from a place of a direction: 0 is where it enters the chain.
    pub(super) fn pass(&self, key: Key, side: Side, from: usize, piece: Piece) {
        let (mut piece, mut at) = (piece, from);
        loop {
            let Some(len) = self.chain(key, |chain| chain.len()) else { return };
            if at >= len {
                return self.arrive_at_end(key, side, piece);
            }
            let index = place(len, side, at);
            match self.through(key, index, side, piece) {
                Some(next) => piece = next,
                None => return,
            }
            at += 1;
        }
    }

    /// Whether a piece has to be kept beside the filter, because the stream goes on without it if its VM dies.
    fn may_bypass(&self, key: Key, index: usize) -> Option<bool> {
        self.filter(key, index, |filter| filter.policy == FailurePolicy::OpenInFlight)
    }

    /// Whether a filter is called for a body. One whose guest does not ask for bodies need not be, while it holds nothing
    /// back and its VM lives.
    fn hears_bodies(&self, key: Key, index: usize, side: Side) -> Option<bool> {
        let kind = match side {
            Side::Request => CallbackKind::RequestBody,
            Side::Response => CallbackKind::ResponseBody,
        };
        let (slot, idle) = self.filter(key, index, |filter| {
            let idle = filter.created && filter.held[side as usize].hold == Hold::Nothing;
            (filter.slot, idle && filter.epoch == self.slots[filter.slot].epoch())
        })?;
        Some(!idle || self.vm(slot, |vm| vm.is_dead() || vm.exports(kind)))
    }

    /// Lets a piece through one filter; `None` if it goes no further now.
    fn through(&self, key: Key, index: usize, side: Side, piece: Piece) -> Option<Piece> {
        let first = side == Side::Request && matches!(piece, Piece::Headers(..));
        let (started, hold) = self.filter(key, index, |filter| {
            filter.started |= first;
            (filter.started, filter.held[side as usize].hold)
        })?;
        if !started {
            return Some(piece);
        }
        if hold == Hold::All {
            self.filter(key, index, |filter| filter.held[side as usize].keep(piece));
            return None;
        }
        match piece {
            Piece::Headers(headers, end) => self.through_headers(key, index, side, headers, end),
            Piece::Data(data, end) if !self.hears_bodies(key, index, side)? => Some(Piece::Data(data, end)),
            Piece::Data(data, end) => self.through_data(key, index, side, data, end),
            Piece::Trailers(trailers) => self.through_trailers(key, index, side, trailers),
        }
    }

    fn through_headers(&self, key: Key, index: usize, side: Side, headers: Headers, end: bool) -> Option<Piece> {
        let spare = self.may_bypass(key, index)?.then(|| headers.clone());
        let called = self.callback(key, index, |vm, context| match side {
            Side::Request => vm.request_headers(context, headers, end),
            Side::Response => vm.response_headers(context, headers, end),
        });
        let flow = match called {
            Called::Gone => return None,
            Called::Bypass => return Some(Piece::Headers(spare?, end)),
            Called::Done(flow) => flow,
        };
        let (slot, context) = self.filter(key, index, |filter| {
            let held = &mut filter.held[side as usize];
            if flow == Flow::Pause {
                (held.hold, held.headers, held.end) = (Hold::All, true, end);
            }
            (filter.slot, filter.context)
        })?;
        let changed = self.vm(slot, |vm| vm.map(context, headers_of(side)));
        self.settle(key, index, side, flow, false)?;
        Some(Piece::Headers(changed, end))
    }

    fn through_data(&self, key: Key, index: usize, side: Side, data: Vec<u8>, end: bool) -> Option<Piece> {
        let (buffered, slot, context) = self.filter(key, index, |filter| {
            let held = &mut filter.held[side as usize];
            (if held.hold == Hold::Body { held.body.take() } else { None }, filter.slot, filter.context)
        })?;
        let holding = buffered.is_some();
        let mut seen = buffered.unwrap_or_default();
        seen.extend(data);
        let spare = self.may_bypass(key, index)?.then(|| seen.clone());
        let called = self.callback(key, index, |vm, context| match side {
            Side::Request => vm.request_body(context, seen, end),
            Side::Response => vm.response_body(context, seen, end),
        });
        let (flow, mut body) = match called {
            Called::Gone => return None,
            Called::Bypass => (Flow::Continue, spare?),
            Called::Done(flow) => (flow, self.body(slot, context, side).unwrap_or_default()),
        };
        // Written in the last callback of the body, where there were none.
        let trailers = if end { self.vm(slot, |vm| vm.map(context, trailers_of(side))) } else { Headers::new() };
        let trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
        self.filter(key, index, |filter| {
            let held = &mut filter.held[side as usize];
            held.end |= end;
            if flow == Flow::Pause || holding {
                (held.hold, held.body) = (Hold::Body, Some(std::mem::take(&mut body)));
                held.trailers = trailers.clone();
            }
        })?;
        self.settle(key, index, side, flow, holding)?;
        match trailers {
            Some(trailers) => {
                let len = self.chain(key, |chain| chain.len())?;
                self.pass(key, side, place(len, side, index) + 1, Piece::Data(body, false));
                self.chain(key, |_| Piece::Trailers(trailers))
            }
            None => Some(Piece::Data(body, end)),
        }
    }

    fn through_trailers(&self, key: Key, index: usize, side: Side, trailers: Headers) -> Option<Piece> {
        let (slot, context) = self.filter(key, index, |filter| (filter.slot, filter.context))?;
        let spare = self.may_bypass(key, index)?.then(|| trailers.clone());
        let held_body = self.filter(key, index, |filter| filter.held[side as usize].body.take()).flatten();
        let lent = held_body.clone();
        let called = self.callback(key, index, |vm, context| {
            if let (Some(body), Some(stream)) = (lent, vm.stream_mut(context)) {
                stream.give_buffer(side as usize, body);
            }
            let flow = match side {
                Side::Request => vm.request_trailers(context, trailers),
                Side::Response => vm.response_trailers(context, trailers),
            };
            if let Some(stream) = vm.stream_mut(context) {
                stream.shut_buffer(side as usize);
            }
            flow
        });
        if let Some(body) = held_body {
            let changed = self.body(slot, context, side).unwrap_or(body);
            self.filter(key, index, |filter| filter.held[side as usize].body = Some(changed));
        }
        let flow = match called {
            Called::Gone => return None,
            Called::Bypass => return Some(Piece::Trailers(spare?)),
            Called::Done(flow) => flow,
        };
        let changed = self.vm(slot, |vm| vm.map(context, trailers_of(side)));
        let holding = self.filter(key, index, |filter| {
            let held = &mut filter.held[side as usize];
            let holding = held.hold == Hold::Body;
            if flow == Flow::Pause || holding {
                (held.trailers, held.end) = (Some(changed.clone()), true);
                held.hold = if holding { Hold::Body } else { Hold::Trailers };
            }
            holding
        })?;
        self.settle(key, index, side, flow, holding)?;
        Some(Piece::Trailers(changed))
    }

    /// A body as the guest left it.
    fn body(&self, slot: usize, context: u32, side: Side) -> Option<Vec<u8>> {
        self.vm(slot, |vm| vm.stream(context).map(|stream| stream.body(side).to_vec()))
    }

    /// After a callback: does what the guest asked for in it, and lets go what the filter held if it goes on now.
    /// `None` if the piece of the callback goes no further by itself.
    fn settle(&self, key: Key, index: usize, side: Side, flow: Flow, holding: bool) -> Option<()> {
        let slot = self.filter(key, index, |filter| filter.slot)?;
        self.run_actions(slot);
        if flow == Flow::Pause {
            return None;
        }
        if holding {
            self.resume(key, index, side);
            return None;
        }
        self.chain(key, |_| ())
    }

    /// A filter lets go what it holds: headers to the next filter, then body and trailers; those that it has not seen
    /// yet pass it first.
    pub(super) fn resume(&self, key: Key, index: usize, side: Side) {
        let found = self.filter(key, index, |filter| {
            let held = std::mem::take(&mut filter.held[side as usize]);
            (filter.slot, filter.context, held)
        });
        let (Some((slot, context, held)), Some(len)) = (found, self.chain(key, |chain| chain.len())) else { return };
        if held.hold == Hold::Nothing {
            return;
        }
        let here = place(len, side, index);
        let unseen = held.hold == Hold::All;
        if held.headers {
            let headers = self.vm(slot, |vm| {
                let headers = vm.map(context, headers_of(side));
                vm.resume(context, side);
                headers
            });
            let end = held.end && held.body.is_none() && held.trailers.is_none();
            self.pass(key, side, here + 1, Piece::Headers(headers, end));
        }
        let next = if unseen { here } else { here + 1 };
        let last = held.trailers.is_none();
        if let Some(body) = held.body {
            self.pass(key, side, next, Piece::Data(body, held.end && last));
        }
        if let Some(mut trailers) = held.trailers {
            if !unseen {
                // The guest may have changed them meanwhile.
                trailers = self.vm(slot, |vm| vm.map(context, trailers_of(side)));
            }
            self.pass(key, side, next, Piece::Trailers(trailers));
        }
    }

    /// Calls a filter of a stream.
    fn callback(&self, key: Key, index: usize, run: impl FnOnce(&mut Vm, u32) -> Result<Flow, VmError>) -> Called {
        let found = self
            .filter(key, index, |filter| (filter.slot, filter.epoch, filter.context, filter.policy, filter.creation()));
        let Some((slot, epoch, context, policy, creation)) = found else { return Called::Gone };
        let flow = self.guarded_in(slot, epoch, |vm| {
            creation.run(vm)?;
            run(vm, context)
        });
        match flow {
            // Whatever it returned: a stream that the guest answered itself goes no further.
            Some(_) if self.vm(slot, |vm| vm.has_answered()) => Called::Done(Flow::Pause),
            Some(flow) => Called::Done(flow),
            None if policy == FailurePolicy::OpenInFlight => Called::Bypass,
            None => {
                self.fail_stream(key);
                Called::Gone
            }
        }
    }

    /// Ends the streams of a chain: log first for all where there is one, then done and delete for each. A filter
    /// that the request never reached is created for its log, in which all read what went to the endpoint and what came
    /// to the client.
    pub(super) fn close_chain(&self, mut chain: Chain, logged: Option<&dyn Fn() -> LoggedMaps>) {
        for filter in chain.iter_mut().filter(|_| logged.is_some()) {
            let (context, creation) = (filter.context, filter.creation());
            let wanted = self.vm(filter.slot, |vm| vm.exports(CallbackKind::Log));
            let maps = logged.filter(|_| wanted).map(|maps| maps());
            self.guarded_in(filter.slot, filter.epoch, |vm| {
                creation.run(vm)?;
                if let (Some((request, response)), Some(stream)) = (maps, vm.stream_mut(context)) {
                    stream.remember_map(Map::RequestHeaders, request);
                    response.into_iter().for_each(|response| stream.remember_map(Map::ResponseHeaders, response));
                }
                vm.log_stream(context)
            });
            self.run_actions(filter.slot);
        }
        for filter in chain.iter().filter(|filter| filter.created) {
            self.guarded_in(filter.slot, filter.epoch, |vm| vm.end_upstream(filter.context));
            self.run_actions(filter.slot);
        }
    }
}

impl Filter {
    /// Whether this context of a VM is its own.
    pub(super) fn is(&self, slot: usize, epoch: u32, context: u32) -> bool {
        (self.slot, self.epoch, self.context) == (slot, epoch, context)
    }

    /// What its next callback has to do first.
    fn creation(&mut self) -> Creation {
        let missing = !std::mem::replace(&mut self.created, true);
        Creation(missing.then(|| (self.context, self.root, Rc::clone(&self.facts))))
    }
}

/// A context that is still to be created in the guest: Envoy does that just before the first callback.
struct Creation(Option<(u32, u32, Rc<dyn Facts>)>);

impl Creation {
    fn run(self, vm: &mut Vm) -> Result<(), VmError> {
        self.0.map_or(Ok(()), |(context, root, facts)| vm.create_stream_with(context, root, Some(facts)))
    }
}

/// What came of calling a filter.
enum Called {
    /// What it wants.
    Done(Flow),
    /// Its VM is dead and its policy lets streams go on without it.
    Bypass,
    /// The stream has ended.
    Gone,
}
