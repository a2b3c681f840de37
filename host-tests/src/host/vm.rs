//! One VM: an instance of the guest with its contexts, as it lives on a worker or on the main thread.
//!
//! Every callback goes through [`Vm::raw`], which meters fuel, counts host calls and catches traps. After a trap the VM
//! is dead: no callback ever runs in it again. [`Vm::raw`] is public so that tests can call in any order with any id;
//! the methods of `streams.rs` and `roots.rs` keep a host's order.

use std::fmt;

use wasmtime::{Instance, Store, StoreLimitsBuilder};

use super::abi::Restriction;
use super::callbacks::{CallbackKind, Exports};
use super::connections::Side;
use super::context::{Body, Map, Stream};
use super::costs::Costs;
use super::grpc::{GrpcCall, GrpcStart};
use super::state::CALLBACK_BUDGET;
pub(crate) use super::state::VmState;
use super::{Guest, Headers, LoadError, World};

/// Fuel for one callback: seconds of real time, so only an endless loop runs out of it.
const CALLBACK_FUEL: u64 = 2_000_000_000;

/// Why a callback gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VmError {
    /// The guest trapped in this callback; the VM is dead from now on.
    Trapped {
        /// Name of the VM.
        vm: String,
        /// The callback.
        callback: &'static str,
        /// Its context.
        context: u32,
        /// What the engine said.
        reason: String,
    },
    /// The VM trapped earlier.
    Dead,
}

impl fmt::Display for VmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trapped { vm, callback, context, reason } => {
                write!(f, "{vm} trapped in {callback} of context {context}: {reason}")
            }
            Self::Dead => f.write_str("the VM trapped earlier and is dead"),
        }
    }
}

impl std::error::Error for VmError {}

/// An HTTP call that the guest dispatched and nobody answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// Its id: 4, 8, 12…
    pub token: u32,
    /// The root context that gets the answer.
    pub context: u32,
    /// Name of the cluster.
    pub upstream: String,
    /// Request headers.
    pub headers: Headers,
    /// Request body.
    pub body: Vec<u8>,
    /// Request trailers.
    pub trailers: Headers,
    /// How long the guest is ready to wait.
    pub timeout_ms: u32,
}

/// What a guest asked for in a host call and what happens after the callback has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let a paused stream go on.
    Continue {
        /// The stream.
        context: u32,
        /// The request or the response side.
        side: Body,
    },
    /// Reset the stream.
    Close {
        /// The stream.
        context: u32,
    },
    /// Send the answer that waits in the stream.
    LocalResponse {
        /// The stream.
        context: u32,
    },
    /// Make an HTTP call.
    HttpCall(HttpCall),
    /// Make a gRPC call.
    GrpcCall(GrpcCall),
    /// Open a gRPC stream.
    GrpcStream(GrpcStart),
    /// Send a message on a gRPC stream.
    GrpcSend {
        /// The root context of the stream.
        context: u32,
        /// The stream.
        token: u32,
        /// What to send.
        message: Vec<u8>,
        /// Whether nothing follows.
        end: bool,
    },
    /// Nothing more is sent on a gRPC stream.
    GrpcClose {
        /// The root context.
        context: u32,
        /// The stream.
        token: u32,
    },
    /// Forget a gRPC call, reset a gRPC stream.
    GrpcCancel {
        /// The root context.
        context: u32,
        /// The call or stream.
        token: u32,
    },
    /// Let a connection that was held back be read on.
    ContinueConnection {
        /// The connection.
        context: u32,
    },
    /// Close a connection, after what it has to send is sent.
    CloseConnection {
        /// The connection.
        context: u32,
        /// Which of its sides the guest named.
        side: Side,
    },
    /// A root whose `proxy_on_done` said "not yet" is done now.
    Done {
        /// The root.
        context: u32,
    },
}

/// The answer to an HTTP call, while the guest may read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpReply {
    /// Headers with `:status`; none for a body cut off.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
}

fn start_error(error: wasmtime::Error) -> LoadError {
    LoadError::Start(error.root_cause().to_string())
}

fn signature_error(error: wasmtime::Error) -> LoadError {
    LoadError::Signature(format!("{error:#}"))
}

fn refuel(store: &mut Store<VmState>) -> Result<(), LoadError> {
    store.set_fuel(CALLBACK_FUEL).map_err(|error| LoadError::Start(format!("{error:#}")))
}

