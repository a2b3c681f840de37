//! What the host keeps for one VM while its guest runs: contexts, the callback under way, ids.

use std::collections::BTreeMap;

use wasmtime::{Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::abi::Restriction;
use super::context::{Root, Stream};
use super::costs::CallLog;
use super::metrics::MetricIds;
use super::vm::Action;
use super::{AbiVersion, Headers, Profile, Status, World};

/// As in Envoy.
pub(crate) const MEMORY_LIMIT: usize = 1 << 30;

/// What the host calls of one callback may cost: one for each byte that the guest hands over, [`CALL_COST`] for each call.
///
/// Without it a guest that calls the host in an endless loop would fill the host's memory with actions, log lines and
/// values long before it ran out of fuel.
pub(crate) const CALLBACK_BUDGET: u64 = 256 << 20;
/// Of each host call.
pub(crate) const CALL_COST: u64 = 64;

/// What the host keeps for one VM.
pub(crate) struct VmState {
    pub(crate) name: String,
    pub(crate) vm_id: String,
    pub(crate) version: AbiVersion,
    pub(crate) profile: Profile,
    pub(crate) world: World,
    pub(crate) roots: BTreeMap<u32, Root>,
    /// Boxed, because they come and go all the time and a map moves its neighbours.
    pub(crate) streams: BTreeMap<u32, Box<Stream>>,
    pub(crate) metric_ids: MetricIds,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) clusters: Vec<String>,
    /// In ngx_wasm_module: the contexts that made the HTTP calls under way, by token.
    pub(crate) callers: BTreeMap<u32, u32>,
    /// Data of a foreign function's callback, while it runs.
    pub(crate) call_data: Vec<u8>,
    pub(crate) actions: Vec<Action>,
    pub(crate) current: u32,
    pub(crate) effective: Option<u32>,
    /// A local response was sent in this callback: whatever the guest answers, the stream does not go on.
    pub(crate) stop_iteration: bool,
    /// The guest's allocator trapped in this callback: the callback goes on, and the VM is lost when it returns.
    pub(crate) allocator_trap: Option<String>,
    pub(crate) restricted: Restriction,
    /// The host calls of the callback under way.
    pub(crate) calls: CallLog,
    /// What they may still cost.
    pub(crate) budget: u64,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    pub(crate) tokens: Tokens,
    pub(crate) limits: StoreLimits,
}

/// Ids of calls. As in Envoy the two lowest bits say what kind of call it is, and ids step by 4.
#[derive(Debug)]
pub(crate) struct Tokens {
    http: u32,
    grpc_call: u32,
    grpc_stream: u32,
}

impl Tokens {
    const STEP: u32 = 4;

    pub(crate) fn http(&mut self) -> u32 {
        self.http = self.http.wrapping_add(Self::STEP);
        self.http
    }

    pub(crate) fn grpc_call(&mut self) -> u32 {
        self.grpc_call = self.grpc_call.wrapping_add(Self::STEP);
        self.grpc_call
    }

    pub(crate) fn grpc_stream(&mut self) -> u32 {
        self.grpc_stream = self.grpc_stream.wrapping_add(Self::STEP);
        self.grpc_stream
    }
}

impl VmState {
    pub(crate) fn new(name: &str, vm_id: &str, version: AbiVersion, world: &World) -> Self {
        Self {
            name: name.to_owned(),
            vm_id: vm_id.to_owned(),
            version,
            profile: world.profile(),
            world: world.clone(),
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            metric_ids: MetricIds::default(),
            vm_configuration: Vec::new(),
            clusters: Vec::new(),
            callers: BTreeMap::new(),
            call_data: Vec::new(),
            actions: Vec::new(),
            current: 0,
            effective: None,
            stop_iteration: false,
            allocator_trap: None,
            restricted: Restriction::Start,
            calls: CallLog::default(),
            budget: CALLBACK_BUDGET,
            memory: None,
            allocate: None,
            tokens: Tokens { http: 0, grpc_call: 1, grpc_stream: 2 },
            limits: StoreLimitsBuilder::new().memory_size(MEMORY_LIMIT).build(),
        }
    }

    /// Takes from the callback's budget; `false` if it is used up.
    pub(crate) fn spend(&mut self, cost: u64) -> bool {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }

    /// The context that host calls are for: the effective one as long as it exists.
    pub(crate) fn context(&self) -> u32 {
        self.effective.filter(|context| self.has_context(*context)).unwrap_or(self.current)
    }

    pub(crate) fn has_context(&self, context: u32) -> bool {
        self.streams.contains_key(&context) || self.roots.contains_key(&context)
    }

    /// The root of the context that host calls are for.
    pub(crate) fn root_id(&self) -> u32 {
        let context = self.context();
        self.streams.get(&context).map_or(context, |stream| stream.root)
    }

    pub(crate) fn root(&self) -> Option<&Root> {
        self.roots.get(&self.root_id())
    }

    pub(crate) fn root_mut(&mut self) -> Option<&mut Root> {
        let root = self.root_id();
        self.roots.get_mut(&root)
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context()).map(|stream| &**stream)
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context).map(|stream| &mut **stream)
    }

    /// A map for reading, by the ABI's number.
    pub(crate) fn read_map(&self, map: u32) -> Result<&Headers, Status> {
        let incoming = self.root().map(|root| &root.incoming);
        let found = match map {
            0..=3 => return self.stream().ok_or(Status::BadArgument)?.read_map(map as usize),
            4 => incoming.and_then(|incoming| incoming.initial_metadata.as_ref()),
            5 => incoming.and_then(|incoming| incoming.trailing_metadata.as_ref()),
            6 => incoming.and_then(|incoming| incoming.http.as_ref()).map(|reply| &reply.headers),
            7 => incoming
                .and_then(|incoming| incoming.http.as_ref())
                .map(|reply| &reply.trailers)
                .filter(|trailers| !trailers.is_empty()),
            _ => None,
        };
        let logging = self.stream().is_some_and(|stream| stream.phase == super::Phase::Log);
        found.ok_or(if logging { Status::NotFound } else { Status::BadArgument })
    }

    /// A map for writing, by the ABI's number. What arrived from outside is never written.
    pub(crate) fn write_map(&mut self, map: u32) -> Result<&mut Headers, Status> {
        if map > 3 {
            return Err(Status::BadArgument);
        }
        self.stream_mut().ok_or(Status::BadArgument)?.write_map(map as usize)
    }
}