/// Runs what a module wants to be run first.
fn run_entry(instance: &Instance, store: &mut Store<VmState>) -> Result<(), LoadError> {
    let reactor = instance.get_func(&mut *store, "_initialize");
    let Some(entry) = reactor.or_else(|| instance.get_func(&mut *store, "_start")) else {
        return Ok(());
    };
    refuel(store)?;
    entry.typed::<(), ()>(&*store).map_err(signature_error)?.call(&mut *store, ()).map_err(start_error)?;
    if reactor.is_none() {
        return Ok(());
    }
    if let Some(main) = instance.get_func(&mut *store, "main") {
        let main = main.typed::<(u32, u32), u32>(&*store).map_err(signature_error)?;
        main.call(store, (0, 0)).map_err(start_error)?;
    } else if let Some(main) = instance.get_func(&mut *store, "__main_void") {
        main.typed::<(), u32>(&*store).map_err(signature_error)?.call(store, ()).map_err(start_error)?;
    }
    Ok(())
}

/// One VM.
pub struct Vm {
    pub(crate) store: Store<VmState>,
    exports: Exports,
    dead: bool,
    next_context: u32,
    costs: Costs,
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vm {} ({})", self.name(), if self.dead { "dead" } else { "alive" })
    }
}

impl Vm {
    /// Instantiates the guest. `vm_id` is where its shared data lives.
    ///
    /// As in the C++ host a reactor's `_initialize` runs, and then its `main` if there is one; else a command's
    /// `_start`.
    pub fn new(guest: &Guest, name: &str, vm_id: &str, world: &World) -> Result<Self, LoadError> {
        let profile = world.profile();
        let missing = guest.imports().iter().filter(|call| !profile.links(**call));
        let missing: Vec<String> = missing.map(|call| format!("env.{}", call.name())).collect();
        if !missing.is_empty() {
            return Err(LoadError::UnknownImports(missing));
        }
        let mut store = Store::new(guest.engine(), VmState::new(name, vm_id, guest.version(), world));
        store.limiter(|state| &mut state.limits);
        refuel(&mut store)?;
        let instance = guest.template().instantiate(&mut store).map_err(start_error)?;
        let memory = instance.exports(&mut store).find_map(|export| export.into_memory());
        let memory = memory.ok_or(LoadError::Export("memory"))?;
        let allocate = ["malloc", "proxy_on_memory_allocate"]
            .iter()
            .find_map(|name| instance.get_func(&mut store, name))
            .ok_or(LoadError::Export("proxy_on_memory_allocate or malloc"))?;
        let allocate = allocate.typed(&store).map_err(signature_error)?;
        store.data_mut().memory = Some(memory);
        store.data_mut().allocate = Some(allocate);
        run_entry(&instance, &mut store)?;
        store.data_mut().restricted = Restriction::None;
        let exports = Exports::find(&instance, &mut store, guest.version()).map_err(signature_error)?;
        Ok(Self { store, exports, dead: false, next_context: 1, costs: Costs::default() })
    }

    /// The name given at the start.
    pub fn name(&self) -> &str {
        &self.store.data().name
    }

    /// True after a trap.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// No callback ever runs in it again, as after a trap.
    pub(crate) fn give_up(&mut self) {
        self.dead = true;
    }

    /// True if the guest exports this callback.
    pub fn exports(&self, kind: CallbackKind) -> bool {
        self.exports.has(kind)
    }

    /// What its callbacks and ended streams have cost.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Starts counting anew.
    pub fn reset_costs(&mut self) {
        self.costs = Costs::default();
    }

    /// The VM configuration, readable at any time.
    pub fn set_vm_configuration(&mut self, bytes: &[u8]) {
        self.store.data_mut().vm_configuration = bytes.to_vec();
    }

    /// The clusters that HTTP calls may name.
    pub fn set_clusters<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) {
        self.store.data_mut().clusters = names.into_iter().map(Into::into).collect();
    }

    /// True if the guest sent an answer of its own and it is still to be done: then its stream goes no further.
    pub(crate) fn has_answered(&self) -> bool {
        self.store.data().actions.iter().any(|action| matches!(action, Action::LocalResponse { .. }))
    }

    /// Takes what the guest asked for and what is still to be done.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.store.data_mut().actions)
    }

    /// Size of the guest's memory in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// How far the guest's memory can grow; 1 GiB from the start, as in Envoy.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.store.data_mut().limits = StoreLimitsBuilder::new().memory_size(bytes).build();
    }

    /// Bytes of the guest's memory, for tests that look behind its back; `None` beyond its end.
    pub fn memory(&self, at: u32, len: usize) -> Option<&[u8]> {
        let start = at as usize;
        self.store.data().memory?.data(&self.store).get(start..start.checked_add(len)?)
    }

    /// As [`Vm::memory`], to change them.
    pub fn memory_mut(&mut self, at: u32, len: usize) -> Option<&mut [u8]> {
        let start = at as usize;
        let memory = self.store.data().memory?;
        memory.data_mut(&mut self.store).get_mut(start..start.checked_add(len)?)
    }

    /// Runs one callback with any arguments, in any order. The answer is the guest's word, or the default of a
    /// callback that it does not export, or that the host never makes.
    pub fn raw(&mut self, kind: CallbackKind, args: &[u32]) -> Result<u32, VmError> {
        self.raw_for(kind, args, None)
    }

    /// The same, with another context than the first argument as the one that host calls are for.
    pub(crate) fn raw_for(&mut self, kind: CallbackKind, args: &[u32], on: Option<u32>) -> Result<u32, VmError> {
        if self.dead {
            return Err(VmError::Dead);
        }
        if !self.exports.has(kind) || !self.store.data().profile.makes(kind) {
            return Ok(kind.default_answer());
        }
        let context = args.first().copied().unwrap_or(0);
        let state = self.store.data_mut();
        (state.current, state.effective, state.stop_iteration) = (context, on, false);
        state.calls.clear();
        state.budget = CALLBACK_BUDGET;
        state.world.note(&state.name, || format!("{}{args:?}", kind.name()));
        if let Err(error) = self.store.set_fuel(CALLBACK_FUEL) {
            return Err(self.die(kind, context, &error));
        }
        let Some(answer) = self.exports.call(&mut self.store, kind, args) else {
            return Ok(kind.default_answer());
        };
        self.settle_costs(kind, context);
        if let Some(trap) = self.store.data_mut().allocator_trap.take() {
            return Err(self.die(kind, context, &wasmtime::Error::msg(trap)));
        }
        let answer = answer.map_err(|error| self.die(kind, context, &error))?;
        let state = self.store.data();
        state.world.note(&state.name, || format!("{} → {answer}", kind.name()));
        Ok(answer)
    }

    pub(crate) fn new_context_id(&mut self) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        id
    }

    pub(crate) fn close_costs(&mut self, stream: &Stream) {
        self.costs.add_stream(&stream.root_id.root_id, &stream.cost);
    }

    fn settle_costs(&mut self, kind: CallbackKind, context: u32) {
        let fuel = CALLBACK_FUEL.saturating_sub(self.store.get_fuel().unwrap_or(0));
        let state = self.store.data_mut();
        if let Some(stream) = state.streams.get_mut(&context) {
            stream.cost.fuel += fuel;
            stream.cost.host_calls.add(&state.calls);
        }
        self.costs.add_callback(kind, fuel, &state.calls);
    }

    fn die(&mut self, kind: CallbackKind, context: u32, error: &wasmtime::Error) -> VmError {
        self.dead = true;
        let state = self.store.data_mut();
        state.restricted = Restriction::None;
        state.actions.clear();
        let reason = error.root_cause().to_string();
        state.world.note(&state.name, || format!("{} trapped: {reason}", kind.name()));
        VmError::Trapped { vm: state.name.clone(), callback: kind.name(), context, reason }
    }
}

impl Vm {
    /// A stream that is not deleted yet.
    pub fn stream(&self, context: u32) -> Option<&Stream> {
        self.store.data().streams.get(&context).map(|stream| &**stream)
    }

    /// A stream, to set its properties.
    pub fn stream_mut(&mut self, context: u32) -> Option<&mut Stream> {
        self.store.data_mut().streams.get_mut(&context).map(|stream| &mut **stream)
    }

    /// A map of a stream as it stands; empty for a stream that is gone.
    pub fn map(&self, context: u32, map: Map) -> Headers {
        self.stream(context).map(|stream| stream.map(map).clone()).unwrap_or_default()
    }

    /// How many streams are not deleted yet.
    pub fn open_streams(&self) -> usize {
        self.store.data().streams.len()
    }
}
